"""One half, unless another threshold is clearly better on pupils the model had not seen."""

from __future__ import annotations

import numpy as np
import pytest

from farol.evaluation.capacity import USUAL
from farol.i18n import msg
from farol.training.threshold import Threshold, choose_threshold, guarded


def test_half_stays_when_nothing_is_clearly_better() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200)
    label = (generator.random(200) < probability).astype(np.float64)
    chosen = choose_threshold(label, probability, seed=0)
    assert chosen.value == 0.5
    assert "more likely than not" in str(chosen.reason)
    assert chosen.f1_at_best >= chosen.f1_at_half


def test_half_stays_when_all_are_right() -> None:
    label = np.tile([0.0, 1.0], 50)
    chosen = choose_threshold(label, np.where(label == 1, 0.99, 0.01), seed=0)
    assert (chosen.value, chosen.best, chosen.f1_at_half) == (0.5, 0.5, 1.0)


def test_another_is_taken_when_it_is_better_by_more_than_chance() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(2_000) * 0.6
    label = (probability > 0.3).astype(np.float64)
    chosen = choose_threshold(label, probability, seed=0)
    assert chosen.value == chosen.best == 0.3
    assert "at 30%" in str(chosen.reason)


@pytest.mark.parametrize(("at_risk", "others", "best"), [(0.12, 0.05, 0.1), (0.97, 0.88, 0.9)])
def test_the_least_and_the_greatest_threshold_can_be_best(at_risk: float, others: float, best: float) -> None:
    label = np.tile([0.0, 1.0], 50)
    chosen = choose_threshold(label, np.where(label == 1, at_risk, others), seed=0)
    assert (chosen.value, chosen.best, chosen.f1_at_best) == (best, best, 1.0)


def test_nobody_predicted_and_nobody_at_risk_is_no_f1() -> None:
    chosen = choose_threshold(np.zeros(40), np.full(40, 0.01), seed=0)
    assert (chosen.value, chosen.f1_at_half) == (0.5, 0.0)


def at(value: float) -> Threshold:
    return Threshold(value, value, 0.5, 0.5, msg("x"))


def test_a_threshold_that_chooses_stays() -> None:
    guard = guarded(at(0.5), np.linspace(0, 1, 101), USUAL)
    assert (guard.threshold, guard.chooses) == (at(0.5), True)
    assert guard.flagged == pytest.approx(51 / 101)


@pytest.mark.parametrize(
    ("probability", "words"), [(np.linspace(0.5, 0.99, 100), "100%"), (np.linspace(0, 0.4, 100), "0%")]
)
def test_a_threshold_of_all_or_none_falls_back_on_capacity(
    probability: np.ndarray[tuple[int], np.dtype[np.float64]], words: str
) -> None:
    guard = guarded(at(0.5), probability, USUAL)
    assert (guard.chooses, guard.flagged) == (True, 0.2)
    assert f"at 50%, {words} of the training pupils" in str(guard.threshold.reason)
    assert float((probability >= guard.threshold.value).mean()) == 0.2


def test_one_answer_for_all_has_no_threshold() -> None:
    guard = guarded(at(0.5), np.full(50, 0.7), USUAL)
    assert (guard.threshold, guard.flagged, guard.chooses) == (at(0.5), 1.0, False)
    assert not guarded(at(0.5), np.zeros(50), USUAL).chooses
