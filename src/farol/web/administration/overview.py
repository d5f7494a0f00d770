"""The first page of administration: what is kept, which versions answer, what runs, and what is due."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from markupsafe import Markup
from sqlalchemy import func, select

from farol import __version__
from farol.accounts.audit import Action
from farol.advice.status import real_problems
from farol.errors import FarolError, StoreError
from farol.service import Service
from farol.store.engine import parse_url
from farol.store.keys import Keys
from farol.store.records import moment
from farol.store.tables import audit, cases, jobs, outbox, pupil_years, users
from farol.web.administration.retention import kept_days, rows_before
from farol.web.advice import statuses_of
from farol.web.locale import NOTHING, Reader, counts_by_period, served_years
from farol.web.wording import Told, code, link, told, told_error

PATH = "/administration"
BACKUP_DAYS = 30
"""Days after which another backup is due."""
_UNITS = ((1e9, "GB", 1), (1e6, "MB", 1), (1e3, "kB", 0))


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A question and the version that answers it; `problem` says why none does, or not the promoted one."""

    task: str
    title: str
    version: str
    learned: str
    stored: str
    problem: Told | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """Something that the service does by itself, and how it went."""

    title: str
    key: str
    word: Markup
    problem: Told | None


@dataclass(frozen=True, slots=True)
class DueLine:
    """Something that somebody should do; `key` is its gravity, `keeper` what of it needs a terminal."""

    key: str
    words: Markup | str
    keeper: Markup | None = None


def overview_values(service: Service, reader: Reader, now: datetime) -> dict[str, object]:
    """What the template needs; where the database is away, the page says so and shows the rest."""
    try:
        facts, due = list(_facts(service, reader)), list(_due(service, reader, now))
        problem = None
    except StoreError as error:
        facts, due, problem = [], [], told_error(error, reader)
    return {
        "facts": facts,
        "due": due,
        "store_problem": problem,
        "models": [_served(service, task, reader) for task in service.task_names()],
        "jobs": [_job(job.title.render(reader.locale), job.age, job.problem, reader) for job in service.background],
        "failing": any(job.problem is not None for job in service.background),
        "version": __version__,
        "since": reader.moment(service.started),
        "workers": reader.number(service.settings.workers, 0),
    }


def size_words(size: float, reader: Reader) -> str:
    """Bytes as a person reads them: `12,3 MB`."""
    for unit, name, digits in _UNITS:
        if size >= unit:
            return f"{reader.number(size / unit, digits)} {name}"
    return f"{reader.number(size, 0)} B"


def database_files(service: Service) -> list[Path]:
    """The files of the database; none where it is not SQLite."""
    url = parse_url(service.settings.store_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    return [path for path in (Path(url.database), Path(f"{url.database}-wal")) if path.exists()]


def _facts(service: Service, reader: Reader) -> Iterator[tuple[str, Markup | str]]:
    _ = reader.gettext
    store, files = service.store, database_files(service)
    with store.snapshot() as connection:
        years = connection.execute(
            select(pupil_years.c.year, func.count()).group_by(pupil_years.c.year).order_by(pupil_years.c.year)
        ).all()
        people = connection.execute(select(func.count()).select_from(users).where(users.c.disabled.is_(None))).scalar()
    yield (
        _("Pupils on the pages"),
        counts_by_period(service.profile, reader, years) or _("none yet"),
    )
    keys = [key for key in Keys(store).all() if key.revoked is None]
    yield _("People with an account"), reader.number(people, 0)
    yield _("Keys for programs"), reader.number(len(keys), 0)
    yield _("Database"), service.store_software or NOTHING
    if files:
        yield _("Size of the database"), size_words(sum(path.stat().st_size for path in files), reader)
        yield _("Free space on its disk"), size_words(shutil.disk_usage(files[0].parent).free, reader)


def _served(service: Service, task: str, reader: Reader) -> ServedVersion:
    bundle = next((bundle for bundle in service.bundles if bundle.task == task), None)
    problem = real_problems(service.registry, service.problems).get(task)
    try:
        stored = reader.number(service.store.total(task), 0)
    except StoreError:
        stored = NOTHING
    return ServedVersion(
        task,
        service.tasks.specs[task].title.in_locale(reader.locale),
        NOTHING if bundle is None else bundle.version,
        NOTHING if bundle is None else served_years(bundle),
        stored,
        None if problem is None else told_error(problem, reader),
    )


def _job(title: str, age: float, problem: FarolError | None, reader: Reader) -> JobLine:
    _ = reader.gettext
    if problem is not None:
        return JobLine(title, "severe", _("fails"), told_error(problem, reader))
    return JobLine(title, "none", _("went well {n} s ago", n=reader.number(age, 0)), None)


def _due(service: Service, reader: Reader, now: datetime) -> Iterator[DueLine]:
    """What somebody should do, the gravest first."""
    _, store = reader.gettext, service.store
    erasure, advice, remove, backup = _("erasure"), _("advice"), _("Remove them"), _("backup")
    if not service.bundles:
        send = link(reader.url("/workbooks"), _("send the year's workbook"))
        yield DueLine("insufficient_data", _("No model answers yet. To train one, {link}.", link=send))
    for problem in real_problems(service.registry, service.problems).values():
        said = told_error(problem, reader)
        yield DueLine("severe", said.words, said.keeper)
    if service.store_caution is not None:
        said = told([service.store_caution.render(reader.locale)])
        yield DueLine("moderate", said.words, said.keeper)
    if service.erasing:
        where = link(reader.url("/administration/erasure"), erasure)
        yield DueLine("moderate", _("What was erased is not out of the database's files yet: {link}.", link=where))
    if any(status.to_do for status in statuses_of(service, "30d", now, deep=False)):
        words = _("A model needs a look: {link}.", link=link(reader.url("/monitoring/advice"), advice))
        yield DueLine("moderate", words)
    yield from _due_in_rows(service, reader, now)
    days = kept_days(store)
    old = 0 if days is None else rows_before(store, now, days).predictions
    if old:
        words = _(
            "Predictions older than the period of retention: {n}. {link}.",
            n=reader.number(old, 0),
            link=link(reader.url("/administration/retention"), remove),
        )
        yield DueLine("moderate", words)
    if database_files(service) and store.total() and _backup_is_due(service, now):
        words = _(
            "No backup was downloaded here in {n} days: {link}. Where another program copies the database, that is "
            "enough.",
            n=BACKUP_DAYS,
            link=link(reader.url("/administration/backup"), backup),
        )
        yield DueLine("insufficient_data", words)


def _due_in_rows(service: Service, reader: Reader, now: datetime) -> Iterator[DueLine]:
    """What the tables of cases, jobs and alerts hold that waits for somebody."""
    _ = reader.gettext
    today: date = now.astimezone(reader.timezone).date()
    is_late = cases.c.closed.is_(None) & (cases.c.due < today)
    is_lost = outbox.c.due.is_(None) & outbox.c.delivered.is_(None)
    is_open = jobs.c.state.in_(("waiting", "running"))
    with service.store.snapshot() as connection:
        late, lost, running = (
            connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
            for table, condition in ((cases, is_late), (outbox, is_lost), (jobs, is_open))
        )
    if late:
        words = _("Cases past their date: {n}.", n=link(reader.url("/cases/due"), reader.number(late, 0)))
        yield DueLine("moderate", words)
    if lost:
        words = _("Alerts that could not be delivered: {n}.", n=reader.number(lost, 0))
        yield DueLine("moderate", words, _("{command} tries again.", command=code("farol alerts retry")))
    if running:
        words = _("Workbooks being learned from: {n}.", n=link(reader.url("/workbooks"), reader.number(running, 0)))
        yield DueLine("insufficient_data", words)


def _backup_is_due(service: Service, now: datetime) -> bool:
    latest = select(audit.c.at).where(audit.c.subject == "backup", audit.c.action == Action.exported.value)
    with service.store.snapshot() as connection:
        at = connection.execute(latest.order_by(audit.c.seq.desc()).limit(1)).scalar()
    return at is None or moment(at) < now - timedelta(days=BACKUP_DAYS)
