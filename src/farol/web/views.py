"""The pages: routes that parse, call one function and render. Errors have a page, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from markupsafe import Markup

from farol.access import access
from farol.accounts.audit import Action, record
from farol.accounts.viewer import Duty
from farol.advice.report import report_of
from farol.drift.report import take_snapshot
from farol.drift.windows import window_of
from farol.errors import FarolError
from farol.files import style_sources
from farol.i18n import msg
from farol.service import Service
from farol.store.keys import Role
from farol.web.advice import PATH as ADVICE
from farol.web.advice import advice_values, advice_view, first_advice
from farol.web.dashboard import PATH, chosen_bundle, dashboard_values
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.filters import WINDOW, Filters, between, is_yes
from farol.web.frame import see_other
from farol.web.glossary import PATH as GLOSSARY
from farol.web.glossary import glossary_values
from farol.web.home import home_values
from farol.web.locale import Reader, reader_of
from farol.web.model_page import PATH as ABOUT
from farol.web.model_page import model_values
from farol.web.outcomes import PATH as RESULTS
from farol.web.outcomes import outcomes_values
from farol.web.report import file_policy, report_html
from farol.web.templating import STATIC, page
from farol.web.viewer import viewer_of

router = APIRouter(include_in_schema=False)

CARD_BANNER = Markup(
    "<style>.invented {{ margin: 0; padding: .5rem 1rem; background: #ffe9a8; color: #17222c }}</style>"
    '<p class="invented">{}</p>'
)
"""Says at the top of a card that its pupils are invented."""

Task = Annotated[str | None, Query(max_length=100)]
Window = Annotated[str, Query(max_length=100)]
Slice = Annotated[str, Query(alias="slice", max_length=200)]
Yes = Annotated[str, Query(max_length=10)]
Day = Annotated[str | None, Query(max_length=20)]
Year = Annotated[str | None, Query(max_length=20)]


def mount_static(app: FastAPI) -> None:
    """Serve the style sheet and the icon under /static."""
    app.mount("/static", access(None)(StaticFiles(directory=STATIC)), name="static")


@access(Role.read, is_page=True)
@router.get("/")
def home(request: Request) -> Response:
    """The introduction; for whoever may not see figures of the whole school, the pupils they see."""
    viewer, base = viewer_of(request), str(request.base_url).rstrip("/")
    if not viewer.may(Duty.oversee):
        return RedirectResponse("/pupils", 303)
    return _answer(
        request,
        lambda service, reader: _page(request, reader, "home", home_values(service, reader, viewer, base, _now())),
    )


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get(PATH)
def dashboard(
    request: Request,
    *,
    task: Task = None,
    window: Window = WINDOW,
    part: Slice = "",
    same_levels: Yes = "",
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
    taken: str = "",
) -> Response:
    """The drift page."""
    asked = Filters(task, window, part, is_yes(same_levels))

    def answer(service: Service, reader: Reader) -> Response:
        if first is not None or last is not None:  # the form has them always; the address is to say what is shown
            chosen = replace(asked, window=between(window, first or "", last or "", _now()))
            return see_other(reader, PATH, **chosen.query())
        values = dashboard_values(service, reader, asked, _now())
        bundle = chosen_bundle(service, task) if values["tasks"] else None
        gravest = None if bundle is None else first_advice(service, bundle.task, WINDOW, _now())
        to_do = None if gravest is None else advice_view(gravest, reader, viewer_of(request))
        return _page(request, reader, "dashboard", values | {"taken": bool(taken), "to_do": to_do})

    return _answer(request, answer)


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get(RESULTS)
def results(request: Request, task: Task = None, year: Year = None) -> Response:
    """What came true, beside what was promised."""
    return _answer(
        request,
        lambda service, reader: _page(request, reader, "outcomes", outcomes_values(service, reader, task, year)),
    )


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get(ADVICE)
def advice(request: Request, window: Window = WINDOW) -> Response:
    """What to do about each model."""
    return _answer(
        request,
        lambda service, reader: _page(
            request, reader, "advice", advice_values(service, reader, viewer_of(request), window, _now())
        ),
    )


@access(Role.manage, is_page=True, duty=Duty.administer)
@router.post(f"{PATH}/snapshot")
def snapshot(
    request: Request, task: Task = None, window: Window = WINDOW, part: Slice = "", same_levels: Yes = ""
) -> Response:
    """Keep the figures of a window, of all its pupils, then show the drift page as it was."""

    def answer(service: Service, reader: Reader) -> Response:
        bundle = chosen_bundle(service, task)
        store = service.store
        chosen = window_of(window, store=store, task=bundle.task, now=_now())
        details = f"{bundle.task} {chosen.name}"
        record(store, viewer_of(request), Action.changed, "snapshot", at=_now(), details=details)
        take_snapshot(store, bundle, chosen)
        shown = Filters(bundle.task, window, part, is_yes(same_levels))
        return see_other(reader, PATH, **shown.query(), taken="1")

    return _answer(request, answer)


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get("/monitoring/report.html")
def report(request: Request, task: Task = None, window: Window = WINDOW) -> Response:
    """The report of a window, as one file to keep."""

    def answer(service: Service, reader: Reader) -> Response:
        bundle, now = chosen_bundle(service, task), _now()
        chosen = window_of(window, store=service.store, task=bundle.task, now=now)
        made = report_of(service.store, service.registry, bundle, chosen, now)
        html = report_html(made, reader, is_demonstration=service.settings.is_demonstration)
        headers = {
            "Content-Security-Policy": file_policy(html),
            "Content-Language": reader.tag,
            "Content-Disposition": f'inline; filename="farol-{bundle.task}-{made.drift.window.last}.html"',
        }
        return HTMLResponse(html, headers=headers)

    return _answer(request, answer)


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get(ABOUT)
def about(request: Request, task: str) -> Response:
    """A model for people: how often it is right, for whom less, and its limits."""

    def answer(service: Service, reader: Reader) -> Response:
        scorer = service.scorers.get(task)
        if scorer is None:
            return _without_model(request, service, reader, task)
        return _page(request, reader, "model", model_values(scorer.bundle, reader))

    return _answer(request, answer)


@access(Role.read, is_page=True)
@router.get(GLOSSARY)
def glossary(request: Request) -> Response:
    """The words of the pages, explained."""
    return _answer(
        request, lambda service, reader: _page(request, reader, "glossary", glossary_values(reader, service.profile))
    )


@access(Role.read, is_page=True, duty=Duty.oversee)
@router.get("/models/{task}/card")
def card(request: Request, task: str) -> Response:
    """The model card of the version that is served, as training wrote it."""

    def answer(service: Service, reader: Reader) -> Response:
        scorer = service.scorers.get(task)
        if scorer is None:
            return _without_model(request, service, reader, task)
        text = scorer.bundle.files["card.html"].decode(errors="replace")
        if service.settings.is_demonstration:
            words = reader.gettext("Demonstration: invented pupils.")
            own = style_sources(text)
            text = text.replace("<body>", f"<body>{CARD_BANNER.format(words)}", 1)
            text = text.replace(own, style_sources(text), 1)  # in the policy that the card has in itself
        return HTMLResponse(text, headers={"Content-Security-Policy": file_policy(text)})

    return _answer(request, answer)


def _answer(request: Request, make: Callable[[Service, Reader], Response]) -> Response:
    service: Service = request.app.state.service
    reader = reader_of(request)
    try:
        return make(service, reader)
    except FarolError as error:
        return failed(request, reader, failure_in(error))


def _without_model(request: Request, service: Service, reader: Reader, task: str) -> Response:
    """What to do to get a model; of a question that there is not, no more than that."""
    spec = service.tasks.specs.get(task)
    if spec is None:
        return failed(request, reader, Failure(404, msg("There is no such question here.")))
    problem = msg("No model answers it yet: {question}", question=spec.question)
    return failed(request, reader, Failure(404, problem, "no_model"))


def _page(request: Request, reader: Reader, name: str, values: dict[str, object]) -> Response:
    return page(request, reader, f"{name}.html", values | {"here": name})


def _now() -> datetime:
    return datetime.now(UTC)
