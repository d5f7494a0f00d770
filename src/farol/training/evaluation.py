"""The evaluation of a training, before it is written down: every measurement of the test rows, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.bands import CalibrationBands, calibration_bands, least_given, medians
from farol.evaluation.capacity import Capacity, ExpectedCount, Lists, expected_counts, lists_of
from farol.evaluation.fairness import Division, Values, fairness
from farol.evaluation.metrics import Evaluation, compare, evaluate
from farol.model.features import meanings_of
from farol.profile import Column, Profile, Task, Text
from farol.training.leakage import ColumnRule, SumRule, audited_rules, audited_sums
from farol.training.plan import LabelledRows, Plan, left_out
from farol.training.promotion_gate import Differences, Gate, gate
from farol.training.references import Absent, ReferenceModel, answered
from farol.training.threshold import GuardedThreshold
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """All results of a training, before they are written down."""

    task: Task
    plan: Plan
    seed: int
    train: LabelledRows
    test: LabelledRows
    served: LabelledRows
    quick: bool
    resamples: int
    guard: GuardedThreshold
    evaluation: Evaluation
    rolling: tuple[tuple[int, Evaluation], ...]  # every year that was tested in its turn, the test year last
    groups: Mapping[str, Evaluation]  # `onset`, `recovery` …, where the question is of a later year
    answered: Mapping[
        str, Evaluation
    ]  # `test` and its groups without pupils who would get no answer; {} if all get one
    hidden: Evaluation | None  # the same test rows without the task's hidden features
    baselines: tuple[tuple[ReferenceModel, Evaluation, Differences], ...]
    absent: tuple[Absent, ...]
    gate: Gate
    rules: tuple[ColumnRule, ...]  # the best of every column audited
    sums: tuple[SumRule, ...]  # of columns, that give the answer away
    lists: Lists
    counts: Mapping[str, ExpectedCount]
    fairness: tuple[tuple[Column, Division], ...]  # what each division is by, and its groups
    bands: CalibrationBands
    least_given: int
    left_out: int  # rows with a known answer that the task's conditions leave out
    standing: Mapping[str, Mapping[str, float]]  # level → feature → median, of the rows that serve
    level: str | None
    meanings: Mapping[str, Text]  # of every column and feature
    data_fingerprint: str
    profile_fingerprint: str

    @property
    def leaks(self) -> tuple[ColumnRule, ...]:
        """The columns that give the answer away."""
        return tuple(rule for rule in self.rules if rule.leaks)


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """The rows of a plan, and the answers that a study judges: out of fold, for test rows, and those beside them."""

    train: LabelledRows
    test: LabelledRows
    served: LabelledRows
    out_of_fold: Floats
    probability: Floats
    hidden: ReferenceModel | None
    baselines: tuple[ReferenceModel, ...]
    absent: tuple[Absent, ...]
    guard: GuardedThreshold
    rolling: tuple[tuple[int, Floats, Floats], ...] = ()  # earlier years: the year, labels and answers


def make_study(
    panel: Panel,
    task: Task,
    plan: Plan,
    matrix: Floats,
    tested: Tested,
    *,
    capacity: Capacity,
    seed: int,
    quick: bool,
    resamples: int,
) -> Study:
    """Measure a tested model, with all that looks at the panel of which `matrix` (n, k) are the raw features."""
    train, test, served = tested.train, tested.test, tested.served
    probability, threshold = tested.probability, tested.guard.threshold.value
    groups: dict[str, Mask] = {"onset": test.now == 0, "recovery": test.now == 1} if task.horizon > 0 else {}
    least = least_given(served.matrix)  # of the model that answers, which has seen the test years too
    enough = (~np.isnan(test.matrix)).sum(axis=1) >= least

    def judged(answers: Floats, mask: Mask | None = None) -> Evaluation:
        chosen = slice(None) if mask is None else mask
        return evaluate(test.label[chosen], answers[chosen], threshold, seed=seed, resamples=resamples)

    evaluation = judged(probability)
    compared = tuple(
        (reference, compare(test.label, probability, reference.probability, seed=seed, resamples=resamples))
        for reference in tested.baselines
    )
    rules = audited_rules(panel, plan, task.features, matrix)
    leaks = tuple(rule.column for rule in rules if rule.leaks and rule.column in task.features)
    level = panel.profile.level
    asked = answered(panel, plan, (plan.test,))
    all_groups = {**groups, **_below_top(panel.profile, asked, groups)}
    stands = None if level is None else answered(panel, plan, plan.serve).numbers[level]
    return Study(
        task=task,
        plan=plan,
        seed=seed,
        train=train,
        test=test,
        served=served,
        quick=quick,
        resamples=resamples,
        guard=tested.guard,
        evaluation=evaluation,
        rolling=(
            *(
                (year, evaluate(known, said, threshold, seed=seed, resamples=resamples))
                for year, known, said in tested.rolling
            ),
            *([(plan.test.as_of, evaluation)] if task.horizon > 0 else []),
        ),
        groups={name: judged(probability, mask) for name, mask in all_groups.items()},
        answered={}
        if enough.all()
        else {
            "test": judged(probability, enough),
            **{name: judged(probability, mask & enough) for name, mask in all_groups.items()},
        },
        hidden=None if tested.hidden is None else judged(tested.hidden.probability),
        baselines=tuple((reference, judged(reference.probability), differences) for reference, differences in compared),
        absent=tested.absent,
        gate=gate(task, compared, leaks=leaks, chooses=tested.guard.chooses),
        rules=rules,
        sums=audited_sums(panel, plan, task.features, matrix, rules),
        lists=lists_of(capacity, test.label, probability, groups, seed=seed, resamples=resamples),
        counts=expected_counts(test.label, probability, {**groups, **_by_level(asked, level)}),
        fairness=_fairness(asked, test.label, probability, threshold),
        bands=calibration_bands(train.label, tested.out_of_fold, test.label, probability),
        least_given=least,
        left_out=left_out(panel, plan),
        standing={} if stands is None else _medians(served, task, stands),
        level=level,
        meanings=meanings_of(panel.profile),
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
    )


def _medians(served: LabelledRows, task: Task, level: Floats) -> Mapping[str, Mapping[str, float]]:
    """The medians of the features that have an order."""
    positions = [place for place, name in enumerate(task.features) if name not in served.words]
    return medians(served.matrix[:, positions], tuple(task.features[place] for place in positions), level)


def _below_top(profile: Profile, asked: Panel, groups: Mapping[str, Mask]) -> dict[str, Mask]:
    """Those not behind now, without the pupils on or above the highest level that any age should be at.

    They cannot fall behind by the rule, so that knowing it of them is no merit of a model. Nobody without such a rule.
    """
    if profile.level is None or profile.rule is None or "onset" not in groups:
        return {}
    highest = max(level for dated in profile.rule.dated for _, level in dated.applied)
    return {"onset_below_top": groups["onset"] & (asked.numbers[profile.level] < highest)}


def _by_level(asked: Panel, level: str | None) -> dict[str, Mask]:
    """The masks (n,) of the levels of the test rows, as `phase 3`."""
    if level is None:
        return {}
    values = asked.numbers[level]
    return {f"{level} {value:g}": values == value for value in np.unique(values[~np.isnan(values)]).tolist()}


def _fairness(
    asked: Panel, label: Floats, probability: Floats, threshold: float
) -> tuple[tuple[Column, Division], ...]:
    """The audit by the profile's audit columns and by level, each with what its column means."""
    profile = asked.profile
    columns: dict[str, Values] = {name: asked.categories[name] for name in profile.audit}
    if profile.level is not None:
        columns[profile.level] = asked.numbers[profile.level]
    divisions = fairness(columns, label, probability, threshold)
    return tuple((profile.columns[division.column], division) for division in divisions)
