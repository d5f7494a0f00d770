"""The sections of `report.json` that hold figures: plain dicts of what the studies found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from farol.evaluation import fairness as audit
from farol.evaluation.bands import EDGES, CalibrationBand, CalibrationBands
from farol.evaluation.capacity import ExpectedCount, Lists, TopList
from farol.evaluation.fairness import Division
from farol.evaluation.metrics import Estimate, Evaluation, Undefined
from farol.i18n import Message, msg
from farol.profile import Column, Text
from farol.training.promotion_gate import Differences, Gate
from farol.training.references import ReferenceModel
from farol.training.support import MeasuredSupport
from farol.training.threshold import GuardedThreshold

Floats = NDArray[np.float64]
Json = dict[str, object]


def both(text: Message | Text) -> dict[str, str]:
    """A text in both languages."""
    if isinstance(text, Text):
        return {"pt": text.pt, "en": text.en}
    return {"pt": text.render("pt_BR"), "en": text.render("en")}


def figure(estimate: Estimate | Undefined) -> Json:
    """A figure with its interval, or the reason why it is missing."""
    if isinstance(estimate, Undefined):
        return {"value": None, "low": None, "high": None, "reason": both(estimate.reason)}
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def figures(estimates: Mapping[str, Estimate | Undefined]) -> Json:
    """Figures by name."""
    return {name: figure(estimate) for name, estimate in estimates.items()}


def evaluation(measured: Evaluation) -> Json:
    """All metrics of one set of rows."""
    return {
        "n": measured.n,
        "positives": measured.positives,
        "confusion": dict(measured.confusion),
        **figures(measured.estimates),
    }


def beats(gate: Gate, baselines: tuple[tuple[ReferenceModel, Evaluation, Differences], ...]) -> Json:
    """For each simple rule whether the model beats it, and the differences that say so."""
    return {
        baseline.name: {
            "title": both(baseline.title),
            "beats": gate.beats[baseline.name],
            "roc_auc": figure(differences["roc_auc"]),
            "brier": figure(differences["brier"]),
        }
        for baseline, _, differences in baselines
        if baseline.simple
    }


def capacity(lists: Lists, guard: GuardedThreshold) -> Json:
    """The lists of the capacity and of other lengths, and what the threshold points out in training."""
    return {
        "capacity": str(lists.capacity),
        "count": lists.capacity.count,
        "share": lists.capacity.share,
        "lists": {name: _list(top) for name, top in lists.lists.items()},
        "table": [_list(top) for top in lists.table],
        "flagged_out_of_fold": guard.flagged,
        "chooses": guard.chooses,
    }


def _list(top: TopList) -> Json:
    return {
        "k": top.k,
        "n": top.n,
        "positives": top.positives,
        "expected": figure(top.expected),
        "realised": top.realised,
        "by_chance": top.k * top.positives / top.n,
        "precision": figure(top.precision),
        "recall": figure(top.recall),
        "ties": {"probability": top.cut, "pupils": top.tied, "places": top.placed},
    }


def counts(expected: Mapping[str, ExpectedCount]) -> Json:
    """Pupils expected at risk, with the interval that chance alone gives, how many were, and how often it held them."""
    groups: dict[str, Json] = {
        name: {
            "n": count.n,
            "expected": figure(count.expected),
            "realised": count.realised,
            "compatible": count.expected.low <= count.realised <= count.expected.high,
        }
        for name, count in expected.items()
    }
    return {
        "groups": groups,
        "of": len(groups),
        "compatible": sum(bool(group["compatible"]) for group in groups.values()),
    }


def bands(measured: CalibrationBands) -> Json:
    """The bands of probability; `covered` is null where no test pupil fell into the band."""
    return {
        "edges": list(measured.edges),
        "bands": [_band(band) for band in measured.bands],
        "coverage": measured.coverage,
    }


def _band(band: CalibrationBand) -> Json:
    return {
        "low": band.low,
        "high": band.high,
        "n_train": band.n_train,
        "expected": {"low": band.expected.low, "high": band.expected.high},
        "n_test": band.n_test,
        "observed": figure(band.observed)
        if band.n_test
        else {"value": None, "low": None, "high": None, "reason": both(msg("there are no pupils"))},
        "covered": band.covered,
    }


def support(measured: MeasuredSupport) -> Json:
    """What an answer is worth by what is known: for each group its threshold, its bands, and which of them answer."""
    return {
        "edges": list(EDGES),
        "usual": [list(lacking) for lacking in measured.usual],
        "groups": [
            {
                "without": list(group.without),
                "known": None if group.known is None else list(group.known),
                "n": group.n,
                "share": group.share,
                "skill": None if np.isnan(group.skill) else group.skill,
                "threshold": group.threshold,
                "bands": [
                    {
                        "low": band.low,
                        "high": band.high,
                        "n": band.n_train,
                        "expected": {"low": band.expected.low, "high": band.expected.high},
                        "answered": answered,
                    }
                    for band, answered in zip(group.bands.bands, group.answered, strict=True)
                ],
            }
            for group in measured.groups
        ],
    }


def shown_for(train: Floats, test: Floats) -> Json:
    """Between which shares at risk the calibration was shown, and the warning that goes with it."""
    low, high = sorted((float(train.mean()), float(test.mean())))
    return {
        "prevalence": {"low": low, "high": high},
        "note": both(
            msg(
                "The probabilities were checked with pupils of whom {low} to {high} were at risk. "
                "In a year or a school outside that range they may be too high or too low; "
                "the order of the pupils changes less.",
                low=f"{low:.0%}",
                high=f"{high:.0%}",
            )
        ),
    }


def fairness(divisions: tuple[tuple[Column, Division], ...]) -> Json:
    """Each division's groups and gaps. A figure of too few pupils is null, with `evidence` saying so; never a pass."""
    return {
        "fewest_rows": audit.FEWEST_ROWS,
        "fewest_cases": audit.FEWEST_CASES,
        "measures": {name: both(title) for name, title in audit.MEASURES.items()},
        "divisions": [
            {
                "column": division.column,
                "title": both(column.meaning),
                "groups": [
                    {
                        "name": group.name,
                        "title": both(column.word(group.name)),
                        "n": group.n,
                        "positives": group.positives,
                        "flagged": group.flagged,
                        **{name: _evidence(estimate) for name, estimate in group.figures.items()},
                    }
                    for group in division.groups
                ],
                "gaps": [
                    {
                        "measure": gap.measure,
                        "most": gap.most,
                        "least": gap.least,
                        "most_title": both(column.word(gap.most)),
                        "least_title": both(column.word(gap.least)),
                        **figure(gap.difference),
                        "shown": gap.shown,
                    }
                    for gap in division.gaps
                ],
            }
            for column, division in divisions
        ],
    }


def _evidence(estimate: Estimate | None) -> Json:
    if estimate is None:
        return {"value": None, "low": None, "high": None, "evidence": "insufficient"}
    return {**figure(estimate), "evidence": "sufficient"}
