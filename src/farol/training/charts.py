"""The model card's charts: Vega-Lite specifications of the test rows' answers, drawn as SVG without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import vl_convert
from numpy.typing import NDArray

from farol.evaluation.metrics import CALIBRATION_BINS, calibration_bins
from farol.i18n import Message, msg

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 330, 270
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"  # Okabe & Ito: apart for every kind of colour vision
_CONFIG = {
    "background": "#ffffff",
    "font": "Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#e5e7eb",
        "labelColor": "#374151",
        "titleColor": "#374151",
        "domainColor": "#9ca3af",
        "tickColor": "#9ca3af",
    },
    "legend": {"labelFontSize": 12, "title": None, "orient": "bottom", "labelLimit": 300, "symbolSize": 120},
}
_BAND_CURVES, _BAND_STEPS = 200, 50
_LINE_POINTS = 200  # of a curve: more than an eye sees, far less than a large school's rows


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure in one language: a caption, what it shows in words, and the SVG."""

    caption: str
    description: str
    svg: str


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Labels and probabilities (n,) of the test rows, those of what the model is drawn beside, the threshold."""

    label: Floats
    probability: Floats
    reference: Floats
    reference_title: Message
    threshold: float


def roc_points(label: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """False and true positive rates (k,), from (0, 0) to (1, 1), at every distinct threshold."""
    hits, misses = _counts(label, probability)
    return misses / max(misses[-1], 1), hits / max(hits[-1], 1)


def precision_recall_points(label: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """Recalls and precisions (k,), at every distinct threshold from the highest."""
    hits, misses = (counts[1:] for counts in _counts(label, probability))
    return hits / max(hits[-1], 1), hits / (hits + misses)


def _counts(label: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """How many at risk and how many not have at least each distinct probability, descending; zero first."""
    values = np.unique(probability)[::-1]
    at_risk, not_at_risk = np.sort(probability[label == 1]), np.sort(probability[label != 1])
    counts = [np.r_[0.0, side.size - np.searchsorted(side, values, side="left")] for side in (at_risk, not_at_risk)]
    return counts[0], counts[1]


def reliability_points(label: Floats, probability: Floats) -> list[dict[str, float]]:
    """Per bin of equal mass: mean probability said, share that came true with its 95% Wilson interval, rows."""
    bins = calibration_bins(probability, CALIBRATION_BINS)
    points = []
    for position in np.unique(bins):
        inside = bins == position
        n, share = int(inside.sum()), float(label[inside].mean())
        z = 1.959964
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        points.append(
            {
                "said": float(probability[inside].mean()),
                "true": share,
                "low": max(0.0, float(centre - half)),
                "high": min(1.0, float(centre + half)),
                "rows": float(n),
            }
        )
    return points


def charts(answers: Answers, locale: str) -> tuple[Chart, ...]:
    """The four figures of the card in a locale."""
    return tuple(
        Chart(caption.render(locale), description.render(locale), _svg(spec, locale))
        for caption, description, spec in (
            _roc(answers, locale),
            _precision_recall(answers, locale),
            _reliability(answers, locale),
            _distribution(answers, locale),
        )
    )


def _svg(spec: Mapping[str, object], locale: str) -> str:
    """The SVG of a specification: the same bytes for the same one, numbers as the locale writes them."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **spec}
    return str(vl_convert.vegalite_to_svg(whole, format_locale="pt-BR" if locale == "pt_BR" else "en-US"))


Figure = tuple[Message, Message, dict[str, object]]
Points = Callable[[Floats, Floats], tuple[Floats, Floats]]


def curve_band(points: Points, label: Floats, probability: Floats) -> list[dict[str, float]]:
    """Between which heights 95% of the curves of resampled rows (n,) run, at steps over the unit interval."""
    generator = np.random.default_rng(0)
    steps = np.linspace(0, 1, _BAND_STEPS + 1)
    heights = []
    for _ in range(_BAND_CURVES):
        chosen = generator.integers(0, label.size, label.size)
        x, y = points(label[chosen], probability[chosen])
        heights.append(np.interp(steps, x, y))
    low, high = np.quantile(np.array(heights), [0.025, 0.975], axis=0)
    return [
        {"x": round(float(x), 4), "low": round(float(a), 4), "high": round(float(b), 4)}
        for x, a, b in zip(steps, low, high, strict=True)
    ]


def _curves(
    answers: Answers, locale: str, x: Message, y: Message, points: Points, *, diagonal: bool
) -> dict[str, object]:
    """Two lines over the unit square, the model's with its interval and the reference's, and chance's if asked."""
    lines = [points(answers.label, p) for p in (answers.probability, answers.reference)]
    axis = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}
    names = _names(answers, locale)
    encoding = {
        "x": {"field": "x", **axis, "title": x.render(locale)},
        "y": {"field": "y", **axis, "title": y.render(locale)},
        "order": {"field": "i"},
        "color": {"field": "who", "scale": {"domain": names, "range": [BLUE, ORANGE]}},
        "strokeDash": {"field": "who", "scale": {"domain": names, "range": [[1, 0], [6, 3]]}},
    }
    rows = [
        {"x": round(float(a), 4), "y": round(float(b), 4), "i": i, "who": name}
        for name, line in zip(names, lines, strict=True)
        for i, (a, b) in enumerate(zip(*(_thinned(values) for values in line), strict=True))
    ]
    drawn = {"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 2.5}, "encoding": encoding}
    band = {
        "data": {"values": curve_band(points, answers.label, answers.probability)},
        "mark": {"type": "area", "color": BLUE, "opacity": 0.15},
        "encoding": {
            "x": {"field": "x", **axis, "title": x.render(locale)},
            "y": {"field": "low", **axis, "title": y.render(locale)},
            "y2": {"field": "high"},
        },
    }
    return {"width": WIDTH, "height": HEIGHT, "layer": [*([_diagonal()] if diagonal else []), band, drawn]}


def _names(answers: Answers, locale: str) -> list[str]:
    return [msg("Farol").render(locale), answers.reference_title.render(locale)]


def _thinned(values: Floats) -> Floats:
    kept = np.unique(np.linspace(0, values.size - 1, _LINE_POINTS).round().astype(int))
    thinned: Floats = values[kept]
    return thinned


def _diagonal() -> dict[str, object]:
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "color": GREY, "strokeWidth": 1, "strokeDash": [2, 3]},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _roc(answers: Answers, locale: str) -> Figure:
    return (
        msg("ROC curve"),
        msg(
            "For each threshold: the share of pupils at risk who are found, against the share of the "
            "other pupils who get a false alarm. The dotted line is chance; the further above it, the "
            "better. The shade is the 95% interval."
        ),
        _curves(answers, locale, msg("false alarms"), msg("found (recall)"), roc_points, diagonal=True),
    )


def _precision_recall(answers: Answers, locale: str) -> Figure:
    return (
        msg("Precision and recall"),
        msg(
            "For each threshold: the share of the pupils pointed out who really are at risk, against the "
            "share of the pupils at risk who are found. The higher and the further right, the better. "
            "The shade is the 95% interval."
        ),
        _curves(
            answers,
            locale,
            msg("found (recall)"),
            msg("right when pointed out"),
            precision_recall_points,
            diagonal=False,
        ),
    )


def _reliability(answers: Answers, locale: str) -> Figure:
    axis = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}
    x = {"field": "said", **axis, "title": msg("probability given").render(locale)}
    came = msg("share that came true").render(locale)
    names = _names(answers, locale)
    who = {"field": "who", "scale": {"domain": names, "range": [BLUE, ORANGE]}}
    shape = {"field": "who", "scale": {"domain": names, "range": ["circle", "diamond"]}}
    points = [
        {**{key: round(value, 4) for key, value in point.items()}, "who": name}
        for name, probability in zip(names, (answers.probability, answers.reference), strict=True)
        for point in reliability_points(answers.label, probability)
    ]
    return (
        msg("Reliability"),
        msg(
            "Ten groups of pupils by the probability given, and the share that came true in each, with "
            "the 95% interval for Farol. On the dotted line a probability means what it says."
        ),
        {
            "width": WIDTH,
            "height": HEIGHT,
            "layer": [
                _diagonal(),
                {
                    "data": {"values": [point for point in points if point["who"] == names[0]]},
                    "mark": {"type": "rule", "color": BLUE, "opacity": 0.6},
                    "encoding": {"x": x, "y": {"field": "low", **axis, "title": came}, "y2": {"field": "high"}},
                },
                {
                    "data": {"values": points},
                    "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                    "encoding": {"x": x, "y": {"field": "true", **axis, "title": came}, "color": who, "shape": shape},
                },
            ],
        },
    )


def _distribution(answers: Answers, locale: str) -> Figure:
    edges = np.linspace(0, 1, 21)
    names = [msg("were at risk").render(locale), msg("were not").render(locale)]
    sides = [answers.probability[answers.label == 1], answers.probability[answers.label != 1]]
    rows = [
        {"low": round(float(low), 2), "high": round(float(low) + 0.05, 2), "pupils": int(count), "who": name}
        for name, side in zip(names, sides, strict=True)
        for low, count in zip(edges[:-1], np.histogram(side, edges)[0], strict=True)
    ]
    bars = {
        "data": {"values": rows},
        "mark": {"type": "bar", "stroke": "#ffffff", "strokeWidth": 0.5},
        "encoding": {
            "x": {
                "field": "low",
                "type": "quantitative",
                "bin": {"binned": True, "step": 0.05},
                "axis": {"format": ".0%", "tickCount": 5},
                "title": msg("probability given").render(locale),
            },
            "x2": {"field": "high"},
            "y": {"field": "pupils", "type": "quantitative", "stack": True, "title": msg("pupils").render(locale)},
            "color": {"field": "who", "scale": {"domain": names, "range": [ORANGE, BLUE]}},
        },
    }
    line = {
        "data": {"values": [{"at": answers.threshold}]},
        "mark": {"type": "rule", "color": "#111827", "strokeDash": [4, 3]},
        "encoding": {"x": {"field": "at", "type": "quantitative"}},
    }
    return (
        msg("Probabilities given"),
        msg(
            "How many pupils got each probability; the colour shows what came true. From the dashed line "
            "on, a pupil is pointed out as at risk."
        ),
        {"width": WIDTH, "height": HEIGHT, "layer": [bars, line]},
    )
