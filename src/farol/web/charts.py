"""The charts of the pages, as inline SVG from Vega-Lite.

The renderer starts with the first chart, not with the service (`farol.web.drawing`), and we keep what was drawn: most
of its time goes into measuring text in whatever fonts it finds. So sizes are fixed (`autosize` none), and the labels of
the bins, whose places we know, we write ourselves. The colours are presentation attributes, which the style sheet
replaces for dark mode and print; no style attribute is left that a strict content security policy would refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

from farol.drift.psi import MODERATE, SEVERE
from farol.web.drawing import Renderer

WIDTH = 320
"""Width of a chart in its own units; the page scales it."""

_REFERENCE = "#17222c"
_CURRENT = "#3f86a6"
_LABELS = "#4b5661"
_GRID = "#dcdcd6"
_MODERATE = "#8a5a00"
_SEVERE = "#a3261b"

_TOP, _STEP, _FONT = 2, 19, 12
_LETTER, _LONGEST = 7, 26
"""The width of a wide letter of a label beside rows, and how many letters are shown."""

_UNSEEN = re.compile(r'<path [^>]*(?:d=""|d="M0,0h0v0h0Z")[^>]*/>|<path class="background"[^>]*/>')
_UNUSED = re.compile(
    r' (?:class|role|aria-roledescription|aria-hidden|pointer-events|font-family|stroke-miterlimit)="[^"]*"'
    r'| (?:opacity|stroke-width)="1"'
)
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")

_CONFIG: dict[str, Any] = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "domainColor": _LABELS,
        "ticks": False,
        "gridColor": _GRID,
        "labelColor": _LABELS,
        "labelFontSize": _FONT,
        "labelLimit": 0,
        "labelOverlap": False,
        "labelBound": False,
        "labelFlush": False,
        "labelPadding": 6,
        "title": None,
    },
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of a distribution: its label and its share of each side (0 to 1; None when that side is empty)."""

    label: str
    reference: float | None
    current: float | None


def distribution(bars: Sequence[Bar], locale: str) -> Markup:
    """Bars of the predictions, with a mark for the training rows, one row a bin."""
    rows = [{"row": number, "reference": bar.reference, "current": bar.current} for number, bar in enumerate(bars)]
    left = _room_for(bar.label for bar in bars)
    band = {"field": "row", "type": "ordinal", "axis": None}
    share = {"type": "quantitative", "scale": {"domainMin": 0, "nice": 3}}
    spec = {
        "data": {"values": rows},
        "width": WIDTH - left - 22,
        "height": {"step": _STEP},
        "padding": {"left": left, "top": _TOP, "right": 22, "bottom": 20},
        "encoding": {"y": band},
        "layer": [
            {
                "mark": {"type": "bar", "height": 10, "color": _CURRENT},
                "encoding": {"x": {**share, "field": "current", "axis": {"format": "%", "tickCount": 3}}},
            },
            {
                "mark": {"type": "tick", "thickness": 2.5, "size": 16, "color": _REFERENCE, "opacity": 1},
                "encoding": {"x": {**share, "field": "reference"}},
            },
        ],
    }
    return _draw(spec, locale, _beside((bar.label for bar in bars), left, _TOP + 13, _STEP))


def _room_for(labels: Iterable[str]) -> int:
    """The width of the place for labels beside rows."""
    return 12 + _LETTER * min(max(map(len, labels), default=0), _LONGEST)


def _beside(labels: Iterable[str], left: int, top: int, step: int) -> Markup:
    """The labels beside rows that begin at `left`, the first one at `top`, without the end of those too long."""
    text = Markup('<text x="{}" y="{}" text-anchor="end" font-size="{}" fill="{}">{}</text>')
    return Markup().join(
        text.format(
            left - 8,
            top + step * number,
            _FONT,
            _LABELS,
            label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1].rstrip()}…",
        )
        for number, label in enumerate(labels)
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """An event, drawn as a line through a history; `label` is short, as in "1"."""

    at: datetime
    label: str


def history(
    points: Sequence[tuple[datetime, float]],
    locale: str,
    timezone: ZoneInfo,
    marks: Sequence[Mark] = (),
    *,
    width: int = WIDTH,
) -> Markup:
    """PSI over time (at least one point, oldest first) against the two bands; the ends of the axis are dated.

    Marks before the first point are left out; one after the last makes the axis longer.
    """
    rows = [{"at": at.timestamp(), "psi": psi} for at, psi in points]
    peak = max(SEVERE, *(psi for _, psi in points))
    top = peak * 1.15
    # Beside a high peak the two bands lie so close that their labels would cover each other.
    levels = [MODERATE, SEVERE] if top < 1.6 else [SEVERE, peak]
    shown = [mark for mark in marks if mark.at >= points[0][0]]
    ends = points[0][0], max([points[-1][0], *(mark.at for mark in shown)])
    first, last = (at.timestamp() for at in ends)
    days = [json.dumps(_short_day(at, locale, timezone)) for at in ends]
    time = {
        "field": "at",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False, **({"domain": [first, last]} if last > first else {})},
        "axis": {
            "values": sorted({first, last}),
            "labelExpr": f"datum.value == {first!r} ? {days[0]} : {days[1]}",
            "grid": False,
            "domain": True,
        },
    }
    height = {
        "field": "psi",
        "type": "quantitative",
        "scale": {"domain": [0, top], "nice": False},
        "axis": {"values": levels, "format": ".2~f", "grid": False},
    }
    bands = [(MODERATE, _MODERATE, [2, 3]), (SEVERE, _SEVERE, [6, 3])]
    spec = {
        "data": {"values": rows},
        "width": width - 82,
        "height": 150,
        "padding": {"left": 42, "top": 18 if shown else 8, "right": 40, "bottom": 22},
        "layer": [
            *(
                {
                    "data": {"values": [{}]},
                    "mark": {"type": "rule", "color": colour, "strokeDash": dash, "strokeWidth": 1.25},
                    "encoding": {"y": {"datum": band}},
                }
                for band, colour, dash in bands
            ),
            *_marked(shown, time),
            {
                "mark": {
                    "type": "line",
                    "color": _CURRENT,
                    "strokeWidth": 2,
                    "point": {"color": _CURRENT, "size": 34, "fill": _CURRENT},
                },
                "encoding": {"x": time, "y": height},
            },
        ],
    }
    return _draw(spec, locale, Markup())


@dataclass(frozen=True, slots=True)
class Span:
    """A figure promised and realised, each as (low, value, high) between 0 and 1; None where it has no value."""

    label: str
    promised: tuple[float, float, float] | None
    came: tuple[float, float, float] | None


def spans(rows: Sequence[Span], locale: str) -> Markup:
    """Two intervals a row on one axis from 0 to 1: what was promised above, what came true below it."""
    left, step = max(_room_for(row.label for row in rows), 150), 34
    layers = []
    for key, colour, thick, shift in (("promised", _REFERENCE, 2.0, -7), ("came", _CURRENT, 4.0, 6)):
        values = [
            {"row": number, "low": span[0], "value": span[1], "high": span[2]}
            for number, row in enumerate(rows)
            if (span := getattr(row, key)) is not None
        ]
        across = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"tickCount": 5, "format": ".1~f"}}
        place = {"field": "row", "type": "ordinal", "axis": None, "scale": {"domain": list(range(len(rows)))}}
        layers += [
            {
                "data": {"values": values},
                "mark": {"type": "rule", "color": colour, "strokeWidth": thick, "yOffset": shift},
                "encoding": {"y": place, "x": {**across, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": {"values": values},
                "mark": {"type": "point", "filled": True, "color": colour, "size": 60, "opacity": 1, "yOffset": shift},
                "encoding": {"y": place, "x": {**across, "field": "value"}},
            },
        ]
    spec = {
        "width": WIDTH - left - 16,
        "height": {"step": step},
        "padding": {"left": left, "top": _TOP, "right": 16, "bottom": 20},
        "layer": layers,
    }
    return _draw(spec, locale, _beside((row.label for row in rows), left, _TOP + step // 2 + 4, step))


@dataclass(frozen=True, slots=True)
class PeerPoint:
    """A pupil's value of a period (None: not known) and the middle half of the others (None: too few of them)."""

    period: str
    value: float | None
    middle: tuple[float, float, float] | None  # lower quartile, median, upper quartile


def beside_peers(points: Sequence[PeerPoint], locale: str, domain: tuple[float, float] | None = None) -> Markup:
    """A pupil's values over the periods, each beside the middle half of the others and their median."""
    order = [point.period for point in points]
    across = {"field": "period", "type": "ordinal", "sort": order, "axis": {"labelAngle": 0}}
    across["scale"] = {"domain": order}
    up: dict[str, Any] = {"type": "quantitative", "axis": {"tickCount": 3, "format": "~f"}}
    up["scale"] = {"domain": list(domain)} if domain else {"zero": False, "nice": True}
    middles = [
        {"period": point.period, "low": point.middle[0], "median": point.middle[1], "high": point.middle[2]}
        for point in points
        if point.middle is not None
    ]
    values = [{"period": point.period, "value": point.value} for point in points if point.value is not None]
    spec = {
        "width": 150,
        "height": 84,
        "padding": {"left": 26, "top": 8, "right": 8, "bottom": 20},
        "layer": [
            {
                "data": {"values": middles},
                "mark": {"type": "rule", "color": _GRID, "strokeWidth": 14},
                "encoding": {"x": across, "y": {**up, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": middles},
                "mark": {"type": "tick", "color": _REFERENCE, "thickness": 2, "size": 20, "opacity": 1},
                "encoding": {"x": across, "y": {**up, "field": "median"}},
            },
            {
                "data": {"values": values},
                "mark": {
                    "type": "line",
                    "color": _CURRENT,
                    "strokeWidth": 2,
                    "point": {"color": _CURRENT, "size": 50, "fill": _CURRENT},
                },
                "encoding": {"x": across, "y": {**up, "field": "value"}},
            },
        ],
    }
    return _draw(spec, locale, Markup())


def _marked(marks: Sequence[Mark], time: dict[str, Any]) -> list[dict[str, Any]]:
    if not marks:
        return []
    data = {"values": [{"at": mark.at.timestamp()} for mark in marks]}
    named = {"values": _labels(marks, time["scale"].get("domain", (0.0, 0.0)))}
    label = {"type": "text", "color": _REFERENCE, "fontSize": _FONT, "baseline": "bottom", "dy": -3}
    return [
        {"data": data, "mark": {"type": "rule", "color": _REFERENCE, "strokeWidth": 1}, "encoding": {"x": time}},
        {"data": named, "mark": label, "encoding": {"x": time, "y": {"value": 0}, "text": {"field": "label"}}},
    ]


def _labels(marks: Sequence[Mark], domain: Sequence[float]) -> list[dict[str, object]]:
    """One label for marks that lie too close for two: `1–3`."""
    near = (domain[1] - domain[0]) / 25
    groups: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        if groups and (mark.at - groups[-1][0].at).total_seconds() <= near:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return [
        {
            "at": group[0].at.timestamp(),
            "label": group[0].label if len(group) == 1 else f"{group[0].label}–{group[-1].label}",
        }
        for group in groups
    ]


def _short_day(at: datetime, locale: str, timezone: ZoneInfo) -> str:
    return format_date(at.astimezone(timezone).date(), format="d MMM yy", locale=locale)


def _draw(spec: dict[str, Any], locale: str, labels: Markup) -> Markup:
    whole = {"autosize": {"type": "none"}, "config": _CONFIG, **spec}
    view, body = _rendered(json.dumps(whole, sort_keys=True), locale)
    # The figure around names the drawing; we hide its parts, so that nobody hears thirty unnamed shapes.
    drawing = Markup('<svg viewBox="{}" aria-hidden="true" focusable="false">{}{}</svg>')
    return drawing.format(view, labels, body)


def _slim(body: str) -> str:
    """The same drawing in half the bytes: without what nobody sees or hears, and to a hundredth of a unit.

    The renderer writes for programs that go on with its drawing. A page has dozens, and is to weigh 200 kB.
    """
    body = _UNSEEN.sub("", body)
    body = _UNUSED.sub("", body)
    return _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), body)


_RENDERER = Renderer()
_DRAWING = Lock()
"""One at a time has a chart drawn, and the others find the drawing."""


def _rendered(spec: str, locale: str) -> tuple[str, Markup]:
    with _DRAWING:
        return _drawn(spec, locale)


@lru_cache(maxsize=512)
def _drawn(spec: str, locale: str) -> tuple[str, Markup]:
    drawn = _RENDERER.draw(spec, locale)
    opening, _, body = drawn.partition(">")
    view = opening.partition('viewBox="')[2].partition('"')[0]
    return view, Markup(_slim(body.removesuffix("</svg>")))  # noqa: S704  # the renderer escapes every text it draws
