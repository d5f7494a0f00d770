"""The drift page: a window's report, feature by feature, with its distributions and its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

from farol.drift.baseline import parse_slice, slice_words
from farol.drift.figures import FeatureDrift
from farol.drift.psi import MODERATE, SEVERE
from farol.drift.report import DriftReport, drift_report
from farol.drift.verdicts import MIN_SAMPLES
from farol.drift.windows import SINCE, Window, window_of
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, SHEET_SLICE, WHOLE
from farol.service import Service
from farol.store.database import Store
from farol.store.history import Events
from farol.store.records import Snapshot
from farol.web.charts import Bar, Mark, distribution, history
from farol.web.filters import (
    WINDOW,
    Choice,
    Filters,
    counted,
    in_words,
    own_version,
    period_words,
    slice_choices,
    window_choices,
)
from farol.web.locale import NOTHING, Reader, served_years
from farol.web.status import Status, status_of, status_of_report
from farol.web.timeline import event_views, marks_of, timeline

SNAPSHOTS = 60
"""How far back the history goes, in snapshots."""

EVENTS = 30
"""And in events."""

PATH = "/monitoring/dashboard"
REPORT = "/monitoring/report.html"
ADVICE = "/monitoring/advice"
_GRAVITY = ("severe", "moderate", "none", "insufficient_data")


@dataclass(frozen=True, slots=True)
class BinView:
    """One row of the table beside a distribution."""

    label: str
    reference: str
    current: str


@dataclass(frozen=True, slots=True)
class PointView:
    """One row of the table beside a history."""

    at: str
    psi: str
    status: Status


@dataclass(frozen=True, slots=True)
class FeatureSnapshot:
    """A feature in one snapshot."""

    at: datetime
    psi: float
    verdict: str


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A feature as the page shows it; numbers are texts already."""

    name: str
    anchor: str
    status: Status
    is_alarm: bool
    words: Markup
    psi: str
    interval: Markup | str
    critical: str
    n: str
    above: str
    missing_reference: str
    missing_now: str
    unseen: str
    bins: tuple[BinView, ...]
    distribution: Markup
    history: Markup | None
    points: tuple[PointView, ...]


def dashboard_values(service: Service, reader: Reader, filters: Filters, now: datetime) -> dict[str, object]:
    """The values of the template of the drift page. Raises InputError for an unknown task, window or slice."""
    served = {bundle.task: bundle for bundle in service.bundles}
    if not served:
        return {"tasks": []}
    bundle = chosen_bundle(service, filters.task)
    store = service.store
    window = window_of(own_version(filters.window, bundle, served), store=store, task=bundle.task, now=now)
    part = parse_slice(bundle, filters.part)
    sizes = store.slices(bundle.task, bundle.version, window.first or date.min, window.last)
    shown = Filters(bundle.task, window.name, part, filters.same_levels and not part)
    report = _report(store, bundle, window, shown)
    is_levelled = shown.same_levels and report is not None
    if report is None:
        shown, report = replace(shown, same_levels=False), drift_report(store, bundle, window)
    kept = store.snapshots(bundle.task, SNAPSHOTS)
    snapshots = [snapshot for snapshot in kept if snapshot.version == bundle.version]
    events = Events(store).latest(EVENTS, bundle.task)
    marks = marks_of(events)
    is_whole = not part and not is_levelled
    return {
        "tasks": [
            Choice(each.task, each.task_spec.title.in_locale(reader.locale), each is bundle) for each in served.values()
        ],
        "windows": window_choices(window, bundle, store, now, reader),
        "everybody": counted(WHOLE, sizes.get(WHOLE, 0), reader),
        "slices": slice_choices(part, sizes, bundle, reader),
        "has_levels": bool(bundle.reference.by_level),
        "same_levels": is_levelled,
        "notes": list(
            _notes(
                filters,
                shown,
                reader,
                left_out=sizes.get(WHOLE, 0) - report.n if is_levelled else 0,
                of_sheet=sizes.get(SHEET_SLICE, 0),
            )
        ),
        "is_whole": is_whole,
        "is_empty": bool(part) and not report.n,
        "overall": status_of_report(report, reader),
        "period": period_words(report.window, reader),
        "pupils": in_words(part, reader, bundle.profile.level_name),
        "pupils_inside": slice_words(part, bundle.profile.level_name).render(reader.locale),
        "rate": _rate(report, reader),
        "n": reader.number(report.n, 0),
        "stored": reader.number(store.answered(bundle.task), 0),
        "rows": report.baseline.render(reader.locale),
        "reference_n": reader.number(report.reference_n, 0),
        "reference_years": served_years(bundle),
        "model_version": bundle.version,
        "moderate": reader.number(MODERATE),
        "severe": reader.number(SEVERE),
        # Snapshots keep all pupils as they are: a history of theirs beside the figures of a slice would mislead.
        "features": feature_views(report, snapshots if is_whole else (), marks if is_whole else (), reader),
        "timeline": timeline(kept, marks, reader),
        "events": event_views(events, reader),
        "history_words": _history_words(snapshots, reader),
        "advice_url": reader.url(ADVICE, **_advised(shown)),
        "report_url": reader.url(REPORT, task=bundle.task, window=window.name),
        "snapshot_url": reader.url(f"{PATH}/snapshot", **shown.query()),
        "whole_url": reader.url(PATH, **Filters(bundle.task, window.name).query()),
        "ever_url": reader.url(PATH, **replace(shown, window="all").query()),
        "bar_key": Markup('<span class="key"></span>'),
        "mark_key": Markup('<span class="key mark"></span>'),
    }


def _report(store: Store, bundle: Bundle, window: Window, shown: Filters) -> DriftReport | None:
    """The report that is shown; None where no prediction has a level that training knows."""
    if not shown.same_levels:
        return drift_report(store, bundle, window, part=shown.part)
    try:
        return drift_report(store, bundle, window, same_levels=True)
    except InputError:  # task and window are valid here, so it is the levels
        return None


def _notes(filters: Filters, shown: Filters, reader: Reader, *, left_out: int, of_sheet: int) -> Iterator[Markup]:
    """Notes on the filters, to read before the figures."""
    _ = reader.gettext
    if filters.same_levels and shown.part:
        yield _(
            "“The same levels” applies only to all pupils together: one level is always compared with that level of "
            "training, and the training data has no classes and sources."
        )
    elif filters.same_levels and not shown.same_levels:
        yield _(
            "No pupil of this period is in a level that the model learned from, so this is a comparison with all "
            "training rows."
        )
    if left_out > 0:
        yield _(
            "Predictions left out, because they have no level or one that training did not have: {n}.",
            n=reader.number(left_out, 0),
        )
    if of_sheet and shown.part != SHEET_SLICE:
        yield _(
            "Forecasts for the sheet that the model was trained with: {n}. They are left out here, "
            "because training knew these pupils. The model card says what the answers were worth in a "
            "year that the model did not know.",
            n=reader.number(of_sheet, 0),
        )
    if shown.part:
        yield _("Each slice is a check of its own: of a hundred checks, about one is in alarm by chance alone.")


def _advised(shown: Filters) -> dict[str, str]:
    """The window for the page of advice, which speaks of all models: a version of one model is not a window there."""
    return {} if shown.window == WINDOW or shown.window.startswith(SINCE) else {"window": shown.window}


def feature_views(
    report: DriftReport, snapshots: Sequence[Snapshot], marks: Sequence[Mark], reader: Reader
) -> list[FeatureView]:
    """Every feature of a report, the most changed first; `snapshots` are of its version, the latest first."""
    return [_feature(drift, snapshots, marks, reader) for drift in sorted(report.figures, key=_urgency)]


def chosen_bundle(service: Service, task: str | None) -> Bundle:
    """The bundle of a task, or of the first question; InputError when no model of the task is in use."""
    served = {bundle.task: bundle for bundle in service.bundles}
    bundle = served.get(task) if task else next(iter(served.values()), None)
    if bundle is None:
        raise InputError(
            msg("No model is in use for this question."),
            expected=msg("one of {names}", names=", ".join(served)) if served else None,
            where=Place(field="task"),
            fix=msg("Choose another question, or train a model with `farol train WORKBOOK`."),
        )
    return bundle


def _urgency(drift: FeatureDrift) -> tuple[int, float]:
    return _GRAVITY.index(drift.verdict), -(drift.psi or 0.0)


def name_of(drift: FeatureDrift, reader: Reader) -> str:
    """What people call a feature, or the score."""
    return drift.meaning.in_locale(reader.locale)


def _feature(drift: FeatureDrift, snapshots: Sequence[Snapshot], marks: Sequence[Mark], reader: Reader) -> FeatureView:
    past = _feature_snapshots(drift.feature, snapshots)
    bins = list(bins_of(drift, reader.locale))
    return FeatureView(
        name=name_of(drift, reader),
        anchor="answers" if drift.feature == SCORE else f"feature-{drift.feature}",
        status=status_of(drift.verdict, reader),
        is_alarm=drift.alarm,
        words=_words(drift, reader),
        psi=reader.number(drift.psi, 3),
        interval=_interval(drift, reader),
        critical=reader.number(drift.critical, 3),
        n=reader.number(drift.n, 0),
        above=NOTHING if drift.superiority is None else reader.percent(drift.superiority.value, 0),
        missing_reference=reader.percent(drift.missing.reference, 1),
        missing_now=reader.percent(drift.missing.value, 1),
        unseen=NOTHING if drift.unseen is None else reader.percent(drift.unseen.value, 1),
        bins=bin_views(drift, bins, reader),
        distribution=distribution(bins, reader.locale),
        history=history([(each.at, each.psi) for each in past], reader.locale, reader.timezone, marks)
        if past
        else None,
        points=tuple(
            PointView(reader.moment(each.at), reader.number(each.psi, 3), status_of(each.verdict, reader))
            for each in reversed(past)
        ),
    )


def bin_views(drift: FeatureDrift, bars: Sequence[Bar], reader: Reader) -> tuple[BinView, ...]:
    """The table beside a distribution."""
    return tuple(
        BinView(bar.label, _cell(before, bar.reference, reader), _cell(now, bar.current, reader))
        for bar, before, now in zip(bars, drift.reference, drift.current, strict=True)
    )


def bins_of(drift: FeatureDrift, locale: str) -> Iterator[Bar]:
    """The bars of a distribution; shares are None where one side is empty."""
    before, now = sum(drift.reference), sum(drift.current)
    for label, was, came in zip(drift.labels(locale), drift.reference, drift.current, strict=True):
        yield Bar(label, round(was / before, 4) if before else None, round(came / now, 4) if now else None)


def _cell(count: float, share: float | None, reader: Reader) -> str:
    return NOTHING if share is None else f"{reader.percent(share, 1)} ({reader.number(count, 0)})"


def _interval(drift: FeatureDrift, reader: Reader) -> Markup | str:
    if drift.psi is None:
        return ""
    return reader.gettext("({low} to {high})", low=reader.number(drift.low, 3), high=reader.number(drift.high, 3))


def _words(drift: FeatureDrift, reader: Reader) -> Markup:
    """What the figures of a feature mean."""
    _ = reader.gettext
    if drift.psi is None:
        return _("There is no prediction in this period. The marks show the training data.")
    if drift.alarm:
        reasons = (escape(reason.render(reader.locale)) for reason in drift.alarm_reasons())
        return Markup(" ").join((_("Alarm."), *reasons))
    values = {"psi": reader.number(drift.psi, 3), "critical": reader.number(drift.critical, 3)}
    if drift.verdict == "none":
        return _("Its PSI of {psi} is small. The values look like those the model learned from.", **values)
    if drift.n < MIN_SAMPLES:
        return _("With fewer than {enough} predictions nothing can be said about it.", enough=MIN_SAMPLES)
    if drift.band == "none":
        return _("Its PSI of {psi} is small. Another figure looks high, but that may be chance.", **values)
    return _(
        "Its PSI of {psi} looks high, but with {n} predictions chance alone may give up to {critical}: no alarm.",
        n=reader.number(drift.n, 0),
        **values,
    )


def _rate(report: DriftReport, reader: Reader) -> Markup | None:
    """The share of answers “at risk”, beside that of training pupils that the model had not seen."""
    rate = report.rate
    if rate is None or rate.value is None:
        return None
    _ = reader.gettext
    values = {
        "now": reader.percent(rate.value, 1),
        "low": reader.percent(rate.low, 1),
        "high": reader.percent(rate.high, 1),
        "then": reader.percent(rate.reference, 1),
    }
    if rate.alarm:
        return _(
            "{now} ({low} to {high}); in training {then}. The difference is greater than chance explains.", **values
        )
    return _("{now} ({low} to {high}); in training {then}. The difference may be chance.", **values)


def _feature_snapshots(feature: str, snapshots: Sequence[Snapshot]) -> list[FeatureSnapshot]:
    """A feature in each snapshot that has a PSI of it, the oldest first."""
    points = []
    for snapshot in reversed(snapshots):
        stored: Any = snapshot.payload  # as `farol.drift.report.snapshot_of` writes it
        score = [] if stored["score"] is None else [stored["score"]]
        for figures in (*stored["features"], *score):
            if figures["feature"] == feature and figures["psi"] is not None:
                points.append(FeatureSnapshot(snapshot.at, figures["psi"], figures["verdict"]))
    return points


def _history_words(snapshots: Sequence[Snapshot], reader: Reader) -> Markup:
    _ = reader.gettext
    if not snapshots:
        return _(
            "There is no snapshot of this version yet. A snapshot keeps the figures of a period, so that a trend shows."
        )
    return _(
        "Snapshots of this version: {count}, the latest of {at}. A snapshot keeps the figures of a period, so that a "
        "trend shows.",
        count=reader.number(len(snapshots), 0),
        at=reader.moment(snapshots[0].at),
    )
