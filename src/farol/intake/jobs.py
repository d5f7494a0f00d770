"""Long work asked for on a page: one job at a time for the whole site, in a process of its own, seen by all workers.

A row of `jobs` says how far it is. While a job lives it says so every second; one that says nothing for a while was
cut off, with the service or by a crash. Up to its point of no return a job changes nothing that others see, so that it
is simply over then; after it (`details.switching`) the job is begun again, and does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import RowMapping, select, update

from farol.accounts.audit import Action, audit_values
from farol.accounts.viewer import Viewer
from farol.i18n import Message, in_every_locale, msg
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import audit, jobs, json_text

SILENCE = timedelta(seconds=20)
"""A job that says nothing for so long is dead."""
MOST_ATTEMPTS = 3
"""A job that broke off behind its point of no return is begun again so often."""
_ENDED = ("done", "failed", "cancelled")

CUT_OFF = msg("The work was cut off, because Farol was stopped or the computer ran out of memory. Nothing was changed.")
HALF_WAY = msg("The new models may be in use. The lists are as they were.")
BROKEN_OFF = msg("The work was cut off again and again while the lists were made.")
START_AGAIN = msg("Start it again from the workbook's page.")


@dataclass(frozen=True, slots=True)
class SiteJob:
    """One job. `state`: waiting, running, done, failed, cancelled; `share` (0–1) of the work is done.

    `kind`: "train" (train, compare, put into use, forecast), "forecast" (with the models in use) or "use" (put into use
    what an earlier job trained and did not). `stage` has a text for each locale.
    """

    id: str
    kind: str
    state: str
    user: str
    created: datetime
    started: datetime | None
    seen: datetime | None
    ended: datetime | None
    share: float
    stage: Mapping[str, str]
    details: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in _ENDED

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it has changed nothing yet."""
        return not self.is_over and not self.details.get("switching")


def begin(store: Store, kind: str, viewer: Viewer, details: Mapping[str, Any], at: datetime) -> SiteJob | None:
    """A new job, which the audit has at once; None where another one is waiting or at work. Raises StoreError."""
    now = microseconds(at)
    values = {
        "id": str(uuid4()),
        "kind": kind,
        "state": "waiting",
        "user": viewer.id,
        "created": now,
        "started": None,
        "seen": now,
        "ended": None,
        "share": 0.0,
        "stage": json_text(in_every_locale(msg("Waiting to begin"))),
        "details": json_text(dict(details)),
        "result": "{}",
        "active": 1,
    }
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        if not insert_new(connection, jobs, values):
            return None
        connection.execute(audit.insert(), [audit_values(viewer.id, Action.changed, "job", at=at, details=kind)])
        return find_in(values)


def find_in(row: RowMapping | Mapping[str, Any]) -> SiteJob:
    """The job that a row holds."""
    times = {name: None if row[name] is None else moment(row[name]) for name in ("started", "seen", "ended")}
    return SiteJob(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        user=row["user"],
        created=moment(row["created"]),
        share=row["share"],
        stage=json.loads(row["stage"]),
        details=json.loads(row["details"]),
        result=json.loads(row["result"]),
        **times,
    )


def find_job(store: Store, job: str) -> SiteJob | None:
    """The job of that id; None where nothing has it. Raises StoreError."""
    with store_errors(store.engine.url), store.engine.connect() as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == job)).mappings().first()
    return None if row is None else find_in(row)


def active_job(store: Store) -> SiteJob | None:
    """The job that waits or is at work, or None. Raises StoreError."""
    with store_errors(store.engine.url), store.engine.connect() as connection:
        row = connection.execute(select(jobs).where(jobs.c.active == 1)).mappings().first()
    return None if row is None else find_in(row)


def latest_jobs(store: Store, limit: int) -> list[SiteJob]:
    """The last jobs, the newest first. Raises StoreError."""
    query = select(jobs).order_by(jobs.c.created.desc()).limit(limit)
    with store_errors(store.engine.url), store.engine.connect() as connection:
        return [find_in(row) for row in connection.execute(query).mappings()]


def take(store: Store, job: str, at: datetime) -> bool:
    """Begin to work: whether the job is still wanted. Raises StoreError."""
    values = {"state": "running", "started": microseconds(at), "seen": microseconds(at)}
    return _change(store, job, ("waiting",), values)


def beat(store: Store, job: str, at: datetime, states: tuple[str, ...] = ("running",)) -> bool:
    """Say that the job lives; whether it is still wanted. Raises StoreError."""
    return _change(store, job, states, {"seen": microseconds(at)})


def tell(store: Store, job: str, stage: Message, share: float) -> bool:
    """Say how far the job is; whether it is still wanted. Raises StoreError."""
    values = {"stage": json_text(in_every_locale(stage)), "share": min(max(share, 0.0), 1.0)}
    return _change(store, job, ("running",), values)


def set_details(store: Store, job: str, details: Mapping[str, Any]) -> bool:
    """Keep what the job must know to go on; whether it is still wanted. Raises StoreError."""
    return _change(store, job, ("running",), {"details": json_text(dict(details))})


def end(store: Store, job: str, state: str, result: Mapping[str, Any], at: datetime) -> bool:
    """The job is over, with its result; False where it was over already. Raises StoreError."""
    values = {"state": state, "result": json_text(dict(result)), "ended": microseconds(at), "active": None}
    if state == "done":
        values["share"] = 1.0
    return _change(store, job, ("waiting", "running"), values)


def cancel(store: Store, job: str, viewer: Viewer, at: datetime) -> bool:
    """Stop a job before its point of no return; whether that was still possible. Raises StoreError."""
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == job).with_for_update()).mappings().first()
        if row is None or not find_in(row).can_be_cancelled:
            return False
        values = {"state": "cancelled", "ended": microseconds(at), "active": None}
        connection.execute(update(jobs).where(jobs.c.id == job).values(**values))
        stopped = audit_values(viewer.id, Action.changed, "job", at=at, details="cancelled")
        connection.execute(audit.insert(), [stopped])
    return True


def cut_off(store: Store, now: datetime, dead: Collection[str] = ()) -> SiteJob | None:
    """See whether the job at work is dead: it is silent, or one of those known to be. Where it must go on it waits
    again, and is returned. Raises StoreError."""
    job = active_job(store)
    if job is None or (job.id not in dead and job.seen is not None and now - job.seen <= SILENCE):
        return None
    attempts = int(job.details.get("attempts", 0)) + 1
    if not job.details.get("switching") or attempts > MOST_ATTEMPTS:
        told = (
            problem(BROKEN_OFF, START_AGAIN, [HALF_WAY])
            if job.details.get("switching")
            else problem(CUT_OFF, START_AGAIN)
        )
        end(store, job.id, "failed", told, now)
        return None
    details = {**job.details, "attempts": attempts}
    values = {"state": "waiting", "seen": microseconds(now), "details": json_text(details)}
    # Of several workers one begins it again.
    before = None if job.seen is None else microseconds(job.seen)
    query = update(jobs).where(jobs.c.id == job.id, jobs.c.active == 1, jobs.c.seen == before)
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        changed = connection.execute(query.values(**values)).rowcount
    return find_job(store, job.id) if changed else None


def problem(message: Message, fix: Message | None, lines: Iterable[Message] = ()) -> dict[str, Any]:
    """What went wrong, as a job's result."""
    return {
        "problem": in_every_locale(message),
        "fix": None if fix is None else in_every_locale(fix),
        "lines": [in_every_locale(line) for line in lines],
    }


def _change(store: Store, job: str, states: tuple[str, ...], values: Mapping[str, Any]) -> bool:
    query = update(jobs).where(jobs.c.id == job, jobs.c.state.in_(states))
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        return bool(connection.execute(query.values(**values)).rowcount == 1)


def _writing(store: Store) -> Any:
    return store.engine.execution_options(**{IMMEDIATE: True})
