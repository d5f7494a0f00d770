"""Inputs: fields that cannot be used are named with the reason, and what to know of an answer is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.model.inputs import InputProblem, Inputs
from farol.profile import load_profile

NAN = float("nan")
PEDE = load_profile("pede")
CURRENT, NEXT = (Inputs.of(PEDE, PEDE.tasks[name]) for name in ("current", "next-year"))
ORIGINAL = {"IAA": 8.5, "IEG": 7.2, "IPS": 6.8, "IPP": 7.0, "IDA": 6.5, "IPV": 7.8, "IAN": 6.5, "PORTUGUES": 7.0,
            "MATEMATICA": 6.0, "INGLES": 8.0}  # fmt: skip


def problems(inputs: Inputs, values: Mapping[str, object]) -> list[InputProblem]:
    return list(inputs.problems(values))


def codes(inputs: Inputs, values: Mapping[str, float | None]) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in inputs.warnings(values)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(), min_size=10, max_size=10))
def test_cleaning_leaves_values_in_range_and_is_idempotent(values: list[float]) -> None:
    clean = CURRENT.clean(np.array(values)[:, np.newaxis])
    assert (np.isnan(clean) | ((clean >= 0) & (clean <= 10))).all()
    np.testing.assert_array_equal(CURRENT.clean(clean), clean)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("IAA", "8", "not_a_number"),
        ("IAA", True, "not_a_number"),
        ("IAA", [8], "not_a_number"),
        ("IAA", NAN, "not_finite"),
        ("IAA", float("-inf"), "not_finite"),
        ("IAA", 10**400, "not_finite"),
        ("IAA", -0.012, "out_of_range"),
        ("IAA", 10.02, "out_of_range"),
        ("IAA", Fraction(21, 2), "out_of_range"),
        ("phase", 2.5, "not_whole"),
        ("moon", 1.0, "unknown_field"),
        ("iaa", 1.0, "unknown_field"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_the_reason(field: str, value: object, code: str) -> None:
    (problem,) = problems(NEXT, {"IEG": 5.0, field: value})
    assert (problem.code, problem.field) == (code, field)
    assert field in str(problem.message)


def test_what_was_expected_is_said_and_the_value_never() -> None:
    values = {"IAA": 77.25, "phase": 33.25, "IDA": "7725"}
    refused = problems(NEXT, values)
    assert [str(problem.expected) for problem in refused] == [
        "a number from 0 to 10, or nothing",
        "a whole number from 0 to 9, or nothing",
        "a number from 0 to 10, or nothing",
    ]
    assert not any("25" in str(text) for problem in refused for text in (problem.message, problem.expected))


@pytest.mark.parametrize("value", [None, 0, 10, 6.5, 10.01, -0.01])
def test_numbers_in_range_and_roundings_can_be_used(value: object) -> None:
    assert problems(CURRENT, {"IAN": value}) == []


def test_a_column_without_a_range_takes_any_number() -> None:
    free = replace(PEDE.columns["IDA"], minimum=None, maximum=None)
    inputs = Inputs.of(replace(PEDE, columns={**PEDE.columns, "IDA": free}), CURRENT.task)
    assert problems(inputs, {"IDA": -1e9}) == []
    (problem,) = problems(inputs, {"IDA": "x"})
    assert str(problem.expected) == "a number, or nothing"
    assert "clipped" not in dict(codes(inputs, {"IDA": 1e9}))


def test_all_given_as_the_programme_does_gives_no_warning() -> None:
    assert codes(CURRENT, {**ORIGINAL, "IAN": 5.0}) == []


def test_the_originals_example_is_warned_of_its_ian() -> None:
    assert codes(CURRENT, {**ORIGINAL}) == [("unusual_value", "IAN")]


def test_a_rounding_beyond_the_range_is_reported() -> None:
    values = {**ORIGINAL, "IAN": 10.005, "IPS": -0.01}
    assert codes(CURRENT, values) == [("clipped", "IPS"), ("clipped", "IAN")]


def test_zero_for_not_answered_counts_as_missing() -> None:
    for zero in (0, -0.005):  # a rounding of zero is zero
        values = {**ORIGINAL, "IAN": 5, "IAA": zero, "IDA": 0}
        assert codes(CURRENT, values) == [("zero_not_answered", "IAA"), ("missing_feature", "IAA")]
        given_values = np.array([[values.get(name, NAN)] for name in CURRENT.columns])
        assert np.isnan(CURRENT.clean(given_values)[list(CURRENT.columns).index("IAA")])


def test_without_ian_the_answer_is_called_modest() -> None:
    warned = codes(CURRENT, {**ORIGINAL, "IAN": None, "IPP": None})
    assert warned == [("missing_feature", "IPP"), ("missing_feature", "IAN"), ("label_feature_missing", "IAN")]


def test_what_can_be_derived_is_not_called_missing() -> None:
    values = {**ORIGINAL, "IAN": 5.0, "phase": 3.0, "age": 14.0}
    assert codes(NEXT, values) == [("missing_feature", "year_joined")]
    assert codes(NEXT, {**values, "year_joined": 2020.0}) == []


def test_every_warning_speaks_portuguese() -> None:
    warnings = CURRENT.warnings({"IAA": 0.0, "IEG": 10.005, "IAN": 6.5})
    warnings += CURRENT.warnings({"IAA": 5.0})
    assert {warning.code for warning in warnings} == {
        "zero_not_answered", "clipped", "unusual_value", "missing_feature", "label_feature_missing"
    }  # fmt: skip
    for warning in warnings:
        assert warning.message.render("pt_BR") != warning.message.render("en")
        assert warning.field in warning.message.render("pt_BR")


def test_an_example_has_a_word_where_the_profile_lists_some() -> None:
    profile = load_profile("pede")
    task = replace(profile.tasks["current"], features=("IAA", "sex", "class"), hidden=(), monotone={}, changeable=())
    assert Inputs.of(profile, task).example() == {"IAA": 8.5, "sex": "F"}
