"""A model that does not beat the rules a person would use is not served unasked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from farol.evaluation.metrics import Estimate, Evaluation, Undefined
from farol.i18n import msg
from farol.training.plan import Split
from farol.training.promotion_gate import gate
from farol.training.references import ReferenceModel

from .making import task

RULE = ReferenceModel("rule", msg("A rule"), np.zeros(1), simple=True)
FOREST = ReferenceModel("forest", msg("A forest"), np.zeros(1))
LATER = replace(task(), horizon=1)
Differences = dict[str, Estimate | Undefined]


def differences(auc: tuple[float, float], brier: tuple[float, float] = (-0.1, -0.05)) -> Differences:
    return {"roc_auc": Estimate(sum(auc) / 2, *auc), "brier": Estimate(sum(brier) / 2, *brier)}


def measured(low: float = 0.7) -> Evaluation:
    """A test whose ROC AUC lies beyond chance, unless `low` says otherwise."""
    return Evaluation(100, 40, {"roc_auc": Estimate(0.8, low, 0.9)}, {})


def test_a_model_that_beats_every_rule_may_be_used() -> None:
    verdict = gate(
        LATER,
        measured(),
        ((RULE, differences((0.1, 0.2))), (FOREST, differences((-0.2, -0.1)))),
        leaks=(),
        chooses=True,
    )
    assert (verdict.promotable, verdict.beats) == (True, {"rule": True})
    assert str(verdict.reasons[0]) == "It beats every simple rule on the rows of the test."


@pytest.mark.parametrize(
    "unbeaten",
    [
        differences((-0.01, 0.2)),
        differences((0.1, 0.2), (0.01, 0.02)),
        {"roc_auc": Undefined(msg("x")), "brier": Estimate(0, 0, 0)},
    ],
)
def test_a_rule_that_is_not_beaten_beyond_chance_is_named(unbeaten: Differences) -> None:
    verdict = gate(LATER, measured(), ((RULE, unbeaten),), leaks=(), chooses=True)
    assert (verdict.promotable, verdict.beats) == (False, {"rule": False})
    assert [str(reason) for reason in verdict.reasons] == ["It does not beat this simple answer: A rule."]


def test_a_model_that_chooses_nobody_is_not_served() -> None:
    verdict = gate(LATER, measured(), ((RULE, differences((0.1, 0.2))),), leaks=(), chooses=False)
    assert not verdict.promotable
    assert "nearly everybody" in str(verdict.reasons[0])


@pytest.mark.parametrize(("leaks", "words"), [(("IAN",), "definition of the answer"), ((), "it does not forecast")])
def test_this_years_question_may_be_used_and_says_so(leaks: tuple[str, ...], words: str) -> None:
    verdict = gate(task(), measured(), ((RULE, differences((0.0, 0.0))),), leaks=leaks, chooses=True)
    assert (verdict.promotable, verdict.beats) == (True, {"rule": False})
    assert words in str(verdict.reasons[0])
    worse = gate(task(), measured(), ((RULE, differences((-0.2, -0.1))),), leaks=leaks, chooses=True)
    assert not worse.promotable


def test_a_model_that_learned_nothing_is_not_used() -> None:
    beaten = ((RULE, differences((0.1, 0.2))),)
    assert gate(LATER, measured(0.51), beaten, leaks=(), chooses=True).promotable
    verdict = gate(LATER, measured(0.5), beaten, leaks=(), chooses=True)
    assert not verdict.promotable
    assert str(verdict.reasons[0]).startswith("It does not show that it learned anything")
    assert "80% of cases (50% to 90%)" in str(verdict.reasons[0])
    unknown = Evaluation(40, 40, {"roc_auc": Undefined(msg("all have the same answer"))}, {})
    verdict = gate(task(), unknown, beaten, leaks=(), chooses=True)
    assert str(verdict.reasons[0]) == "Nobody can say whether it learned anything: all have the same answer."


def test_a_model_that_no_rule_was_compared_with_is_not_used() -> None:
    verdict = gate(task(), measured(), ((FOREST, differences((0.1, 0.2))),), leaks=(), chooses=True)
    assert (verdict.promotable, verdict.beats) == (False, {})
    assert "No simple answer could be compared" in str(verdict.reasons[0])


@pytest.mark.parametrize(("split", "promotable"), [("folds", False), ("by_rows", True), ("by_groups", True)])
def test_pupils_left_out_in_turn_are_a_weaker_proof(split: Split, promotable: bool) -> None:
    verdict = gate(LATER, measured(), ((RULE, differences((0.1, 0.2))),), leaks=(), chooses=True, split=split)
    assert verdict.promotable is promotable
    assert promotable or "not tested on a later year" in str(verdict.reasons[0])
