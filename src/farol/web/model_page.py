"""The page about one model for people: what it answers, how often it is right, for whom it is worth less, its limits.

The figures are those of the model's card, in numbers of ten pupils; the card itself is the technical page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from farol.evaluation.metrics import Estimate
from farol.model.bundle import Bundle
from farol.outcomes.card_comparison import CardMetrics
from farol.web.charts import Span, spans
from farol.web.home import counted, in_locale, top_of_list
from farol.web.locale import NOTHING, Reader, served_years, year_names

PATH = "/models/{task}/about"


@dataclass(frozen=True, slots=True)
class PlainFigure:
    """A number of ten pupils, large, and what it counts."""

    value: Markup
    words: Markup


@dataclass(frozen=True, slots=True)
class GroupLine:
    """How well the model does for some of the pupils, in numbers of ten."""

    title: Markup | str
    n: str
    right: Markup | str
    caught: Markup | str


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """A band of probabilities: what was expected of its pupils in the test, and what came."""

    band: str
    n: str
    expected: str
    came: str
    key: str
    word: Markup | str


@dataclass(frozen=True, slots=True)
class FairnessLine:
    """A division of the pupils, such as by sex: in words whether the model does worse for some, and its figures."""

    title: str
    key: str
    words: tuple[Markup, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def model_values(bundle: Bundle, reader: Reader) -> dict[str, object]:
    """What the template needs of a model; what its report does not say is left out."""
    spec, locale = bundle.task_spec, reader.locale
    state = bundle.profile.label.state.in_locale(locale)
    bands = _bands(bundle.report)
    return {
        "task": bundle.task,
        "title": spec.title.in_locale(locale),
        "question": spec.question.in_locale(locale),
        "state": state,
        "model_version": bundle.version,
        "learned": served_years(bundle),
        "tested": year_names(bundle, bundle.manifest.test_years),
        "threshold": reader.percent(bundle.manifest.threshold),
        "looks_ahead": bool(spec.horizon),
        "notice": in_locale(bundle.report.get("notice"), locale),
        "figures": list(_figures(bundle, state, reader)),
        "by_lot": _by_lot(bundle, state, reader),
        "groups": list(_groups(bundle, state, reader)),
        "known": _known(bundle, reader),
        "calibration": [_band_line(band, reader) for band in bands],
        "calibration_chart": _chart(bands, reader),
        "calibration_note": _note(bundle, locale),
        "divisions": list(_divisions(bundle.report, reader)),
        "came_key": Markup('<span class="key"></span>'),
        "expected_key": Markup('<span class="key mark"></span>'),
        "limits": list(_limits(bundle, locale)),
    }


def _figures(bundle: Bundle, state: str, reader: Reader) -> Iterator[PlainFigure]:
    """How often the answer is right, of ten pupils of the test."""
    _ = reader.gettext
    card, top = CardMetrics.of(bundle), top_of_list(bundle)
    metrics = {} if card is None else card.metrics
    if top is not None:
        words = _("pupils at the top of the list turned out {state}", state=state)
        yield PlainFigure(_of_ten(top.share, reader), words)
    for name, words in (
        ("precision", _("pupils whom it pointed out turned out {state}; the others were false alarms", state=state)),
        ("recall", _("pupils who turned out {state} had been pointed out; the others it missed", state=state)),
    ):
        if name in metrics:
            yield PlainFigure(_of_ten(metrics[name].value, reader), words)


def _of_ten(share: float, reader: Reader) -> Markup:
    return reader.gettext("{count} of {all}", **counted(share))


def _by_lot(bundle: Bundle, state: str, reader: Reader) -> Markup | None:
    top = top_of_list(bundle)
    if top is None:
        return None
    return reader.gettext(
        "The list of the test had {k} of {n} pupils. Drawn by lot, {count} of {all} of them would have turned "
        "out {state}.",
        k=reader.number(top.k, 0),
        n=reader.number(top.n, 0),
        state=state,
        **counted(top.by_lot),
    )


def _groups(bundle: Bundle, state: str, reader: Reader) -> Iterator[GroupLine]:
    """The two questions within one: who falls into it, and who stays in it."""
    _ = reader.gettext
    for name, title in (
        ("onset", _("Not {state} now: may become so", state=state)),
        ("recovery", _("Now {state}: may stay so", state=state)),
    ):
        card = CardMetrics.of(bundle, name)
        if card is not None:
            right, caught = (_share_of(card.metrics.get(metric), reader) for metric in ("precision", "recall"))
            yield GroupLine(title, reader.number(card.n, 0), right, caught)


def _share_of(metric: Estimate | None, reader: Reader) -> Markup | str:
    return NOTHING if metric is None else _of_ten(metric.value, reader)


def _known(bundle: Bundle, reader: Reader) -> Markup | None:
    """From how many known features on every pupil gets an answer; None where the report does not say."""
    known = [
        (max(amounts), all(band["answered"] for band in bands))
        for group in _list_in(bundle.report, "support", "groups")
        if (amounts := group.get("known")) and not group.get("without") and (bands := group.get("bands"))
    ]
    lacking = [most for most, is_whole in known if not is_whole]
    if not known or not lacking:
        return None
    features = len(bundle.task_spec.features) - len(bundle.task_spec.hidden)
    return reader.gettext(
        "The less is known of a pupil, the less the answer is worth. Of {all} pieces of information, {least} or "
        "more are "
        "enough for an answer about every pupil. With fewer, some pupils get none, because it would say no more "
        "than is "
        "known of everybody.",
        all=features,
        least=max(lacking) + 1,
    )


def _list_in(report: Mapping[str, Any], *path: str) -> list[Any]:
    """A list within a report; empty where the report has none there."""
    part: Any = report
    for key in path:
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, list) else []


def _bands(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [band for band in _list_in(report, "bands", "bands") if band.get("expected")]


def _band_line(band: Mapping[str, Any], reader: Reader) -> CalibrationLine:
    _ = reader.gettext
    came, expected = band["observed"], band["expected"]
    if band["covered"] is None:
        key, word = "insufficient_data", _("nobody in the test")
    elif band["covered"]:
        key, word = "none", _("as expected")
    else:
        key, word = "moderate", _("other than expected")
    return CalibrationLine(
        _range(band["low"], band["high"], reader),
        reader.number(band["n_test"], 0),
        _range(expected["low"], expected["high"], reader),
        reader.percent(came["value"]),
        key,
        word,
    )


def _range(low: float, high: float, reader: Reader) -> str:
    return reader.gettext("{low} to {high}", low=reader.percent(low), high=reader.percent(high))


def _chart(bands: Sequence[Mapping[str, Any]], reader: Reader) -> Markup | None:
    if not bands:
        return None
    rows = []
    for band in bands:
        expected, came = band["expected"], band["observed"]
        middle = (expected["low"] + expected["high"]) / 2
        seen = None if came["value"] is None else (came["low"], came["value"], came["high"])
        label = _range(band["low"], band["high"], reader)
        rows.append(Span(label, (expected["low"], middle, expected["high"]), seen))
    return spans(rows, reader.locale)


def _note(bundle: Bundle, locale: str) -> str | None:
    match bundle.report.get("calibration"):
        case {"note": note}:
            return in_locale(note, locale)
        case _:
            return None


def _divisions(report: Mapping[str, Any], reader: Reader) -> Iterator[FairnessLine]:
    """What the audit of fairness found, in words first."""
    _ = reader.gettext
    measures = report.get("fairness", {}).get("measures", {})
    names = [name for name in ("precision", "recall", "false_positive_rate", "calibration") if name in measures]
    for division in _list_in(report, "fairness", "divisions"):
        shown = [gap for gap in division["gaps"] if gap["shown"]]
        words = tuple(_gap_words(gap, reader) for gap in shown)
        yield FairnessLine(
            in_locale(division["title"], reader.locale) or "",
            "moderate" if shown else "none",
            words or (_("No difference was seen that chance does not explain."),),
            tuple(in_locale(measures[name], reader.locale) or "" for name in names),
            tuple(_group_row(group, names, reader) for group in division["groups"]),
        )


def _gap_words(gap: Mapping[str, Any], reader: Reader) -> Markup:
    """A difference between two groups that chance does not explain; of calibration, probabilities are meant."""
    _, locale = reader.gettext, reader.locale
    groups = {"most": in_locale(gap["most_title"], locale), "least": in_locale(gap["least_title"], locale)}
    words = {
        "recall": _("It misses more pupils of “{least}” than of “{most}”.", **groups),
        "precision": _("Of those whom it points out, more are false alarms in “{least}” than in “{most}”.", **groups),
        "false_positive_rate": _("It gives more false alarms for “{most}” than for “{least}”.", **groups),
        "calibration": _(
            "Compared with what came true, its probabilities are higher for “{most}” than for “{least}”.", **groups
        ),
    }
    return words[gap["measure"]]


def _group_row(group: Mapping[str, Any], names: Sequence[str], reader: Reader) -> tuple[str, ...]:
    title = in_locale(group["title"], reader.locale) or ""
    return (title, reader.number(group["n"], 0), *(reader.percent(group[name]["value"]) for name in names))


def _limits(bundle: Bundle, locale: str) -> Iterator[str]:
    yield bundle.task_spec.limits.in_locale(locale)
    for note in bundle.report.get("notes", []):
        text = in_locale(note, locale)
        if text:
            yield text
