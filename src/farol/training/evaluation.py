"""The evaluation of a training, before it is written down: every measurement of the test rows, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.bands import CalibrationBands, calibration_bands, medians
from farol.evaluation.capacity import USUAL, Capacity, ExpectedCount, Lists, expected_counts, lists_of
from farol.evaluation.fairness import Division, Values, fairness
from farol.evaluation.metrics import QUICK_RESAMPLES, RESAMPLES, Evaluation, compare, evaluate
from farol.model.features import meanings_of
from farol.model.risk_bands import Support
from farol.profile import Column, Profile, Task, Text
from farol.training.large import Prepared
from farol.training.leakage import ColumnRule, SumRule, audited_rules, audited_sums
from farol.training.models import Folded, without
from farol.training.plan import Plan
from farol.training.population import Population
from farol.training.promotion_gate import Differences, Gate, gate
from farol.training.references import Absent, ReferenceModel
from farol.training.rows import LabelledRows, SplitRows, left_out
from farol.training.support import MeasuredSupport, unseen_answers
from farol.training.threshold import GuardedThreshold
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The length of the lists that the report measures, the seed of everything random, and whether to be quick."""

    capacity: Capacity = USUAL
    seed: int = 0
    quick: bool = False

    @property
    def resamples(self) -> int:
        """How many resamples an interval is made of."""
        return QUICK_RESAMPLES if self.quick else RESAMPLES


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """All results of a training, before they are written down."""

    task: Task
    plan: Plan
    options: TrainingOptions
    train: LabelledRows
    test: LabelledRows
    served: LabelledRows
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
    hidden_bands: CalibrationBands | None  # of the same rows without the task's hidden features
    support: MeasuredSupport  # what an answer of the model in use is worth by what is known
    left_out: int  # rows with a known answer that the task's conditions leave out
    standing: Mapping[str, Mapping[str, float]]  # level → feature → median, of the rows that serve
    level: str | None
    meanings: Mapping[str, Text]  # of every column and feature
    data_fingerprint: str
    profile_fingerprint: str
    prepared: Prepared | None = None
    population: Population | None = None

    @property
    def leaks(self) -> tuple[ColumnRule, ...]:
        """The columns that give the answer away."""
        return tuple(rule for rule in self.rules if rule.leaks)


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """The rows of a plan, and the answers that a study judges: for test rows, and those beside them."""

    split: SplitRows
    served: LabelledRows
    folded: Folded  # models of parts of the training rows
    measured: MeasuredSupport  # what an answer of the model in use is worth, by the rows that serve
    support: Support  # the same, as that model looks it up
    unseen: Floats  # answers for the rows that serve, by models that had not seen the pupil
    probability: Floats
    hidden: ReferenceModel | None
    hidden_threshold: float | None  # of pupils without the hidden features, by the training rows alone
    baselines: tuple[ReferenceModel, ...]
    absent: tuple[Absent, ...]
    guard: GuardedThreshold
    rolling: tuple[tuple[int, Floats, Floats], ...] = ()  # earlier years: the year, labels and answers
    prepared: Prepared | None = None  # of a panel of which the rows here are a sample
    population: Population | None = None  # what the tested model answers for all test rows of it


def make_study(panel: Panel, task: Task, plan: Plan, tested: Tested, options: TrainingOptions) -> Study:
    """Measure a tested model, with all that looks at the panel."""
    split, served, probability = tested.split, tested.served, tested.probability
    test, matrix, level = split.test, split.matrix, panel.profile.level
    groups: dict[str, Mask] = {"onset": test.now == 0, "recovery": test.now == 1} if task.horizon > 0 else {}
    enough = tested.support.judge(test.matrix, probability).answered  # by the model in use
    judged = _judge(test.label, tested.guard.threshold.value, options)
    evaluation = judged(probability)
    compared = tuple(
        (
            reference,
            compare(test.label, probability, reference.probability, seed=options.seed, resamples=options.resamples),
        )
        for reference in tested.baselines
    )
    rules = audited_rules(panel, plan, task.features, matrix)
    leaks = tuple(rule.column for rule in rules if rule.leaks and rule.column in task.features)
    asked = test.of(panel)
    all_groups = {**groups, **_below_top(panel.profile, asked, groups)}
    # Where pupils are left out in turn, the answers out of fold are the test: they cannot be held against themselves.
    apart = slice(0 if plan.split == "folds" else None)

    def banded(known: Floats, answers: Floats) -> CalibrationBands:
        unseen = unseen_answers(split.train, tested.folded, known)
        return calibration_bands(unseen, test.label[apart], answers[apart])

    return Study(
        task=task,
        plan=plan,
        options=options,
        train=split.train,
        test=test,
        served=served,
        guard=tested.guard,
        evaluation=evaluation,
        rolling=_rolling(plan, tested, evaluation, options),
        groups={name: judged(probability, mask) for name, mask in all_groups.items()},
        answered=_answered(judged, probability, all_groups, enough),
        hidden=None
        if tested.hidden is None or tested.hidden_threshold is None
        else _judge(test.label, tested.hidden_threshold, options)(tested.hidden.probability),
        baselines=tuple((reference, judged(reference.probability), differences) for reference, differences in compared),
        absent=tested.absent,
        gate=gate(task, evaluation, compared, leaks=leaks, chooses=tested.guard.chooses, split=plan.split),
        rules=rules,
        sums=audited_sums(panel, plan, task.features, matrix, rules),
        lists=lists_of(
            options.capacity, test.label, probability, groups, seed=options.seed, resamples=options.resamples
        ),
        counts=expected_counts(test.label, probability, {**groups, **_by_level(asked, level)}),
        fairness=_fairness(asked, test.label, probability, tested.guard.threshold.value),
        bands=banded(split.train.matrix, probability),
        hidden_bands=None
        if tested.hidden is None
        else banded(without(task, split.train.matrix), tested.hidden.probability),
        support=tested.measured,
        left_out=left_out(panel, plan),
        standing={} if level is None else _medians(served, task, served.of(panel).numbers[level]),
        level=level,
        meanings=meanings_of(panel.profile),
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
        prepared=tested.prepared,
        population=tested.population,
    )


def _judge(label: Floats, threshold: float, options: TrainingOptions) -> Callable[..., Evaluation]:
    def judged(answers: Floats, mask: Mask | None = None) -> Evaluation:
        chosen = slice(None) if mask is None else mask
        return evaluate(label[chosen], answers[chosen], threshold, seed=options.seed, resamples=options.resamples)

    return judged


def _rolling(
    plan: Plan, tested: Tested, evaluation: Evaluation, options: TrainingOptions
) -> tuple[tuple[int, Evaluation], ...]:
    """Every year that was tested in its turn, the test year last; none where no year is tested by earlier ones."""
    if plan.horizon == 0 or plan.split != "by_time":
        return ()
    threshold = tested.guard.threshold.value
    earlier = (
        (year, evaluate(known, said, threshold, seed=options.seed, resamples=options.resamples))
        for year, known, said in tested.rolling
    )
    return (*earlier, (plan.known, evaluation))


def _answered(
    judged: Callable[..., Evaluation], probability: Floats, groups: Mapping[str, Mask], enough: Mask
) -> dict[str, Evaluation]:
    """The evaluation without the pupils who would get no answer; nothing where all get one."""
    if enough.all():
        return {}
    return {
        "test": judged(probability, enough),
        **{name: judged(probability, mask & enough) for name, mask in groups.items()},
    }


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
