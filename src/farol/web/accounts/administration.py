"""Who may use the site, what everybody did, and what the data are processed for: pages of administrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action, AuditEntry, AuditValues, audit_values, latest, record
from farol.accounts.purpose import BASES, Purpose, read_purpose, write_purpose
from farol.accounts.sessions import end_sessions
from farol.accounts.users import (
    Account,
    account_of,
    all_accounts,
    change_user,
    create_user,
    disable_user,
    known_classes,
    reset_user,
)
from farol.accounts.viewer import Duty, User, UserRole
from farol.csv_form import Audience, CsvForm
from farol.errors import InputError, Place
from farol.i18n import Message, msg
from farol.settings import Settings
from farol.store.keys import Role
from farol.web.frame import Frame, answering, frame_of, note_users, see_other
from farol.web.locale import Reader
from farol.workbook.student_code import student_code

router = APIRouter(include_in_schema=False)

USERS, AUDIT, PURPOSE = "/administration/users", "/administration/audit", "/administration/purpose"
SHOWN = 200
"""Lines of the audit on one page; the csv has up to MOST_LINES."""
MOST_LINES = 100_000
MOST_BYTES = 60_000

Text = Annotated[str, Form(max_length=5_000)]
Chosen = Annotated[list[str], Form(max_length=1_000)]
Asked = Annotated[str, Query(max_length=100)]

ROLES = {
    UserRole.coordinator: msg("coordinator of chosen classes: sees their pupils alone, and records what is done"),
    UserRole.reader: msg("reader of the whole school: sees all pupils and figures, and changes nothing"),
    UserRole.administrator: msg("administrator: sees and does all, and lets others in"),
}
ACTIONS = {
    Action.signed_in: msg("signed in"),
    Action.signed_out: msg("signed out"),
    Action.refused: msg("was refused at the sign-in"),
    Action.saw: msg("saw"),
    Action.printed: msg("printed"),
    Action.exported: msg("exported"),
    Action.changed: msg("changed"),
}
SUBJECTS = {
    "session": msg("session"),
    "account": msg("account"),
    "user": msg("user"),
    "purpose": msg("purpose and legal basis"),
    "audit": msg("audit"),
    "list": msg("list of pupils"),
    "pupil": msg("pupil"),
    "class": msg("class"),
    "case": msg("case"),
    "cases": msg("list of cases"),
    "case-results": msg("what came of support"),
    "meeting": msg("sheet for the meeting"),
    "referral": msg("referral of a pupil"),
    "support-kinds": msg("kinds of support"),
    "capacity": msg("capacity of the school"),
    "names": msg("names of pupils"),
    "workbook": msg("workbook"),
    "columns": msg("columns of the workbook"),
    "job": msg("training or forecast"),
    "model": msg("model"),
    "snapshot": msg("snapshot of the drift"),
    "key": msg("key of the API"),
    "backup": msg("backup"),
    "retention": msg("removal of old records"),
    "erasure": msg("erasure of a pupil"),
    "service": msg("service"),
}
"""What the audit is about, in words."""


def few_bytes(_settings: Settings) -> int:
    """The bound of the forms here."""
    return MOST_BYTES


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.get(USERS)
@answering
def users_page(request: Request) -> Response:
    """Everybody who has an account, and the form for another one."""
    return _users_page(frame_of(request))


@access(Role.manage, is_page=True, duty=Duty.administer, most_bytes=few_bytes)
@router.post(USERS)
@answering
def creating(
    request: Request,
    *,
    login: Text = "",
    name: Text = "",
    role: Text = "",
    classes: Chosen = [],  # noqa: B006  FastAPI copies it
    others: Text = "",
) -> Response:
    """A new user; the page shows once the link by which they choose a password."""
    frame = frame_of(request)
    try:
        audited = _changed(frame, login.strip().lower(), "created")
        user, token = create_user(
            frame.store, login, name, _role(role), _named(classes, others), at=frame.now, audited=audited
        )
    except InputError as error:
        filled: dict[str, object] = {"login": login, "name": name, "role": role, "classes": _named(classes, others)}
        return _users_page(frame, error=error, filled=filled)
    note_users(request)
    return _link_page(frame, user, token)


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.get(USERS + "/{key}")
@answering
def user_page(request: Request, key: str, done: Asked = "") -> Response:
    """One user: name, role, classes, and what may be done with the account."""
    return _user_page(frame_of(request), key, done=done)


@access(Role.manage, is_page=True, duty=Duty.administer, most_bytes=few_bytes)
@router.post(USERS + "/{key}")
@answering
def changing(
    request: Request,
    key: str,
    *,
    name: Text = "",
    role: Text = "",
    classes: Chosen = [],  # noqa: B006  FastAPI copies it
    others: Text = "",
) -> Response:
    """Another name, role or classes."""
    frame = frame_of(request)
    audited = _changed(frame, account_of(frame.store, key).user.login, "role, classes or name")
    try:
        chosen = _named(classes, others)
        user = change_user(frame.store, key, name=name, role=_role(role), classes=chosen, audited=audited)
    except InputError as error:
        return _user_page(frame, key, error=error)
    return see_other(frame.reader, f"{USERS}/{user.id}", done="changed")


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.post(USERS + "/{key}/disable")
@answering
def disabling(request: Request, key: str) -> Response:
    """Nobody signs in by this account any more."""
    frame = frame_of(request)
    audited = _changed(frame, account_of(frame.store, key).user.login, "disabled")
    try:
        user = disable_user(frame.store, key, at=frame.now, audited=audited)
    except InputError as error:
        return _user_page(frame, key, error=error)
    return see_other(frame.reader, f"{USERS}/{user.id}", done="disabled")


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.post(USERS + "/{key}/reset")
@answering
def resetting(request: Request, key: str) -> Response:
    """A new one-time link, which the page shows once; the old password and the sessions are gone."""
    frame = frame_of(request)
    audited = _changed(frame, account_of(frame.store, key).user.login, "reset")
    user, token = reset_user(frame.store, key, at=frame.now, audited=audited)
    return _link_page(frame, user, token)


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.post(USERS + "/{key}/sessions")
@answering
def ending(request: Request, key: str) -> Response:
    """The end of all sessions of a user."""
    frame = frame_of(request)
    user = account_of(frame.store, key).user
    end_sessions(frame.store, user.id, audited=_changed(frame, user.login, "sessions ended"))
    return see_other(frame.reader, f"{USERS}/{user.id}", done="sessions")


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.get(AUDIT)
@answering
def audit_page(
    request: Request,
    *,
    user: Asked = "",
    action: Asked = "",
    student: Asked = "",
    first: Annotated[str, Query(alias="from", max_length=20)] = "",
    last: Annotated[str, Query(alias="to", max_length=20)] = "",
) -> Response:
    """What was done, the newest first."""
    frame = frame_of(request)
    asked = {"user": user, "action": action, "student": student, "from": first, "to": last}
    lines, names = _lines(frame, SHOWN, asked), _names(frame)
    values: dict[str, object] = {
        "rows": [_row(frame.reader, line, names) for line in lines],
        "asked": asked,
        "accounts": all_accounts(frame.store),
        "actions": ACTIONS,
        "most": SHOWN,
        "csv": frame.reader.url(f"{AUDIT}.csv", **{name: value for name, value in asked.items() if value}),
    }
    return frame.page("accounts/audit.html", "administration", values)


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.get(f"{AUDIT}.csv")
@answering
def audit_csv(
    request: Request,
    *,
    user: Asked = "",
    action: Asked = "",
    student: Asked = "",
    first: Annotated[str, Query(alias="from", max_length=20)] = "",
    last: Annotated[str, Query(alias="to", max_length=20)] = "",
) -> Response:
    """The same as a file that a spreadsheet opens."""
    frame = frame_of(request)
    asked = {"user": user, "action": action, "student": student, "from": first, "to": last}
    lines = _lines(frame, MOST_LINES, asked)
    names, form, _ = _names(frame), CsvForm(Audience.people, frame.reader.locale), frame.reader.gettext
    headings = [_("When"), _("Who"), _("What they did"), _("With what"), _("Pupil"), _("More")]
    text = form.start + form.lines([list(map(str, headings)), *(_row(frame.reader, line, names) for line in lines)])
    record(frame.store, frame.viewer, Action.exported, "audit", at=frame.now, details=f"{len(lines)}")
    day = frame.now.astimezone(frame.service.timezone).date()
    headers = {"Content-Disposition": f'attachment; filename="farol-audit-{day}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.get(PURPOSE)
@answering
def purpose_page(request: Request, done: Asked = "") -> Response:
    """What pupils' data are processed for, and on which legal basis."""
    frame = frame_of(request)
    return _purpose_page(frame, read_purpose(frame.store), done=done)


@access(Role.manage, is_page=True, duty=Duty.administer, most_bytes=few_bytes)
@router.post(PURPOSE)
@answering
def recording_purpose(
    request: Request, purpose: Text = "", basis: Text = "", controller: Text = "", contact: Text = ""
) -> Response:
    """Record them."""
    frame, wanted = frame_of(request), Purpose(purpose, basis, controller, contact)
    try:
        audited = audit_values(frame.viewer.id, Action.changed, "purpose", at=frame.now)
        write_purpose(frame.store, wanted, frame.now, audited=audited)
    except InputError as error:
        return _purpose_page(frame, wanted, error=error)
    return see_other(frame.reader, PURPOSE, done="changed")


def _purpose_page(frame: Frame, known: Purpose, *, error: InputError | None = None, done: str = "") -> Response:
    values: dict[str, object] = {"known": known, "bases": BASES, "error": error, "done": done}
    return frame.page("accounts/purpose.html", "administration", values, status=200 if error is None else 422)


def _users_page(frame: Frame, *, error: InputError | None = None, filled: dict[str, object] | None = None) -> Response:
    accounts = all_accounts(frame.store)
    values: dict[str, object] = {
        "rows": [(account, _state(account, frame)) for account in accounts],
        "roles": ROLES,
        "known": known_classes(frame.store),
        "error": error,
        "filled": filled or {"login": "", "name": "", "role": "" if accounts else "administrator", "classes": []},
    }
    return frame.page("accounts/users.html", "administration", values, status=200 if error is None else 422)


def _user_page(frame: Frame, key: str, *, error: InputError | None = None, done: str = "") -> Response:
    account = account_of(frame.store, key)
    known = known_classes(frame.store)
    values: dict[str, object] = {
        "account": account,
        "state": _state(account, frame),
        "roles": ROLES,
        "known": sorted({*known, *account.user.classes}),
        "error": error,
        "done": done,
    }
    return frame.page("accounts/user.html", "administration", values, status=200 if error is None else 422)


def _link_page(frame: Frame, user: User, token: str) -> Response:
    address = f"{str(frame.request.base_url).rstrip('/')}/first/{token}"
    return frame.page("accounts/link.html", "administration", {"user": user, "address": address})


def _state(account: Account, frame: Frame) -> Message:
    if account.disabled is not None:
        return msg("disabled")
    if not account.has_password:
        return msg("has not chosen a password yet")
    if account.locked_until is not None and account.locked_until > frame.now:
        return msg("waits after wrong passwords")
    return msg("may sign in")


def _changed(frame: Frame, login: str, details: str) -> AuditValues:
    return audit_values(frame.viewer.id, Action.changed, "user", at=frame.now, details=f"{login}: {details}")


def _role(text: str) -> UserRole:
    try:
        return UserRole(text)
    except ValueError:
        raise InputError(msg("Choose one of the roles."), where=Place(field="role")) from None


def _named(chosen: Iterable[str], others: str) -> list[str]:
    return [name.strip() for name in (*chosen, *others.split(",")) if name.strip()]


def _names(frame: Frame) -> dict[str, str]:
    return {account.user.id: account.user.name for account in all_accounts(frame.store)}


def _row(reader: Reader, line: AuditEntry, names: dict[str, str]) -> list[str]:
    """The cells of a line, in words."""
    subject = SUBJECTS.get(line.subject)
    nobody = msg("somebody without an account").render(reader.locale)
    return [
        reader.moment(line.at),
        names.get(line.user, nobody),
        ACTIONS[line.action].render(reader.locale),
        line.subject if subject is None else subject.render(reader.locale),
        line.student or "",
        line.details,
    ]


def _lines(frame: Frame, limit: int, asked: Mapping[str, str]) -> list[AuditEntry]:
    zone = ZoneInfo(frame.service.settings.timezone)
    until = _day(asked["to"], "to", zone)
    return latest(
        frame.store,
        limit,
        user=asked["user"] or None,
        action=Action(asked["action"]) if asked["action"] in set(Action) else None,
        student=_code(asked["student"]),
        since=_day(asked["from"], "from", zone),
        before=None if until is None else until + timedelta(days=1),
    )


def _code(text: str) -> str | None:
    if not text.strip():
        return None
    code = student_code(text)
    if code is None:
        raise InputError(
            msg("This is not the code of a pupil."),
            where=Place(field="student"),
            fix=msg("Copy the pupil's code from the workbook, or leave the field empty."),
        )
    return code


def _day(text: str, name: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.combine(date.fromisoformat(text), time(), zone)
        _ = moment - timedelta(days=1), moment + timedelta(days=1)  # beyond the first and the last there is no day
    except (ValueError, OverflowError):
        raise InputError(
            msg("This is not a date."),
            expected=msg("a day such as 2025-03-31"),
            where=Place(field=name),
            fix=msg("Choose the day in the form, or leave the field empty."),
        ) from None
    return moment
