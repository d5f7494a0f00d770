"""`report.json`: how the model was trained, how good it is, and how not to read its figures.

The report is a value of plain lists, dicts, texts and rounded numbers, without time stamps, so that the same data,
seed and library versions give the same bytes. Every text stands in both languages.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from importlib.metadata import version

import numpy as np
import xgboost

from farol.evaluation.metrics import MEASURES
from farol.i18n import count, msg
from farol.profile import Task
from farol.training import sections
from farol.training.evaluation import Study
from farol.training.large import SERVED, TESTED
from farol.training.leakage import GIVES_AWAY
from farol.training.notes import notes
from farol.training.plan import Cohort
from farol.training.population import PopulationFigures
from farol.training.rows import LabelledRows
from farol.training.sections import Json, both

FORMAT = 1
MOST_GROUPS = 50
"""A column of more values stands in no report: the file of `--figures` has them."""

DECIMALS = 6  # more would be noise of the machine, and other bytes on another one


def report(study: Study) -> Json:
    """The report of a study, as `report.json` has it."""
    body = {
        **_question(study),
        **_rows(study),
        **_measured(study),
        **_parts(study),
        **_population(study),
        **_features(study),
        **_provenance(study),
    }
    return {key: _rounded(value) for key, value in body.items()}


def _question(study: Study) -> Json:
    """What is asked, whether the answer may be used, and what to know first."""
    task = study.task
    return {
        "format": FORMAT,
        "task": task.name,
        "title": both(task.title),
        "question": both(task.question),
        "limits": both(task.limits),
        "notice": _notice(study),
        "notes": [both(note) for note in notes(study)],
        "promotable": study.gate.promotable,
        "promotion": {"reasons": [both(reason) for reason in study.gate.reasons]},
    }


def _rows(study: Study) -> Json:
    """Which rows taught, tested and serve."""
    plan, train, test, served = study.plan, study.train, study.test, study.served
    return {
        "plan": {
            "horizon": plan.horizon,
            "last_year": plan.last_year,
            "split": plan.split,
            "train": [_cohort(cohort) for cohort in plan.train],
            "test": [_cohort(cohort) for cohort in plan.test],
            "serve": [_cohort(cohort) for cohort in plan.serve],
            "untested": [
                {**_cohort(untested.cohort), "reason": both(untested.reason), "serves": untested.serves}
                for untested in plan.untested
            ],
        },
        "train_years": [cohort.as_of for cohort in plan.train],
        "test_years": [cohort.as_of for cohort in plan.test],
        "n_train": int(train.label.size),
        "n_test": int(test.label.size),
        "only": {
            "conditions": [
                {"column": rule.column, "operator": rule.operator, "value": _plain(rule.value)}
                for rule in study.task.only
            ],
            "left_out": study.left_out,
        },
        "prevalence": {"train": float(train.label.mean()), "test": float(test.label.mean())},
        "served": {
            "years": [cohort.as_of for cohort in plan.serve],
            "n": int(served.label.size),
            "prevalence": float(served.label.mean()),
        },
        "calibration": sections.shown_for(train.label, test.label),
    }


def _measured(study: Study) -> Json:
    """The figures of the test, and what the model was compared with."""
    return {
        "test": sections.evaluation(study.evaluation),
        "baselines": {
            baseline.name: {
                "title": both(baseline.title),
                "simple": baseline.simple,
                **sections.evaluation(evaluation),
                "difference": sections.figures(differences),
            }
            for baseline, evaluation, differences in study.baselines
        },
        "left_out": [
            {"name": absent.name, "title": both(absent.title), "reason": both(absent.reason)} for absent in study.absent
        ],
        "beats": sections.beats(study.gate, study.baselines),
        "capacity": sections.capacity(study.lists, study.guard),
        "expected": sections.counts(study.counts),
        "bands": sections.bands(study.bands),
        "support": sections.support(study.support),
        "fairness": sections.fairness(study.fairness),
        "leakage": _leakage(study),
        "threshold": {
            "value": study.guard.threshold.value,
            "how": both(study.guard.threshold.reason),
            "best_out_of_fold": study.guard.threshold.best,
            "f1_out_of_fold": {"half": study.guard.threshold.f1_at_half, "best": study.guard.threshold.f1_at_best},
        },
        "measures": {
            name: {
                "title": both(measure.title),
                "meaning": both(measure.meaning),
                "greater_is_better": measure.greater_is_better,
            }
            for name, measure in MEASURES.items()
        },
    }


def _parts(study: Study) -> Json:
    """What not every report has: levels, earlier years, groups of pupils, those with an answer, hidden features."""
    parts: Json = {}
    if study.level is not None:
        medians = {level: dict(values) for level, values in study.standing.items()}
        parts["standing"] = {"level": study.level, "medians": medians}
    if study.rolling:
        parts["rolling"] = [{"as_of": year, **sections.evaluation(evaluation)} for year, evaluation in study.rolling]
    if study.groups:
        parts["groups"] = {name: sections.evaluation(evaluation) for name, evaluation in study.groups.items()}
    if study.answered:
        parts["answered"] = {name: sections.evaluation(evaluation) for name, evaluation in study.answered.items()}
    if study.hidden is not None:
        parts[without_key(study.task)] = sections.evaluation(study.hidden)
    if study.hidden_bands is not None:
        parts["bands_without"] = {"hidden": list(study.task.hidden), **sections.bands(study.hidden_bands)}
    return parts


def _features(study: Study) -> Json:
    """What the model uses, and how often it was missing."""
    task, sets = study.task, (study.train, study.test, study.served)
    return {
        "features": [
            {
                "name": name,
                "meaning": both(study.meanings[name]),
                "missing_train": missing[0],
                "missing_test": missing[1],
                "missing_served": missing[2],
            }
            for name, *missing in zip(
                task.features, *(np.isnan(rows.matrix).mean(axis=0).tolist() for rows in sets), strict=True
            )
        ],
        "empty_columns": _empty(task, study.train),
        "hidden_features": list(task.hidden),
    }


def _provenance(study: Study) -> Json:
    """What the figures come from, so that they can be had again."""
    options = study.options
    return {
        "quick": options.quick,
        "intervals": {
            "coverage": 0.95,
            "method": "bootstrap percentile over test rows",
            "resamples": options.resamples,
        },
        "libraries": libraries(),
        "seed": options.seed,
        "data_fingerprint": study.data_fingerprint,
        "profile_fingerprint": study.profile_fingerprint,
    }


def _population(study: Study) -> Json:
    """What the tested model answers for all test rows, where the figures above are of a sample of them."""
    population, prepared = study.population, study.prepared
    if population is None or prepared is None:
        return {}
    return {
        "population": {
            "taught": prepared.rows[TESTED],
            "served": prepared.rows[SERVED],
            "sample": int(study.test.label.size),
            "whole": _of_many(population.whole),
            "by": [
                {
                    "column": column,
                    "title": both(study.meanings[column]),
                    "groups": [{"name": name, **_of_many(figures)} for name, figures in population.of(column).items()],
                }
                for column in population.columns
                if population.size(column) <= MOST_GROUPS
            ],
        }
    }


def _of_many(figures: PopulationFigures) -> Json:
    body = {field.name: getattr(figures, field.name) for field in fields(figures)}
    if np.isnan(figures.roc_auc):
        body["roc_auc"] = body["roc_auc_error"] = None
    return body | {name: asdict(body[name]) for name in ("caught", "false_alarms")}


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


def _notice(study: Study) -> dict[str, str] | None:
    """What a reader must know before any figure: a feature is the answer in other words. None where none is."""
    leak = next((rule for rule in study.leaks if rule.column in study.task.features), None)
    if leak is None:
        return None
    return both(
        msg(
            "{column} already holds the answer: {rule}, in {right} of {n} rows. With it, being right is "
            "recognising a definition, not predicting. Without it, the answer is right much less often.",
            column=leak.column,
            rule=leak.split.words,
            right=count(round(leak.share * leak.n)),
            n=count(leak.n),
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
        "sums": [
            {
                "target": total.target,
                "weights": dict(total.weights),
                "constant": total.constant,
                "features": all(column in study.task.features for column in total.weights),
                "words": both(total.words),
                "share": total.rule.share,
                "n": total.rule.n,
            }
            for total in study.sums
        ],
        "checked": [
            {"column": rule.column, "rule": both(rule.split.words), "share": rule.share, "n": rule.n}
            for rule in study.rules
        ],
    }


def _empty(task: Task, rows: LabelledRows) -> list[str]:
    present = (~np.isnan(rows.matrix)).sum(axis=0).tolist()
    return [name for name, count in zip(task.features, present, strict=True) if count == 0]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


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
