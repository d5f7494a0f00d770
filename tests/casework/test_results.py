"""A year later: counts by kind of support beside the expected number, computed by hand, of seen pupils alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.casework.cases import CaseState, GivenSupport, change_case, open_cases
from farol.casework.results import NO_CASE, NO_SUPPORT, expected_number, outcomes_by_support, years_of_results
from farol.casework.steps import ClosingReason, Step
from farol.evaluation.intervals import true_cases
from farol.store.database import Store
from farol.store.tables import pupil_answers, pupil_years
from tests.casework.site import PUPILS, THEN, ana, answer_row, director, leo, year_row

CHANCES = {"RA-1": 0.8, "RA-2": 0.5, "RA-3": 0.25, "RA-4": 0.5, "RA-5": None}
LABELS = {"RA-1": 1, "RA-2": 0, "RA-3": 1, "RA-4": None, "RA-5": 1}


@pytest.fixture
def year_later(store: Store) -> Store:
    """Forecasts of 2024, outcomes of 2025, and the cases of four of the five pupils."""
    answers = [answer_row("next-year", 2024, student, PUPILS[student], chance) for student, chance in CHANCES.items()]
    rows = [year_row(2025, student, PUPILS[student], label) for student, label in LABELS.items()]
    with store.engine.begin() as connection:
        connection.execute(pupil_answers.insert(), answers)
        connection.execute(pupil_years.insert(), rows)
    tutoring, family = GivenSupport("tutoring"), GivenSupport("family")
    for student, given_support in (("RA-1", (tutoring,)), ("RA-2", (tutoring, family)), ("RA-3", ())):
        open_cases(store, director, [student], 2024, CaseState(supports=given_support), at=THEN)
    mistake = open_cases(store, director, ["RA-5"], 2024, CaseState(supports=(family,)), at=THEN).new["RA-5"]
    end = CaseState(Step.closed, supports=(family,), reason=ClosingReason.mistake)
    change_case(store, director, mistake, end, version=1, at=THEN)
    return store


def test_each_kind_has_its_counts_and_the_expected_number(year_later: Store) -> None:
    rows = {row.kind: row for row in outcomes_by_support(year_later, leo, "next-year", 2024)}
    assert list(rows) == ["family", "tutoring", NO_SUPPORT, NO_CASE]
    tutoring = rows["tutoring"]
    assert (tutoring.pupils, tutoring.known, tutoring.at_risk) == (2, 2, 1)
    assert tutoring.share is not None
    assert tutoring.expected is not None
    assert tutoring.share.value == 0.5
    assert tutoring.expected.value == pytest.approx(1.3)
    assert tutoring.share.low == pytest.approx(0.0945, abs=1e-4)  # Wilson's, of 1 in 2
    assert (tutoring.expected.low, tutoring.expected.high) == (0, 2)
    assert (rows["family"].known, rows["family"].at_risk) == (1, 0)
    assert (rows[NO_SUPPORT].known, rows[NO_SUPPORT].at_risk) == (1, 1)
    # RA-4 has no outcome, RA-5 no probability; its case was a mistake.
    assert (rows[NO_CASE].pupils, rows[NO_CASE].known, rows[NO_CASE].share) == (2, 0, None)


def test_results_tell_of_seen_pupils_alone(year_later: Store) -> None:
    rows = outcomes_by_support(year_later, ana, "next-year", 2024)
    assert [(row.kind, row.pupils) for row in rows] == [("family", 1), ("tutoring", 2)]
    assert years_of_results(year_later, ana) == [2024]
    assert outcomes_by_support(year_later, ana, "next-year", 2023) == []
    assert [row.known for row in outcomes_by_support(year_later, leo, "another", 2024)] == [0, 0, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_number_of_few_pupils_is_exact(chances: list[float]) -> None:
    assert expected_number(np.array(chances)) == true_cases(np.array(chances))


def test_the_number_of_many_is_as_of_few() -> None:
    """The normal approximation beside the exact number, for a size that both can do."""
    chances = np.random.default_rng(0).uniform(0.02, 0.9, 1501)
    exact, quick = true_cases(chances), expected_number(chances)
    assert quick.value == pytest.approx(exact.value)
    assert quick.low == pytest.approx(exact.low, abs=1)
    assert quick.high == pytest.approx(exact.high, abs=1)
