"""Nothing is done on a page that the audit does not have: neither is there without the other.

Each route of a page that takes a form is asked twice, on a site of its own. First the audit takes no row, as with a
full disk: then nothing may have changed, in no table and no file. Then it takes them, and has a row more. A route that
nobody wrote a form for fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select

from farol.accounts.site import write_setting
from farol.accounts.users import account_of, create_user
from farol.accounts.viewer import UserRole, Viewer
from farol.app import create_app
from farol.casework.cases import record_entry
from farol.casework.entries import EntryKind, note_details
from farol.intake.jobs import begin, end
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from farol.store.tables import audit
from tests.api.client import Client, running
from tests.bundles import make_bundle
from tests.web.site import build_site
from tests.web.test_access import ASKING, CASE, OWN, PASSWORD, ROUTES, add_user, fill, pupils

NOW = datetime.now(UTC)
STUDENT = pupils(OWN)[0]
UNCHANGED = {
    "/administration/backup",
    "/administration/erasure/export",
    "/administration/erasure/find",
    "/administration/stop",
    "/cases/{id_}/call",
}
"""Forms after which tables and files are as before: somebody saw or took something, or the service ends."""
BY_THEMSELVES = {"audit", "events", "leases"}
"""Tables that change while nobody asks for anything."""


@dataclass(frozen=True)
class Place:
    """A site, and what the forms need to know of it."""

    settings: Settings
    words: Mapping[str, str]


@pytest.fixture(scope="module")
def first_place(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Place:
    folder = tmp_path_factory.mktemp("audited")
    settings = build_site(folder, now=NOW)
    registry = Registry(settings.artifacts)
    before = registry.promoted("next-year")
    registry.promote("next-year", make_bundle(settings.artifacts, "next-year", seed=1).name)
    other = make_bundle(settings.artifacts, "next-year", seed=2).name
    with Store.open(settings.store_url) as store:
        fill(store, OWN)
        add_user(store, "ana", UserRole.administrator)
        add_user(store, "bia", UserRole.coordinator, OWN)
        ana = Viewer(account_of(store, "ana").user)
        _, token = create_user(store, "davi", "Davi", UserRole.reader, (), at=NOW)
        _, key = make_key(Role.read, "Secretaria", at=NOW)
        Keys(store).add(key)
        record_entry(store, ana, CASE[OWN], EntryKind.note, note_details("x"), at=NOW)
        with store.engine.connect() as connection:
            seq = connection.exec_driver_sql("SELECT max(seq) FROM case_entries").scalar_one()
        write_setting(store, "names", True, NOW)
        kept = {"profile": "pede", "header": "Cor", "column": "", "day": "2026-01-02"}
        write_setting(store, "columns", [kept], NOW)
    with running(create_app(settings)) as client:
        client.post("/login", data={"login": "ana", "password": PASSWORD})
        sent = client.post("/workbooks", files={"files": ("PEDE.xlsx", sample_workbook.read_bytes())})
    upload = sent.headers["location"].rpartition("/")[2]
    words = {"BEFORE": before, "OTHER": other, "TOKEN": token, "KEY": key.prefix, "UPLOAD": upload, "SEQ": str(seq)}
    return Place(settings, {name: str(word) for name, word in words.items()})


def waiting(store: Store, words: Mapping[str, str]) -> str:
    """A job that may still be cancelled."""
    job = begin(store, "forecast", Viewer(), {"upload": words["UPLOAD"], "file": "PEDE.xlsx"}, datetime.now(UTC))
    assert job is not None
    return job.id


def with_a_model_left(store: Store, words: Mapping[str, str]) -> str:
    """A job that trained a model which was not put into use."""
    job = waiting(store, words)
    end(store, job, "done", {"left": {"next-year": words["OTHER"]}}, datetime.now(UTC))
    return job


@dataclass(frozen=True)
class Sending:
    """A request to a route: address, fields and files; `before` makes the job that the address names."""

    path: str
    form: Mapping[str, Any]
    files: Mapping[str, tuple[str, bytes]] | None = None
    before: Callable[[Store, Mapping[str, str]], str] | None = None


AGAIN = {"password": "outras quatro palavras", "again": "outras quatro palavras"}
PURPOSE = {"purpose": "Apoio", "basis": "policy", "controller": "Escola", "contact": "escola@example.org"}
TWO = {"student": STUDENT, "again": STUDENT}
UNKNOWN = b"RA;Cor da mochila;INDE 2024\n"
SENDINGS = {
    "/account/name": Sending("/account/name", {"name": "Ana Maria"}),
    "/account/password": Sending("/account/password", {"old": PASSWORD, **AGAIN}),
    "/account/sessions": Sending("/account/sessions", {}),
    "/administration/backup": Sending("/administration/backup", {}),
    "/administration/capacity": Sending("/administration/capacity", {"capacity": "7"}),
    "/administration/erasure": Sending("/administration/erasure", TWO),
    "/administration/erasure/export": Sending("/administration/erasure/export", TWO),
    "/administration/erasure/find": Sending("/administration/erasure/find", TWO),
    "/administration/keys": Sending("/administration/keys", {"name": "Outra", "role": "read", "days": "30"}),
    "/administration/keys/{prefix}/revoke": Sending("/administration/keys/KEY/revoke", {}),
    "/administration/models/{task}/{version}/promote": Sending(
        "/administration/models/next-year/OTHER/promote", {"despite": "1"}
    ),
    "/administration/models/{task}/{version}/rollback": Sending("/administration/models/next-year/BEFORE/rollback", {}),
    "/administration/names": Sending("/administration/names", {"decision": "erase", "sure": "1"}),
    "/administration/names/file": Sending(
        "/administration/names/file", {}, {"file": ("n.csv", f"RA;Nome\n{STUDENT};Outra Pessoa\n".encode())}
    ),
    "/administration/purpose": Sending("/administration/purpose", PURPOSE),
    "/administration/retention/period": Sending("/administration/retention/period", {"days": "800"}),
    "/administration/retention/run": Sending("/administration/retention/run", {"days": "31", "sure": "1"}),
    "/administration/stop": Sending("/administration/stop", {}),
    "/administration/support": Sending("/administration/support", {"wish": "add", "name": "Clube de leitura"}),
    "/administration/users": Sending("/administration/users", {"login": "eva", "name": "Eva", "role": "reader"}),
    "/administration/users/{key}": Sending("/administration/users/bia", {"name": "Beatriz", "role": "reader"}),
    "/administration/users/{key}/disable": Sending("/administration/users/bia/disable", {}),
    "/administration/users/{key}/reset": Sending("/administration/users/bia/reset", {}),
    "/administration/users/{key}/sessions": Sending("/administration/users/ana/sessions", {}),
    "/cases/bulk": Sending("/cases/bulk", {"student": pupils(OWN)[1], "year": "2024"}),
    "/cases/{id_}": Sending(f"/cases/{CASE[OWN]}", {"step": "closed", "reason": "moved", "version": "1"}),
    "/cases/{id_}/call": Sending(f"/cases/{CASE[OWN]}/call", {"number": "11 5555-0000"}),
    "/cases/{id_}/contacts": Sending(
        f"/cases/{CASE[OWN]}/contacts", {"on": "2025-03-09", "way": "phone", "person": "guardian", "reached": "yes"}
    ),
    "/cases/{id_}/notes": Sending(f"/cases/{CASE[OWN]}/notes", {"text": "y"}),
    "/cases/{id_}/withdrawals": Sending(f"/cases/{CASE[OWN]}/withdrawals", {"seq": "SEQ", "why": "engano"}),
    "/first/{token}": Sending("/first/TOKEN", AGAIN),
    "/jobs/{job}/cancel": Sending("/jobs/JOB/cancel", {}, before=waiting),
    "/jobs/{job}/use": Sending("/jobs/JOB/use", {"task": "next-year"}, before=with_a_model_left),
    "/login": Sending("/login", {"login": "bia", "password": PASSWORD}),
    "/logout": Sending("/logout", {}),
    "/monitoring/dashboard/snapshot": Sending("/monitoring/dashboard/snapshot?task=next-year", {}),
    "/pupils/{student:path}/cases": Sending(f"/pupils/{pupils(OWN)[2]}/cases", {"year": "2024", "comment": "x"}),
    "/workbooks": Sending("/workbooks", {}, {"files": ("a.csv", UNKNOWN)}),
    "/workbooks/columns/forget": Sending("/workbooks/columns/forget", {"profile": "pede", "header": "Cor"}),
    "/workbooks/{upload}/accept": Sending("/workbooks/UPLOAD/accept", {"kind": "forecast"}),
    "/workbooks/{upload}/columns": Sending("/workbooks/UPLOAD/columns", {"column-0": "", "year": "2024"}),
    "/workbooks/{upload}/delete": Sending("/workbooks/UPLOAD/delete", {}),
}
"""Route → what is sent to it."""


def kept(settings: Settings) -> list[object]:
    """Every row of every table, and every file with its size."""
    rows: list[object] = []
    with Store.open(settings.store_url) as store, store.engine.connect() as connection:
        every = MetaData()
        every.reflect(connection)
        for table in every.sorted_tables:
            if table.name not in BY_THEMSELVES:
                rows += [(table.name, *row) for row in connection.execute(select(table))]
    folders = (settings.artifacts, settings.data / "uploads")
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return rows + [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def asked(client: Client, sending: Sending, words: Mapping[str, str]) -> int:
    path, form = sending.path, dict(sending.form)
    for name, word in words.items():
        path = path.replace(name, word)
        form = {key: word if value == name else value for key, value in form.items()}
    return client.post(path, data=form, files=sending.files, headers={"Accept": "text/html"}).status_code


def last_line(store: Store) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(select(func.max(audit.c.seq))).scalar_one())


FORMS = [route.path for route in ROUTES if route.method == "POST" and route.access.is_page and route.path not in ASKING]


@pytest.mark.parametrize("path", FORMS)
def test_an_action_and_its_audit_line_are_never_apart(first_place: Place, path: str, tmp_path: Path) -> None:
    sending = SENDINGS[path]
    shutil.copytree(first_place.settings.artifacts, tmp_path / "artifacts")
    shutil.copytree(first_place.settings.data, tmp_path / "data")
    update = {"artifacts": tmp_path / "artifacts", "data": tmp_path / "data"}
    settings, words = first_place.settings.model_copy(update=update), dict(first_place.words)
    app, stopped = create_app(settings), []
    with Store.open(settings.store_url) as store, running(app) as client:
        app.state.stop = lambda: stopped.append(True)
        for _ in range(2):  # so that there is another session to end
            assert client.post("/login", data={"login": "ana", "password": PASSWORD}).status_code == 303
        if sending.before is not None:
            words["JOB"] = sending.before(store, words)
        with store.exclusive() as connection:
            refusal = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER no_room BEFORE INSERT ON audit {refusal}")
        before = kept(settings)
        assert asked(client, sending, words) == 503
        assert kept(settings) == before
        assert not stopped
        with store.exclusive() as connection:
            connection.exec_driver_sql("DROP TRIGGER no_room")
        known = last_line(store)
        assert asked(client, sending, words) < 400
        assert last_line(store) > known
        assert (kept(settings) != before) == (path not in UNCHANGED)
