"""A real OpenTelemetry receiver gets real requests, decoded with OpenTelemetry's own protobuf."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError
from starlette.types import ASGIApp, Scope

import farol
from farol.api import spans
from farol.api.spans import Tracing
from farol.app import create_app
from farol.cli.workers import supervise
from farol.errors import MissingExtraError, StoreError
from farol.i18n import msg
from farol.settings import Settings
from farol.store.database import Store
from tests.alerts.receiver import Received, web_receiver
from tests.api.client import running
from tests.api.server import serving
from tests.api.shape import PUPIL
from tests.postgresql import postgresql_server, postgresql_url

__all__ = ["postgresql_server", "postgresql_url"]

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture
def received() -> Any:
    with web_receiver() as received:
        received.status = 200
        yield received


@pytest.fixture
def traced(settings: Settings, received: Received) -> Settings:
    return settings.model_copy(update={"otlp_endpoint": f"http://127.0.0.1:{received.port}"})


def exports(received: Received) -> list[ExportTraceServiceRequest]:
    return [ExportTraceServiceRequest.FromString(body) for _, _, body in received.requests]


def spans_of(received: Received) -> list[Span]:
    return [
        span
        for export in exports(received)
        for resource in export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def known(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    return {
        attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value"))) for attribute in attributes
    }


def named(received: Received, name: str) -> list[Span]:
    return [span for span in spans_of(received) if span.name == name]


def test_a_request_has_a_span_and_so_has_storing_its_row(
    free_port: int, trained: Path, tmp_path: Path, received: Received
) -> None:
    with serving(free_port, trained, tmp_path, FAROL_OTLP_ENDPOINT=f"http://127.0.0.1:{received.port}/") as server:
        answer = httpx.post(f"{server.base}/predict", json=PUPIL, timeout=30)
        httpx.get(f"{server.base}/models/current", timeout=30)
        httpx.get(f"{server.base}/there-is-nothing/here", timeout=30)
    assert {path for path, _, _ in received.requests} == {"/v1/traces"}
    (request,) = named(received, "POST /predict")
    assert request.kind == Span.SPAN_KIND_SERVER
    assert request.parent_span_id == b""
    assert known(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "farol.request_id": answer.headers["x-request-id"],
    }
    (store,) = named(received, "store")
    assert (store.trace_id, store.parent_span_id) == (request.trace_id, request.span_id)
    assert request.start_time_unix_nano <= store.start_time_unix_nano <= store.end_time_unix_nano
    assert store.end_time_unix_nano <= request.end_time_unix_nano
    assert known(store.attributes) == {"farol.prediction_id": answer.json()["prediction_id"]}
    (model,) = named(received, "GET /models/{task}")
    assert known(model.attributes)["http.route"] == "/models/{task}"
    (nothing,) = [span for span in spans_of(received) if known(span.attributes).get("http.response.status_code") == 404]
    assert nothing.name == "GET"
    assert "http.route" not in known(nothing.attributes)


def test_a_statement_of_a_request_is_sent_without_its_values(traced: Settings, received: Received) -> None:
    app = create_app(traced)
    with running(app) as client:
        app.state.service.store.ping()  # nobody asked for it
        assert client.get("/monitoring/predictions?limit=731").status_code == 200
    (request,) = named(received, "GET /monitoring/predictions")
    statements = [span for span in spans_of(received) if "db.system.name" in known(span.attributes)]
    assert {span.parent_span_id for span in statements} == {request.span_id}
    (select,) = [span for span in statements if span.name == "SELECT"]
    assert select.kind == Span.SPAN_KIND_CLIENT
    sent = known(select.attributes)
    assert sent.keys() == {"db.system.name", "db.query.text"}
    assert sent["db.system.name"] == "sqlite"
    assert "FROM predictions" in sent["db.query.text"]
    assert "LIMIT ?" in sent["db.query.text"]


def test_each_process_has_its_own_identity(traced: Settings, received: Received) -> None:
    for _ in range(2):
        with running(create_app(traced)) as client:
            client.get("/health")
    resources = [known(batch.resource.attributes) for export in exports(received) for batch in export.resource_spans]
    assert {name for resource in resources for name in resource} == {
        "service.name",
        "service.version",
        "service.instance.id",
    }
    assert {(resource["service.name"], resource["service.version"]) for resource in resources} == {
        ("farol", farol.__version__)
    }
    assert len({resource["service.instance.id"] for resource in resources}) == 2


def test_a_callers_trace_is_continued(traced: Settings, received: Received) -> None:
    with running(create_app(traced)) as client:
        headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=anything", "baggage": "student=RA-1"}
        assert client.post("/predict", json=PUPIL, headers=headers).status_code == 200
    assert {span.trace_id.hex() for span in spans_of(received)} == {TRACE}
    assert len(spans_of(received)) == 2
    (request,) = named(received, "POST /predict")
    assert request.parent_span_id.hex() == CALLER
    assert request.trace_state == "", "it may hold anything"


def test_a_caller_may_decide_against_a_trace(traced: Settings, received: Received) -> None:
    with running(create_app(traced)) as client:
        client.post("/predict", json=PUPIL, headers={"traceparent": TRACEPARENT[:-1] + "0"})
        client.get("/health", headers={"traceparent": b"not a traceparent, \xff"})
    assert [span.name for span in spans_of(received)] == ["GET /health"]


def test_a_share_may_be_traced_unless_the_caller_decided(traced: Settings, received: Received) -> None:
    with running(create_app(traced.model_copy(update={"otlp_ratio": 0}))) as client:
        client.post("/predict", json=PUPIL)
        client.get("/health", headers={"traceparent": TRACEPARENT})
    assert [span.name for span in spans_of(received)] == ["GET /health"]


def test_requests_of_one_group_each_have_their_own_store(traced: Settings, received: Received) -> None:
    with running(create_app(traced)) as client:
        answers = client.together(12, "POST", "/predict", json=PUPIL)
    assert {answer.status_code for answer in answers} == {200}
    requests = {span.span_id for span in named(received, "POST /predict")}
    assert len(requests) == 12
    stores = named(received, "store")
    assert sorted(span.parent_span_id for span in stores) == sorted(requests)
    rows = sorted(known(span.attributes)["farol.prediction_id"] for span in stores)
    assert rows == sorted(answer.json()["prediction_id"] for answer in answers)


class OddQuery:
    """Asks for /docs with a byte that httpx does not write into an address, and servers let through."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_odd = scope.get("path") == "/docs"
        await self._app({**scope, "query_string": b"a=\xff"} if is_odd else scope, receive, send)


def test_traces_change_no_answer_to_odd_bytes(settings: Settings, traced: Settings, received: Received) -> None:
    odd = {"User-Agent": b"\xff\\x", "traceparent": b"\xff\\x"}
    for given in (settings, traced):
        app = create_app(given)
        app.add_middleware(OddQuery)
        with running(app) as client:
            assert client.get("/health", headers=odd).status_code == 200
            assert client.post("/predict", json=PUPIL, headers=odd).status_code == 200
            assert client.get("/docs").json()["error"]["code"] == "invalid_address"
    assert {span.name for span in spans_of(received)} == {"GET /health", "POST /predict", "store", "GET /docs"}


def test_nothing_of_a_pupil_a_key_or_an_address_is_sent(
    traced: Settings, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    for headers_of in ("REQUEST", "RESPONSE"):
        monkeypatch.setenv(f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_{headers_of}", ".*")
    code, key, value = "RA-77310-xyz", "farol_000000000000_0123456789abcdefghij", 7.31259
    pupil = {**PUPIL, "IAA": value, "student": code, "class": "Turma-Girassol"}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "idem-431-potent", "User-Agent": "agent-of-someone"}
    with running(create_app(traced)) as client:
        assert client.post("/predict?reasons=3&who=Beatriz-query", json=pupil, headers=headers).status_code == 200
        assert client.post("/predict", json={**pupil, "IAA": "text-in-a-number"}).status_code == 422
        assert client.post("/forecast/batch", json=[pupil]).status_code == 200
        assert client.get(f"/pupils/{code}").status_code == 404
        client.request("PROPFIND-Beatriz", "/health")
        assert client.get("/monitoring/drift", params={"slice": "class=Turma-Girassol"}).status_code == 200
    raw = b"".join(body for _, _, body in received.requests)
    assert len(spans_of(received)) >= 7
    assert named(received, "SELECT")
    sent = [
        code,
        key,
        str(value),
        "Girassol",
        "idem-431",
        "agent-of",
        "Beatriz",
        str(traced.data),
        "text-in",
        "localhost",
        "127.0.0.1",
    ]
    assert [text for text in sent if text.lower().encode() in raw.lower()] == []
    assert struct.pack("<d", value) not in raw
    allowed = {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "farol.request_id",
        "farol.prediction_id",
        "error.type",
        "db.system.name",
        "db.query.text",
    }
    assert {name for span in spans_of(received) for name in known(span.attributes)} <= allowed
    assert not any(span.events for span in spans_of(received))
    (odd,) = [span for span in spans_of(received) if known(span.attributes).get("http.request.method") == "_OTHER"]
    assert odd.name.startswith("HTTP")


@pytest.mark.postgresql
def test_statements_on_postgresql_have_spans_too(traced: Settings, received: Received, postgresql_url: str) -> None:
    with running(create_app(traced.model_copy(update={"database_url": postgresql_url}))) as client:
        assert client.post("/predict", json=PUPIL).status_code == 200
        assert client.get("/monitoring/predictions").status_code == 200
    (request,), (store,) = named(received, "POST /predict"), named(received, "store")
    assert (store.trace_id, store.parent_span_id) == (request.trace_id, request.span_id)
    (reading,) = named(received, "GET /monitoring/predictions")
    (select,) = [span for span in named(received, "SELECT") if span.parent_span_id == reading.span_id]
    assert known(select.attributes)["db.system.name"] == "postgresql"
    assert known(select.attributes).keys() == {"db.system.name", "db.query.text"}


@pytest.mark.parametrize("step", ["write_now", "write"])
def test_a_commit_that_fails_is_sent_without_its_words(
    step: str, traced: Settings, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError(msg("The word is {word}.", word="porcelain"))

    monkeypatch.setattr(Store, "write_now", lambda *_: None)
    monkeypatch.setattr(Store, step, refuse)
    with running(create_app(traced)) as client:
        assert client.post("/predict", json=PUPIL).status_code == 503
    (store,) = named(received, "store")
    assert store.status.code == Status.STATUS_CODE_ERROR
    assert known(store.attributes) == {"error.type": "farol.errors.StoreError"}
    (request,) = named(received, "POST /predict")
    assert request.status.code == Status.STATUS_CODE_ERROR
    assert known(request.attributes)["error.type"] == "503"
    assert b"porcelain" not in b"".join(body for _, _, body in received.requests)


def test_a_fault_of_ours_is_sent_without_its_words(
    traced: Settings, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("porcelain")

    monkeypatch.setattr("farol.api.predict.score_pupils", fail)
    with running(create_app(traced)) as client:
        answers = client.together(4, "POST", "/predict", json=PUPIL)
    assert {answer.status_code for answer in answers} == {500}
    assert [known(span.attributes)["error.type"] for span in named(received, "POST /predict")] == ["500"] * 4
    assert named(received, "store") == []
    assert b"porcelain" not in b"".join(body for _, _, body in received.requests)


def test_an_answer_that_breaks_off_is_sent_as_an_error(traced: Settings, received: Received) -> None:
    seen = []

    async def broken(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise ConnectionError("porcelain")

    async def nothing(*_: Any) -> None:
        """Takes whatever is sent."""

    async def silence() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def call(app: ASGIApp, scope: Scope) -> None:
        await app(scope, silence, nothing)

    tracing = Tracing(traced)
    request = {"type": "http", "path": "/", "headers": []}
    app = tracing.middleware(broken)
    asyncio.run(call(app, {"type": "lifespan"}))
    with pytest.raises(ConnectionError):
        asyncio.run(call(app, {**request, "method": "GET"}))
    asyncio.run(call(tracing.middleware(nothing), {**request, "method": "PUT"}))
    tracing.close()
    assert seen == ["lifespan", "http"]
    (broken_off,) = named(received, "GET")
    assert broken_off.status.code == Status.STATUS_CODE_ERROR
    assert known(broken_off.attributes)["error.type"] == "ConnectionError"
    (unanswered,) = named(received, "PUT")
    assert "http.response.status_code" not in known(unanswered.attributes), "its caller had gone"
    assert b"porcelain" not in b"".join(body for _, _, body in received.requests)


def test_requests_are_answered_while_the_receiver_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free_port: int
) -> None:
    monkeypatch.setattr(spans, "SEND_SECONDS", 0.2)
    away = f"127.0.0.1:{free_port}"
    app = create_app(settings.model_copy(update={"otlp_endpoint": f"http://{away}/s3cret"}))
    with running(app) as client:
        for _ in range(3):
            assert client.post("/predict", json=PUPIL).status_code == 200
            app.state.tracing._provider.force_flush()
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in told] == ["farol.tracing"]
    assert away in told[0].getMessage()
    assert "does not answer" in told[0].getMessage()
    assert "s3cret" not in caplog.text


def test_a_receiver_that_refuses_and_its_return_are_logged_once(
    traced: Settings, received: Received, caplog: pytest.LogCaptureFixture
) -> None:
    full = logging.getLogger("opentelemetry.sdk._shared_internal")
    received.statuses = [302, 401, 200, 200]
    app = create_app(traced)
    with running(app) as client:
        for number in range(4):
            client.get("/health")
            app.state.tracing._provider.force_flush()
            full.warning(f"full {number}")  # the library tells the same only once in a while
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [path for path, _, _ in received.requests] == ["/v1/traces"] * 4
    assert ["answers 302" in told[0], "again" in told[1]] == [True, True]
    assert told[2:] == ["full 2", "full 3"], "dropped spans are news only while the receiver is there"


def test_stopping_does_not_wait_for_a_receiver_that_hangs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(spans, "SEND_SECONDS", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(create_app(settings.model_copy(update={"otlp_endpoint": endpoint}))) as client:
            assert client.get("/health").status_code == 200
        (sender,) = [thread for thread in threading.enumerate() if thread.name == "farol-traces-end"]
        assert sender.daemon, "nor does the process"
        connection, _ = silent.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            sender.join(30)
    assert not sender.is_alive()


@pytest.mark.parametrize(
    "name",
    [
        "opentelemetry.sdk",
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry.exporter",
        "opentelemetry.instrumentation.asgi",
        "opentelemetry.instrumentation.sqlalchemy",
    ],
)
def test_without_the_extra_the_start_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [module for module in sys.modules if module.startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    settings = Settings(otlp_endpoint="http://127.0.0.1:4318")
    with pytest.raises(MissingExtraError, match=r"\.\[telemetry\]"):
        create_app(settings)
    with pytest.raises(MissingExtraError, match="FAROL_OTLP_ENDPOINT"):
        supervise(settings, [], lambda: None)


BARE = """
import sys

class Without:
    def find_spec(self, name, *_):
        theirs = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation", "requests")
        if name.startswith(theirs):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
"""

LOADED = """
import sys
import farol.app
app = farol.app.create_app()
assert app.state.tracing is None
theirs = (
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "opentelemetry.instrumentation",
    "opentelemetry.proto",
    "farol.api.spans",
    "requests",
)
print([name for name in sys.modules if name.startswith(theirs)])
"""


def run(code: str, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "FAROL_DATA": str(folder), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_nothing_of_it_is_loaded_unless_it_is_wished_for(tmp_path: Path) -> None:
    assert run(LOADED, tmp_path) == "[]"
    assert run(BARE + LOADED, tmp_path) == "[]"


def test_without_the_extra_farol_says_what_traces_need(tmp_path: Path) -> None:
    code = "import farol.app\ntry:\n    farol.app.create_app()\nexcept Exception as error:\n    print(error.code)"
    assert run(BARE + code, tmp_path, FAROL_OTLP_ENDPOINT="http://127.0.0.1:4318") == "missing_extra"


ASKED = f"""
import asyncio, sys
reached = set()
def listen(event, given):
    if event == "socket.connect" and isinstance(given[1], tuple):
        reached.add(given[1][:2])
    elif event == "socket.getaddrinfo":
        reached.add((given[0], int(given[1] or 0)))
sys.addaudithook(listen)
import httpx
from farol.app import create_app
app = create_app()
async def ask():
    async with app.router.lifespan_context(app), httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        assert (await client.post("/predict", json={PUPIL!r})).status_code == 200
asyncio.run(ask())
print(sorted(reached))
"""


def test_nobody_but_the_receiver_named_is_reached(
    trained: Path, tmp_path: Path, received: Received, free_port: int
) -> None:
    """Whatever the variables of OpenTelemetry's own and of proxies say."""
    elsewhere = f"http://127.0.0.1:{free_port}"
    reached = run(
        ASKED,
        tmp_path,
        FAROL_ARTIFACTS=str(trained),
        FAROL_OTLP_ENDPOINT=f"http://127.0.0.1:{received.port}/v1/traces",
        OTEL_EXPORTER_OTLP_ENDPOINT=elsewhere,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=elsewhere,
        OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED="true",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20t0ken",
        OTEL_RESOURCE_ATTRIBUTES="owner=porcelain",
        HTTP_PROXY=elsewhere,
        ALL_PROXY=elsewhere,
    )
    assert reached == f"[('127.0.0.1', {received.port})]"
    assert [path for path, _, _ in received.requests] == ["/v1/traces"]
    assert received.requests[0][1]["authorization"] == "Bearer t0ken", "the variable a receiver's token goes by"
    assert b"porcelain" not in received.requests[0][2]


@pytest.mark.parametrize(
    "address", ["localhost:4318", "ftp://here", "http://me:s3cret@here", "http://here/?token=s3cret"]
)
def test_an_address_that_cannot_be_one_is_refused(address: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(otlp_endpoint=address)
    assert "s3cret" not in str(caught.value)
