"""Examples of what `/monitoring/*` answers about a window, made with the code that makes the real answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import farol
from farol.advice.inputs import Advice
from farol.advice.report import SECTIONS
from farol.api.answers.drift import EXAMPLE
from farol.api.answers.history import EVENT_EXAMPLE, SNAPSHOT_EXAMPLE
from farol.evaluation.metrics import Estimate
from farol.i18n import msg
from farol.model.reference import SCORE_BINS
from farol.outcomes.calibration import BandWorth
from farol.outcomes.card_comparison import Comparison, as_figure
from farol.outcomes.estimate_vs_actual import Before, Beside
from farol.outcomes.estimation import Expected, estimate
from farol.outcomes.matching import Counts
from farol.outcomes.report import Leavers

Json = dict[str, Any]

_ZONE = ZoneInfo("America/Sao_Paulo")
_AT = datetime(2026, 3, 2, 21, 24, 0, 521_000, UTC)


def report(model: Json, locale: str) -> Json:
    """An answer of GET /monitoring/report about the same window, snapshot and model as the other examples."""
    drift, snapshot = EXAMPLE, SNAPSHOT_EXAMPLE
    of_snapshot = ("model_version", "window", "n", "verdict", "verdict_label")
    kept = {"timestamp": _AT.astimezone(_ZONE).isoformat(timespec="seconds")}
    return {
        "made_at": kept["timestamp"],
        "farol": farol.__version__,
        **{name: model[name] for name in ("task", "title", "question")},
        "model_version": model["version"],
        "sections": list(SECTIONS),
        "summary": {name: drift[name] for name in ("window", "reference", "n", "verdict", "verdict_label", "alarm")},
        "advice": [_nothing_to_do(locale)],
        "verdicts": drift["features"],
        "distributions": [],
        "outcomes": None,
        "history": {
            "snapshots": [{**kept, **{name: snapshot[name] for name in of_snapshot}}],
            "events": [EVENT_EXAMPLE],
        },
        "model": {
            **{name: model[name] for name in ("train_years", "test_years", "threshold", "limits")},
            "headline": {one["name"]: one["value"] for one in model["metrics"]},
            "features": [one["name"] for one in model["features"]],
        },
    }


def _nothing_to_do(locale: str) -> dict[str, object]:
    words = msg("What arrives looks like what the model learned from, and nothing speaks against its answers.")
    return Advice("nothing", msg("The answers can be relied on as before."), (words,), ()).as_dict(locale)


def performance(locale: str) -> Json:
    """An answer of GET /monitoring/performance: of 640 probabilities from 0.05 to 0.94."""
    cells = [0] * (SCORE_BINS + 1)
    for first, count in ((5, 30), (25, 20), (55, 8), (90, 6)):
        cells[first : first + 5] = [2 * count] * 5
    return {
        **{name: EXAMPLE[name] for name in ("task", "version", "window", "slice")},
        **estimate(tuple(cells), 0.5).as_dict(locale),
    }


def outcomes(version: str, locale: str) -> Json:
    """An answer of GET /monitoring/outcomes, a year after 600 forecasts."""
    share = Estimate(0.3, 0.262, 0.342)
    return {
        "task": "next-year",
        "years": [2025],
        "outcomes": {
            "task": "next-year",
            "year": 2025,
            "forecast_year": 2024,
            "first_recorded": _AT.isoformat(timespec="seconds"),
            "last_changed": _AT.isoformat(timespec="seconds"),
            "counts": Counts(
                forecast=600,
                pupils=650,
                matched=510,
                left=90,
                new=140,
                without_label=8,
                unanswered=2,
                measured=500,
                replaced=12,
            ).as_dict(),
            "model_version": version,
            "together": _part("all", 500, 150, locale),
            "groups": [_part("onset", 320, 40, locale), _part("recovery", 180, 110, locale)],
            "versions": [],
            "divisions": [_division()],
            "calibration": [BandWorth(0.7, 0.9, 60, 0.78, Estimate(0.75, 0.628, 0.842), share, kept=True).as_dict()],
            "expected_before": _before().as_dict(locale),
            "leavers": Leavers(
                90, 510, Estimate(0.41, 0.36, 0.46), Estimate(0.33, 0.31, 0.35), Estimate(0.08, 0.026, 0.134)
            ).as_dict(),
            "notes": [],
        },
    }


def _part(name: str, n: int, positives: int, locale: str) -> Json:
    promised, realised = Estimate(0.81, 0.78, 0.84), Estimate(0.79, 0.75, 0.83)
    compared = Comparison("roc_auc", promised, realised, Estimate(-0.02, -0.088, 0.048), "within", None)
    hits, quiet = positives * 2 // 3, (n - positives) * 3 // 4
    return {
        "name": name,
        "n": n,
        "positives": positives,
        "confusion": {
            "true_positive": hits,
            "false_positive": n - positives - quiet,
            "true_negative": quiet,
            "false_negative": positives - hits,
        },
        "promised_n": 600,
        "prevalence": {
            "promised": as_figure(Estimate(0.28, 0.246, 0.317)),
            "realised": as_figure(Estimate(positives / n, positives / n - 0.04, positives / n + 0.04)),
        },
        "metrics": [compared.as_dict(locale)],
    }


def _before() -> Before:
    came = {"roc_auc": Estimate(0.81, 0.77, 0.85), "precision": Estimate(0.61, 0.53, 0.69)}
    expected = {"roc_auc": Expected(0.79, 0.75, 0.83), "precision": Expected(0.64, 0.56, 0.72)}
    return Before(
        500,
        Beside("at_risk", Expected(0.33, 0.3, 0.36), Estimate(0.3, 0.26, 0.34)),
        tuple(Beside(name, expected[name], came[name]) for name in expected),
    )


def _division() -> Json:
    recall = as_figure(Estimate(0.67, 0.56, 0.76))
    figures = {"recall": recall, "false_positive_rate": None, "precision": None, "calibration": None}
    group = {"n": 250, "positives": 80, "flagged": 95, **figures}
    gap = {"measure": "recall", "most": "1", "least": "2", "difference": as_figure(Estimate(0.05, -0.09, 0.19))}
    groups = [{"name": name, **group} for name in ("1", "2")]
    return {"column": "phase", "groups": groups, "gaps": [{**gap, "shown": False}]}
