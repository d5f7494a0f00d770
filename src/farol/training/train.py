"""From a panel to a trained model: plan, rows, threshold, fit, evaluate, refit, report. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from farol.errors import PlanError
from farol.evaluation.capacity import USUAL, Capacity, check_capacity
from farol.files import canonical_json
from farol.i18n import Message, count, msg
from farol.model.features import feature_matrix
from farol.model.reference import Reference
from farol.model.risk_bands import Support
from farol.model.trained import TrainedModel
from farol.model.vocabulary import MOST_WORDS, nominal_features, with_words, words_of
from farol.profile import Task
from farol.training import models, references, sections
from farol.training.augmentation import repetitions_of
from farol.training.card import card_html
from farol.training.charts import Answers
from farol.training.evaluation import Study, Tested, TrainingOptions, make_study
from farol.training.large import SERVED, TESTED, LargePanel, Prepared
from farol.training.plan import Plan, earlier_plans, plan_of
from farol.training.report import DECIMALS, libraries, report
from farol.training.rows import Fold, LabelledRows, SplitRows, check_rows, check_split, rows_of, split_rows
from farol.training.support import measured_support, threshold_without
from farol.training.threshold import choose_threshold, even_threshold, guarded
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Progress = Callable[[Message, float], None]


def silent(_message: Message, _fraction: float) -> None:
    """Progress that is not shown."""


def train(
    panel: Panel,
    task_name: str,
    *,
    seed: int = 0,
    quick: bool = False,
    capacity: Capacity = USUAL,
    as_of: int | None = None,
    large: LargePanel | None = None,
    progress: Progress = silent,
) -> TrainedModel:
    """Train, test and describe one task of the panel's profile.

    `quick` leaves the slow references out and draws fewer resamples; the report says so. `capacity` is the length of
    the lists that the report measures. `as_of` replays a year: only sheets up to it are known. With `large` the panel
    is its sample, and the models learn from all of it. `progress` receives the present step and the fraction (0–1)
    already done. The same panel, options and library versions give the same bytes; of a large one, on the same number
    of processors.

    Raises:
        PlanError: no such task, or years or rows that cannot be trained and tested on without using the future.
        InputError: the capacity is nearly everyone in the test year.
    """
    task, options = _task(panel, task_name), TrainingOptions(capacity, seed, quick)
    progress(msg("Planning {task}", task=task.name), 0.0)
    known = _with_learned_words(panel if as_of is None else _known_in(panel, as_of), task)
    plan = plan_of(known, task)
    split = split_rows(known, task, plan, seed=seed)
    check_split(plan, split)
    check_capacity(capacity, split.test.label.size)

    prepared = None
    if large is not None and (large.shards.count > 1 or plan.split == "by_time"):
        share = partial(progress, msg("Reading all pupils"))
        prepared = large.prepared(known.profile, task, plan, seed=seed, share=share)
    served = served_rows(known, task, plan)
    tested = _tested(known, task, plan, split, served, options=options, prepared=prepared, progress=progress)
    progress(msg("Measuring, with intervals, and looking for what gives the answer away"), 0.6)
    study = make_study(known, task, plan, tested, options)

    progress(msg("Making the model that will be used"), 0.85)
    final = models.fit_served(task, served, seed=seed) if prepared is None else prepared.fitted(SERVED)
    reference = _reference(known, study, tested)

    progress(msg("Writing the report and the model card"), 0.9)
    trained = _bundled(known, study, tested, final, reference)
    progress(msg("Trained {task}", task=task.name), 1.0)
    return trained


def _task(panel: Panel, name: str) -> Task:
    tasks = panel.profile.tasks
    if name not in tasks:
        raise PlanError(
            msg("the profile has no task {task}", task=name),
            expected=msg("one of {names}", names=", ".join(tasks)),
            fix=msg("Choose one of these names."),
        )
    return tasks[name]


def _known_in(panel: Panel, year: int) -> Panel:
    if year < panel.years[0]:
        raise PlanError(
            msg("no sheet is known in {year}", year=year),
            expected=msg("one of {names}", names=", ".join(map(str, panel.years))),
            fix=msg("Choose one of them with --as-of."),
        )
    return panel.known_in(year)


def _with_learned_words(panel: Panel, task: Task) -> Panel:
    """The panel, its profile with the words of the task's categories: those the profile lists, else those of the rows.

    Raises PlanError for a column of more words than anything could be learned from.
    """
    words: dict[str, tuple[str, ...]] = {}
    rows = panel.counts(task)
    for name, column in nominal_features(panel.profile, task).items():
        words[name] = column.categories or words_of(panel.categories[name][rows])
        if len(words[name]) > MOST_WORDS:
            raise PlanError(
                msg("The feature {name} has too many different words.", name=name),
                expected=msg("at most {most}", most=count(MOST_WORDS)),
                got=msg("{count}", count=count(len(words[name]))),
                fix=msg("Join words with `recode` in the profile, or leave the column out of `features`."),
            )
    return replace(panel, profile=with_words(panel.profile, words))


def served_rows(panel: Panel, task: Task, plan: Plan) -> LabelledRows:
    """The rows that the model in use learns from. It knows the last survey's rule of ages; the tested one must not."""
    known = plan.last_year
    matrix = feature_matrix(panel.profile, task, panel.columns, panel.year.astype(np.float64), known)
    return rows_of(panel, plan, matrix, plan.serve, repetitions_of(panel, task, known))


def _tested(
    panel: Panel,
    task: Task,
    plan: Plan,
    split: SplitRows,
    served: LabelledRows,
    *,
    options: TrainingOptions,
    prepared: Prepared | None,
    progress: Progress,
) -> Tested:
    """The answers for the test rows: the model's, and those of what it is compared with."""
    progress(msg("Choosing the threshold on pupils the model has not seen"), 0.05)
    folded = models.folded(task, split.train, seed=options.seed)
    unseen = folded.by_pupil(split.train.matrix)

    progress(msg("Training and testing"), 0.15)
    if plan.split == "folds":  # the same parts of the pupils
        fitted = [model for _, model in folded.pupils]
    elif prepared is not None:
        fitted = [prepared.fitted(TESTED)]
    else:
        fitted = [models.fit_served(task, fold.train, seed=options.seed) for fold in split.folds]
    probability = split.joined([model.probability(fold.test.matrix) for model, fold in _pairs(fitted, split)])
    if plan.split == "folds":
        threshold = even_threshold(split.test.label, probability)
    else:
        threshold = choose_threshold(split.train.label, unseen, seed=options.seed)
    guard = guarded(threshold, unseen, options.capacity)
    serving = models.folded(task, served, seed=options.seed)
    measured = measured_support(task, served, serving, threshold=guard.threshold.value, seed=options.seed)

    def compared(message: Message, part: float) -> None:
        progress(message, 0.2 + 0.4 * part)

    baselines, absent = references.references_of_folds(
        panel, task, split, seed=options.seed, quick=options.quick, progress=compared
    )
    return Tested(
        split=split,
        served=served,
        folded=folded,
        measured=measured,
        support=Support.of(sections.support(measured), task.features, task.hidden),
        unseen=serving.by_pupil(served.matrix),
        probability=probability,
        hidden=_without_hidden(task, fitted, split) if task.hidden else None,
        hidden_threshold=threshold_without(task, split.train, folded, seed=options.seed) if task.hidden else None,
        baselines=baselines,
        absent=absent,
        guard=guard,
        rolling=tuple(_rolling(panel, task, plan, seed=options.seed)),
        prepared=prepared,
        population=None if prepared is None else prepared.population(fitted[0], guard.threshold.value),
    )


def _without_hidden(task: Task, fitted: list[models.Fitted], split: SplitRows) -> references.ReferenceModel:
    """The answers for the test rows where the task's hidden features are not told."""
    parts = [references.without_hidden(task, model, fold.test) for model, fold in _pairs(fitted, split)]
    return references.ReferenceModel(parts[0].name, parts[0].title, split.joined([part.probability for part in parts]))


def _pairs(fitted: list[models.Fitted], split: SplitRows) -> Iterator[tuple[models.Fitted, Fold]]:
    return zip(fitted, split.folds, strict=True)


def _rolling(panel: Panel, task: Task, plan: Plan, *, seed: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Each year before the test year in its turn, with labels and the answers of a model that knew earlier ones alone.

    A year for which too few rows came before is left out.
    """
    for earlier in earlier_plans(plan):
        split = split_rows(panel, task, earlier, seed=seed)
        try:
            check_rows(earlier, split.train, split.test)
        except PlanError:
            continue
        model = models.fit_served(task, split.train, seed=seed)
        yield earlier.known, split.test.label, model.probability(split.test.matrix)


def _reference(panel: Panel, study: Study, tested: Tested) -> Reference:
    """What later data is compared with: the rows that serve, with the answers of models that had not seen the pupil."""
    task, served, level = study.task, study.served, study.level
    answered = tested.support.judge(served.matrix, tested.unseen).answered
    return Reference.fit(
        served.matrix,
        task.features,
        probability=np.where(answered, tested.unseen, np.nan),
        threshold=study.guard.threshold.value,
        level=None if level is None else served.of(panel).numbers[level],
        label=served.label,
        words={
            name: [column.word(category) for category in column.categories]
            for name, column in nominal_features(panel.profile, task).items()
        },
    )


def _bundled(panel: Panel, study: Study, tested: Tested, final: models.Fitted, reference: Reference) -> TrainedModel:
    """All that a bundle holds."""
    task, plan, threshold = study.task, study.plan, study.guard.threshold.value
    body = report(study)
    beside = tested.baselines[0] if tested.hidden is None else tested.hidden
    drawn = Answers(study.test.label, tested.probability, beside.probability, beside.title, threshold)
    return TrainedModel(
        task=task.name,
        files={
            "profile.toml": panel.profile.source,
            "model.json": models.model_json(final),
            "model.onnx": models.onnx_bytes(final, study.served.matrix),
            "preprocessing.json": final.preprocessing.to_json(),
            "reference.json": reference.to_json(),
            "report.json": canonical_json(body),
            "card.html": card_html(panel.profile, study, body, drawn),
        },
        train_years=tuple(cohort.as_of for cohort in plan.train),
        test_years=tuple(cohort.as_of for cohort in plan.test),
        last_year=plan.last_year,
        seed=study.options.seed,
        threshold=threshold,
        features=task.features,
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
        libraries=libraries(),
        headline={name: round(value, DECIMALS) for name, value in study.evaluation.values().items()},
    )
