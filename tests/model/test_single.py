"""One pupil in plain numbers gets, to the last bit, the answer the columns' arithmetic gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.errors import InputError
from farol.model.bundle import read_bundle
from farol.model.features import Preprocessing
from farol.model.inputs import Inputs
from farol.model.reference import Reference
from farol.model.scoring import Answer, Scorer
from farol.model.single import Single
from farol.profile import Derived, Text, load_profile
from tests.bundles import make_bundle

PEDE = load_profile("pede")

NUMBERS = (
    st.none()
    | st.floats(-2, 13)
    | st.integers(-2, 13).map(float)
    | st.sampled_from(
        [0.0, 10.0, 10.01, 10.5, -0.01, float("nan"), float("inf"), 1e308, 2010.0, 2012.0, 1979.0, 2101.0]
    )
)
YEARS = st.integers(1990, 2100) | st.integers(2021, 2026)


@pytest.fixture(scope="module", params=["current", "next-year", "next-year, all answered"])
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    task, _, free = request.param.partition(",")
    report = None if free else {"support": {"least_given": 3}}
    return Scorer(read_bundle(make_bundle(tmp_path_factory.mktemp("single"), task, report=report)))


def among_others(scorer: Scorer, values: Mapping[str, float | None], year: int) -> Answer:
    """The answer of the second of three rows."""
    columns = {
        name: np.array([np.nan, np.nan if (value := values.get(name)) is None else value, 5.0])
        for name in scorer.bundle.inputs.columns
    }
    return scorer.answers(scorer.score(columns, np.array([2023.0, year, 2024.0])))[1]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), year=YEARS)
def test_one_pupil_alone_gets_the_answer_it_gets_among_others(scorer: Scorer, data: st.DataObject, year: int) -> None:
    names = list(scorer.bundle.inputs.columns)
    likely = {
        "birth_year": st.integers(2000, 2020).map(float),
        "birth_month": st.integers(1, 12).map(float),
        "age": st.floats(5, 25),
        "phase": st.integers(0, 9).map(float),
    }
    values = {name: data.draw(likely.get(name, NUMBERS) | NUMBERS, label=name) for name in names}
    for name in data.draw(st.lists(st.sampled_from(names), max_size=4), label="absent"):
        values.pop(name, None)
    expected = among_others(scorer, values, year)
    if all(value is None for value in expected.features.values()):
        with pytest.raises(InputError, match="Nothing was given"):
            scorer.score_one(values, year)
        return
    answer = scorer.score_one(values, year)
    for name in ("probability", "prediction", "label", "features", "cells"):
        assert getattr(answer, name) == getattr(expected, name)


def test_the_cells_are_those_of_the_reference(scorer: Scorer) -> None:
    bundle = scorer.bundle
    single = Single(bundle.profile, bundle.inputs, bundle.preprocessing, bundle.reference, scorer.layout.starts)
    for bins in bundle.reference.features:
        points = (bins.edges if bins.values is None else bins.values) or ()
        for value in [None, *points, *(point + 0.001 for point in points), *(point - 0.001 for point in points)]:
            features = [value if feature.feature == bins.feature else None for feature in bundle.reference.features]
            cells, outside = single.cells(features)
            place = [feature.feature for feature in bundle.reference.features].index(bins.feature)
            matrix = np.array([features], dtype=np.float64)
            assert cells[place] == scorer.layout.starts[bins.feature] + bundle.reference.index(matrix)[0, place]
            assert outside == np.flatnonzero(bundle.reference.outside(matrix)[0]).tolist()


def _single(*derived: Derived) -> Single:
    profile = replace(PEDE, derived={**PEDE.derived, **{column.name: column for column in derived}})
    names = tuple(column.name for column in derived)
    inputs = Inputs.of(profile, replace(PEDE.tasks["next-year"], features=names))
    matrix = np.array([[1.0] * len(names)])
    reference = Reference.fit(matrix, names)
    return Single(profile, inputs, Preprocessing.fit(matrix, names, impute=False), reference, dict.fromkeys(names, 0))


def test_a_table_that_is_no_rule_of_ages_is_looked_up() -> None:
    words = Text(pt="Etapa", en="Stage")
    single = _single(Derived("stage", "table", None, None, "age", ((8.0, 1.0), (math.inf, 2.0)), words, None, None))
    stages = [single.features({"age": age}, 2024.0) for age in (8.0, 8.5, 9.0, None)]
    assert stages == [[1.0], [2.0], [2.0], [None]]


def test_a_rule_that_the_profile_lacks_is_refused() -> None:
    inputs = Inputs.of(PEDE, PEDE.tasks["next-year"])
    matrix = np.zeros((1, len(inputs.plan.features)))
    reference = Reference.fit(matrix, inputs.plan.features)
    preprocessing = Preprocessing.fit(matrix, inputs.plan.features, impute=False)
    starts = dict.fromkeys(inputs.plan.features, 0)
    with pytest.raises(ValueError, match="needs the rule of ages"):
        Single(replace(PEDE, rule=None), inputs, preprocessing, reference, starts)
