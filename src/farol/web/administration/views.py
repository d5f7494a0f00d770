"""The pages for whoever runs the site. What changes something is recorded before it is done."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response, StreamingResponse

from farol.access import access
from farol.accounts.audit import Action, record
from farol.accounts.site import write_setting
from farol.accounts.viewer import Viewer
from farol.errors import ApiError, FarolError, InputError, Place
from farol.files import make_private_folder
from farol.i18n import msg
from farol.intake.uploads import forget_uploads, prune, require_idle
from farol.service import Service
from farol.store.backup import backup as write_backup
from farol.store.keys import Keys, Role
from farol.store.privacy import erase, export, parse_age, purge
from farol.store.records import start_of
from farol.web.administration.configuration import settings_values
from farol.web.administration.keys import keep_key, keys_values, new_key_of
from farol.web.administration.overview import database_files, overview_values, size_words
from farol.web.administration.retention import SETTING, code_of, days_of, pupil_values, retention_values
from farol.web.administration.versions import models_values, require_previous, version_values
from farol.web.error_pages import failed, failure_in, failure_of
from farol.web.frame import see_other
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of

router = APIRouter(include_in_schema=False)

PATH = "/administration"
_PIECE = 1 << 20

Text = Annotated[str, Form(max_length=200)]
Done = Annotated[str, Query(max_length=40)]


@access(Role.manage, is_page=True)
@router.get(PATH)
def overview(request: Request) -> Response:
    """What is kept, which versions answer, what runs, what is due."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        values = overview_values(service, reader, _now())
        return _page(request, reader, "overview", values | {"can_stop": _can_stop(request)})

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/stop")
def stop(request: Request) -> Response:
    """End the service that `farol open` started, for whoever sits at this computer."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        if not _can_stop(request):
            raise InputError(
                msg("This service cannot be ended from a page."),
                fix=msg("Only a Farol that was opened by its icon can be, and only on its own computer."),
            )
        record(service.store, viewer, Action.changed, "service", at=_now(), details="stopped")
        answer = _page(request, reader, "stopped", {})
        request.app.state.stop()
        return answer

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/models")
def models(request: Request, done: Done = "") -> Response:
    """Every version of every question."""
    return _answer(
        request,
        lambda service, reader, _viewer: _page(
            request, reader, "models", models_values(service, reader) | {"done": done}
        ),
    )


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/models/{{task}}/{{version}}")
def version(request: Request, task: str, version: str) -> Response:
    """One version beside the one in use, and what can be done with it."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        _require_version(service, task, version)
        return _page(request, reader, "version", version_values(service, reader, task, version))

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/models/{{task}}/{{version}}/promote")
def promote(request: Request, task: str, version: str, despite: Text = "") -> Response:
    """Put a version into use; `despite` its test, where that is ticked."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        _require_version(service, task, version)
        service.registry.require_promotable(task, version, force=bool(despite))
        details = f"{task} {version} promoted" + (" despite its test" if despite else "")
        record(service.store, viewer, Action.changed, "model", at=_now(), details=details)
        service.registry.promote(task, version, force=bool(despite))
        service.refresh()
        return see_other(reader, f"{PATH}/models", done="promoted")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/models/{{task}}/{{version}}/rollback")
def rollback(request: Request, task: str, version: str) -> Response:
    """Go back to the version that was in use before, if it is still `version`."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        _require_version(service, task, version)
        require_previous(service.registry, task, version)
        record(service.store, viewer, Action.changed, "model", at=_now(), details=f"{task} back to {version}")
        service.registry.rollback(task)
        service.refresh()
        return see_other(reader, f"{PATH}/models", done="back")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/keys")
def keys(request: Request, done: Done = "") -> Response:
    """The keys for programs."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        return _page(request, reader, "keys", keys_values(service, reader, _now()) | {"made": None, "done": done})

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/keys")
def new_key(request: Request, name: Text = "", role: Text = "", days: Text = "") -> Response:
    """Make a key and show it, once: this answer is kept nowhere."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        text, key = new_key_of(name, role, days, _now())
        record(service.store, viewer, Action.changed, "key", at=_now(), details=f"{key.prefix} {key.role} made")
        keep_key(service, key)
        values = keys_values(service, reader, _now()) | {"made": text, "done": ""}
        answer = _page(request, reader, "keys", values)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/keys/{{prefix}}/revoke")
def revoke_key(request: Request, prefix: str) -> Response:
    """End a key for good."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        all_keys = Keys(service.store)
        if any(key.prefix == prefix for key in all_keys.all()):  # else `revoke` says that there is no such key
            record(service.store, viewer, Action.changed, "key", at=_now(), details=f"{prefix} revoked")
        all_keys.revoke(prefix, _now())
        return see_other(reader, f"{PATH}/keys", done="revoked")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/retention")
def retention(request: Request, days: str | None = None, done: Done = "") -> Response:
    """How long predictions are kept, and what the end of a period would remove."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        return _page(request, reader, "retention", retention_values(service, reader, days, _now()) | {"done": done})

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/retention/period")
def keep_period(request: Request, days: Text = "") -> Response:
    """Keep the period that the school decided; nothing is removed by it."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        number = days_of(days)
        record(service.store, viewer, Action.changed, "retention", at=_now(), details=f"{number} days")
        write_setting(service.store, SETTING, number, _now())
        return see_other(reader, f"{PATH}/retention", done="kept")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/retention/run")
def remove_old(request: Request, days: Text = "", sure: Text = "") -> Response:
    """Remove what is older than a number of days."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        number = days_of(days)
        if not sure:
            raise InputError(
                msg("Nothing was removed: it was not confirmed."),
                where=Place(field="sure"),
                fix=msg("Go back and tick the box above the button."),
            )
        record(service.store, viewer, Action.changed, "retention", at=_now(), details=f"older than {number} days")
        first = parse_age(f"{number}d", now=_now())
        prune(service.settings, service.store, _now(), before=start_of(first))
        removed = purge(service.store, first)
        service.erasing = removed.is_pending
        return see_other(reader, f"{PATH}/retention", done="removed")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/erasure")
def erasure(request: Request, done: Done = "") -> Response:
    """Erase one pupil: first the code, which stands in no address, then what is stored, then the confirmation."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        values: dict[str, object] = {"pupil": None, "done": done, "is_pending": service.erasing}
        return _page(request, reader, "erasure", values)

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/erasure/find")
def find_pupil(request: Request, student: Text = "") -> Response:
    """What is stored of a pupil, with the way to keep a copy and to erase it."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        code = code_of(student)
        record(service.store, viewer, Action.saw, "erasure", at=_now(), student=code)
        values = {"pupil": pupil_values(service, reader, code, _now()), "done": "", "is_pending": service.erasing}
        return _page(request, reader, "erasure", values)

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/erasure/export")
def export_pupil(request: Request, student: Text = "") -> Response:
    """Everything that is stored of a pupil, as a file."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        code = code_of(student)
        record(service.store, viewer, Action.exported, "pupil", at=_now(), student=code)
        everything = export(service.store, code, timezone=service.timezone, now=_now())
        text = json.dumps(everything, ensure_ascii=False, indent=2)
        return Response(text, headers=_download("farol-aluno.json", "application/json", reader))

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/erasure")
def erase_pupil(request: Request, student: Text = "", again: Text = "") -> Response:
    """Erase a pupil whose code was typed twice."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        code = code_of(student)
        if code_of(again) != code:
            raise InputError(
                msg("Nothing was erased: the two codes are not the same."),
                where=Place(field="again"),
                fix=msg("Go back and type the code of this pupil once more."),
            )
        require_idle(service.store, _now())
        # Without the code: who was erased is to be known no longer, that somebody was, is.
        record(service.store, viewer, Action.changed, "erasure", at=_now(), details="one pupil erased")
        forget_uploads(service.settings, service.store, _now())
        erased = erase(service.store, code, service.registry)
        service.erasing = erased.is_pending
        return see_other(reader, f"{PATH}/erasure", done="erased")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/backup")
def backup(request: Request) -> Response:
    """What a backup holds, and the button that downloads one."""

    def make(service: Service, reader: Reader, _viewer: Viewer) -> Response:
        files = database_files(service)
        size = size_words(sum(path.stat().st_size for path in files), reader)
        return _page(request, reader, "backup", {"is_sqlite": bool(files), "size": size})

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/backup")
def download_backup(request: Request) -> Response:
    """A verified copy of the database as it is now, sent in pieces; others read and write meanwhile."""

    def make(service: Service, reader: Reader, viewer: Viewer) -> Response:
        now = _now()
        record(service.store, viewer, Action.exported, "backup", at=now)
        # Beside the database: there is room for a copy, and nobody else may look into it.
        make_private_folder(service.settings.data)
        folder = Path(tempfile.mkdtemp(prefix=".farol-download-", dir=service.settings.data))
        try:
            copied = write_backup(service.settings.store_url, folder / "copy.db")
            pieces = _pieces(folder / "copy.db")
            next(pieces)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # the file is open; on Windows it goes with `_pieces`
        name = f"farol-{now.astimezone(service.timezone):%Y-%m-%d-%Hh%M}.db"
        headers = _download(name, "application/vnd.sqlite3", reader) | {"Content-Length": str(copied.size)}
        return StreamingResponse(pieces, headers=headers, media_type="application/vnd.sqlite3")

    return _answer(request, make)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/settings")
def settings(request: Request) -> Response:
    """The settings as they are."""
    return _answer(
        request, lambda service, reader, _viewer: _page(request, reader, "settings", settings_values(service, reader))
    )


def _answer(request: Request, make: Callable[[Service, Reader, Viewer], Response]) -> Response:
    service: Service = request.app.state.service
    reader = reader_of(request)
    try:
        return make(service, reader, viewer_of(request))
    except ApiError as error:
        return failed(request, reader, failure_of(error))
    except FarolError as error:
        return failed(request, reader, failure_in(error))


def _page(request: Request, reader: Reader, name: str, values: dict[str, object]) -> Response:
    return page(request, reader, f"administration/{name}.html", values | {"here": "administration", "part": name})


def _can_stop(request: Request) -> bool:
    """Whether `farol open` runs this service, and the one who asks sits at its computer."""
    client = request.client
    if request.app.state.stop is None or client is None:
        return False
    try:
        return ip_address(client.host).is_loopback
    except ValueError:  # a proxy may say anything of who asks
        return False


def _require_version(service: Service, task: str, version: str) -> None:
    """Raises ApiError 404 for a version that there is not, before its name is used for anything."""
    if task not in service.registry.tasks() or all(e.version != version for e in service.registry.versions(task)):
        raise ApiError(
            404, "not_found", msg("There is no such version."), fix=msg("Choose a version of the list of models.")
        )


def _pieces(file: Path) -> Iterator[bytes]:
    """First nothing, once the file is open; then its bytes."""
    try:
        with file.open("rb") as copy:
            yield b""
            yield from iter(lambda: copy.read(_PIECE), b"")
    finally:
        shutil.rmtree(file.parent, ignore_errors=True)


def _download(name: str, media_type: str, reader: Reader) -> dict[str, str]:
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Language": reader.tag,
        "Cache-Control": "no-store",
    }


def _now() -> datetime:
    return datetime.now(UTC)
