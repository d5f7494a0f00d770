"""The database is itself: a file that is foreign or away is refused with the way back, and no row is lost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.pool import ConnectionPoolEntry

from farol.errors import StoreError
from farol.store import identity
from farol.store.backup import backup, restore
from farol.store.database import Store
from farol.store.identity import foreign, keys_were_made, note_keys, require_mounted, sidecar_of
from farol.store.sqlite import FileWatch
from tests.store.rows import row

SUFFIXES = ("", "-wal", "-shm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "farol.db"


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


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
        with pytest.raises(StoreError, match="cannot be opened"):
            store.write([row()])
        away.rename(file)
        store.write([row()])
    assert total(file) == 2


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")], ids=["-wal", "-shm", "both"])
def test_a_log_removed_while_open_loses_nothing(file: Path, suffixes: tuple[str, ...]) -> None:
    """Seen at the next look, what was acknowledged is in the file, also when the process is killed then."""

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
        note_keys(artifacts, str(file))
    note_keys(artifacts, "host:5432/farol")
    assert keys_were_made(artifacts, str(file))
    assert keys_were_made(artifacts, "host:5432/farol")
    assert not keys_were_made(artifacts, str(tmp_path / "other.db"))
    with pytest.raises(StoreError, match="it has keys"):
        require_mounted(artifacts, file)
    file.touch()
    require_mounted(artifacts, file)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_note_that_cannot_be_read_opens_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / identity._NOTE).write_text(content)
    note_keys(tmp_path, "farol.db")
    assert keys_were_made(tmp_path, "farol.db")


def test_a_copy_that_cannot_be_written_is_refused_all_the_same(
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


def test_no_second_connection_leads_to_another_file(file: Path, tmp_path: Path) -> None:
    with Store.open(url_of(file)) as store:
        store.write([row()])
        copy = copy_of(file, tmp_path)
        with store.engine.connect() as held:
            held.exec_driver_sql("SELECT 1")
            copy.replace(file)
            with pytest.raises(StoreError), store.engine.connect():
                pass


def test_what_was_refused_once_stays_refused(file: Path) -> None:
    watch = FileWatch(file)
    watch._refused = foreign(file)
    with pytest.raises(StoreError):
        watch.taken(None, ConnectionPoolEntry(), None)
    with pytest.raises(StoreError):
        watch.connecting()


def test_a_file_that_is_away_has_no_size(tmp_path: Path) -> None:
    assert identity._size(tmp_path / "away") == 0
