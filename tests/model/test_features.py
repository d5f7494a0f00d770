"""Features and preprocessing: literals by hand, and scikit-learn as the judge."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import StandardScaler

from farol.errors import ProfileError
from farol.files import canonical_json, parse_json
from farol.model.features import FeaturePlan, Floats, Preprocessing, feature_matrix, sheet_inputs
from farol.profile import Derived, Profile, Text, load_profile

NAN = float("nan")
PEDE = load_profile("pede")
NEXT = PEDE.tasks["next-year"]
INDICATORS = ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", "PORTUGUES", "MATEMATICA", "INGLES")


def features(**columns: list[float]) -> dict[str, list[float]]:
    """The next-year features of columns given as lists, all in 2023, by name."""
    n = len(next(iter(columns.values())))
    arrays = {name: np.array(values) for name, values in columns.items()}
    matrix = feature_matrix(PEDE, NEXT, arrays, np.full(n, 2023.0))
    return {name: matrix[:, position].tolist() for position, name in enumerate(NEXT.features)}


def difference(name: str, minuend: str, subtrahend: str) -> Derived:
    text = Text("texto", "text")
    return Derived(name, "difference", minuend, subtrahend, None, (), text, None, None)


def with_derived(*derived: Derived) -> Profile:
    return replace(PEDE, derived={each.name: each for each in derived})


def test_a_lag_is_derived_from_phase_and_age() -> None:
    derived = features(phase=[3.0, 0.0, 8.0, 2.0], age=[8.0, 9.0, 18.0, 40.0])
    assert derived["ideal_phase"] == [0.0, 1.0, 8.0, 8.0]
    assert derived["lag"] == [3.0, -1.0, 0.0, -6.0]


def test_bounds_of_a_table_belong_to_the_row_they_close() -> None:
    assert features(age=[10.0, 11.0, 11.5, 12.0])["ideal_phase"] == [2.0, 2.0, 3.0, 3.0]


def test_chances_are_computed_where_nothing_else_is_derived() -> None:
    chances = ("p_pass", "p_pass_if_promoted")
    profile = replace(PEDE, derived={name: PEDE.derived[name] for name in chances})
    columns = {
        "phase": np.array([0.0, 1.0]),
        "birth_year": np.array([2016.0, 2013.0]),
        "birth_month": np.array([6.0, NAN]),
    }
    alone = feature_matrix(profile, replace(NEXT, features=chances), columns, np.full(2, 2023.0))
    whole = feature_matrix(PEDE, NEXT, columns, np.full(2, 2023.0))
    # Born in June 2016, in ALFA in 2023: 7 until the end of May 2024, then 8, which one of the two tables puts in 1.
    assert alone[0].tolist() == pytest.approx([7 / 12 / 2, 0])
    np.testing.assert_array_equal(alone, whole[:, [NEXT.features.index(name) for name in chances]])


def test_another_table_is_the_same_in_every_year() -> None:
    text = Text("texto", "text")
    stage = Derived("stage", "table", None, None, "age", ((8.0, 1.0), (math.inf, 2.0)), text, None, None)
    task = replace(NEXT, features=("stage", "age"))
    ages = np.array([8.0, 8.5, NAN])
    matrix = feature_matrix(with_derived(stage), task, {"age": ages}, np.array([2022.0, 2023.0, 2024.0]))
    np.testing.assert_array_equal(matrix[:, 0], [1, 2, NAN])


def test_a_derived_column_fills_only_gaps_of_the_sheet() -> None:
    filled = features(phase=[3.0, 3.0], age=[14.0, 14.0], ideal_phase=[5.0, NAN])
    assert filled["ideal_phase"] == [5.0, 4.0]
    assert filled["lag"] == [-2.0, -1.0]


def test_missing_values_stay_missing_through_a_chain() -> None:
    unknown = features(phase=[NAN, 3.0], age=[14.0, NAN])
    assert np.isnan(unknown["lag"]).all()
    assert np.isnan(unknown["IAA"]).all()


def test_a_derived_value_out_of_its_range_is_missing() -> None:
    years = features(year_joined=[2020.0, 2023.0, 2024.0, 1982.0])["years_in_programme"]
    assert years[:2] == [3.0, 0.0]
    assert np.isnan(years[2:]).all()


def test_derived_columns_are_computed_in_dependency_order() -> None:
    backwards = with_derived(*reversed(list(PEDE.derived.values())))
    columns, year = {"phase": np.array([1.0]), "age": np.array([12.0])}, np.array([2023.0])
    np.testing.assert_array_equal(
        feature_matrix(backwards, NEXT, columns, year), feature_matrix(PEDE, NEXT, columns, year)
    )


def test_a_column_derived_from_itself_is_refused() -> None:
    circle = with_derived(difference("one", "two", "age"), difference("two", "one", "age"))
    with pytest.raises(ProfileError, match="one → two → one"):
        FeaturePlan.of(circle, replace(NEXT, features=("one",)))


def test_a_feature_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ProfileError, match="needs moon"):
        FeaturePlan.of(PEDE, replace(NEXT, features=("moon",)))


def test_columns_of_another_length_are_never_stretched() -> None:
    with pytest.raises(ValueError, match="column IAA"):
        feature_matrix(PEDE, NEXT, {"IAA": np.array([5.0])}, np.full(3, 2023.0))


def test_inputs_are_the_features_of_the_sheets_then_the_context() -> None:
    assert sheet_inputs(PEDE, PEDE.tasks["current"]) == INDICATORS
    context = ("age", "birth_year", "birth_month", "year_joined")
    assert sheet_inputs(PEDE, NEXT) == (*INDICATORS, "phase", "ideal_phase", "lag", *context)


@pytest.mark.parametrize(
    ("feature", "given_columns", "asked"),
    [
        ("IAA", (), ("IAA",)),
        ("IAA", ("IAA",), ()),
        ("years_in_programme", (), ("year_joined",)),
        ("years_in_programme", ("year_joined",), ()),
        ("lag", (), ("lag",)),
        ("lag", ("phase",), ("lag",)),
        ("lag", ("phase", "age"), ()),
        ("lag", ("lag",), ()),
    ],
)
def test_a_plan_knows_what_to_ask_for(feature: str, given_columns: tuple[str, ...], asked: tuple[str, ...]) -> None:
    assert FeaturePlan.of(PEDE, NEXT).needed(feature, frozenset(given_columns)) == asked


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_pupil_alone_has_the_features_it_has_among_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {name: rng.integers(0, 20, 7).astype(np.float64) for name in sheet_inputs(PEDE, NEXT)}
    for values in columns.values():
        values[rng.random(7) < 0.3] = NAN
    year = rng.integers(2022, 2025, 7).astype(np.float64)
    plan = FeaturePlan.of(PEDE, NEXT)
    alone = [plan.matrix({n: v[i : i + 1] for n, v in columns.items()}, year[i : i + 1]) for i in range(7)]
    np.testing.assert_array_equal(plan.matrix(columns, year), np.concatenate(alone))


# ── Preprocessing ──────────────────────────────────────────────────────────────────────────────────────────────────


def scikit_learn(train: Floats, rows: Floats) -> Floats:
    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(train)
    flags = MissingIndicator(features="all").fit(train)

    def joined(matrix: Floats) -> Floats:
        return np.hstack([imputer.transform(matrix), flags.transform(matrix)])

    scaled: Floats = StandardScaler().fit(joined(train)).transform(joined(rows))
    return scaled


def assert_equals_scikit_learn(train: Floats, rows: Floats) -> None:
    names = [f"f{position}" for position in range(train.shape[1])]
    ours = Preprocessing.fit(train, names, impute=True)
    medians = SimpleImputer(strategy="median", keep_empty_features=True).fit(train).statistics_
    np.testing.assert_allclose(np.array(ours.medians), medians, rtol=1e-12, atol=1e-12)
    filled = np.hstack([np.where(np.isnan(rows), medians, rows), np.isnan(rows)])
    expected = scikit_learn(train, rows)
    np.testing.assert_allclose((filled - ours.centres) / ours.scales, expected, rtol=1e-12, atol=1e-12)
    transformed = ours.transform(rows)
    assert transformed.dtype == np.float32
    np.testing.assert_allclose(transformed, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_preprocessing_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, rows = rng.uniform(0, 10, (301, 6)), rng.uniform(0, 10, (50, 6))
    for matrix in (train, rows):
        matrix[rng.random(matrix.shape) < 0.2] = NAN
    train[:, 2] = NAN  # wholly empty in training, not later
    train[:, 3] = 7.1  # constant and never missing in training, missing later
    assert_equals_scikit_learn(train, rows)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 4)),
        # Hundredths, as grades have: far smaller steps make both libraries round apart when dividing by tiny scales.
        elements=st.one_of(st.just(NAN), st.integers(-1_000, 1_000).map(lambda hundredths: hundredths / 100)),
    )
)
def test_preprocessing_equals_scikit_learn_on_any_grades(train: Floats) -> None:
    assert_equals_scikit_learn(train, train[::-1])


def test_medians_and_flags_by_hand() -> None:
    train = np.array([[1.0, NAN], [3.0, NAN], [NAN, NAN], [4.0, NAN]])
    fitted = Preprocessing.fit(train, ["a", "b"], impute=True)
    assert np.array(fitted.medians).tolist() == [3.0, 0.0]
    assert fitted.centres.tolist() == [2.75, 0.0, 0.25, 1.0]
    assert fitted.scales[1] == fitted.scales[3] == 1.0
    assert fitted.width == 4


def test_without_imputation_missing_stays_missing() -> None:
    matrix = np.array([[1.5, NAN], [NAN, 2.0]])
    fitted = Preprocessing.fit(matrix, ["a", "b"], impute=False)
    assert fitted.transform(matrix).dtype == np.float32
    np.testing.assert_array_equal(fitted.transform(matrix), matrix)
    assert fitted.width == 2
    assert not fitted.indicators


@pytest.mark.parametrize("impute", [True, False])
def test_preprocessing_read_back_gives_the_very_same_numbers(impute: bool) -> None:
    rng = np.random.default_rng(0)
    matrix = np.where(rng.random((40, 3)) < 0.2, NAN, rng.normal(size=(40, 3)))
    fitted = Preprocessing.fit(matrix, ["a", "b", "c"], impute=impute)
    read = Preprocessing.from_json(fitted.to_json())
    assert read.features == ("a", "b", "c")
    assert read.to_json() == fitted.to_json()
    np.testing.assert_array_equal(read.transform(matrix), fitted.transform(matrix))


@pytest.mark.parametrize("shape", [(0, 2), (4, 3)])
def test_a_matrix_that_does_not_fit_the_features_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="for 2 features"):
        Preprocessing.fit(np.zeros(shape), ["a", "b"], impute=True)


Change = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("medians"),
        lambda content: content.update(features="ab"),
        lambda content: content.update(medians=[1.0]),
        lambda content: content.update(medians=None),
        lambda content: content.update(indicators=False),
        lambda content: content.update(centres=[0.0, 0.0]),
        lambda content: content.update(scales=[1.0, 1.0, 0.0, 1.0]),
        lambda content: content.update(scales=["one"] * 4),
    ],
)
def test_an_invalid_preprocessing_is_refused(change: Change) -> None:
    content = json.loads(Preprocessing.fit(np.eye(2), ["a", "b"], impute=True).to_json())
    change(content)
    with pytest.raises(ValueError, match=r"."):
        Preprocessing.from_json(canonical_json(content))


def test_json_is_canonical_and_has_no_nan() -> None:
    assert canonical_json({"b": "é", "a": [1]}) == '{\n  "a": [\n    1\n  ],\n  "b": "é"\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(NAN)
    with pytest.raises(ValueError, match="NaN is not JSON"):
        parse_json(b"[NaN]")
