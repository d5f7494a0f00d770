"""Groups are looked at apart, few pupils prove nothing, and no difference shown is not called fair."""

from __future__ import annotations

import numpy as np
import pytest

from farol.evaluation.fairness import PupilGroup, fairness
from farol.evaluation.metrics import Estimate
from farol.profile import load_profile


def figure(group: PupilGroup, name: str) -> Estimate:
    estimate = group.figures[name]
    assert estimate is not None
    return estimate


def test_figures_of_a_group_by_hand() -> None:
    label = np.repeat([1.0, 0.0], [20, 40])
    said = np.concatenate((np.repeat([0.9, 0.1], [15, 5]), np.repeat([0.9, 0.1], [10, 30])))
    (division,) = fairness({"sex": np.full(60, "F", dtype=np.object_)}, label, said, 0.5)
    (group,) = division.groups
    assert (group.name, group.n, group.positives, group.flagged) == ("F", 60, 20, 25)
    assert figure(group, "recall").value == pytest.approx(15 / 20)
    assert figure(group, "false_positive_rate").value == pytest.approx(10 / 40)
    assert figure(group, "precision").value == pytest.approx(15 / 25)
    calibration = figure(group, "calibration")
    assert calibration.value == pytest.approx((25 * 0.9 + 35 * 0.1) / 60 - 20 / 60)
    assert calibration.low < calibration.value < calibration.high
    assert division.gaps == ()


def test_only_a_difference_beyond_chance_is_shown() -> None:
    label = np.tile([1.0, 0.0], 200)
    group = np.array(["a", "b"], dtype=np.object_)[np.repeat([0, 1], 200)]
    said = np.where(group == "a", label, np.where(np.arange(400) % 4 == 0, label, 1 - label)) * 0.8 + 0.1
    (division,) = fairness({"x": group}, label, said, 0.5)
    gaps = {gap.measure: gap for gap in division.gaps}
    assert (gaps["recall"].most, gaps["recall"].least, gaps["recall"].shown) == ("a", "b", True)
    assert gaps["recall"].difference.value == pytest.approx(0.5)
    assert (gaps["false_positive_rate"].most, gaps["false_positive_rate"].shown) == ("b", True)
    assert gaps["calibration"].difference.value == pytest.approx(0.2)
    again = fairness({"x": group}, label, np.tile(said[:200], 2), 0.5)[0]
    assert not any(gap.shown for gap in again.gaps)
    assert all(gap.most != gap.least for gap in again.gaps)


def test_few_pupils_are_insufficient_evidence_and_never_a_pass() -> None:
    label = np.tile([1.0, 0.0], 20)
    group = np.array(["few"] * 29 + [None] * 11, dtype=np.object_)
    (division,) = fairness({"x": group}, label, label, 0.5)
    assert [(group.n, set(group.figures.values())) for group in division.groups] == [(29, {None})]
    cases = np.r_[np.ones(9), np.zeros(51)]
    (division,) = fairness({"x": np.zeros(60)}, cases, cases, 0.5)
    (level,) = division.groups
    assert level.name == "0"
    assert {name for name, figure in level.figures.items() if figure is None} == {"recall", "precision"}


def test_the_greatest_of_many_gaps_is_held_to_a_stricter_level() -> None:
    generator = np.random.default_rng(0)
    label = np.ones(40 * 10)
    said = (generator.random(400) < 0.5).astype(np.float64)
    level = np.repeat(np.arange(10.0), 40)
    (many,) = fairness({"phase": level}, label, said, 0.5)
    (gap,) = [each for each in many.gaps if each.measure == "recall"]
    pair = np.isin(level, [float(gap.most), float(gap.least)])
    (two,) = fairness({"phase": level[pair]}, label[pair], said[pair], 0.5)
    alone = two.gaps[0].difference
    assert gap.difference.value == pytest.approx(alone.value)
    assert gap.difference.low < alone.low
    assert alone.high < gap.difference.high


def test_sex_and_school_type_are_never_inputs() -> None:
    profile = load_profile("pede")
    assert {"sex", "school_type"} <= set(profile.audit)
    for task in profile.tasks.values():
        assert not {*task.features, *task.context} & set(profile.audit)
