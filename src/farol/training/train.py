"""From a panel to a trained model: plan, rows, threshold, fit, evaluate, refit, report. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from farol.errors import PlanError
from farol.evaluation.capacity import USUAL, Capacity, check_capacity
from farol.evaluation.metrics import QUICK_RESAMPLES, RESAMPLES
from farol.files import canonical_json
from farol.i18n import Message, msg
from farol.model.features import feature_matrix
from farol.model.reference import Reference
from farol.model.trained import TrainedModel
from farol.model.vocabulary import MOST_WORDS, nominal_features, with_words, words_of
from farol.profile import Task
from farol.training import models, references
from farol.training.augmentation import repetitions_of
from farol.training.card import card_html
from farol.training.charts import Answers
from farol.training.evaluation import Tested, make_study
from farol.training.plan import LabelledRows, Plan, check_rows, earlier_plans, make_plan, rows_of
from farol.training.report import DECIMALS, libraries, report
from farol.training.threshold import choose_threshold, guarded
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
    progress: Progress = silent,
) -> TrainedModel:
    """Train, test and describe one task of the panel's profile.

    `quick` leaves the slow references out and draws fewer resamples; the report says so. `capacity` is the length of
    the lists that the report measures. `progress` receives the present step and the fraction (0–1) already done.
    The same panel, options and library versions give the same bytes.

    Raises:
        PlanError: no such task, or years or rows that cannot be trained and tested on without using the future.
        InputError: the capacity is nearly everyone in the test year.
    """
    task = _task(panel, task_name)
    panel = with_learned_words(panel, task)
    progress(msg("Planning {task}", task=task.name), 0.0)
    plan = make_plan(task, panel.years)
    matrix, rows, test = rows_of_plan(panel, task, plan)
    known = plan.last_year  # the model in use knows the last survey's rule of ages; the tested one must not
    later = feature_matrix(panel.profile, task, panel.columns, panel.year.astype(np.float64), known)
    served = rows_of(panel, plan, later, plan.serve, repetitions_of(panel, task, known))
    check_rows(plan, rows, test)
    check_capacity(capacity, test.label.size)
    resamples = QUICK_RESAMPLES if quick else RESAMPLES

    progress(msg("Choosing the threshold on pupils the model has not seen"), 0.05)
    out_of_fold = models.out_of_fold(task, rows, seed=seed)
    guard = guarded(choose_threshold(rows.label, out_of_fold, seed=seed), out_of_fold, capacity)

    progress(msg("Training and testing"), 0.15)
    tested = models.fit_served(task, rows, seed=seed)
    probability = tested.probability(test.matrix)
    hidden = references.without_hidden(task, tested, test) if task.hidden else None

    def compared(message: Message, part: float) -> None:
        progress(message, 0.2 + 0.4 * part)

    baselines, absent = references.references_of(
        panel, task, plan, rows, test, seed=seed, quick=quick, progress=compared
    )

    progress(msg("Measuring, with intervals, and looking for what gives the answer away"), 0.6)
    rolling = tuple(_rolling(panel, task, plan, seed=seed))
    answers = Tested(rows, test, served, out_of_fold, probability, hidden, baselines, absent, guard, rolling)
    study = make_study(
        panel,
        task,
        plan,
        matrix,
        answers,
        capacity=capacity,
        seed=seed,
        quick=quick,
        resamples=resamples,
    )

    progress(msg("Making the model that will be served"), 0.85)
    final = tested if plan.serve == plan.train else models.fit_served(task, served, seed=seed)
    onnx = models.onnx_bytes(final, served.matrix)
    scant = (~np.isnan(served.matrix)).sum(axis=1) < study.least_given  # whom the served model would not answer
    unseen = out_of_fold if plan.serve == plan.train else models.out_of_fold(task, served, seed=seed)
    level = panel.profile.level
    reference = Reference.fit(
        served.matrix,
        task.features,
        probability=np.where(scant, np.nan, unseen),
        threshold=guard.threshold.value,
        level=None if level is None else references.answered(panel, plan, plan.serve).numbers[level],
        label=served.label,
        words={
            name: [column.word(category) for category in column.categories]
            for name, column in nominal_features(panel.profile, task).items()
        },
    )

    progress(msg("Writing the report and the model card"), 0.9)
    body = report(study)
    beside = baselines[0] if hidden is None else hidden
    drawn = Answers(test.label, probability, beside.probability, beside.title, guard.threshold.value)
    trained = TrainedModel(
        task=task.name,
        files={
            "profile.toml": panel.profile.source,
            "model.json": models.model_json(final),
            "model.onnx": onnx,
            "preprocessing.json": final.preprocessing.to_json(),
            "reference.json": reference.to_json(),
            "report.json": canonical_json(body),
            "card.html": card_html(study, body, drawn),
        },
        train_years=tuple(cohort.as_of for cohort in plan.train),
        test_years=(plan.test.as_of,),
        last_year=plan.last_year,
        seed=seed,
        threshold=guard.threshold.value,
        features=task.features,
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
        libraries=libraries(),
        headline={name: round(value, DECIMALS) for name, value in study.evaluation.values().items()},
    )
    progress(msg("Trained {task}", task=task.name), 1.0)
    return trained


def with_learned_words(panel: Panel, task: Task) -> Panel:
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
                expected=msg("at most {most}", most=MOST_WORDS),
                got=msg("{count}", count=len(words[name])),
                fix=msg("Make fewer of them by recode in the profile, or leave the column out of the features."),
            )
    return replace(panel, profile=with_words(panel.profile, words))


def rows_of_plan(panel: Panel, task: Task, plan: Plan) -> tuple[Floats, LabelledRows, LabelledRows]:
    """The raw features (n, k) of a panel as the test year's survey knew them, and the rows that train and test."""
    known = plan.test.as_of
    matrix = feature_matrix(panel.profile, task, panel.columns, panel.year.astype(np.float64), known)
    train_rows = rows_of(panel, plan, matrix, plan.train, repetitions_of(panel, task, known))
    return matrix, train_rows, rows_of(panel, plan, matrix, (plan.test,))


def _rolling(panel: Panel, task: Task, plan: Plan, *, seed: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Each year before the test year in its turn, with labels and the answers of a model that knew earlier ones alone.

    A year for which too few rows came before is left out.
    """
    for earlier in earlier_plans(plan):
        _, rows, test = rows_of_plan(panel, task, earlier)
        try:
            check_rows(earlier, rows, test)
        except PlanError:
            continue
        yield earlier.test.as_of, test.label, models.fit_served(task, rows, seed=seed).probability(test.matrix)


def _task(panel: Panel, name: str) -> Task:
    tasks = panel.profile.tasks
    if name not in tasks:
        raise PlanError(
            msg("the profile has no task {task}", task=name),
            expected=msg("one of {names}", names=", ".join(tasks)),
        )
    return tasks[name]
