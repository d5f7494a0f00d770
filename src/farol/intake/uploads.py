"""Workbooks that somebody sent: kept aside until they are accepted or too old, and nothing else is stored of them.

A folder of its own below the data folder holds the files and what was read of them; only its owner may open it. The
database knows their names, sizes and digests, and counts. Nothing of a pupil goes there before the reader accepts.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from sqlalchemy import RowMapping, delete, select, update

from farol.accounts.audit import Action, audit_values
from farol.accounts.viewer import Viewer
from farol.errors import InputError, Place, reason_of
from farol.files import PRIVATE, make_private_folder, replace_file
from farol.i18n import msg
from farol.intake.jobs import active_job, cut_off
from farol.settings import Settings
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import audit, jobs, json_text, uploads

FOLDER = "uploads"
FILES = "files"
REVIEW = "review.json"
MARKED = "marked.xlsx"
BUNDLES = "bundles"
MOST_FILES = 30
"""Files of one upload: a year's csv each, and more years than any school has."""
ABANDONED = timedelta(hours=1)
"""A folder without a row is the remains of an upload that broke off."""
_PIECE = 1_000_000
_LONGEST_NAME = 120
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*\x7f]')
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file: its name as the reader knows it, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Files that were sent together. `state`: "read", "refused" or "accepted"; `review` has counts, never a value."""

    id: str
    at: datetime
    user: str
    state: str
    files: tuple[StagedFile, ...]
    review: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of its file, or of the first and how many there are."""
        more = len(self.files) - 1
        return self.files[0].name + (f" (+{more})" if more else "")


def folder_of(settings: Settings, upload: str) -> Path:
    """The folder of an upload."""
    return settings.data / FOLDER / upload


def workbook_of(settings: Settings, upload: Upload) -> Path:
    """What is read: the file, or of several their folder."""
    files = folder_of(settings, upload.id) / FILES
    return files / upload.files[0].name if len(upload.files) == 1 else files


def stage(
    settings: Settings,
    store: Store,
    viewer: Viewer,
    files: Sequence[tuple[str, BinaryIO]],
    at: datetime,
) -> Upload:
    """Keep files aside, whole or not at all, and make room by removing the oldest that no job is busy with.

    Raises InputError for none, too many, too large, empty or equally named files, or a disk that refuses; StoreError.
    """
    _require_files(files)
    prune(settings, store, at, room_for=1)
    known = str(uuid4())
    folder = folder_of(settings, known)
    half = folder.with_name(f".{known}")
    try:
        make_private_folder(folder.parent)
        make_private_folder(half)
        make_private_folder(half / FILES)
        left, staged = settings.max_workbook_bytes, []
        for name, source in files:
            staged.append(_copied(half / FILES, safe_name(name), source, left))
            left -= staged[-1].size
        half.replace(folder)
    except OSError as error:
        raise cannot_keep(error) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    upload = Upload(known, at, viewer.id, "read", tuple(staged), {})
    values = {
        "id": known,
        "at": microseconds(at),
        "user": viewer.id,
        "state": upload.state,
        "files": json_text([asdict(file) for file in staged]),
        "review": "{}",
    }
    try:
        with store_errors(store.engine.url), _writing(store).begin() as connection:
            connection.execute(uploads.insert(), [values])
            sent = audit_values(viewer.id, Action.changed, "workbook", at=at, details="sent")
            connection.execute(audit.insert(), [sent])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return upload


def cannot_keep(error: OSError) -> InputError:
    """Why a file that was sent has no place: the disk is full, or refuses."""
    return InputError(
        msg("The file cannot be kept: {reason}.", reason=reason_of(error)),
        fix=msg("Tell the person who looks after Farol: the data folder needs room and permission."),
    )


def _require_files(files: Sequence[tuple[str, BinaryIO]]) -> None:
    if not files:
        raise InputError(
            msg("No file was chosen."),
            expected=msg("a workbook: xlsx, xls, ods, csv or parquet"),
            fix=msg("Choose the file, or drag it onto the field, and send it."),
        )
    if len(files) > MOST_FILES:
        raise InputError(
            msg("These are too many files."),
            expected=msg("at most {most} files", most=MOST_FILES),
            fix=msg("Send one workbook with a sheet for each year, or one file for each year."),
        )
    names = [safe_name(name).casefold() for name, _ in files]
    if len(set(names)) < len(names):
        raise InputError(
            msg("Two of the files have the same name."), fix=msg("Give each file its own name, such as PEDE2024.csv.")
        )


def _copied(folder: Path, name: str, source: BinaryIO, most: int) -> StagedFile:
    digest, size, target = hashlib.sha256(), 0, folder / name
    with target.open("xb") as file:
        target.chmod(PRIVATE)
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > most:
                raise InputError(
                    msg("The workbook is too large to be read safely."),
                    where=Place(file=name),
                    fix=msg(
                        "Remove sheets that do not belong to it. If it really is that large, raise "
                        "FAROL_MAX_WORKBOOK_BYTES."
                    ),
                )
            digest.update(piece)
            file.write(piece)
    if not size:
        raise InputError(
            msg("The file is empty."),
            expected=msg("a workbook"),
            where=Place(file=name),
            fix=msg("Open the file, see whether it has the pupils, save it and send it again."),
        )
    return StagedFile(name, size, digest.hexdigest())


def safe_name(name: str) -> str:
    """A file's name without folders and signs that a system does not take; csv files have their year in it.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\Users\\\\PEDE2024.csv"), safe_name(" .x\\0"), safe_name("")
    ('passwd', 'PEDE2024.csv', 'x_', 'workbook')
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = _NOT_IN_NAMES.sub("_", last).strip(" .~") or "workbook"
    stem, dot, ending = plain.rpartition(".")
    while len(plain.encode()) > _LONGEST_NAME:
        stem, plain = (stem[:-1], f"{stem[:-1]}.{ending}") if dot and stem[:-1] else ("", plain[:-1])
    return plain


def find_upload(store: Store, upload: str) -> Upload | None:
    """The upload of that id; None where nothing has it. Raises StoreError."""
    if not _ID.fullmatch(upload):
        return None
    with store_errors(store.engine.url), store.engine.connect() as connection:
        row = connection.execute(select(uploads).where(uploads.c.id == upload)).mappings().first()
    return None if row is None else _upload(row)


def list_uploads(store: Store) -> list[Upload]:
    """All there are, the newest first. Raises StoreError."""
    with store_errors(store.engine.url), store.engine.connect() as connection:
        return [_upload(row) for row in connection.execute(select(uploads).order_by(uploads.c.at.desc())).mappings()]


def set_state(store: Store, upload: str, state: str, review: dict[str, Any]) -> None:
    """Say what became of an upload. Raises StoreError."""
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        values = {"state": state, "review": json_text(review)}
        connection.execute(update(uploads).where(uploads.c.id == upload).values(**values))


def write_review(settings: Settings, upload: str, review: dict[str, Any]) -> None:
    """Keep what was read beside the files. Raises InputError where these were deleted meanwhile, or nothing fits."""
    path = folder_of(settings, upload) / REVIEW
    try:
        replace_file(path, json.dumps(review).encode())
        path.chmod(PRIVATE)
    except FileNotFoundError:
        raise InputError(msg("The workbook is no longer here."), fix=msg("Send it again.")) from None
    except OSError as error:
        raise cannot_keep(error) from error


def read_review(settings: Settings, upload: str) -> dict[str, Any] | None:
    """What was read; None where the files are gone."""
    try:
        review: dict[str, Any] = json.loads((folder_of(settings, upload) / REVIEW).read_bytes())
    except (OSError, ValueError):
        return None
    return review


def remove_files(settings: Settings, upload: str) -> None:
    """Delete the files of an upload; what was said about it stays."""
    shutil.rmtree(folder_of(settings, upload), ignore_errors=True)


def remove_upload(settings: Settings, store: Store, upload: str) -> None:
    """Delete an upload, its files first. Raises StoreError."""
    remove_files(settings, upload)
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        connection.execute(delete(uploads).where(uploads.c.id == upload))


def forget_uploads(settings: Settings, store: Store, now: datetime) -> None:
    """Delete every workbook that was sent, with what was read of them and the jobs that they led to: whoever erases a
    pupil cannot know which of them has the pupil. The database's bytes go with `farol.store.privacy.erase`.

    Raises InputError while a job is at work, which would bring the pupil back, or where files cannot be deleted;
    StoreError.
    """
    require_idle(store, now)
    folder = settings.data / FOLDER
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        connection.execute(delete(uploads))
    require_idle(store, now)  # whatever began before is seen here; what begins later has no workbook
    with store_errors(store.engine.url), _writing(store).begin() as connection:
        connection.execute(delete(jobs).where(jobs.c.active.is_(None)))
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise InputError(
            msg("Workbooks that were sent cannot be deleted."),
            where=Place(file=str(folder)),
            fix=msg("Close what has them open, or delete this folder yourself. Then erase the pupil again."),
        )


def require_idle(store: Store, now: datetime) -> None:
    """Raises InputError while a job is at work; StoreError."""
    cut_off(store, now)  # one that died with its service is at work no longer
    if active_job(store) is not None:
        raise InputError(
            msg("Nothing was erased: a workbook is being worked on, and it may have this pupil."),
            fix=msg("Wait until the job is done, or cancel it on its page. Then erase the pupil again."),
        )


def prune(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    before: datetime | None = None,
    room_for: int = 0,
) -> None:
    """Delete what is older than the settings say, or from `before`, what is beyond their number, and remains. Raises
    StoreError.

    That which a job is at work with stays.
    """
    at_work = active_job(store)
    busy = None if at_work is None else at_work.details.get("upload")
    kept, oldest = list_uploads(store), now - timedelta(days=settings.upload_days)
    oldest = oldest if before is None else max(oldest, before)
    for place, upload in enumerate(kept):
        if upload.id != busy and (upload.at < oldest or place + room_for >= settings.max_uploads):
            remove_upload(settings, store, upload.id)
    known = {upload.id for upload in kept}
    folder = settings.data / FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another worker deleted it meanwhile
            if path.name not in known and path.stat().st_mtime < (now - ABANDONED).timestamp():
                shutil.rmtree(path, ignore_errors=True)


def _writing(store: Store) -> Any:
    return store.engine.execution_options(**{IMMEDIATE: True})


def _upload(row: RowMapping) -> Upload:
    files = tuple(StagedFile(**file) for file in json.loads(row["files"]))
    return Upload(row["id"], moment(row["at"]), row["user"], row["state"], files, json.loads(row["review"]))
