"""The database is itself: a file that is foreign or away is refused with the way back, and no row is lost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from farol.errors import StoreError
from farol.settings import Settings
from farol.store import identity, sqlite
from farol.store.backup import backup, restore
from farol.store.database import Store
from farol.store.identity import (
    DatabaseFiles,
    foreign,
    keys_were_made,
    newest_rescued,
    note_database,
    require_mounted,
    rescued_at,
    sidecar_of,
)
from farol.store.sqlite import FileWatch
from tests.store.conftest import url_of
from tests.store.rows import row

SUFFIXES = ("", "-wal", "-shm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "farol.db"


def copy_of(file: Path, tmp_path: Path) -> Path:
    """A sound copy, as a person has one from the night before."""
    copy = tmp_path / "copy.db"
    backup(url_of(file), copy)
    return copy


def total(file: Path) -> int:
    with Store.open(url_of(file)) as store:
        return store.total()


def killed_while_open(file: Path, rows: int) -> None:
    """A process that stores rows and is killed: its log stays beside the file."""

    def work() -> None:
        store = Store.open(url_of(file))
        for _ in range(rows):
            store.write([row()])
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert Path(f"{file}-wal").stat().st_size > 0


def test_a_copy_moved_over_the_file_is_refused_and_none_lost(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        store.write([row()])
        copy.replace(file)
        for _ in range(2):
            with pytest.raises(StoreError, match="Another file") as refused:
                store.write([row()])
            with pytest.raises(StoreError):
                store.total()
        (rescued,) = file.parent.glob("farol-rescued-*.db")
        assert str(rescued) in str(refused.value)
        assert stat.S_IMODE(rescued.stat().st_mode) == 0o600
    for suffix in SUFFIXES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    restore(url_of(file), rescued)
    assert total(file) == 2, "each row that was acknowledged"


def test_the_old_file_put_back_is_used_again_after_a_start(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        away = file.rename(tmp_path / "away")
        with pytest.raises(StoreError, match="not where it was"):
            store.write([row()])
        assert list(file.parent.glob("*rescued*"))
        away.rename(file)
        store.write([row()])
        assert not list(file.parent.glob("*rescued*")), "nobody needs the copy any more"
    assert total(file) == 2


def test_a_deleted_file_is_copied_while_it_can_be(file: Path, tmp_path: Path) -> None:
    """By each worker, and the way back that the error names leads to all that was acknowledged."""
    with Store.open(url_of(file)) as first, Store.open(url_of(file)) as second:
        first.write([row()])
        with second.engine.connect() as under_way:  # taken before the file is deleted, and committed afterwards
            under_way.exec_driver_sql("SELECT 1")
            under_way.rollback()
            for suffix in SUFFIXES:
                Path(f"{file}{suffix}").unlink()
            with pytest.raises(StoreError, match="If it was deleted"):
                first.write([row()])
            under_way.exec_driver_sql("CREATE TABLE later (name TEXT)")
            under_way.commit()
        for store in (second, first, second, first):
            with pytest.raises(StoreError, match="not where it was") as refused:
                store.total()
        (copy,) = file.parent.glob("*rescued*")
        assert str(copy) in str(refused.value)
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows_of(copy) == 1
    with pytest.raises(StoreError, match="no empty one") as refused:
        Store.open(url_of(file))
    assert str(copy) in str(refused.value)
    restore(url_of(file), copy)
    with Store.open(url_of(file)) as store:
        assert store.total() == 1
        with store.engine.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM later")


def test_a_copy_goes_with_the_first_use_of_any_connection(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        with store.engine.connect() as connection, store.engine.connect() as other:
            connection.exec_driver_sql("SELECT 1")
            other.exec_driver_sql("SELECT 1")
        away = file.rename(tmp_path / "away")
        with pytest.raises(StoreError, match="If it was deleted"):
            store.total()
        away.rename(file)
        assert store.total() == 1
        assert not list(file.parent.glob("*rescued*"))
    watch, copy = FileWatch(file), file.with_name("copy.db")
    for _ in range(2):  # two threads find the file back at once
        watch._copy = copy
        watch.taken(None, cast(Any, SimpleNamespace(info={sqlite._FILES: DatabaseFiles.at(file)})), None)
        assert watch._copy is None
    watch._forget_copy()
    assert total(file) == 1


def test_where_the_folder_is_away_no_copy_is_made(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        file.parent.rename(tmp_path / "disk")
        file.parent.mkdir()  # as the place where a disk was mounted is there without it
        with pytest.raises(StoreError, match="Mount its folder"):
            store.total()
        assert not list(file.parent.iterdir())
        file.parent.rmdir()
        (tmp_path / "disk").rename(file.parent)
        assert store.total() == 1


def test_a_deleted_file_without_room_for_a_copy_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        monkeypatch.setattr("farol.store.sqlite.os.open", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        file.unlink()
        for _ in range(2):
            with pytest.raises(StoreError, match="restore a backup"):
                store.write([row()])


def test_while_another_program_writes_to_a_deleted_file(file: Path) -> None:
    """No copy is made of half a change; the next look makes it."""
    with Store.open(url_of(file)) as store:
        store.write([row()])
        with closing(sqlite.sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            file.unlink()
            with pytest.raises(StoreError, match="restore a backup"):
                store.write([row()])
            other.execute("COMMIT")
        with pytest.raises(StoreError, match="If it was deleted"):
            store.write([row()])


def test_a_log_left_by_a_deleted_file_is_set_aside(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
    copy = copy_of(file, tmp_path)
    killed_while_open(file, 3)
    file.unlink()
    restore(url_of(file), copy)
    assert total(file) == 1, "no page of the log came into the restored file"
    assert list(file.parent.glob("*-left-*-wal"))


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")], ids=["-wal", "-shm", "both"])
def test_a_log_removed_while_open_loses_nothing(file: Path, suffixes: tuple[str, ...]) -> None:
    """Seen at the next look, every acknowledged row is in the file, also when the process is killed then."""

    def work() -> None:
        store = Store.open(url_of(file))
        store.write([row()])
        store.write([row()])
        for suffix in suffixes:
            Path(f"{file}{suffix}").unlink()
        for _ in range(3):
            try:
                store.write([row()])
            except StoreError as error:
                if "removed or replaced" not in str(error):
                    os._exit(2)
            else:
                os._exit(1)
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 9
    assert total(file) == 2


def test_no_second_log_is_made_beside_one_that_was_removed(file: Path) -> None:
    with Store.open(url_of(file)) as store, store.snapshot() as busy:
        busy.exec_driver_sql("SELECT 1")
        for suffix in ("-wal", "-shm"):
            Path(f"{file}{suffix}").unlink()
        for _ in range(3):
            with pytest.raises(StoreError, match="removed or replaced"):
                store.write([row()])
        assert not Path(f"{file}-wal").exists()


def test_connections_that_were_all_closed_are_opened_anew(file: Path) -> None:
    with Store.open(url_of(file)) as store:
        for _ in range(3):
            store.write([row()])
            store.engine.dispose()
            assert not Path(f"{file}-wal").exists(), "SQLite removed it"
        assert store.total() == 3


def test_a_copy_beside_the_log_of_a_killed_process_is_refused(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
    copy = copy_of(file, tmp_path)
    killed_while_open(file, 3)
    shutil.copy(copy, tmp_path / "kept.db")
    copy.replace(file)
    before = {suffix: Path(f"{file}{suffix}").read_bytes() for suffix in ("", "-wal")}
    with pytest.raises(StoreError, match="Another file"):
        Store.open(url_of(file))
    assert {suffix: Path(f"{file}{suffix}").read_bytes() for suffix in before} == before, "nothing was touched"
    for suffix in SUFFIXES:  # the way back that the error names
        Path(f"{file}{suffix}").rename(tmp_path / f"old{suffix}")
    restore(url_of(file), tmp_path / "kept.db")
    assert total(file) == 1


def test_a_log_without_its_file_is_refused(file: Path, tmp_path: Path) -> None:
    killed_while_open(file, 3)
    away = file.rename(tmp_path / "away")
    with pytest.raises(StoreError, match="not where it was"):
        Store.open(url_of(file))
    away.rename(file)
    assert total(file) == 3


def test_a_folder_that_had_a_database_gets_no_empty_one(file: Path) -> None:
    assert total(file) == 0
    file.unlink()
    with pytest.raises(StoreError, match="not where it was") as refused:
        Store.open(url_of(file))
    assert not file.exists()
    assert str(sidecar_of(file)) in str(refused.value)
    sidecar_of(file).unlink()
    assert total(file) == 0, "as the error says"


@pytest.mark.parametrize("carry", [shutil.copytree, shutil.move])
def test_a_folder_carried_elsewhere_as_a_whole_opens(
    file: Path, tmp_path: Path, carry: Callable[[Path, Path], object]
) -> None:
    killed_while_open(file, 3)
    carry(file.parent, tmp_path / "elsewhere")
    assert total(tmp_path / "elsewhere" / "farol.db") == 3


def test_restoring_while_a_store_is_open_is_no_replacement(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        store.write([row()])
        restore(url_of(file), copy, force=True)
        assert store.total() == 1
        store.write([row()])
        assert store.total() == 2


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "farol.db"
    before = os.umask(0o022)
    try:
        with Store.open(url_of(file)) as store:
            store.write([row()])
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in (file.parent, *file.parent.glob("farol*"))
            }
    finally:
        os.umask(before)
    assert modes.pop("new") == 0o700
    assert set(modes.values()) == {0o600}, modes


def test_an_identity_that_cannot_be_kept_or_read_is_no_obstacle(file: Path) -> None:
    assert total(file) == 0
    for content in ("", "[]", '{"main": 7}', '{"main": [1]}'):
        sidecar_of(file).write_text(content)
        assert total(file) == 0
    sidecar_of(file).unlink()
    sidecar_of(file).mkdir()
    assert total(file) == 0


def test_where_there_were_keys_no_database_is_made(tmp_path: Path) -> None:
    artifacts, file = tmp_path / "artifacts", tmp_path / "farol.db"
    require_mounted(artifacts, file)
    for _ in range(2):
        assert note_database(artifacts, str(file), has_keys=True)
    note_database(artifacts, "host:5432/farol", has_keys=True)
    assert keys_were_made(artifacts, str(file))
    assert keys_were_made(artifacts, "host:5432/farol")
    assert not keys_were_made(artifacts, str(tmp_path / "other.db"))
    with pytest.raises(StoreError, match="no empty one"):
        require_mounted(artifacts, file)
    file.touch()
    require_mounted(artifacts, file)


def test_no_database_is_made_where_a_disk_is_not_mounted(tmp_path: Path) -> None:
    """A site without keys: its models remember that it had a database, and the error names the way back."""
    settings = Settings(artifacts=tmp_path / "artifacts", data=tmp_path / "data")
    settings.artifacts.mkdir()
    with Store.of(settings) as store:
        store.write([row()])
    (tmp_path / "data").rename(tmp_path / "disk")
    (tmp_path / "data").mkdir()
    with pytest.raises(StoreError, match="no empty one") as refused:
        Store.of(settings)
    assert not list((tmp_path / "data").iterdir())
    (tmp_path / "data").rmdir()
    (tmp_path / "disk").rename(tmp_path / "data")
    with Store.of(settings) as store:
        assert store.total() == 1
    (tmp_path / "data").rename(tmp_path / "disk")
    note = settings.artifacts / identity._NOTE
    assert str(note) in str(refused.value)
    assert not keys_were_made(settings.artifacts, str(tmp_path / "data" / "farol.db"))
    note.unlink()
    with Store.of(settings) as store:
        assert store.total() == 0, "as the error says"


def test_a_folder_without_models_is_not_made_for_a_note(tmp_path: Path) -> None:
    settings = Settings(artifacts=tmp_path / "artifacts", data=tmp_path / "data")
    Store.of(settings).close()
    assert not settings.artifacts.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_note_that_cannot_be_read_opens_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / identity._NOTE).write_text(content)
    assert not note_database(tmp_path, "farol.db", has_keys=True)
    assert keys_were_made(tmp_path, "farol.db")
    with pytest.raises(StoreError, match="no empty one"):
        require_mounted(tmp_path, tmp_path / "farol.db")


def test_a_copy_that_cannot_be_written_is_still_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        store.write([row()])
        copy.replace(file)
        monkeypatch.setattr("farol.store.sqlite.os.open", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(StoreError, match="Put the old file back"):
            store.write([row()])


def test_a_log_that_is_away_is_refused_and_loses_nothing(file: Path) -> None:
    store = Store.open(url_of(file))
    store.write([row()])
    Path(f"{file}-wal").unlink()
    for _ in range(2):
        with pytest.raises(StoreError):
            store.total()
    store.close()
    assert total(file) == 1


def test_a_copy_is_saved_although_each_connection_is_in_use(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        store.write([row()])
        with store.engine.connect() as held:
            held.exec_driver_sql("SELECT 1")
            copy.replace(file)
            with pytest.raises(StoreError, match="Another file") as refused, store.engine.connect():
                pass
        (rescued,) = file.parent.glob("farol-rescued-*.db")
        assert str(rescued) in str(refused.value)
    assert rows_of(rescued) == 2


def test_a_copy_is_saved_although_each_connection_was_closed(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        store.write([row()])
        file.unlink()
        with pytest.raises(StoreError, match="not where it was"):
            store.write([row()])
        copy.replace(file)
        with pytest.raises(StoreError, match="rescued"):
            store.write([row()])
    rescued = list(file.parent.glob("farol-rescued-*.db"))
    assert [rows_of(file) for file in rescued] == [2, 2], "of when it was deleted, and of when it was replaced"


def test_of_two_workers_one_saves_all_and_nobody_writes_more(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as first, Store.open(url_of(file)) as second:
        first.write([row()])
        copy = copy_of(file, tmp_path)
        second.write([row()])
        with second.engine.connect() as under_way:  # taken before the file is replaced, and used afterwards
            under_way.exec_driver_sql("SELECT 1")
            under_way.exec_driver_sql("PRAGMA busy_timeout = 0")
            under_way.rollback()
            copy.replace(file)
            with pytest.raises(StoreError, match="rescued"):
                first.write([row()])
            with pytest.raises(OperationalError, match="locked"):
                under_way.exec_driver_sql("DELETE FROM predictions")
        (rescued,) = file.parent.glob("farol-rescued-*.db")
        with pytest.raises(StoreError, match="rescued") as refused:
            second.write([row()])
        assert str(rescued) in str(refused.value), "the second takes the copy of the first"
        assert list(file.parent.glob("*rescued*")) == [rescued]
    assert rows_of(rescued) == 2


def test_a_commit_while_the_copy_is_made_is_in_it(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[Path] = []

    def copy_and_commit(fresh: Path, keeper: sqlite.sqlite3.Connection) -> None:
        copy_to(fresh, keeper)
        if not copies:
            under_way.exec_driver_sql("DELETE FROM predictions")
            under_way.commit()
        copies.append(fresh)

    copy_to = sqlite._copy_to
    monkeypatch.setattr(sqlite, "_copy_to", copy_and_commit)
    with Store.open(url_of(file)) as first, Store.open(url_of(file)) as second:
        first.write([row()])
        copy = copy_of(file, tmp_path)
        with second.engine.connect() as under_way:
            under_way.exec_driver_sql("SELECT 1")
            under_way.rollback()
            copy.replace(file)
            with pytest.raises(StoreError, match="rescued"):
                first.write([row()])
    (rescued,) = file.parent.glob("farol-rescued-*.db")
    assert (len(copies), rows_of(rescued)) == (2, 0)


def test_while_another_program_writes_no_copy_is_made(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_TRIES", 2)
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        other = sqlite.sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        copy.replace(file)
        with pytest.raises(StoreError, match="Put the old file back"):
            store.write([row()])
        other.close()
    assert not list(file.parent.glob("*rescued*"))


def test_files_that_change_while_they_are_noted_are_not_kept(file: Path, tmp_path: Path) -> None:
    Store.open(url_of(file)).close()
    watch = FileWatch(file)
    watch._files = DatabaseFiles((1, 1), None, None)
    watch._keep()
    assert watch._keeper is None
    file.write_bytes(b"no database" * 100)
    watch._keep()
    assert watch._keeper is None
    with pytest.raises(StoreError, match="Another file"):
        raise watch._refuse(DatabaseFiles.at(file), None)
    watch = FileWatch(file)
    watch._main = DatabaseFiles.at(file).main
    with pytest.raises(StoreError, match="removed or replaced"):
        raise watch._refuse(DatabaseFiles.at(file), None)


def test_a_start_after_a_kill_names_the_copy_that_was_saved(file: Path, tmp_path: Path) -> None:
    def work() -> None:
        store = Store.open(url_of(file))
        store.write([row()])
        copy_of(file, tmp_path).replace(file)
        try:
            store.write([row()])
        except StoreError:
            os._exit(9)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 9
    (rescued,) = file.parent.glob("farol-rescued-*.db")
    with pytest.raises(StoreError, match="Another file") as refused:
        Store.open(url_of(file))
    assert str(rescued) in str(refused.value)


def test_a_copy_of_another_file_of_the_same_number_is_not_named(file: Path) -> None:
    earlier = rescued_at(file, (1, 7), "20260101T000000-1")
    earlier.touch()
    os.utime(earlier, (1, 1))
    assert newest_rescued(file, (1, 7), since=2) is None
    assert newest_rescued(file, (1, 7), since=0) == earlier
    assert newest_rescued(file, (1, 8), since=0) is None
    assert identity._changed(file.with_name("away")) == 0


def rows_of(copy: Path) -> int:
    with sqlite.sqlite3.connect(copy) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
    connection.close()
    return int(rows)


def test_what_was_refused_once_stays_refused(file: Path) -> None:
    watch = FileWatch(file)
    watch._refused = foreign(file)
    with pytest.raises(StoreError):
        watch.taken(None, ConnectionPoolEntry(), None)
    with pytest.raises(StoreError):
        watch.connecting()
    with pytest.raises(StoreError, match="Another file"):
        raise watch._refuse(DatabaseFiles.at(file), None)  # the other thread, which waited meanwhile


def test_a_file_that_is_away_has_no_size(tmp_path: Path) -> None:
    assert identity._size(tmp_path / "away") == 0


def test_only_a_connection_on_the_same_files_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "farol.db"
    with closing(sqlite.sqlite3.connect(path)) as used:
        used.execute("PRAGMA journal_mode = WAL")
        used.execute("CREATE TABLE pupils (code TEXT)")
        watch = FileWatch(path)

        def is_kept() -> bool:
            return watch._keeper is not None

        watch._keep()  # its files are not known yet
        assert not is_kept()
        watch._files = DatabaseFiles.at(path)
        watch._keep()
        assert is_kept()
        watch.ended()
