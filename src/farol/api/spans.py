"""The spans of requests, of SQL and of rows that are stored, and how they are sent. It needs the extra `telemetry`.

OpenTelemetry's instrumentations make the spans of requests (ASGI) and of SQL (SQLAlchemy). Three parts are ours,
because the instrumentations alone do not keep our promises (docs/tracing.md says why):

- `Tracing.middleware` shows the instrumentation only method, route and `traceparent` of a request.
- `Tracing.stored` makes the span `store`: the journal writes with the driver's cursor, which no instrumentation sees.
- `Sender` keeps of each span only the attributes named in KEPT.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, get_current_span
from opentelemetry.util.http import sanitize_method
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farol import __version__
from farol.api.requests import NO_ROUTE, fields_of, route_of
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction

logger = logging.getLogger("farol.tracing")

KEPT = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "error.type",
        "db.system.name",
        "db.query.text",
        "farol.request_id",
        "farol.prediction_id",
    }
)
"""The attributes that are sent. SQLAlchemy puts placeholders where the text of a statement has values."""

SEND_SECONDS = 5.0
"""How long one batch may take, its repetitions with it, before it is given up."""

CLOSE_SECONDS = 3.0
"""How long stopping waits for what has not been sent."""

_WAITING = 4_096
"""Most spans that wait to be sent; beyond it the oldest are dropped."""

_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_QUEUE = "opentelemetry.sdk._shared_internal"
_UNMEASURED = NoOpMeterProvider()  # otherwise the libraries measure themselves where somebody sets that up


class Tracing:
    """Makes spans and sends them from a thread of its own: only `close` waits for the receiver."""

    def __init__(self, settings: Settings) -> None:
        # The instrumentations read this once, and otherwise use names that the conventions have given up.
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"
        base = settings.otlp_endpoint.rstrip("/")
        self._sender = Sender(base if base.endswith("/v1/traces") else f"{base}/v1/traces")
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.otlp_ratio)),
            # Made by hand: the library's detectors add this machine's command line and more.
            resource=Resource(
                {"service.name": "farol", "service.version": __version__, "service.instance.id": str(uuid4())}
            ),
            shutdown_on_exit=False,  # `close` does it, and does not wait for long
            meter_provider=_UNMEASURED,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._sender,
                max_queue_size=_WAITING,
                schedule_delay_millis=1_000,
                max_export_batch_size=512,
                meter_provider=_UNMEASURED,
            )
        )
        self._tracer = self._provider.get_tracer("farol", __version__)
        self._statements = self._provider.get_tracer(EngineTracer.__module__)
        self._connections = _UNMEASURED.get_meter("farol").create_up_down_counter("connections")

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """`app` with a span around each request: that of the instrumentation, which sees only `_shown` of it."""

        async def answered(shown: Scope, receive: Receive, send: Send) -> None:
            scope: Scope = shown["farol.scope"]
            span = get_current_span()

            async def send_identified(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("farol.request_id", scope["state"].get("request_id", ""))
                await send(message)

            await app(scope, receive, send_identified)

        instrumented = OpenTelemetryMiddleware(
            answered,
            default_span_details=_name_and_route,
            tracer_provider=self._provider,
            meter_provider=_UNMEASURED,
            exclude_spans=["receive", "send"],
        )

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await instrumented(_shown(scope), receive, send)
            else:
                await app(scope, receive, send)

        return traced

    def instrument(self, store: Store) -> None:
        """From now on each statement that a request runs through SQLAlchemy has a span."""
        EngineTracer(self._statements, store.engine, self._connections)  # type: ignore[no-untyped-call]  # no annotations

    async def stored(self, storing: Awaitable[Prediction]) -> Prediction:
        """What `storing` returns, with a span while the row waits for its group and the group is committed."""
        with self._tracer.start_as_current_span("store") as span:
            row = await storing
            span.set_attribute("farol.prediction_id", row.id)
            return row

    def close(self) -> None:
        """Sends what waits, for CLOSE_SECONDS at most; what has not left by then is lost."""
        closing = threading.Thread(target=self._provider.shutdown, name="farol-traces-end", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        self._sender.forget()


class Sender(SpanExporter):
    """The library's exporter for what may leave. It logs once that a receiver is away, and once that it is back."""

    def __init__(self, url: str) -> None:
        self._name = urlsplit(url).netloc
        self._status: int | None = None
        self._is_away = False
        session = requests.Session()
        session.trust_env = False  # no proxy and no password file: only the address named is asked
        session.hooks["response"].append(self._note)
        self._exporter = OTLPSpanExporter(url, timeout=SEND_SECONDS, session=session, meter_provider=_UNMEASURED)
        # It logs each attempt, and with the whole address.
        logging.getLogger(_EXPORTER).setLevel(logging.CRITICAL)
        logging.getLogger(_QUEUE).addFilter(self._is_heard)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends them; FAILURE where they did not arrive, and are lost."""
        kept = list(_kept(spans))
        if not kept:
            return SpanExportResult.SUCCESS
        self._status = None
        result = self._exporter.export(kept)
        # The library takes a redirection for a success, though it does not follow it.
        failed = result is not SpanExportResult.SUCCESS or (self._status or 0) >= 300
        if failed and not self._is_away:
            why = "it does not answer" if self._status is None else f"it answers {self._status}"
            logger.warning(
                "Traces are lost: %s does not take them (%s). Requests are answered all the same.", self._name, why
            )
        elif self._is_away and not failed:
            logger.warning("%s takes traces again.", self._name)
        self._is_away = failed
        return SpanExportResult.FAILURE if failed else result

    def shutdown(self) -> None:
        """Closes the connection."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs lacks its annotation

    def forget(self) -> None:
        """Takes back what was asked of the library's loggers."""
        logging.getLogger(_QUEUE).removeFilter(self._is_heard)

    def _note(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._status = response.status_code

    def _is_heard(self, _record: logging.LogRecord) -> bool:
        """A full queue is news only while the receiver takes what it is sent."""
        return not self._is_away


def _shown(scope: Scope) -> Scope:
    """What the instrumentation sees of a request.

    It fails on bytes in query or headers that are not UTF-8, and so would the request. `tracestate` and `baggage` may
    hold anything.
    """
    given = fields_of(scope).get(b"traceparent", b"")
    headers = [(b"traceparent", given)] if given.isascii() else []
    return {"type": "http", "method": scope["method"], "headers": headers, "farol.scope": scope}


def _name_and_route(shown: Scope) -> tuple[str, dict[str, str]]:
    """The name of a request's span, and the attributes that it begins with."""
    method, route = sanitize_method(shown["method"]), route_of(shown["farol.scope"]).template
    name = "HTTP" if method == "_OTHER" else method
    return (name, {}) if route == NO_ROUTE.template else (f"{name} {route}", {"http.route": route})


def _kept(spans: Sequence[ReadableSpan]) -> Iterator[ReadableSpan]:
    """The spans as they may leave: attributes of KEPT, no events, no error text.

    Statements that no request asked for are left out, such as those which look for new keys each second.
    """
    for span in spans:
        if span.parent is None and span.kind is not SpanKind.SERVER:
            continue
        given = span.attributes or {}
        attributes = {name: value for name, value in given.items() if name in KEPT}
        for event in span.events:  # the library notes an exception with its text
            attributes.setdefault("error.type", str((event.attributes or {}).get("exception.type", "")))
        yield ReadableSpan(
            # That of a statement is its first word and the database, which may be a path.
            span.name.partition(" ")[0] if "db.system.name" in given else span.name,
            span.context,
            span.parent,
            span.resource,
            attributes,
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
