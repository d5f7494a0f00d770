"""From a panel to a trained model: plan, rows, threshold, fit, evaluate, refit, report. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from farol.canonical import canonical_json
from farol.errors import PlanError
from farol.features import feature_matrix
from farol.i18n import Message, msg
from farol.profile import Task
from farol.reference import Reference
from farol.training import audit, models, references
from farol.training.card import card_html
from farol.training.charts import Answers
from farol.training.metrics import Evaluation, evaluate
from farol.training.plan import Rows, check_rows, make_plan, rows_of
from farol.training.report import DECIMALS, Study, libraries, report
from farol.training.result import TrainedModel
from farol.training.threshold import choose_threshold
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[Message, float], None]


def silent(_message: Message, _fraction: float) -> None:
    """Progress that nobody watches."""


def train(panel: Panel, task_name: str, *, seed: int = 0, progress: Progress = silent) -> TrainedModel:
    """Train, test and describe one task of the panel's profile.

    `progress` is told what is being done and the fraction (0–1) that is behind. The same panel, seed and library
    versions give the same bytes.

    Raises:
        PlanError: no such task, or years or rows that cannot be trained and tested on without using the future.
    """
    task = _task(panel, task_name)
    progress(msg("Planning {task}", task=task.name), 0.0)
    plan = make_plan(task, panel.years)
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64))
    rows, test, served = (rows_of(panel, plan, matrix, cohorts) for cohorts in (plan.train, (plan.test,), plan.serve))
    check_rows(plan, rows, test)

    progress(msg("Choosing the threshold on pupils the model has not seen"), 0.1)
    threshold = choose_threshold(rows.label, models.out_of_fold(task, rows, seed=seed), seed=seed)

    progress(msg("Training and testing"), 0.2)
    tested = models.fit_served(task, rows, seed=seed)
    probability = tested.probability(test.matrix)
    hidden = references.without_hidden(task, tested, test) if task.hidden else None
    baselines = _baselines(panel, task, rows, test, seed=seed)

    progress(msg("Measuring, with intervals"), 0.5)
    judge = partial(_judged, test, threshold.value, seed)
    groups = {"onset": test.now == 0, "recovery": test.now == 1} if task.horizon > 0 else {}
    study = Study(
        task=task,
        plan=plan,
        seed=seed,
        train=rows,
        test=test,
        served=served,
        threshold=threshold,
        evaluation=judge(probability),
        groups={name: judge(probability, mask) for name, mask in groups.items()},
        hidden=None if hidden is None else judge(hidden.probability),
        baselines=tuple((baseline, judge(baseline.probability)) for baseline in baselines),
        rules=audit.audit(panel, plan, task.features, matrix),
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
    )

    progress(msg("Making the model that will be served"), 0.7)
    final = tested if plan.serve == plan.train else models.fit_served(task, served, seed=seed)
    onnx = models.onnx_bytes(final, served.matrix)

    progress(msg("Writing the report and the model card"), 0.8)
    body = report(study)
    beside = baselines[0] if hidden is None else hidden
    answers = Answers(test.label, probability, beside.probability, beside.title, threshold.value)
    trained = TrainedModel(
        task=task.name,
        files={
            "profile.toml": panel.profile.source,
            "model.json": models.model_json(final),
            "model.onnx": onnx,
            "preprocessing.json": final.preprocessing.to_json(),
            "reference.json": Reference.fit(served.matrix, task.features).to_json(),
            "report.json": canonical_json(body),
            "card.html": card_html(study, body, answers),
        },
        train_years=tuple(cohort.as_of for cohort in plan.train),
        test_years=(plan.test.as_of,),
        last_year=plan.last_year,
        seed=seed,
        threshold=threshold.value,
        features=task.features,
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=panel.profile.fingerprint,
        libraries=libraries(),
        headline={name: round(value, DECIMALS) for name, value in study.evaluation.values().items()},
    )
    progress(msg("Trained {task}", task=task.name), 1.0)
    return trained


def _task(panel: Panel, name: str) -> Task:
    tasks = panel.profile.tasks
    if name not in tasks:
        raise PlanError(
            msg("the profile has no task {task}", task=name),
            expected=msg("one of {names}", names=", ".join(tasks)),
        )
    return tasks[name]


def _judged(test: Rows, threshold: float, seed: int, answers: Floats, mask: Mask | None = None) -> Evaluation:
    """The metrics of answers (n,) for all test rows, or for some."""
    chosen = slice(None) if mask is None else mask
    return evaluate(test.label[chosen], answers[chosen], threshold, seed=seed)


def _baselines(panel: Panel, task: Task, train: Rows, test: Rows, *, seed: int) -> list[references.Baseline]:
    """The references of a task, learned from the training rows: simpler models, and rules a person would use."""
    regression = references.logistic_regression(task, train, test)
    if task.horizon == 0:
        rules = audit.best_rules(dict(zip(task.features, train.matrix.T, strict=True)), train.label)
        return [regression, *(references.single_rule(task, rule, train, test) for rule in rules[:1])]
    return [
        regression,
        references.random_forest(task, train, test, seed=seed),
        references.stays_as_it_is(train, test),
        references.rate_table(panel.profile.label.column, train, test),
    ]
