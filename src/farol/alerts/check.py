"""A check: the drift of a window for each model served, kept in the history, told where it changed.

`farol alerts check` and the service's own schedule run this same function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from farol.alerts.messages import QUIET, Wording, judge
from farol.drift.pairwise import MultivariateReport, multivariate_report
from farol.drift.report import DriftReport, drift_report, parse_window, snapshot_of
from farol.model.bundle import Bundle
from farol.store.alerts import AlertState, AlertStates, Change, Judged, Outbox
from farol.store.database import Store
from farol.store.history import compact


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one task found, and what it changed (None: nothing).

    `together` is the multivariate check; None where it was not asked for, or cannot be made of an older model.
    """

    report: DriftReport
    change: Change | None
    together: MultivariateReport | None = None


def check_all(
    store: Store, bundles: Iterable[Bundle], window: str, now: datetime, wording: Wording, *, multivariate: bool = False
) -> list[Checked]:
    """Check each model over a window such as `30d`: a snapshot each, then the state, the event and the messages.

    The last three are one transaction. `multivariate` also looks at how each two features go together. Snapshots and
    letters that are old enough go afterwards. Raises InputError for a window that is none, StoreError.
    """
    found = [_check(store, bundle, window, now, wording, multivariate=multivariate) for bundle in bundles]
    compact(store, now)
    Outbox(store).forget(now)
    return found


def _check(
    store: Store, bundle: Bundle, window: str, now: datetime, wording: Wording, *, multivariate: bool
) -> Checked:
    days = parse_window(window, now=now)
    report = drift_report(store, bundle, days)
    knows = multivariate and bundle.reference.joint is not None
    together = multivariate_report(store, bundle, days) if knows else None
    store.write_snapshot(snapshot_of(report, now))

    def judged(before: AlertState) -> Judged:
        return judge(before, report, bundle, now, wording, together=together)

    return Checked(report, AlertStates(store).advance(bundle.task, bundle.version, now, QUIET, judged), together)
