"""Conditions decide which pupils a question is for: on words, numbers, the year and derived columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from farol.model.asked import AskedOf
from farol.model.inputs import Inputs
from farol.model.vocabulary import Given
from farol.profile import Profile, parse_profile
from tests.schools import TERMS

NAN = float("nan")


def school(*conditions: tuple[str, str, str]) -> Profile:
    only = ", ".join(
        f'{{ column = "{column}", operator = "{sign}", value = {value} }}' for column, sign, value in conditions
    )
    source = TERMS.read_text(encoding="utf-8")
    known = '{ column = "result", operator = "!=", value = "enrolled" }'
    assert known in source
    return parse_profile(source.replace(known, only).encode(), "terms.toml")


def asked(profile: Profile) -> AskedOf:
    return AskedOf.of(profile, profile.tasks["result"])


def holds(profile: Profile, *, year: float = 1, **values: float | str | None) -> bool:
    words = {name: np.array([value], dtype=np.object_) for name, value in values.items() if isinstance(value, str)}
    numbers = {name: np.array([value]) for name, value in values.items() if isinstance(value, float)}
    return bool(asked(profile).holds(words, numbers, np.array([year]))[0])


def test_without_conditions_everybody_is_asked_about() -> None:
    assert holds(school())
    assert asked(school()).reads == ()


def test_a_condition_on_a_missing_value_does_not_hold() -> None:
    profile = school(("region", "!=", '"South"'), ("attempts", "<", "2"))
    assert holds(profile, region="North", attempts=1.0)
    assert not holds(profile, attempts=1.0)
    assert not holds(profile, region="North")
    assert not holds(profile, region="North", attempts=NAN)
    assert asked(profile).reads == ("region", "attempts")


def test_words_are_read_as_the_sheets_are() -> None:
    profile = school(("region", "in", '["South", "Wales"]'))
    assert holds(profile, region="2")
    assert holds(profile, region=" wales ")
    assert not holds(profile, region="1")


def test_derived_columns_and_the_year_decide_too() -> None:
    profile = school(("band", "==", "1"), ("year", ">=", "2"))
    assert holds(profile, score=70.0, year=2)
    assert not holds(profile, score=20.0, year=2)
    assert not holds(profile, score=70.0, year=1)
    assert not holds(profile, year=2)
    assert (asked(profile).reads, asked(profile).needs_year) == (("score",), True)
    assert not asked(school(("score", ">", "0"))).needs_year


def test_a_condition_on_this_years_label_is_not_asked() -> None:
    own = ("result", "!=", '"enrolled"')
    assert asked(school(own, ("attempts", "<", "2"))).reads == ("attempts",)
    profile = school(own)
    later = profile.tasks["later"]
    assert profile.asked_of(profile.tasks["result"]) == ()
    assert len(profile.asked_of(replace(later, only=profile.tasks["result"].only))) == 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("attempts", ">", "7"), 8.0),
        (("attempts", "<", "1"), 0.0),
        (("sex", "!=", '"F"'), "M"),
        (("sex", "==", '"M"'), "M"),
        (("attempts", "in", "[3, 4]"), 3.0),
    ],
)
def test_the_example_is_a_pupil_that_is_asked_about(condition: tuple[str, str, str], expected: float | str) -> None:
    profile = school(condition)
    inputs = Inputs.of(profile, profile.tasks["result"])
    assert inputs.example()[condition[0]] == expected


def test_conditions_that_no_value_meets_leave_the_example() -> None:
    profile = school(("attempts", "<", "1"), ("attempts", ">", "7"))
    assert Inputs.of(profile, profile.tasks["result"]).example()["attempts"] == 8.0
    free = school(("region", "!=", '"South"'))
    assert "region" not in Inputs.of(free, free.tasks["result"]).example()


def test_each_condition_is_described_in_both_languages() -> None:
    profile = school(("score", "<=", "7.5"), ("region", "in", '["South", "Wales"]'), ("sex", "==", '"F"'))
    told = [(name, expected.render("en"), expected.render("pt_BR")) for name, expected in asked(profile).expected()]
    assert told == [
        ("score", "at most 7.5", "no máximo 7,5"),
        ("region", "one of South, Wales", "um destes: South, Wales"),
        ("sex", "F", "F"),
    ]


def test_a_column_computed_from_the_label_holds_the_answer() -> None:
    source = TERMS.read_text(encoding="utf-8")
    label = 'column = "result"\noperator = "in"\nvalue = ["fail", "withdrawn"]'
    assert label in source
    source = source.replace(label, 'column = "score"\noperator = "<"\nvalue = 50', 1)
    only = 'only = [{ column = "result", operator = "!=", value = "enrolled" }]'
    for column, rests in (("band", True), ("score", True), ("attempts", False)):
        other = f'only = [{{ column = "{column}", operator = ">=", value = 0 }}]'
        profile = parse_profile(source.replace(only, other).encode(), "terms.toml")
        assert (profile.asked_of(profile.tasks["result"]) == ()) is rests


def test_rows_of_callers_give_their_words() -> None:
    profile = school(("region", "!=", '"South"'), ("band", "==", "1"))
    given: list[dict[str, Given]] = [
        {"region": "North", "score": 70.0},
        {"score": 70.0},
        {"region": 2.0, "score": 70.0},
    ]
    words = asked(profile).words_in(given)
    assert asked(profile).holds(words, {"score": np.full(3, 70.0)}, np.ones(3)).tolist() == [True, False, False]
    assert "band" not in Inputs.of(profile, profile.tasks["result"]).example()


def test_conditions_on_the_year_say_when_it_is_asked() -> None:
    profile = school(("year", ">=", "2"), ("attempts", "<", "2"))
    assert [asked(profile).is_asked_in(year) for year in (1, 2, 4)] == [False, True, True]
    assert asked(school()).is_asked_in(0)
