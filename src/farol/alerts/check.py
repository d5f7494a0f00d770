"""When checks are due, and what a check does: drift of a window for each model, its snapshot, its alert.

`farol alerts check` and the schedule of the service run this same function. Cron expressions are read by cronsim,
which follows Debian's cron, also on the days when clocks change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from farol.alerts.channel import Channel
from farol.alerts.delivery import channels_of
from farol.alerts.messages import QUIET, MessageSettings, judge
from farol.drift.pairwise import PairwiseReport, pairwise_report
from farol.drift.report import DriftReport, drift_report, snapshot_of
from farol.drift.windows import parse_window
from farol.errors import InputError, Place
from farol.i18n import msg, negotiate
from farol.model.bundle import Bundle
from farol.settings import Settings
from farol.store.alerts import AlertState, AlertStates, Change, Judged, Outbox
from farol.store.database import Store
from farol.store.history import compact

_INTERVAL = re.compile(r"([1-9]\d{0,4})([mhd])", re.ASCII)
_FIELDS = 5
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """`text` is a cron expression in `timezone`, or an interval; see `parse_schedule`."""

    text: str
    timezone: ZoneInfo
    interval: timedelta | None

    def after(self, moment: datetime) -> datetime:
        """The first time that is due after a moment; both are aware."""
        if self.interval is not None:
            return moment + self.interval
        due: datetime = next(CronSim(self.text, moment.astimezone(self.timezone)))
        return due.astimezone(moment.tzinfo)


def parse_schedule(text: str, timezone: ZoneInfo) -> Schedule | None:
    """A schedule such as `0 6 * * *`, `30m`, `6h` or `1d`; None for an empty text. Raises InputError."""
    words = " ".join(text.split())
    if not words:
        return None
    interval = _INTERVAL.fullmatch(words)
    if interval:
        return Schedule(words, timezone, int(interval[1]) * _UNITS[interval[2]])
    if len(words.split()) != _FIELDS:  # cronsim would take a sixth field, for seconds
        raise _invalid_schedule()
    try:
        next(CronSim(words, datetime(2024, 1, 1, tzinfo=timezone)))
    except (CronSimError, StopIteration):
        raise _invalid_schedule() from None
    return Schedule(words, timezone, None)


def _invalid_schedule() -> InputError:
    example = {"cron": "0 6 * * *", "interval": "6h"}
    return InputError(
        msg("This is not a schedule."),
        expected=msg("a cron expression such as {cron}, or an interval such as {interval}", **example),
        where=Place(field="FAROL_CHECK_SCHEDULE"),
        fix=msg("Correct this setting, or leave it empty: then the service does not check by itself."),
    )


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """When to check (None: only when asked), which window, through which channels alerts go, and how they are written.

    `multivariate`: whether checks also compare pairs of features.
    """

    schedule: Schedule | None
    window: str
    channels: tuple[Channel, ...]
    messages: MessageSettings
    multivariate: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The plan that the settings describe. Raises InputError where it cannot be carried out."""
        parse_window(settings.check_window, now=datetime.now(UTC))
        channels = channels_of(settings)
        names = tuple(channel.name for channel in channels)
        return cls(
            schedule=parse_schedule(settings.check_schedule, ZoneInfo(settings.timezone)),
            window=settings.check_window,
            channels=channels,
            messages=MessageSettings(negotiate(settings.locale), names, settings.alert_link),
            multivariate=settings.check_multivariate,
        )


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The reports of a check of one task, and the change of its alert state (None: no change).

    `pairwise` is None where it was not asked for, or where training had too few rows for it.
    """

    report: DriftReport
    change: Change | None
    pairwise: PairwiseReport | None = None


def check_all(
    store: Store,
    bundles: Iterable[Bundle],
    window: str,
    now: datetime,
    messages: MessageSettings,
    *,
    multivariate: bool = False,
) -> list[CheckResult]:
    """Check each model over a window such as `30d`: store a snapshot, then the state, the event and the messages.

    The last three are one transaction. `multivariate` also compares pairs of features. Old snapshots and letters are
    removed afterwards. Raises InputError for an invalid window, StoreError.
    """
    results = [_check(store, bundle, window, now, messages, multivariate=multivariate) for bundle in bundles]
    compact(store, now)
    Outbox(store).forget(now)
    return results


def _check(
    store: Store, bundle: Bundle, window: str, now: datetime, messages: MessageSettings, *, multivariate: bool
) -> CheckResult:
    days = parse_window(window, now=now)
    report = drift_report(store, bundle, days)
    has_pairs = multivariate and bundle.reference.joint is not None
    pairwise = pairwise_report(store, bundle, days) if has_pairs else None
    store.write_snapshot(snapshot_of(report, now))

    def judged(before: AlertState) -> Judged:
        return judge(before, report, bundle, now, messages, pairwise=pairwise)

    return CheckResult(report, AlertStates(store).advance(bundle.task, bundle.version, now, QUIET, judged), pairwise)
