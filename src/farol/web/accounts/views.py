"""To sign in and out, to choose a password by a one-time link, and one's own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from farol.access import access
from farol.accounts.audit import Action, AuditValues, audit_values
from farol.accounts.passwords import BusyError, hashed, require_usable
from farol.accounts.sessions import (
    BROWSER_COOKIE,
    COOKIE,
    KNOWN_BROWSER,
    SIGN_IN_PAGE,
    Session,
    SignedIn,
    change_password,
    cookie_name,
    end_session,
    end_sessions,
    sessions_of,
    sign_in,
)
from farol.accounts.users import accept_invitation, invited, set_name
from farol.accounts.viewer import Duty
from farol.errors import ApiError, InputError
from farol.i18n import Message, msg
from farol.settings import Settings
from farol.store.keys import Role
from farol.web.error_pages import Failure, failed
from farol.web.frame import Frame, answering, frame_of, note_users, see_other
from farol.web.viewer import viewer_of

router = APIRouter(include_in_schema=False)

MOST_BYTES = 20_000
"""The largest of these forms."""

Text = Annotated[str, Form(max_length=2_000)]
Next = Annotated[str, Query(alias="next", max_length=1_000)]

_NO_MATCH = msg(
    "Login and password do not match. After several wrong passwords the site waits, at first half a minute and at most "
    "fifteen, before it takes any."
)
_NOT_RIGHT = msg(
    "The present password is not right. After several wrong passwords the site waits, at first half a minute and at "
    "most fifteen, before it takes any."
)
_TYPE_IT_AGAIN = msg("Type it again. If you have forgotten it, ask an administrator for a new link.")
_SPENT = msg("This link was used already, or is too old.")


def few_bytes(_settings: Settings) -> int:
    """The bound of the forms here."""
    return MOST_BYTES


def safe_next(address: str) -> str:
    """Where to go after the sign-in: a path of this site, else its first page."""
    is_path = address.startswith("/") and not address.startswith("//")
    is_plain = address.isprintable() and "\\" not in address
    return address if is_path and is_plain else "/"


@access(None, is_page=True)
@router.get(SIGN_IN_PAGE)
@answering
def sign_in_page(request: Request, to: Next = "/") -> Response:
    """The form to sign in; whoever is signed in goes on."""
    if viewer_of(request).user is not None:
        return RedirectResponse(safe_next(to), 303)
    return _sign_in_form(frame_of(request), to)


@access(None, is_page=True, most_bytes=few_bytes)
@router.post(SIGN_IN_PAGE)
@answering
def signing_in(request: Request, login: Text = "", password: Text = "", to: Next = "/") -> Response:
    """A session, or the form again."""
    frame, scheme = frame_of(request), request.url.scheme
    browser = request.cookies.get(cookie_name(BROWSER_COOKIE, scheme), "")
    try:
        done = sign_in(frame.store, login, password, at=frame.now, browser=browser)
    except BusyError:
        raise _busy() from None
    if done is None:
        return _sign_in_form(frame, to, login=login, problem=_NO_MATCH, status=422)
    return _with_session(RedirectResponse(safe_next(to), 303), done, scheme)


@access(None, is_page=True, most_bytes=few_bytes)
@router.post("/logout")
@answering
def signing_out(request: Request) -> Response:
    """The end of this session."""
    session: Session | None = getattr(request.state, "session", None)
    if session is not None:
        frame = frame_of(request)
        end_session(frame.store, session, at=frame.now)
    answer = RedirectResponse(SIGN_IN_PAGE, 303)
    answer.delete_cookie(cookie_name(COOKIE, request.url.scheme), secure=request.url.scheme == "https", httponly=True)
    return answer


@access(None, is_page=True)
@router.get("/first/{token}")
@answering
def choosing_page(request: Request, token: str) -> Response:
    """The form to choose a password by a one-time link."""
    return _choosing_form(request, token)


@access(None, is_page=True, most_bytes=few_bytes)
@router.post("/first/{token}")
@answering
def choosing(
    request: Request,
    token: str,
    *,
    password: Text = "",
    again: Text = "",
    login: Text = "",
    name: Text = "",
) -> Response:
    """A password, and a session at once."""
    frame = frame_of(request)
    user = invited(frame.store, token, at=frame.now)
    if user is None:
        return _spent(frame)
    try:
        require_usable(password, again, user.login or login.strip().lower())
        encoded = hashed(password)
        user = accept_invitation(frame.store, token, encoded, at=frame.now, login=login, name=name)
    except BusyError:
        raise _busy() from None
    except InputError as error:
        return _choosing_form(request, token, error=error, login=login, name=name)
    note_users(request)
    done = None if user is None else sign_in(frame.store, user.login, password, at=frame.now)
    return _spent(frame) if done is None else _with_session(RedirectResponse("/", 303), done, request.url.scheme)


@access(Role.read, is_page=True, duty=Duty.see)
@router.get("/account")
@answering
def account(request: Request, done: Annotated[str, Query(max_length=20)] = "") -> Response:
    """One's name, password and sessions."""
    return _account_page(request, done=done)


@access(Role.manage, is_page=True, duty=Duty.see, most_bytes=few_bytes)
@router.post("/account/name")
@answering
def renaming(request: Request, name: Text = "") -> Response:
    """Another name for oneself."""
    frame, session = frame_of(request), _own_session(request)
    if session is None:
        return _no_users()
    try:
        set_name(frame.store, session.user.id, name, audited=_own_change(frame, session, "name"))
    except InputError as error:
        return _account_page(request, error=error)
    return see_other(frame.reader, "/account", done="name")


@access(Role.manage, is_page=True, duty=Duty.see, most_bytes=few_bytes)
@router.post("/account/password")
@answering
def changing_password(request: Request, old: Text = "", password: Text = "", again: Text = "") -> Response:
    """Another password; the other sessions end."""
    frame, session = frame_of(request), _own_session(request)
    if session is None:
        return _no_users()
    try:
        require_usable(password, again, session.user.login)
        is_right = change_password(frame.store, session.user, old, password, keep=session.digest, at=frame.now)
    except BusyError:
        raise _busy() from None
    except InputError as error:
        return _account_page(request, error=error)
    if not is_right:
        return _account_page(request, error=InputError(_NOT_RIGHT, fix=_TYPE_IT_AGAIN))
    return see_other(frame.reader, "/account", done="password")


@access(Role.manage, is_page=True, duty=Duty.see, most_bytes=few_bytes)
@router.post("/account/sessions")
@answering
def ending_sessions(request: Request) -> Response:
    """The end of one's other sessions."""
    frame, session = frame_of(request), _own_session(request)
    if session is None:
        return _no_users()
    audited = _own_change(frame, session, "sessions")
    end_sessions(frame.store, session.user.id, but=session.digest, audited=audited)
    return see_other(frame.reader, "/account", done="sessions")


def _own_change(frame: Frame, session: Session, details: str) -> AuditValues:
    return audit_values(session.user.id, Action.changed, "account", at=frame.now, details=details)


def _own_session(request: Request) -> Session | None:
    session: Session | None = getattr(request.state, "session", None)
    return session


def _no_users() -> Response:
    """Without users there are no accounts: where the first is made."""
    return RedirectResponse("/administration/users", 303)


def _account_page(request: Request, *, error: InputError | None = None, done: str = "") -> Response:
    frame, session = frame_of(request), _own_session(request)
    if session is None:
        return _no_users()
    values: dict[str, object] = {
        "session": session,
        "sessions": sessions_of(frame.store, session.user.id, at=frame.now),
        "error": error,
        "done": done,
    }
    return frame.page("accounts/account.html", "account", values, status=200 if error is None else 422)


def _sign_in_form(
    frame: Frame, to: str, *, login: str = "", problem: Message | None = None, status: int = 200
) -> Response:
    values: dict[str, object] = {"to": safe_next(to), "login": login, "problem": problem, "action": SIGN_IN_PAGE}
    return frame.page("accounts/login.html", "login", values, status=status)


def _choosing_form(
    request: Request, token: str, *, error: InputError | None = None, login: str = "", name: str = ""
) -> Response:
    frame = frame_of(request)
    user = invited(frame.store, token, at=frame.now)
    if user is None:
        return _spent(frame)
    values: dict[str, object] = {"user": user, "error": error, "login": login, "name": name, "token": token}
    return frame.page("accounts/first.html", "login", values, status=200 if error is None else 422)


def _spent(frame: Frame) -> Response:
    fix = msg(
        "Ask an administrator of this site for a new one. They make it under “Administration”, “People”. In a "
        "terminal: {command}.",
        command="`farol users reset`",
    )
    return failed(frame.request, frame.reader, Failure(410, _SPENT, "link_spent", fix=fix))


def _busy() -> ApiError:
    problem = msg("More people are signing in than this computer can check at once.")
    return ApiError(429, "too_many_requests", problem, fix=msg("Try again in a moment."), headers={"Retry-After": "5"})


def _with_session(answer: Response, done: SignedIn, scheme: str) -> Response:
    """The cookies: no script reads them, other sites' pages do not send them but for a link that is followed."""
    is_secure = scheme == "https"
    name, browser = cookie_name(COOKIE, scheme), cookie_name(BROWSER_COOKIE, scheme)
    answer.set_cookie(name, done.token, secure=is_secure, httponly=True, samesite="lax", path="/")
    seconds = int(KNOWN_BROWSER.total_seconds())
    answer.set_cookie(browser, done.browser, seconds, secure=is_secure, httponly=True, samesite="strict", path="/")
    return answer
