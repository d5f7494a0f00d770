"""`report.json`: what was trained on what, how good it is, and what its figures must not be taken for.

The report is a value of plain lists, dicts, texts and rounded numbers, without time stamps, so that the same data,
seed and library versions give the same bytes. Every text in it is there in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import xgboost
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.profile import Task, Text
from farol.training.audit import GIVES_AWAY, Rule
from farol.training.metrics import MEASURES, RESAMPLES, Evaluation, Undefined
from farol.training.plan import Cohort, Plan, Rows
from farol.training.references import Baseline
from farol.training.threshold import Threshold

Floats = NDArray[np.float64]
Json = dict[str, object]

FORMAT = 1
DECIMALS = 6  # more would be noise of the machine, and other bytes on another one


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Everything that a training found out, before it is written down."""

    task: Task
    plan: Plan
    seed: int
    train: Rows
    test: Rows
    served: Rows
    threshold: Threshold
    evaluation: Evaluation
    groups: Mapping[str, Evaluation]  # `onset` and `recovery`, where the question is of a later year
    hidden: Evaluation | None  # the same test rows without the task's hidden features
    baselines: tuple[tuple[Baseline, Evaluation], ...]
    rules: tuple[Rule, ...]  # the best of every column audited
    data_fingerprint: str
    profile_fingerprint: str

    @property
    def leaks(self) -> tuple[Rule, ...]:
        """The columns that give the answer away."""
        return tuple(rule for rule in self.rules if rule.leaks)


def both(text: Message | Text) -> dict[str, str]:
    """A text in both languages."""
    if isinstance(text, Text):
        return {"pt": text.pt, "en": text.en}
    return {"pt": text.render("pt_BR"), "en": text.render("en")}


def report(study: Study) -> Json:
    """The report of a study, as `report.json` has it."""
    task, plan = study.task, study.plan
    body: Json = {
        "format": FORMAT,
        "task": task.name,
        "title": both(task.title),
        "question": both(task.question),
        "limits": both(task.limits),
        "notice": _notice(study),
        "plan": {
            "horizon": plan.horizon,
            "last_year": plan.last_year,
            "train": [_cohort(cohort) for cohort in plan.train],
            "test": [_cohort(plan.test)],
            "serve": [_cohort(cohort) for cohort in plan.serve],
        },
        "train_years": [cohort.as_of for cohort in plan.train],
        "test_years": [plan.test.as_of],
        "n_train": int(study.train.label.size),
        "n_test": int(study.test.label.size),
        "prevalence": {"train": float(study.train.label.mean()), "test": float(study.test.label.mean())},
        "test": _evaluation(study.evaluation),
        "baselines": {
            baseline.name: {"title": both(baseline.title), **_evaluation(evaluation)}
            for baseline, evaluation in study.baselines
        },
        "leakage": _leakage(study),
        "served": {
            "years": [cohort.as_of for cohort in plan.serve],
            "n": int(study.served.label.size),
            "prevalence": float(study.served.label.mean()),
            "refit": plan.serve != plan.train,
        },
        "features": [
            {"name": name, "missing_train": missing[0], "missing_test": missing[1], "missing_served": missing[2]}
            for name, *missing in zip(
                task.features,
                *(np.isnan(rows.matrix).mean(axis=0).tolist() for rows in (study.train, study.test, study.served)),
                strict=True,
            )
        ],
        "empty_columns": _empty(task, study.train),
        "hidden_features": list(task.hidden),
        "threshold": {
            "value": study.threshold.value,
            "how": both(study.threshold.reason),
            "best_out_of_fold": study.threshold.best,
            "f1_out_of_fold": {"half": study.threshold.f1_at_half, "best": study.threshold.f1_at_best},
        },
        "measures": {
            name: {
                "title": both(measure.title),
                "meaning": both(measure.meaning),
                "greater_is_better": measure.greater_is_better,
            }
            for name, measure in MEASURES.items()
        },
        "intervals": {"coverage": 0.95, "method": "bootstrap percentile over test rows", "resamples": RESAMPLES},
        "libraries": libraries(),
        "seed": study.seed,
        "data_fingerprint": study.data_fingerprint,
        "profile_fingerprint": study.profile_fingerprint,
    }
    if study.groups:
        body["groups"] = {name: _evaluation(evaluation) for name, evaluation in study.groups.items()}
    if study.hidden is not None:
        body[without_key(task)] = _evaluation(study.hidden)
    return {key: _rounded(value) for key, value in body.items()}


def without_key(task: Task) -> str:
    """The report's key for the test rows without the hidden features: `without_ian`."""
    return "_".join(("without", *task.hidden)).lower()


def libraries() -> dict[str, str]:
    """The versions of what decides a model's bytes."""
    names = ("farol", "numpy", "scikit-learn", "onnx", "onnxmltools", "onnxruntime", "vl-convert-python")
    # XGBoost is installed under another name where it comes without its GPU part; the module knows its version.
    return {**{name: version(name) for name in names}, "xgboost": xgboost.__version__}


def _cohort(cohort: Cohort) -> Json:
    return {"features": list(cohort.features), "label": cohort.label}


def _evaluation(evaluation: Evaluation) -> Json:
    body: Json = {"n": evaluation.n, "positives": evaluation.positives, "confusion": dict(evaluation.confusion)}
    for name, estimate in evaluation.estimates.items():
        body[name] = (
            {"value": None, "low": None, "high": None, "reason": both(estimate.reason)}
            if isinstance(estimate, Undefined)
            else {"value": estimate.value, "low": estimate.low, "high": estimate.high}
        )
    return body


def _notice(study: Study) -> dict[str, str] | None:
    """What a reader must know before any figure: a feature is the answer in other words. None where none is."""
    leak = next((rule for rule in study.leaks if rule.column in study.task.features), None)
    if leak is None:
        return None
    return both(
        msg(
            "{column} is the answer in other words: {rule}, in {right} of {n} rows. With it, being right is "
            "recognising a definition, not predicting; without it, the answer is a modest one.",
            column=leak.column,
            rule=leak.split.words,
            right=round(leak.share * leak.n),
            n=leak.n,
        )
    )


def _leakage(study: Study) -> Json:
    return {
        "threshold": GIVES_AWAY,
        "columns": [
            {
                "column": rule.column,
                "feature": rule.column in study.task.features,
                "rule": both(rule.split.words),
                "share": rule.share,
                "n": rule.n,
            }
            for rule in study.leaks
        ],
        "checked": [
            {"column": rule.column, "rule": both(rule.split.words), "share": rule.share, "n": rule.n}
            for rule in study.rules
        ],
    }


def _empty(task: Task, rows: Rows) -> list[str]:
    present = (~np.isnan(rows.matrix)).sum(axis=0).tolist()
    return [name for name, count in zip(task.features, present, strict=True) if count == 0]


def _rounded(value: object) -> object:
    """The value with every float to `DECIMALS`; lists and dicts as deep as they go."""
    match value:
        case float():
            return round(value, DECIMALS) + 0.0  # no minus zero
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
        case _:
            return value
