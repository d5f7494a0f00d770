"""Whether the pupils we answer for still look like those the model was trained on, feature by feature.

Verdicts are made so that they can be believed. The fixed bands (0.1, 0.25) say how large a drift is; whether there is
any is a question of chance, and at 30 predictions chance alone exceeds the bands nearly always. So:

- `insufficient_data`: fewer than 30 predictions, or a PSI beyond the first band that chance alone may well give;
- `none`: a PSI below 0.1;
- `moderate`, `severe`: a PSI in that band and above its critical value. Exactly these raise the alarm.

The critical value holds for all features of the task together (Bonferroni): without drift, at most one window in a
hundred raises any alarm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from farol.bundle import Bundle
from farol.errors import InputError
from farol.features import feature_matrix
from farol.i18n import Message, msg
from farol.monitoring.psi import (
    ALPHA,
    MODERATE,
    Band,
    band,
    critical_value,
    exact_critical_value,
    interval,
    psi,
    used_bins,
)
from farol.profile import Profile, Text
from farol.reference import FeatureBins
from farol.store.database import Store
from farol.store.records import Snapshot, day_of, uuid7

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

Verdict = Literal["insufficient_data", "none", "moderate", "severe"]

ENOUGH = 30
"""Fewer predictions than this say nothing."""

LONGEST_WINDOW = 3_660

_LABELS: Mapping[str, Message] = {
    "insufficient_data": msg("Insufficient data"),
    "none": msg("No drift"),
    "moderate": msg("Moderate drift"),
    "severe": msg("Severe drift"),
}


@dataclass(frozen=True, slots=True)
class Window:
    """Days of America/Sao_Paulo, both ends included; `first` None: from the beginning. `name`: how it was asked for."""

    name: str
    first: date | None
    last: date

    @property
    def days(self) -> int | None:
        """How many days; None without a beginning."""
        return None if self.first is None else (self.last - self.first).days + 1

    def as_dict(self) -> dict[str, object]:
        """For JSON: `name`, `from` and `to` as ISO dates, `days`."""
        first = None if self.first is None else self.first.isoformat()
        return {"name": self.name, "from": first, "to": self.last.isoformat(), "days": self.days}


def parse_window(text: str, *, now: datetime) -> Window:
    """`7d`, `30d`, `90d` (any number of days), `all`, each optionally as of a day: `30d@2024-06-30`.

    Without a day the window ends today; `now` is aware. Raises InputError.
    """
    span, _, day = text.strip().lower().partition("@")
    match = re.fullmatch(r"(\d{1,4})d", span, re.ASCII)
    days = int(match[1]) if match else 0
    if span != "all" and not 1 <= days <= LONGEST_WINDOW:
        raise InputError(
            msg("This is not a window of time."),
            expected=msg("7d, 30d, 90d or another number of days up to {most}d, or all", most=LONGEST_WINDOW),
        )
    last = day_of(now)
    if "@" in text:
        try:
            last = date.fromisoformat(day)
        except ValueError:
            raise InputError(
                msg("This is not the last day of a window."),
                expected=msg("a date like {example}", example="30d@2024-06-30"),
            ) from None
    if span == "all":
        return Window(text, None, last)
    if days > last.toordinal():
        raise InputError(msg("This window begins before the calendar does."))
    return Window(text, last - timedelta(days=days - 1), last)


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature's figures. `reference` and `current` are counts, one a bin of `bins`, the last for missing.

    Where nothing was counted, `psi` and `missing_share` are None and `high` and `critical` infinite. `low` and `high`
    are a 95% interval; `band` is that of the PSI alone, `verdict` what can be said.
    """

    feature: str
    meaning: Text
    bins: FeatureBins
    reference: tuple[int, ...]
    current: tuple[int, ...]
    n: int
    psi: float | None
    low: float
    high: float
    critical: float
    missing_share: float | None
    reference_missing_share: float
    band: Band
    verdict: Verdict

    @property
    def alarm(self) -> bool:
        """The PSI is beyond a band and beyond chance."""
        return self.verdict in ("moderate", "severe")

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages: every field, the verdict and the bins in words too; null for what is not finite."""
        return {
            "feature": self.feature,
            "meaning": self.meaning.in_locale(locale),
            **self.figures(),
            "verdict_label": verdict_label(self.verdict, locale),
            "missing_share": self.missing_share,
            "reference_missing_share": self.reference_missing_share,
            "bins": list(self.bins.labels(locale)),
            "reference": list(self.reference),
            "current": list(self.current),
        }

    def figures(self) -> dict[str, object]:
        """What a snapshot keeps of a feature, besides its name and counts."""
        return {
            "psi": self.psi,
            "low": self.low,
            "high": self.high if isfinite(self.high) else None,
            "critical": self.critical if isfinite(self.critical) else None,
            "n": self.n,
            "verdict": self.verdict,
            "band": self.band,
            "alarm": self.alarm,
        }


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All features of a task over one window, compared with the `reference_n` training rows of `reference_years`."""

    task: str
    version: str
    window: Window
    reference_n: int
    reference_years: tuple[int, ...]
    features: tuple[FeatureDrift, ...]

    @property
    def n(self) -> int:
        """How many predictions the window has."""
        return max((feature.n for feature in self.features), default=0)

    @property
    def alarm(self) -> bool:
        """Any feature raises it."""
        return any(feature.alarm for feature in self.features)

    @property
    def verdict(self) -> Verdict:
        """The gravest alarm; without one, `none` only where every feature allows saying so."""
        verdicts = {feature.verdict for feature in self.features}
        order: tuple[Verdict, ...] = ("severe", "moderate", "insufficient_data")
        return next((verdict for verdict in order if verdict in verdicts), "none")

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages, words in `locale`."""
        return {
            "task": self.task,
            "version": self.version,
            "window": self.window.as_dict(),
            "n": self.n,
            "reference": {"n": self.reference_n, "years": list(self.reference_years)},
            "verdict": self.verdict,
            "verdict_label": verdict_label(self.verdict, locale),
            "alarm": self.alarm,
            "alpha": ALPHA,
            "features": [feature.as_dict(locale) for feature in self.features],
        }


def verdict_label(verdict: str, locale: str) -> str:
    """A verdict in the original system's words."""
    return _LABELS[verdict].render(locale)


def check(bundle: Bundle, counts: Mapping[str, Mapping[int, int]], *, window: Window) -> DriftReport:
    """The report for counts by feature and bin, as `Store.counts` gives them; a feature without any has n = 0."""
    features = bundle.reference.features
    alpha = ALPHA / len(features)
    return DriftReport(
        task=bundle.task,
        version=bundle.version,
        window=window,
        reference_n=bundle.reference.n,
        reference_years=_reference_years(bundle),
        features=tuple(_feature(bundle.profile, bins, counts.get(bins.feature, {}), alpha) for bins in features),
    )


def _reference_years(bundle: Bundle) -> tuple[int, ...]:
    """The years of the rows whose bins were frozen: those the served model learned from, refit included."""
    match bundle.report.get("served"):
        case {"years": [*years]}:
            return tuple(int(str(year)) for year in years)
        case _:
            return bundle.manifest.train_years


def drift_report(store: Store, bundle: Bundle, window: Window) -> DriftReport:
    """The report for what was predicted in a window, read from the counters. Changes nothing. Raises StoreError."""
    counts = store.counts(bundle.task, bundle.version, window.first or date.min, window.last)
    return check(bundle, counts, window=window)


def drift_of_panel(bundle: Bundle, panel: Panel) -> DriftReport:
    """The report for the last year of a workbook, through the same bins, whatever was predicted or stored."""
    year = panel.years[-1]
    rows = panel.select(panel.year == year)
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.numbers, rows.year.astype(np.float64))
    positions = bundle.reference.index(matrix)
    counts = {
        bins.feature: dict(enumerate(np.bincount(column, minlength=bins.size).tolist()))
        for bins, column in zip(bundle.reference.features, positions.T, strict=True)
    }
    return check(bundle, counts, window=Window(str(year), date(year, 1, 1), date(year, 12, 31)))


def take_snapshot(store: Store, bundle: Bundle, window: Window, *, at: datetime | None = None) -> Snapshot:
    """Keep the report of a window under the moment `at` (aware; now when None). Raises StoreError."""
    snapshot = snapshot_of(drift_report(store, bundle, window), datetime.now(UTC) if at is None else at)
    store.write_snapshot(snapshot)
    return snapshot


def snapshot_of(report: DriftReport, at: datetime) -> Snapshot:
    """What the history keeps of a report that was made at a moment (aware)."""
    return Snapshot(
        id=uuid7(at),
        at=at,
        task=report.task,
        version=report.version,
        first=report.window.first,
        last=report.window.last,
        payload={
            "n": report.n,
            "reference_n": report.reference_n,
            "verdict": report.verdict,
            "alarm": report.alarm,
            "features": [
                {"feature": feature.feature, **feature.figures(), "current": list(feature.current)}
                for feature in report.features
            ],
        },
    )


def _feature(profile: Profile, bins: FeatureBins, counted: Mapping[int, int], alpha: float) -> FeatureDrift:
    current = tuple(counted.get(position, 0) for position in range(bins.size))
    was, seen = np.array(bins.counts), np.array(current)
    n, m = int(seen.sum()), int(was.sum())
    figure = float(psi(was, seen))
    critical = critical_value(n, m, int(used_bins(was, seen)), alpha)
    if n >= ENOUGH and figure >= MODERATE and figure > critical:
        # About to raise an alarm: the approximate critical value is not good enough for that.
        critical = max(critical, exact_critical_value(bins.counts, current, alpha))
    low, high = interval(was, seen)
    described = profile.columns.get(bins.feature) or profile.derived[bins.feature]
    return FeatureDrift(
        feature=bins.feature,
        meaning=described.meaning,
        bins=bins,
        reference=bins.counts,
        current=current,
        n=n,
        psi=figure if n else None,
        low=low,
        high=high,
        critical=critical,
        missing_share=current[-1] / n if n else None,
        reference_missing_share=bins.counts[-1] / m,
        band=band(figure),
        verdict=_verdict(n, figure, critical),
    )


def _verdict(n: int, figure: float, critical: float) -> Verdict:
    found = band(figure)
    if n < ENOUGH or (found != "none" and figure <= critical):
        return "insufficient_data"
    return found
