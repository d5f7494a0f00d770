"""Notices that another version answers, and with it a workbook that was not known before.

Promoting is done on the folder of the models, often where there is no database. So whoever looks next records it:
a worker of the service, or a command that checks.
"""

from __future__ import annotations

from datetime import datetime

from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.store.database import Store
from farol.store.history import SERVED, WORKBOOK, Events


def notice_served(store: Store, registry: Registry, bundle: Bundle, now: datetime) -> bool:
    """Record that `bundle` answers, unless it is known or no longer promoted; whether anything was recorded.

    Once, whoever looks at the same moment: each such event names the one before it, and only one may follow that. We
    read the event before the folder: a version that was replaced meanwhile is then no news, and the newer one is for
    whoever serves it. Raises StoreError, BundleError.
    """
    task, version, events = bundle.task, bundle.version, Events(store)
    last = next(iter(events.latest(1, task, SERVED)), None)
    previous = None if last is None else str(last.details["version"])
    if previous == version or registry.promoted(task) != version:
        return False
    details: dict[str, object] = {"version": version, "previous": previous, "by": _how(registry, task, previous)}
    recorded = events.record(SERVED, now, task, details, once=f"served {task} after {last.id if last else '-'}")
    _notice_workbook(events, bundle, now)
    return recorded


def _how(registry: Registry, task: str, previous: str | None) -> str:
    """A promotion remembers the version before it; a rollback forgets it."""
    return "rollback" if previous is not None and previous not in registry.past(task) else "promotion"


def _notice_workbook(events: Events, bundle: Bundle, now: datetime) -> None:
    fingerprint = bundle.manifest.data_fingerprint[:12]
    years = sorted({*bundle.manifest.train_years, *bundle.manifest.test_years})
    details: dict[str, object] = {"fingerprint": fingerprint, "years": years, "version": bundle.version}
    events.record(WORKBOOK, now, bundle.task, details, once=f"workbook {bundle.task} {fingerprint}")
