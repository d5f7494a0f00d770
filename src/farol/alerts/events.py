"""Events: recording that another version answers and from which workbook it learned, and events in words.

Promotion works on the folder of the models, often where there is no database. So the next process that looks records
the event: a worker of the service, or a command that checks.
"""

from __future__ import annotations

from datetime import datetime

from farol.drift.verdicts import verdict_label
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.store.database import Store
from farol.store.history import SERVED, WORKBOOK, Event, Events


def notice_served(store: Store, registry: Registry, bundle: Bundle, now: datetime) -> bool:
    """Record that `bundle` answers, unless that is recorded or it is no longer promoted. True if it was recorded now.

    Only one process records it: each such event names the event before it, and only one may follow that. The event is
    read before the folder, so a worker that still serves a replaced version records nothing. Raises StoreError,
    BundleError.
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
    years = list(bundle.profile.period_names([*bundle.manifest.train_years, *bundle.manifest.test_years]))
    details: dict[str, object] = {"fingerprint": fingerprint, "years": years, "version": bundle.version}
    events.record(WORKBOOK, now, bundle.task, details, once=f"workbook {bundle.task} {fingerprint}")


def words_of(event: Event, locale: str) -> str:
    """The event in one sentence."""
    return _sentence(event, locale).render(locale)


def _sentence(event: Event, locale: str) -> Message:
    details = event.details
    match event.kind, details:
        case "served", {"by": by, "version": version}:
            again = msg("Version {version} is in use again: rolled back.", version=version)
            return again if by == "rollback" else msg("Version {version} is now in use.", version=version)
        case "workbook", {"years": [*years]}:
            if not years:
                return msg("A model learned from a workbook.")
            return msg("A model learned from a workbook of {years}.", years=", ".join(map(str, years)))
        case "outcomes", {"year": int(year)}:
            return msg("What came true in {year} was recorded.", year=str(year))
        case "alert", {"reason": str(reason), "from": str(before), "to": str(after)}:
            labels = {"before": verdict_label(before, locale), "after": verdict_label(after, locale)}
            ended = msg("The alarm ended: another version is now in use.")
            return ended if reason == "version" else msg("The alarm changed: {before} → {after}.", **labels)
        case _:  # of a newer Farol
            return msg("{kind}", kind=event.kind)
