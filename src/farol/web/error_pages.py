"""The page that a browser gets when something fails: what happened, and what its reader can do.

It repeats nothing that was sent: of the address it keeps the parameters of our own pages, and for those alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match

from farol.access import access_of
from farol.errors import ApiError, BundleError, FarolError, InputError, StoreError, WorkbookError
from farol.i18n import Message, count, msg
from farol.web.locale import Language, Reader, languages_of, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of
from farol.web.wording import linked, told, with_code

logger = logging.getLogger("farol.web")

RETRY_SECONDS = 2
_KEPT = ("task", "window", "slice", "same_levels", "year")
"""Parameters of our pages, which may stand in a link of an error's page."""
_BARE = frozenset({"/monitoring/advice", "/monitoring/dashboard", "/monitoring/report.html", "/monitoring/results"})
"""Pages that can be shown without any parameter."""

_TITLES: Mapping[int | str, Message] = {
    "sign_in_needed": msg("Sign in first"),
    "no_model": msg("There is no model for this question yet"),
    401: msg("A key is needed"),
    403: msg("This is not allowed"),
    404: msg("There is no such page"),
    405: msg("There is nothing to see here"),
    413: msg("This is too large"),
    422: msg("It cannot be shown like this"),
    429: msg("One moment, please"),
    500: msg("Something went wrong"),
    503: msg("Not available right now"),
}
_STEPS: Mapping[int | str, tuple[Message, ...]] = {
    401: (
        msg(
            "Load the page again. The browser asks for a name, which may be anything, and a password: that is your key."
        ),
        msg(
            "If you have no key, or yours is no longer accepted, ask the person who looks after Farol at "
            "your school for one."
        ),
    ),
    "sign_in_needed": (
        msg("Your session may have ended: open the page to sign in, and then go back and send what you wrote again."),
    ),
    "role_needed": (
        msg("A browser keeps the key it was given. To give another one, close all its windows, or open a private one."),
    ),
    404: (msg("Check the address for a typing mistake, or go on from one of the pages above."),),
    405: (msg("This address is for programs, or for the button of a page. Go on from one of the pages above."),),
    413: (
        msg(
            "The file is larger than Farol takes. Remove sheets that do not belong to it, or ask the person who looks "
            "after Farol."
        ),
    ),
    "no_model": (
        msg(
            "An administrator sends a workbook with the sheets of several years, and trains with it: {workbooks}.",
            workbooks="/workbooks",
        ),
        msg("Where there was a model before, it stands among the versions: {models}.", models="/administration/models"),
    ),
    "bundle": (
        msg("An administrator sees the versions of the model: {models}.", models="/administration/models"),
        msg("Or sends the year's workbook again, and trains with it: {workbooks}.", workbooks="/workbooks"),
    ),
    503: (
        msg("Farol looks again every second: wait a moment, and load the page again."),
        msg(
            "If it stays like this, tell the person who looks after Farol at your school, and give them "
            "the number below."
        ),
    ),
}
_FOR_PROGRAMS = frozenset({401, 404, 405})
"""Refusals whose advice speaks to programs; people get ours alone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What the page says; `details` are more about it, and `fix` is what the error itself proposes."""

    status: int
    problem: Message
    code: str = ""
    details: tuple[Message, ...] = ()
    fix: Message | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def failure_of(refusal: ApiError) -> Failure:
    """What there is to say of a refusal."""
    for_programs = refusal.status in _FOR_PROGRAMS or refusal.code == "invalid_parameter"
    return Failure(
        status=refusal.status,
        problem=refusal.message,
        code=refusal.code,
        details=tuple(_details(refusal)),
        fix=None if for_programs else refusal.fix,
        headers=refusal.headers,
    )


def failure_in(error: FarolError) -> Failure:
    """What there is to say of an error of the tree; what is not the reader's doing is logged.

    Where it was, and what came, are not for everybody who reads.
    """
    expected = () if error.expected is None else (msg("Expected: {text}", text=error.expected),)
    if isinstance(error, InputError | WorkbookError):
        return Failure(422, error.problem, error.code, expected, error.fix)
    logger.error("%s", error)
    if isinstance(error, StoreError | BundleError):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return Failure(503, error.problem, error.code, expected, error.fix, headers)
    return Failure(500, error.problem, error.code, expected, error.fix)


def error_page(request: Request, refusal: ApiError) -> Response:
    """The page of a refusal, with its status and headers."""
    return failed(request, reader_of(request), failure_of(refusal))


def failed(request: Request, reader: Reader, failure: Failure) -> Response:
    """The page of a failure; of the address that a form is sent to, which was loaded again, the page of the form."""
    form_page = _form_page(request) if failure.status in (404, 405) else None
    if form_page is not None:
        return RedirectResponse(reader.url(form_page), 303)
    return _failure_page(request, reader, failure)


def _form_page(request: Request) -> str | None:
    """Where the form stands that is sent to this address, if it is one: the nearest page above it."""
    path: str = request.scope["path"]
    sent_to = _page_at(request, "POST", path)
    if request.method not in ("GET", "HEAD") or sent_to in (None, _page_at(request, "GET", path)):
        return None
    above = path
    while above := above.rpartition("/")[0]:
        if _page_at(request, "GET", above) is not None:
            return quote(above)
    return "/"


def _page_at(request: Request, method: str, path: str) -> str | None:
    """The template of the page that an address leads to by a method; None for any other address."""
    scope = {"type": "http", "method": method, "path": path, "root_path": request.scope.get("root_path", "")}
    for route in request.app.routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return getattr(route, "path", None) if access_of(child["endpoint"]).is_page else None
    return None


def _failure_page(request: Request, reader: Reader, failure: Failure) -> HTMLResponse:
    title = _TITLES.get(failure.code) or _TITLES.get(failure.status, msg("This page cannot be shown"))
    is_read = request.method in ("GET", "HEAD")
    path: str = request.scope["path"]  # not of `request.url`: a header Host of somebody's choice may make that no URL
    is_person = viewer_of(request).user is not None
    parts = [told([line.render(reader.locale)]) for line in _steps(failure, is_person=is_person)]
    people, for_keeper = [part.words for part in parts], [part.keeper for part in parts if part.keeper]
    if failure.fix is not None and failure.status == 503:
        for_keeper = [with_code(failure.fix.render(reader.locale))]
    values = {
        "title": title.render(reader.locale),
        "problem": failure.problem.render(reader.locale),
        "details": [line.render(reader.locale) for line in failure.details],
        "steps": [linked(step, reader, viewer_of(request)) for step in people if step],
        "keeper": for_keeper,
        "again": is_read and failure.status not in (403, 404, 405, 422),
        "bare": reader.url(path) if is_read and failure.status == 422 and path in _BARE else None,
        "request_id": request.state.request_id,
        "at": reader.moment(datetime.now(UTC)),
        "languages": _languages(request, reader) if is_read else [],
        "here": "error",
    }
    answer = page(request, reader, "error.html", values, status=failure.status)
    answer.headers.update(failure.headers)
    return answer


def _details(refusal: ApiError) -> Iterator[Message]:
    for refused in refusal.fields:
        # The problem of the only field may be the message itself, and what was expected the advice.
        if refused.problem != refusal.message:
            yield refused.problem
        if refused.expected is not None and refused.expected != refusal.fix:
            yield msg("Expected: {text}", text=refused.expected)


def _steps(failure: Failure, *, is_person: bool) -> Iterator[Message]:
    """What to do; `is_person` where somebody signed in, whom advice about keys would mislead."""
    if failure.status == 429 and "Retry-After" in failure.headers:
        yield msg("Wait {n} s, then load the page again.", n=count(int(failure.headers["Retry-After"])))
    elif failure.fix is not None and failure.status != 503:
        yield failure.fix
    if not (is_person and failure.code == "role_needed"):
        yield from _STEPS.get(failure.code) or _STEPS.get(failure.status, ())


def _languages(request: Request, reader: Reader) -> list[Language]:
    """The same page in each language, by a link that has no path: one of somebody's choice could lead elsewhere."""
    asked = request.query_params
    kept = {name: asked[name] for name in _KEPT if name in asked} if request.scope["path"] in _BARE else {}
    return languages_of(reader, lambda tag: f"?{urlencode({**kept, 'lang': tag})}")
