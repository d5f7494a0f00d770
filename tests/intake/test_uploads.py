"""Files that are sent are kept aside, for their owner alone, within limits, whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.errors import InputError, StoreError
from farol.intake.jobs import begin, end, find_job
from farol.intake.uploads import (
    FOLDER,
    MOST_FILES,
    find_upload,
    folder_of,
    forget_uploads,
    list_uploads,
    prune,
    read_review,
    remove_upload,
    safe_name,
    set_state,
    stage,
    workbook_of,
    write_review,
)
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.privacy import erase
from tests.intake.sending import NOW, send, settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path, max_workbook_bytes=10_000, max_uploads=3)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "PEDE2024.csv"
    path.write_text("RA;Fase\n1;2\n")
    return path


def kept(settings: Settings) -> list[str]:
    folder = settings.data / FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_only_the_owner_may_read_what_was_sent(settings: Settings, store: Store, book: Path) -> None:
    upload = send(settings, store, book)
    write_review(settings, upload.id, {"cells": ["7.5"]})
    paths = [folder_of(settings, upload.id), *folder_of(settings, upload.id).rglob("*"), settings.data / FOLDER]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_a_file_keeps_its_name_and_several_are_a_folder(settings: Settings, store: Store, book: Path) -> None:
    alone = send(settings, store, book)
    assert workbook_of(settings, alone).name == "PEDE2024.csv"
    assert workbook_of(settings, alone).read_bytes() == book.read_bytes()
    other = book.with_name("PEDE2023.csv")
    other.write_bytes(book.read_bytes())
    both = send(settings, store, book, other)
    assert sorted(path.name for path in workbook_of(settings, both).iterdir()) == ["PEDE2023.csv", "PEDE2024.csv"]
    assert both.name == "PEDE2024.csv (+1)"
    assert find_upload(store, both.id) == both


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "No file was chosen"),
        ([("a.csv", b"")], "empty"),
        ([("a.csv", b"x" * 10_001)], "too large"),
        ([("a.csv", b"x" * 6_000), ("b.csv", b"x" * 6_000)], "too large"),
        ([("a.csv", b"x"), ("A.CSV", b"y")], "same name"),
        ([(f"{n}.csv", b"x") for n in range(MOST_FILES + 1)], "too many files"),
    ],
)
def test_a_refused_upload_leaves_nothing(
    settings: Settings, store: Store, files: list[tuple[str, bytes]], said: str
) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        stage(settings, store, NOBODY_IN_PARTICULAR, [(name, BytesIO(data)) for name, data in files], NOW)
    assert refusal.value.fix is not None
    assert kept(settings) == []
    assert list_uploads(store) == []


class _BrokenOff:
    """A file whose disk fails in the middle."""

    def __init__(self) -> None:
        self._left = [b"RA;Fase\n"]

    def read(self, _size: int) -> bytes:
        if self._left:
            return self._left.pop()
        raise OSError(28, "no space")


def test_a_copy_that_breaks_off_leaves_nothing(settings: Settings, store: Store) -> None:
    with pytest.raises(InputError, match="the disk is full"):
        stage(settings, store, NOBODY_IN_PARTICULAR, [("a.csv", cast(BinaryIO, _BrokenOff()))], NOW)
    assert kept(settings) == []


def test_files_without_a_row_do_not_stay(settings: Settings, store: Store, book: Path) -> None:
    store.engine.dispose()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE uploads RENAME TO elsewhere")
    with pytest.raises(StoreError):
        send(settings, store, book)
    assert kept(settings) == []


def test_the_oldest_make_room(settings: Settings, store: Store, book: Path) -> None:
    sent = [send(settings, store, book, at=NOW + timedelta(minutes=n)).id for n in range(4)]
    assert {upload.id for upload in list_uploads(store)} == set(sent[1:])
    assert set(kept(settings)) == set(sent[1:])


def test_old_uploads_and_remains_are_deleted(settings: Settings, store: Store, book: Path) -> None:
    old = send(settings, store, book).id
    half = settings.data / FOLDER / ".half"
    half.mkdir()
    os.utime(half, (0, 0))
    job = begin(store, "forecast", NOBODY_IN_PARTICULAR, {"upload": old}, NOW)
    assert job is not None
    prune(settings, store, NOW + timedelta(days=settings.upload_days, seconds=1))
    assert kept(settings) == [old], "a job is at work with it"
    end(store, job.id, "done", {}, NOW)
    prune(settings, store, NOW + timedelta(days=settings.upload_days, seconds=1))
    assert kept(settings) == []
    assert list_uploads(store) == []


def test_uploads_go_with_an_earlier_day(settings: Settings, store: Store, book: Path) -> None:
    send(settings, store, book)
    prune(settings, store, NOW + timedelta(hours=2), before=NOW)
    assert len(kept(settings)) == 1
    prune(settings, store, NOW + timedelta(hours=2), before=NOW + timedelta(hours=1))
    assert kept(settings) == []


def test_a_pupil_erased_is_in_no_byte_of_the_data(settings: Settings, store: Store, tmp_path: Path) -> None:
    secret = "RA-SEGREDO-77"
    book = tmp_path / f"PEDE2024 {secret}.csv"
    book.write_text(f"RA;Fase\n{secret};2\n")
    upload = send(settings, store, book)
    write_review(settings, upload.id, {"rows": [secret]})
    job = begin(store, "train", NOBODY_IN_PARTICULAR, {"upload": upload.id, "file": upload.name}, NOW)
    assert job is not None
    with pytest.raises(InputError, match="being worked on"):
        forget_uploads(settings, store, NOW)
    assert find_upload(store, upload.id) is not None
    end(store, job.id, "failed", {"lines": [{"en": secret}]}, NOW)
    forget_uploads(settings, store, NOW)
    assert not erase(store, secret, Registry(settings.artifacts)).is_pending
    left = {path: path.read_bytes() for path in settings.data.rglob("*") if path.is_file()}
    assert left
    assert [path for path, content in left.items() if secret.encode() in content or secret in path.name] == []
    assert find_job(store, job.id) is None


def test_files_that_cannot_be_deleted_are_reported(
    settings: Settings, store: Store, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(settings, store, book)
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_values: None)  # root may delete anything
    with pytest.raises(InputError, match="cannot be deleted"):
        forget_uploads(settings, store, NOW)


def test_what_vanishes_meanwhile_is_no_fault(settings: Settings, store: Store, book: Path) -> None:
    """Another worker, or another tab, deletes the upload while it is read."""
    gone = send(settings, store, book).id
    (settings.data / FOLDER / "half").symlink_to("nowhere")
    prune(settings, store, NOW)
    remove_upload(settings, store, gone)
    with pytest.raises(InputError, match="no longer here"):
        write_review(settings, gone, {})
    full = send(settings, store, book).id
    (folder_of(settings, full) / "review.json").mkdir()
    with pytest.raises(InputError, match="cannot be kept"):
        write_review(settings, full, {})


def test_an_upload_is_found_by_its_id_alone(settings: Settings, store: Store, book: Path) -> None:
    upload = send(settings, store, book)
    set_state(store, upload.id, "refused", {"year": 2024})
    again = find_upload(store, upload.id)
    assert again is not None
    assert (again.state, again.review) == ("refused", {"year": 2024})
    for other in ("", "../" + upload.id, upload.id.upper(), "x" * 36):
        assert find_upload(store, other) is None
    remove_upload(settings, store, upload.id)
    assert find_upload(store, upload.id) is None
    assert read_review(settings, upload.id) is None


@given(st.text(max_size=300))
def test_no_name_leads_elsewhere(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not set(safe) & set('/\\:*?"<>|\0')
    assert len(safe.encode("utf-8", "surrogatepass")) <= 120
    assert not safe.startswith((".", "~"))
