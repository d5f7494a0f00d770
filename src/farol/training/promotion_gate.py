"""The gate of promotion: a model may be used if it beats the rules a person would use without it, on the same rows.

It must have learned something, too: put pupils at risk before others better than chance. And it must have been tested
on a later year, or in the way that the profile asks for: answers for pupils left out of the same year are a weaker
proof, and serve only who asks for them.

A rule is beaten when the model separates pupils at risk from others better, beyond chance (the paired 95% interval of
the difference in ROC AUC lies above zero), and its probabilities are not worse beyond chance (that of the Brier score
does not).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from farol.evaluation.metrics import Estimate, Evaluation, Undefined
from farol.i18n import Message, msg
from farol.profile import Task
from farol.training.plan import Split
from farol.training.references import ReferenceModel

CHANCE = 0.5
"""The ROC AUC of a model that knows nothing."""

Differences = Mapping[str, Estimate | Undefined]


@dataclass(frozen=True, slots=True)
class Gate:
    """Which simple rules the model beats, by name, whether it may be promoted, and the reasons."""

    beats: Mapping[str, bool]
    promotable: bool
    reasons: tuple[Message, ...]


def gate(
    task: Task,
    measured: Evaluation,
    baselines: tuple[tuple[ReferenceModel, Differences], ...],
    *,
    leaks: tuple[str, ...],
    chooses: bool,
    split: Split = "by_time",
) -> Gate:
    """The verdict on a model by its test and its differences to each reference; `leaks` are features that give the
    answer away.

    A question of the same year is asked as the programme's rules put it: its model may be promoted although it cannot
    beat the rule that defines the answer, and the verdict says so, unless it is worse than that rule.
    """
    rules = [(baseline, differences) for baseline, differences in baselines if baseline.simple]
    beats = {baseline.name: _beats(differences) for baseline, differences in rules}
    reasons = [*_of_the_test(measured, split, chooses=chooses, compared=bool(rules))]
    for baseline, differences in rules:
        if beats[baseline.name]:
            continue
        if task.horizon == 0 and not _worse(differences):
            continue
        reasons.append(msg("It does not beat this simple answer: {rule}.", rule=baseline.title))
    if reasons:
        return Gate(beats, promotable=False, reasons=tuple(reasons))
    unbeaten = [baseline for baseline, _ in rules if not beats[baseline.name]]
    if not unbeaten:
        return Gate(beats, True, (msg("It beats every simple rule on the rows of the test."),))
    said = tuple(
        msg(
            "It does not beat this simple answer: {rule}. It may be used all the same, because the "
            "question is about the same year: no model can beat the definition of the answer.",
            rule=baseline.title,
        )
        if leaks
        else msg(
            "It does not beat this simple answer: {rule}. It may be used all the same, because it is not "
            "worse and the question is about the same year: it describes, it does not forecast.",
            rule=baseline.title,
        )
        for baseline in unbeaten
    )
    return Gate(beats, promotable=True, reasons=said)


def _of_the_test(measured: Evaluation, split: Split, *, chooses: bool, compared: bool) -> Iterator[Message]:
    """Why the test itself does not allow to promote the model, whatever it was compared with."""
    auc = measured.estimates["roc_auc"]
    if isinstance(auc, Undefined):
        yield msg("Nobody can say whether it learned anything: {reason}.", reason=auc.reason)
    elif auc.low <= CHANCE:
        yield msg(
            "It does not show that it learned anything: of two pupils, one at risk and one not, it puts "
            "the first one ahead in {share} of cases ({low} to {high}). Tossing a coin would do so in "
            "50%.",
            share=f"{auc.value:.0%}",
            low=f"{auc.low:.0%}",
            high=f"{auc.high:.0%}",
        )
    if not compared:
        yield msg("No simple answer could be compared with it: too little is known about the pupils it learned from.")
    if not chooses:
        yield msg("It would point out nobody, or nearly everybody, at every threshold.")
    if split == "folds":
        yield msg("It was not tested on a later year, but on pupils left out of the years it learned from.")


def _beats(differences: Differences) -> bool:
    auc, brier = differences["roc_auc"], differences["brier"]
    return isinstance(auc, Estimate) and isinstance(brier, Estimate) and auc.low > 0 and brier.low <= 0


def _worse(differences: Differences) -> bool:
    auc = differences["roc_auc"]
    return isinstance(auc, Estimate) and auc.high < 0
