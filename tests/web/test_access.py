"""A user who sees class 3B learns nothing of 3C by any route: pages, exports, prints, searches, jobs, forms, the API.

Two sites are the same but for one thing: in the second there is no class 3C. A coordinator of 3B asks both the same, on
every route that the application has. The answers must be the same, byte for byte but for what each request changes. So
no code, name, count, error or length can tell of 3C. What a route is for is written here a second time: a route that
belongs nowhere fails the test.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from html import unescape
from zipfile import ZipFile, is_zipfile

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import Table, select

from farol.access import RouteAccess
from farol.accounts.passwords import hashed
from farol.accounts.users import accept_invitation, create_user
from farol.accounts.viewer import Duty, UserRole
from farol.api.requests import route_of
from farol.app import create_app
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import microseconds
from farol.store.tables import (
    case_entries,
    cases,
    jobs,
    pupil_answers,
    pupil_names,
    pupil_years,
    uploads,
)
from tests.api.client import Client, running
from tests.web.sent import lasting
from tests.web.site import build_site, predictions

PASSWORD = "quatro palavras bem longas"
ENCODED = hashed(PASSWORD)
THEN = datetime(2025, 3, 10, 12, tzinfo=UTC)
OWN, OTHER = "3B", "3C"
PUPILS = {OWN: 9, OTHER: 1_013}
"""Enough of 3C that a count which includes them is known by its digits."""

APP = create_app(Settings())
CASE = {OWN: "0195-own", OTHER: "0195-other"}
UPLOAD, JOB = "0195-upload", "0195-job"

OPEN = ("/login", "/logout", "/first/{token}", "/docs")
"""Pages for whoever is about to sign in, and the description of the API."""
DUTIES: Mapping[str, Duty] = {
    "/": Duty.see,
    "/account": Duty.see,
    "/pupils": Duty.see,
    "/classes": Duty.see,
    "/cases": Duty.see,
    "/meeting": Duty.see,
    "/glossary": Duty.see,
    "/monitoring": Duty.oversee,
    "/models": Duty.oversee,
    "/model": Duty.oversee,
    "/workbooks": Duty.administer,
    "/jobs": Duty.administer,
    "/administration": Duty.administer,
}
"""The first part of a page's address → what it is for. Whatever it changes needs a duty of its own, see `duty_of`."""
OF_ONESELF = ("/account/name", "/account/password", "/account/sessions")


@dataclass(frozen=True)
class Route:
    """A method and a template of the application, and what the route says of itself."""

    method: str
    path: str
    access: RouteAccess


def routes() -> list[Route]:
    listed = []
    for context in iter_route_contexts(APP.routes):
        path = str(context.path)
        for method in sorted(getattr(context, "methods", None) or {"GET"}):
            example = {"/docs/assets": "/docs/assets/docs.js", "/static": "/static/farol.css"}.get(path, path)
            scope = {"type": "http", "method": method, "path": re.sub(r"\{\w+\}", "x", example), "app": APP}
            listed.append(Route(method, path, route_of(scope).access))
    return sorted(listed, key=lambda route: (route.path, route.method))


ROUTES = routes()
PAGES = [route for route in ROUTES if route.access.is_page and route.path not in OPEN]


ASKING = ("/pupils/{student:path}/scenario",)
"""Forms that change nothing: what they ask would else stand in an address."""


def duty_of(route: Route) -> Duty:
    """What this file says that a page is for; KeyError for a page that nobody has thought of."""
    duty = DUTIES["/" + route.path.split("/")[1].partition(".")[0]]
    if route.method == "GET" or route.path in (*OF_ONESELF, *ASKING):
        return duty
    return {Duty.see: Duty.record, Duty.oversee: Duty.administer}.get(duty, duty)


@pytest.mark.parametrize("route", PAGES, ids=lambda route: f"{route.method} {route.path}")
def test_every_page_has_the_duty_it_ought_to_have(route: Route) -> None:
    assert "/" + route.path.split("/")[1].partition(".")[0] in DUTIES, "say here what the new page is for"
    assert route.access.duty is duty_of(route)
    if route.method != "GET" and route.path not in ASKING:
        assert route.access.role is not None
        assert route.access.role.value == "manage", "a key that may only read changes nothing"


def test_open_pages_are_those_of_the_sign_in() -> None:
    open_pages = {route.path for route in ROUTES if route.access.is_page and route.access.role is None}
    assert open_pages == set(OPEN)
    assert {route.access.duty for route in ROUTES if route.path in OPEN} == {None}


def pupils(group: str) -> list[str]:
    return [f"RA-{group}-{number:04d}" for number in range(PUPILS[group])]


def fill(store: Store, group: str) -> None:
    """A class with all that may be kept of its pupils: two years, answers, names, predictions, a case with a note."""
    at = microseconds(THEN)
    codes = pupils(group)
    years = [
        {"year": year, "student": code, "class": group, "level": 3.0, "label": 1, "values": '{"IAA":5.5,"IEG":4.5}'}
        for year in (2023, 2024)
        for code in codes
    ]
    answers = [
        {
            "task": "next-year",
            "year": 2024,
            "student": code,
            "version": "0",
            "prediction": f"p-{code}",
            "at": at,
            "class": group,
            "level": 3.0,
            "at_risk_now": 0,
            "probability": 0.25 + 0.5 * (place % 97) / 97,
            "band": 1,
            "expected_low": 0.2,
            "expected_high": 0.8,
            "reasons": "[]",
            "missing": "[]",
        }
        for place, code in enumerate(codes)
    ]
    case = {
        "id": CASE[group],
        "student": codes[0],
        "year": 2024,
        "step": "plan",
        "owner": "",
        "support": '[{"kind": "reforço", "by": ""}]',
        "due": date(2025, 3, 20),
        "opened": at,
        "changed": at,
        "closed": None,
        "reason": "",
    }
    entry = {"case": CASE[group], "at": at, "user": "", "kind": "note", "details": '{"text":"x"}', "restricted": 0}
    rows: list[tuple[Table, list[dict[str, object]]]] = [
        (pupil_years, [{**row, "fingerprint": "f", "recorded": at} for row in years]),
        (pupil_answers, [{**row, "raising": ","} for row in answers]),
        (pupil_names, [{"student": code, "name": f"Pessoa {code}", "folded": f"pessoa {code}"} for code in codes]),
        (cases, [case]),
        (case_entries, [entry]),
    ]
    with store.engine.begin() as connection:
        for table, values in rows:
            connection.execute(table.insert(), values)


def fill_common(store: Store) -> None:
    """What administrators left: a workbook that waits, and a job; they speak of the whole school."""
    at = microseconds(THEN)
    upload = {"id": UPLOAD, "at": at, "user": "", "state": "review", "files": "[]", "review": "{}"}
    job: dict[str, object] = dict.fromkeys(("stage", "details", "result"), "{}")
    job |= {"id": JOB, "kind": "train", "state": "done", "user": "", "created": at, "share": 1.0}
    with store.engine.begin() as connection:
        connection.execute(uploads.insert(), [upload])
        connection.execute(jobs.insert(), [job])


def add_user(store: Store, login: str, role: UserRole, *classes: str) -> None:
    _, token = create_user(store, login, login.title(), role, classes, at=THEN)
    assert accept_invitation(store, token, ENCODED, at=THEN) is not None


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Settings]:
    """The two sites: with the class 3C, and without."""
    folder = tmp_path_factory.mktemp("with")
    without = build_site(folder, now=THEN)
    with Store.open(without.store_url) as store:
        fill(store, OWN)
        fill_common(store)
        add_user(store, "ana", UserRole.administrator)
        add_user(store, "bia", UserRole.coordinator, OWN)
        add_user(store, "caio", UserRole.reader)
    other = folder.with_name("and-3c")
    shutil.copytree(folder, other)
    whole = without.model_copy(update={"artifacts": other / "artifacts", "data": other / "data"})
    with Store.open(whole.store_url) as store:
        fill(store, OTHER)
        scorer = Scorer(Registry(whole.artifacts).load("next-year"))
        rows = predictions(scorer, n=PUPILS[OTHER], at=THEN, shift=1.0, seed=5)
        store.write([replace(row, group=OTHER, student=code) for row, code in zip(rows, pupils(OTHER), strict=True)])
    return whole, without


def sign_in(client: Client, login: str) -> None:
    assert client.post("/login?next=/account", data={"login": login, "password": PASSWORD}).status_code == 303


@pytest.fixture(scope="module")
def twins(places: tuple[Settings, Settings]) -> Iterator[tuple[Client, Client]]:
    """A coordinator of 3B at each of the two."""
    with running(create_app(places[0])) as whole, running(create_app(places[1])) as without:
        for client in (whole, without):
            sign_in(client, "bia")
        yield whole, without


VALUES: Mapping[str, tuple[str, ...]] = {
    "student": (pupils(OWN)[0], pupils(OTHER)[0], "RA-nobody"),
    "id": (CASE[OWN], CASE[OTHER], UPLOAD, JOB, "nothing"),
    "task": ("next-year", "current"),
    "key": ("ana",),
    "token": ("nothing",),
    "name": ("next-year",),
    "version": ("0",),
}
QUERIES = (
    "",
    f"?class={OTHER}",
    f"?class={OWN}&class={OTHER}",
    f"?q={pupils(OTHER)[0]}",
    f"?q=Pessoa+RA-{OTHER}",
    "?task=next-year&capacity=500&n=500",
    f"?students={pupils(OTHER)[0]}&student={pupils(OTHER)[0]}&case={CASE[OTHER]}&id={CASE[OTHER]}",
    "?page=2&sort=class&lang=en",
    f"?order=risk&level=3&q={OTHER}",
)
FORM = {
    "student": pupils(OTHER)[0],
    "students": [pupils(OTHER)[0], pupils(OTHER)[1]],
    "pupil": pupils(OTHER)[0],
    "case": CASE[OTHER],
    "cases": [CASE[OTHER]],
    "id": CASE[OTHER],
    "class": OTHER,
    "year": "2024",
    "step": "closed",
    "reason": "other",
    "support": "reforço",
    "text": "x",
    "note": "x",
    "kind": "phone",
    "due": "2025-04-01",
    "on": "2025-03-09",
}


def addresses(path: str) -> list[str]:
    """The template with every value that its parts may have."""
    made = [path]
    for name in re.findall(r"\{(\w+)(?::\w+)?\}", path):
        part = re.compile(r"\{" + name + r"(?::\w+)?\}")
        made = [part.sub(value, address) for address in made for value in VALUES.get(name, ("nothing",))]
    return made


CHANGING = re.compile(r"\b[0-9a-f]{32}\b|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b|\b[0-9a-f-]{36}\b")
"""The parts that change at each request beside nonces: the request's id, the time of the day, new ids."""


def told(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, place and text of an answer, without what each request changes; of a workbook, that of its parts."""
    body = answer.content
    if is_zipfile(io.BytesIO(body)):
        with ZipFile(io.BytesIO(body)) as archive:
            parts = [archive.read(name).decode("utf-8", "replace") for name in sorted(archive.namelist())]
        text = "\n".join(re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "", part) for part in parts)
    else:
        text = answer.text
    return answer.status_code, answer.headers.get("location", ""), CHANGING.sub("", lasting(text))


def require_the_same(whole: httpx.Response, without: httpx.Response, asked: str) -> None:
    told_whole, told_without = told(whole), told(without)
    for code in (*pupils(OTHER)[:3], f"Pessoa RA-{OTHER}", str(PUPILS[OTHER]), "1.013", "1,013", "1.022", "1,022"):
        assert code not in told_whole[2] or code in told_without[2], (asked, "tells of a class that is not theirs")
    assert told_whole == told_without, asked


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=lambda route: route.path)
def test_no_address_tells_a_coordinator_of_another_class(twins: tuple[Client, Client], route: Route) -> None:
    whole, without = twins
    if route.path in ("/metrics", "/ready", "/health"):
        assert whole.get(route.path).status_code == without.get(route.path).status_code
        return
    for address in addresses(route.path):
        for query in QUERIES if route.access.is_page else QUERIES[:1]:
            answers = [client.get(address + query, headers={"Accept": "text/html"}) for client in twins]
            assert answers[0].status_code < 500, address
            require_the_same(answers[0], answers[1], address + query)


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.method == "POST" and route.path not in (*OPEN, *OF_ONESELF)],
    ids=lambda route: route.path,
)
def test_no_form_tells_of_or_changes_another_class(
    twins: tuple[Client, Client], places: tuple[Settings, Settings], route: Route
) -> None:
    before = kept_of_the_other(places[0])
    for address in addresses(route.path):
        if pupils(OWN)[0] in address or CASE[OWN] in address:
            continue  # one's own may be changed; with the codes of others in the form, the next test looks
        answers = [client.post(address, data=FORM) for client in twins]
        assert answers[0].status_code < 500, address
        require_the_same(answers[0], answers[1], address)
    assert kept_of_the_other(places[0]) == before


def kept_of_the_other(settings: Settings) -> list[object]:
    """All rows about 3C."""
    kept: list[object] = []
    codes = pupils(OTHER)
    with Store.open(settings.store_url) as store, store.engine.connect() as connection:
        for table, column, values in (
            (pupil_years, "student", codes),
            (pupil_answers, "student", codes),
            (pupil_names, "student", codes),
            (cases, "student", codes),
            (case_entries, "case", [CASE[OTHER]]),
        ):
            query = select(table).where(table.c[column].in_(values)).order_by(*table.primary_key)
            kept += [tuple(row) for row in connection.execute(query)]
    return kept


@pytest.mark.parametrize("route", [route for route in PAGES if route.method == "GET"], ids=lambda route: route.path)
def test_a_role_without_the_duty_is_refused(places: tuple[Settings, Settings], twins: object, route: Route) -> None:
    assert twins is not None
    duties = {
        "ana": set(Duty),
        "bia": {Duty.see, Duty.record},
        "caio": {Duty.see, Duty.oversee},
    }
    with running(create_app(places[0])) as client:
        assert client.get(addresses(route.path)[0]).status_code == 401
        for login, may in duties.items():
            sign_in(client, login)
            status = client.get(addresses(route.path)[0]).status_code
            assert (status == 403) == (duty_of(route) not in may), login


def test_no_link_or_advice_of_the_first_page_is_refused(places: tuple[Settings, Settings], twins: object) -> None:
    assert twins is not None
    with running(create_app(places[0])) as client:
        for login, may_send in (("ana", True), ("caio", False)):
            sign_in(client, login)
            page = client.get("/?lang=en", headers={"Accept": "text/html"}).text
            links = {unescape(link) for link in re.findall(r'href="(/[^"#]*)', page)}
            assert len(links) > 10
            answers = {link: client.get(link, headers={"Accept": "text/html"}).status_code for link in sorted(links)}
            assert [link for link, status in answers.items() if 400 <= status < 500] == [], login
            assert ("GET /monitoring/status" in page, "send it under “Workbook”" in page) == (True, may_send)


def test_a_session_opens_no_route_of_the_api(twins: tuple[Client, Client]) -> None:
    needing = [route for route in ROUTES if not route.access.is_page and route.access.role is not None]
    assert len(needing) > 10
    for route in needing:
        answer = twins[0].request(route.method, addresses(route.path)[0], json={})
        assert answer.status_code == 401, route.path


def test_the_walk_has_something_to_find(places: tuple[Settings, Settings]) -> None:
    """An administrator of the first site sees what a coordinator must not: else the tests above could not fail."""
    assert Registry(places[0].artifacts).promoted("next-year")
    assert len(kept_of_the_other(places[0])) == 4 * PUPILS[OTHER] + 2
    assert kept_of_the_other(places[1]) == []
    assert {"/login", "/account", "/administration/users", "/monitoring/dashboard"} <= {route.path for route in ROUTES}
