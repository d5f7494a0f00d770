from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from starlette.routing import Route

from farol.api import errors
from farol.api.middleware import DATA_HEADERS, SECURITY_HEADERS, BrokenOffError, Guard
from farol.app import create_app
from farol.errors import InputError, Place, PlanError, WorkbookError
from farol.i18n import msg
from farol.settings import Settings
from farol.store.journal import JournalFullError
from farol.web.intake.uploads import FRAME_BYTES
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of

SECRET = "Maria tem 3,5 em IDA"


@pytest.fixture(scope="module")
def faulty() -> Iterator[Client]:
    """An app with routes that fail in every way, behind the guard."""
    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(Guard, settings=Settings(max_body_bytes=1000))

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError(SECRET)

    @app.get("/plan")
    async def plan() -> None:
        raise PlanError(msg("The plan is no plan."))

    @app.get("/full")
    async def full() -> None:
        raise JournalFullError(msg("Full."), fix=msg("Wait."))

    @app.get("/workbook")
    async def workbook() -> None:
        raise WorkbookError(msg("No workbook."), expected=msg("one"))

    @app.get("/input")
    async def unusable() -> None:
        raise InputError(msg("No."), expected=msg("yes"), where=Place(field="answer"))

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, SECRET)

    @app.post("/read")
    async def read(request: Request) -> Response:
        return Response(str(len(await request.body())), headers={"Cache-Control": "max-age=5"})

    @app.post("/form")
    async def form(request: Request) -> Response:
        return Response(str(len(await request.form())))

    with running(app) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/health", DATA_HEADERS),
        ("/nothing-here", DATA_HEADERS),
        ("/monitoring/predictions.csv", SECURITY_HEADERS),
        ("/docs/assets/docs.js", SECURITY_HEADERS),
    ],
)
def test_every_answer_carries_the_security_headers(shared: Client, path: str, expected: Mapping[str, str]) -> None:
    headers = shared.get(path).headers
    assert {name: headers[name] for name in expected} == dict(expected)
    assert "access-control-allow-origin" not in headers


def test_json_may_load_nothing_and_stand_in_no_frame(shared: Client) -> None:
    headers = shared.get("/health").headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_answers_are_not_kept_by_caches_but_assets_may_be(shared: Client) -> None:
    assert shared.get("/monitoring/predictions").headers["cache-control"] == "no-store"
    assert "cache-control" not in shared.get("/docs/assets/docs.js").headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/monitoring"),
        ("GET", "/nothing-here"),
        ("GET", "/docs/assets/docs.js"),
        ("GET", "/monitoring/predictions.csv"),
        ("POST", "/predict"),
        ("DELETE", "/predict"),
    ],
)
def test_a_cache_learns_that_every_answer_varies_by_language(shared: Client, method: str, path: str) -> None:
    assert "accept-language" in shared.request(method, path).headers.get("vary", "").lower()


def test_what_a_route_says_of_caching_stays(faulty: Client) -> None:
    assert faulty.post("/read", content=b"x").headers["cache-control"] == "max-age=5"


def test_a_request_id_is_made_or_taken_over(shared: Client) -> None:
    assert shared.get("/health", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    made = [shared.get("/health").headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]


@pytest.mark.parametrize("given", ["Maria da Silva", "x" * 65, "a\tb", "<b>"])
def test_a_request_id_that_is_no_plain_token_is_replaced(shared: Client, given: str) -> None:
    assert shared.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"] != given


def test_unknown_addresses_and_methods_have_the_one_shape(shared: Client) -> None:
    error_of(shared.get("/nowhere"), 404, "not_found")
    error_of(shared.get("/docs/assets/nothing.js"), 404, "not_found")
    response = shared.get("/predict")
    error_of(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    assert shared.request("DELETE", "/models").headers["allow"] == "GET, HEAD"


GETS = sorted(
    route.path
    for route in create_app(Settings()).routes
    if isinstance(route, Route) and "GET" in (route.methods or ()) and "{version}" not in route.path
)


@pytest.mark.parametrize("path", GETS)
def test_head_is_answered_as_get_is_without_a_body(shared: Client, path: str) -> None:
    address = path.replace("{task}", "current").replace("{name}", "current")
    got, head = shared.get(address), shared.request("HEAD", address)
    assert got.status_code < 500  # of a pupil, case or link that there is not, too
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers.keys() == got.headers.keys()
    assert head.headers.get("content-type") == got.headers.get("content-type")


def test_head_of_an_address_that_takes_no_get_is_refused(shared: Client) -> None:
    assert shared.request("HEAD", "/predict").status_code == 405
    assert shared.request("HEAD", "/nowhere").status_code == 404


def test_head_is_logged_as_head(shared: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "farol.access"):
        shared.request("HEAD", "/health")
    assert [record.getMessage()[:16] for record in caplog.records if record.name == "farol.access"] == [
        "HEAD /health 200"
    ]


def test_a_declared_body_that_is_too_large_is_refused_unread(settings: Settings) -> None:
    with running(create_app(settings.model_copy(update={"max_body_bytes": 1000}))) as client:
        body = b'{"IAA": 5' + b" " * 1000 + b"}"
        error = error_of(
            client.post("/predict", content=body, headers={"Content-Type": "application/json"}), 413, "body_too_large"
        )
        assert "1000" in error["message"]
        assert client.post("/predict", json=PUPIL).status_code == 200


def test_a_declared_body_that_is_too_large_is_not_even_read() -> None:
    app = create_app(Settings())
    sent: list[Any] = []

    async def never(*_: Any) -> Any:
        raise AssertionError("nothing was to be read")

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", b"1001")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers, "query_string": b"", "app": app}
    asyncio.run(Guard(never, settings=Settings(max_body_bytes=1000))(scope, never, send))
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(("pieces", "read"), [(3, 3), (100, 20)])
def test_a_page_reads_on_for_a_while_to_be_seen(pieces: int, read: int) -> None:
    app = create_app(Settings(max_workbook_bytes=1000))
    taken: list[int] = []
    limit = 1000 + FRAME_BYTES
    piece = limit // 10

    async def receive() -> Any:
        taken.append(piece)
        return {"type": "http.request", "body": b"x" * piece, "more_body": len(taken) < pieces}

    async def send(_message: Any) -> None:
        pass

    headers = [(b"content-length", str(limit + 1).encode()), (b"accept", b"text/html")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/workbooks",
        "headers": headers,
        "query_string": b"",
        "app": app,
    }
    settings = Settings(max_workbook_bytes=1000)
    asyncio.run(Guard(app, settings=settings)(scope | {"state": {}}, receive, send))
    assert len(taken) == read, "then the answer is sent, whatever is still coming"


def test_a_body_of_undeclared_length_is_bounded_too(settings: Settings) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b" " * 100

    with running(create_app(settings.model_copy(update={"max_body_bytes": 1000}))) as client:
        response = client.post("/predict", content=endless(), headers={"Content-Type": "application/json"})
        assert "content-length" not in response.request.headers
        error_of(response, 413, "body_too_large")


def test_the_limit_itself_is_still_accepted(faulty: Client) -> None:
    assert faulty.post("/read", content=b"x" * 1000).text == "1000"
    error_of(faulty.post("/read", content=b"x" * 1001), 413, "body_too_large")


@pytest.mark.parametrize(
    ("encoding", "status"),
    [("undefined", 415), ("unicode_escape", 415), ('"utf-7"', 415), ("utf-8", 200), ('"UTF-8"', 200), ("", 200)],
)
def test_forms_come_in_utf8(faulty: Client, encoding: str, status: int) -> None:
    """Any encoding that Python knows could be named: some break, others make texts that nothing can store."""
    charset = f"; charset={encoding}" if encoding else ""
    body = b'--x\r\nContent-Disposition: form-data; name="a\\ud800"\r\n\r\nb\r\n--x--\r\n'
    answer = faulty.post("/form", content=body, headers={"Content-Type": f"multipart/form-data; boundary=x{charset}"})
    assert answer.status_code == status


def test_our_fault_is_answered_without_traceback_and_logged_bare(
    faulty: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = faulty.get("/crash?lang=en")
    error = error_of(response, 500, "internal")
    assert "ValueError" not in response.text
    assert SECRET not in response.text
    (record,) = [record for record in caplog.records if record.name == "farol.api"]
    assert error["request_id"] in record.getMessage()
    assert "ValueError at api/test_middleware.py" in record.getMessage()
    assert SECRET not in caplog.text


def test_an_answer_that_breaks_off_is_not_ended_as_if_whole(caplog: pytest.LogCaptureFixture) -> None:
    """The server sees an error, and so cuts the connection; the error has neither the value nor its history."""

    async def begin_then_fail(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(SECRET)

    app = FastAPI()
    guard = Guard(begin_then_fail, settings=Settings())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "app": app}
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(BrokenOffError) as caught:
        asyncio.run(guard(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert caught.value.__suppress_context__
    assert SECRET not in caplog.text


def test_a_caller_who_has_gone_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings())

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def nowhere(_message: Any) -> None:
        raise AssertionError("nobody is there to answer")

    async def read(scope: Any, receive: Any, _send: Any) -> None:
        await Request(scope, receive).body()

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "app": app}
    asyncio.run(Guard(read, settings=Settings())(scope, gone, nowhere))
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_lifespan_events_pass_through() -> None:
    seen: list[str] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async def silent(*_: Any) -> Any:
        return None

    asyncio.run(Guard(inner, settings=Settings())({"type": "lifespan"}, silent, silent))
    assert seen == ["lifespan"]


def test_errors_of_the_tree_get_their_status(faulty: Client) -> None:
    assert error_of(faulty.get("/plan"), 500, "plan")["message"] == "The plan is no plan."
    assert error_of(faulty.get("/workbook"), 500, "workbook")["fix"] == "one"
    error = error_of(faulty.get("/input?lang=en"), 422, "input")
    assert error["fields"] == [{"field": "answer", "problem": "No.", "expected": "yes"}]
    response = faulty.get("/full")
    assert error_of(response, 503, "store_busy")["fix"] == "Wait."
    assert response.headers["retry-after"] == "1"


def test_the_words_of_a_framework_are_not_passed_on(faulty: Client) -> None:
    response = faulty.get("/teapot")
    error_of(response, 418, "refused")
    assert SECRET not in response.text


def test_a_request_is_logged_in_one_line_with_its_route(shared: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "farol.access"):
        response = shared.get("/monitoring/predictions?task=current&limit=3")
        shared.get("/Maria/da/Silva?x=1")
    lines = [record.getMessage() for record in caplog.records if record.name == "farol.access"]
    assert lines[0].startswith("GET /monitoring/predictions 200 ")
    assert lines[0].endswith(response.headers["x-request-id"])
    assert lines[1].startswith("GET - 404 ")


def test_a_body_with_a_nonsense_length_is_counted(shared: Client) -> None:
    request = httpx.Request("POST", "http://localhost/predict", content=b"{}", headers={"Content-Length": "x"})
    response = shared.post(
        "/predict", content=request.content, headers={"Content-Length": "x", "Content-Type": "application/json"}
    )
    error_of(response, 422, "nothing_given")
