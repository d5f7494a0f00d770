"""Examples of the answers whose shapes have none of their own, in the reader's language.

All pupils are invented, and so are all figures.
"""

from __future__ import annotations

from typing import Any

from farol.advice.inputs import Advice
from farol.api import monitoring_examples as monitored
from farol.api.answers.model import ModelAnswer
from farol.drift.report import verdict_label
from farol.i18n import msg

Json = dict[str, Any]

_ID = "019b0a1e-7c00-7000-8000-000000000000"
_VERSION = "2024-0123456789"
_DAYS = {"from": "2026-02-01", "to": "2026-03-02"}
_TIMES = {"timestamp": "2026-03-02T18:24:00.521-03:00", "timestamp_utc": "2026-03-02T21:24:00.521+00:00"}


def answer_examples(locale: str) -> dict[str, object]:
    """Operation → an answer that it may give."""
    shot, drift, model = _snapshot(locale), _drift(locale), _model()
    listed = {"timezone": "America/Sao_Paulo", "limit": 1}
    return {
        "export_predictions": "IAA,IEG,prediction,prediction_label,probability,timestamp\n",
        "drift": drift,
        "drift_history": {**listed, "snapshots": [shot]},
        "take_drift_snapshot": shot,
        "history": monitored.history(shot, locale),
        "report": monitored.report(drift, shot, model, locale),
        "estimate_performance": monitored.performance(drift, locale),
        "outcomes": monitored.outcomes(_VERSION, locale),
        "status": {"to_do": True, "tasks": [_standing("next-year", locale)]},
    }


def _figures(locale: str) -> Json:
    return {
        "feature": "IDA",
        "psi": 0.031,
        "low": 0.012,
        "high": 0.062,
        "critical": 0.044,
        "n": 640,
        "verdict": "none",
        "verdict_label": verdict_label("none", locale),
        "band": "none",
        "alarm": False,
        "alarms": [],
        "superiority": None,
        "missing": None,
        "unseen": None,
    }


def _drift(locale: str) -> Json:
    feature = {
        **_figures(locale),
        "meaning": "IDA",
        "missing_share": 0.02,
        "reference_missing_share": 0.07,
        "bins": ["< 5", "≥ 5", "–"],
        "reference": [900, 800, 142],
        "current": [310, 317, 13],
    }
    return {
        "task": "current",
        "version": _VERSION,
        "window": {"name": "30d", **_DAYS, "days": 30},
        "slice": "",
        "n": 640,
        "reference": {"n": 1842, "years": [2022, 2023], "rows": "–"},
        "verdict": "none",
        "verdict_label": verdict_label("none", locale),
        "alarm": False,
        "alpha": 0.01,
        "features": [feature],
        "score": None,
        "rate": None,
    }


def _snapshot(locale: str) -> Json:
    return {
        "snapshot_id": _ID,
        **_TIMES,
        "task": "current",
        "model_version": _VERSION,
        "window": _DAYS,
        "n": 640,
        "reference_n": 1842,
        "verdict": "none",
        "verdict_label": verdict_label("none", locale),
        "alarm": False,
        "features": [{**_figures(locale), "current": [310, 317, 13]}],
        "score": None,
        "rate": None,
    }


def _standing(task: str, locale: str) -> Json:
    advice = Advice(
        "look",
        msg("Look at {feature} in {slice}: there it has changed.", feature="IDA", slice=msg("phase {value}", value=3)),
        (msg("{now} are missing; in training {then} were.", now="31%", then="7%"),),
        (msg("{command} has all figures.", command="`farol drift --task current --slice phase=3`"),),
        part="phase=3",
    )
    return {
        "task": task,
        "title": "Ano que vem" if locale == "pt_BR" else "Next year",
        "model_version": _VERSION,
        "window": {"name": "30d", **_DAYS, "days": 30},
        "n": 640,
        "lead": "look",
        "to_do": True,
        "advice": [{**advice.as_dict(locale), "feature": "IDA", "meaning": "IDA"}],
    }


def _model() -> Json:
    example: Json = ModelAnswer.model_json_schema()["examples"][0]
    return example
