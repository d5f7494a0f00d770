"""The rule of ages for next year, counted by hand from months. It never knows a rule that came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.errors import ProfileError
from farol.model.ages import Ages, Births
from farol.model.features import FeaturePlan, feature_matrix
from farol.profile import AgeRule, Profile, load_profile

NAN = float("nan")
PEDE = load_profile("pede")
NEXT = PEDE.tasks["next-year"]
OLD = dict(zip(range(5, 21), [0, 0, 0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 8], strict=True))
NEW = {**OLD, 8: 1}
TABLES = {2022: (OLD, OLD), 2023: (OLD, NEW), 2024: (NEW, NEW)}


def rule_of(profile: Profile) -> AgeRule:
    assert profile.rule is not None
    return profile.rule


def chances(year: int, *, known: int | None = None, **columns: float) -> tuple[float, float]:
    arrays = {name: np.array([value]) for name, value in columns.items()}
    matrix = feature_matrix(PEDE, NEXT, arrays, np.array([float(year)]), known)
    first, second = (NEXT.features.index(name) for name in ("p_pass", "p_pass_if_promoted"))
    return float(matrix[0, first]), float(matrix[0, second])


def counted(year: int, born: int, month: int, level: int, known: int | None = None) -> float:
    """The share of next year's month ends and known tables at which the expected level is above `level`."""
    ages = [year + 1 - born - (end < month) for end in range(1, 13)]
    return float(np.mean([[table[age] > level for age in ages] for table in TABLES[known or year]]))


@pytest.mark.parametrize("year", [2022, 2023, 2024])
@pytest.mark.parametrize(("born", "month", "level"), [(2016, 1, 0), (2016, 6, 0), (2014, 12, 1), (2012, 3, 3)])
def test_a_chance_is_the_share_of_month_ends_and_known_tables(year: int, born: int, month: int, level: int) -> None:
    both = chances(year, phase=level, birth_year=born, birth_month=month)
    expected = counted(year, born, month, level), counted(year, born, month, level + 1)
    assert both == pytest.approx(expected)


def test_chances_by_hand() -> None:
    # Born in June 2016, in ALFA in 2023: 7 until the end of May 2024, then 8, which one of the two tables puts in 1.
    assert chances(2023, phase=0, birth_year=2016, birth_month=6) == pytest.approx((7 / 12 / 2, 0))
    # By the table of 2022 nobody of 8 is expected in phase 1; by that of 2024 everybody.
    assert chances(2022, phase=0, birth_year=2015, birth_month=6) == (0, 0)
    assert chances(2024, phase=0, birth_year=2017, birth_month=1) == (1, 0)


def test_less_known_of_a_birthday_spreads_the_chance() -> None:
    by_month = [counted(2023, 2013, month, 1) for month in range(1, 13)]
    assert chances(2023, phase=1, birth_year=2013)[0] == pytest.approx(np.mean(by_month))
    # An age of 10 on 26 October 2023: born in January … October 2013, or in November or December 2012.
    possible = [counted(2023, 2013 - (month > 10), month, 2) for month in range(1, 13)]
    assert chances(2023, phase=2, age=10)[0] == pytest.approx(np.mean(possible))
    assert 0 < chances(2023, phase=2, age=10)[0] < 1
    # The day of the sheet of 2025 is in no profile: any month end may be the one.
    spread = [counted(2025, 2014 - (month > end), month, 2, 2024) for month in range(1, 13) for end in range(13)]
    assert chances(2025, phase=2, age=11)[0] == pytest.approx(np.mean(spread))


@pytest.mark.parametrize(("day", "months"), [(1, 5), (14, 5), (15, 6), (30, 6)])
def test_a_day_before_mid_month_counts_as_the_month_before(day: int, months: int) -> None:
    # An age of 10 on a day of June 2023: born in the first `months` months of 2013, or in the others of 2012.
    dated = tuple(replace(part, month=6, day=day) if part.since == 2023 else part for part in rule_of(PEDE).dated)
    early = replace(PEDE, rule=replace(rule_of(PEDE), dated=dated))
    columns = {"phase": np.array([2.0]), "age": np.array([10.0])}
    matrix = feature_matrix(early, NEXT, columns, np.array([2023.0]))
    possible = [counted(2023, 2013 - (month > months), month, 2) for month in range(1, 13)]
    assert matrix[0, NEXT.features.index("p_pass")] == pytest.approx(np.mean(possible))


def test_a_year_of_birth_is_preferred_to_an_age() -> None:
    assert chances(2023, phase=1, age=30, birth_year=2013) == chances(2023, phase=1, birth_year=2013)
    assert chances(2023, phase=2, age=10, birth_month=3) == chances(2023, phase=2, age=10)


def test_without_a_level_or_a_birthday_there_is_no_chance() -> None:
    for unknown in (
        chances(2023, IAA=5),
        chances(2023, phase=2),
        chances(2023, age=10),
        chances(2023, phase=NAN, age=10),
        chances(2023, phase=2, birth_month=3),
    ):
        assert np.isnan(unknown).all()


def test_what_came_later_is_not_known_before() -> None:
    """The rules of 2023 and 2024 change no answer for the year before them."""
    rule = rule_of(PEDE)
    for known, upto in ((2022, 1), (2023, 2)):
        early = replace(PEDE, rule=replace(rule, dated=rule.dated[:upto]))
        rng = np.random.default_rng(0)
        columns = {
            "phase": rng.integers(0, 9, 300).astype(np.float64),
            "birth_year": known - rng.integers(6, 20, 300).astype(np.float64),
            "birth_month": rng.integers(1, 13, 300).astype(np.float64),
        }
        year = np.full(300, float(known))
        np.testing.assert_array_equal(
            feature_matrix(early, NEXT, columns, year), feature_matrix(PEDE, NEXT, columns, year)
        )


def test_past_years_use_the_rules_known_at_prediction() -> None:
    assert chances(2022, phase=0, birth_year=2015, birth_month=6)[0] == 0
    assert chances(2022, known=2023, phase=0, birth_year=2015, birth_month=6)[0] == pytest.approx(7 / 12 / 2)
    assert chances(2022, known=2024, phase=0, birth_year=2015, birth_month=6)[0] == pytest.approx(7 / 12)


def test_gaps_are_filled_by_the_table_of_the_rows_year() -> None:
    years = np.array([2021.0, 2022.0, 2023.0, 2024.0, 2026.0, 2024.0])
    ages = np.array([8.0, 8.0, 8.0, 8.0, 8.0, NAN])
    matrix = feature_matrix(PEDE, NEXT, {"age": ages}, years)
    np.testing.assert_array_equal(matrix[:, NEXT.features.index("ideal_phase")], [0, 0, 0, 1, 1, NAN])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(1, 12), st.integers(0, 9), st.sampled_from([2022, 2023, 2024, 2025]))
def test_chances_are_shares_that_promotion_never_raises(age: int, month: int, level: int, year: int) -> None:
    stays, promoted = chances(year, phase=level, birth_year=year - age, birth_month=month)
    assert 0 <= promoted <= stays <= 1


def test_possible_births_are_the_months_left_open() -> None:
    ages = Ages.of(PEDE)
    assert ages is not None
    columns = {
        "birth_year": np.array([2013.0, 2013.0, NAN, NAN, NAN]),
        "birth_month": np.array([NAN, 4.0, NAN, NAN, 4.0]),
        "age": np.array([NAN, NAN, 10.0, NAN, 10.0]),
    }
    births = ages.possible(columns, np.full(5, 2023.0))
    np.testing.assert_array_equal(births.state[[0, 2, 3, 4]], np.tile(np.arange(12.0), (4, 1)))
    np.testing.assert_array_equal(births.state[1], np.full(12, 3.0))
    np.testing.assert_array_equal(births.base[:2], np.full((2, 12), 10.0))
    np.testing.assert_array_equal(births.base[2], [10.0] * 10 + [11.0] * 2)
    np.testing.assert_array_equal(births.base[4], births.base[2])
    assert np.isnan(births.base[3]).all()
    # The mean over the possible births is what the features say without knowing which.
    level = np.full(5, 2.0)
    spread = ages.chance(level[:, np.newaxis], births, np.full((5, 1), 2023.0)).mean(axis=1)
    known = ages.chance(level, ages.births(columns, np.full(5, 2023.0)), np.full(5, 2023.0))
    np.testing.assert_allclose(spread, known)


def test_ages_beyond_all_tables_are_looked_up_at_the_ends() -> None:
    ages = Ages.of(PEDE)
    assert ages is not None
    births = Births(np.array([-3.0, 500.0]), np.zeros(2))
    np.testing.assert_array_equal(ages.chance(np.array([-5.0, 40.0]), births, np.full(2, 2023.0)), [0, 0])


def test_a_rule_without_births_goes_by_ages() -> None:
    by_age = replace(PEDE, rule=replace(rule_of(PEDE), birth_year=None, birth_month=None))
    plan = FeaturePlan.of(by_age, NEXT)
    assert not {"birth_year", "birth_month"} & set(plan.reads)
    assert plan.needed("p_pass", frozenset({"phase"})) == ("age",)
    columns = {"phase": np.array([2.0]), "age": np.array([10.0])}
    at = NEXT.features.index("p_pass")
    assert plan.matrix(columns, np.array([2023.0]))[0, at] == chances(2023, phase=2, age=10)[0]


def test_a_profile_without_a_rule_has_no_chances() -> None:
    without = replace(PEDE, rule=None)
    assert Ages.of(without) is None
    with pytest.raises(ProfileError, match="p_pass needs the rule of ages"):
        FeaturePlan.of(without, replace(NEXT, features=("p_pass",)))


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ((), ("phase", "age")),
        (("phase",), ("age",)),
        (("phase", "age"), ()),
        (("phase", "birth_year"), ()),
        (("birth_year",), ("phase",)),
        (("phase", "birth_month"), ("age",)),
    ],
)
def test_a_chance_is_asked_for_by_the_level_and_the_age(known: tuple[str, ...], asked: tuple[str, ...]) -> None:
    assert FeaturePlan.of(PEDE, NEXT).needed("p_pass", frozenset(known)) == asked
