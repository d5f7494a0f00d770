"""The spans themselves: one a request, one for the pupil being scored, and one for the commit of each group of rows.

They hold what a line of the log holds: method, the route's template, status, request id, how many rows. No address,
query, header, body, key or error text, and of what a caller sends only `traceparent`, whose form is fixed; `tracestate`
and `baggage` may hold anything and are not passed on. Imported only where traces are wished for: it needs the extra.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farol import __version__
from farol.api.requests import NO_ROUTE, fields_of, route_of
from farol.settings import Settings
from farol.store.journal import Writer
from farol.store.records import Prediction

logger = logging.getLogger("farol.tracing")

SEND_SECONDS = 5.0
"""How long one batch may take, its repetitions with it, before it is given up."""

CLOSE_SECONDS = 3.0
"""How long stopping waits for what has not been sent."""

_WAITING = 4_096
"""Most spans that wait to be sent; beyond it the oldest are dropped."""

_GROUP = 256
_NAMED = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_THEIRS = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_QUEUE = "opentelemetry.sdk._shared_internal"


class Tracing:
    """Makes spans and sends them from a thread of its own: nothing here waits for the receiver but `close`."""

    def __init__(self, settings: Settings) -> None:
        base = settings.otlp_endpoint.rstrip("/")
        unmeasured = NoOpMeterProvider()  # else the library would measure itself for whoever sets that up
        self._exporter = Telling(base if base.endswith("/v1/traces") else f"{base}/v1/traces", unmeasured)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.otlp_ratio)),
            # Made by hand: the library's detectors would add this machine's command line and whatever else they find.
            resource=Resource(
                {"service.name": "farol", "service.version": __version__, "service.instance.id": str(uuid4())}
            ),
            shutdown_on_exit=False,  # `close` does it, and does not wait for long
            span_limits=SpanLimits(max_links=_GROUP),
            meter_provider=unmeasured,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=_WAITING,
                schedule_delay_millis=1_000,
                max_export_batch_size=512,
                meter_provider=unmeasured,
            )
        )
        self._tracer = self._provider.get_tracer("farol", __version__)
        self._incoming = TraceContextTextMapPropagator()
        self.rows: dict[str, Span] = {}  # id of a row that is being stored → the span of its request

    def begin(self, scope: Scope) -> Span:
        """The span of a request, continuing the caller's trace where it names one (W3C `traceparent`)."""
        given = fields_of(scope).get(b"traceparent")
        parent = Context() if given is None else self._incoming.extract({"traceparent": given.decode("latin-1")})
        span = self._tracer.start_span("HTTP", parent, SpanKind.SERVER)
        scope["state"]["trace"] = RequestTrace(self, span)
        return span

    def end(self, span: Span, scope: Scope, status: int) -> None:
        """Ends the span of a request; a status of 0 says that its caller had gone."""
        known, route = scope["method"] in _NAMED, route_of(scope).template
        name = scope["method"] if known else "HTTP"
        span.set_attribute("http.request.method", scope["method"] if known else "_OTHER")
        if route != NO_ROUTE.template:
            name = f"{name} {route}"
            span.set_attribute("http.route", route)
        span.update_name(name)
        if status:
            span.set_attribute("http.response.status_code", status)
        if status >= 500:
            _failed(span, str(status))
        span.set_attribute("farol.request_id", scope["state"].get("request_id", ""))
        span.end()

    @contextmanager
    def part(self, name: str, origins: Sequence[Span], rows: int | None = None) -> Iterator[Span]:
        """A span of work for several requests: a part of the first one's that is sampled, linked to the others'."""
        sampled = [span for span in origins if span.get_span_context().trace_flags.sampled]
        first = (sampled or list(origins))[:1]
        parent = set_span_in_context(first[0], Context()) if first else Context()
        links = [Link(other.get_span_context()) for other in sampled[1:]]
        attributes = None if rows is None else {"farol.group.size": rows}
        span = self._tracer.start_span(name, parent, links=links, attributes=attributes)
        try:
            yield span
        except Exception as error:
            _failed(span, type(error).__name__)  # its words may hold a value, so they stay here
            raise
        finally:
            span.end()

    def around(self, writer: Writer) -> Writer:
        """The writer of a journal, with a span around each commit."""
        return TracedWriter(writer, self)

    def middleware(self, app: ASGIApp) -> Traced:
        """What is to stand around `app`."""
        return Traced(app, tracing=self)

    def close(self) -> None:
        """Sends what waits, for CLOSE_SECONDS at most; what has not left by then is lost."""
        sender = threading.Thread(target=self._provider.shutdown, name="farol-traces-end", daemon=True)
        sender.start()
        sender.join(CLOSE_SECONDS)
        self._exporter.forget()


class Traced:
    """The middleware around all others, there only where traces are wished for."""

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._tracing.begin(scope)
        status = 0

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as error:
            _failed(span, type(error).__name__)
            raise
        finally:
            self._tracing.end(span, scope, status)


class RequestTrace:
    """The span of a request, for what is done for it."""

    def __init__(self, tracing: Tracing, span: Span) -> None:
        self._tracing = tracing
        self._span = span

    def part(self, name: str) -> AbstractContextManager[Span]:
        """A span of work for this request alone."""
        return self._tracing.part(name, [self._span])

    @contextmanager
    def storing(self, row_id: str) -> Iterator[None]:
        """While this lasts, the row belongs to this request."""
        self._tracing.rows[row_id] = self._span
        try:
            yield
        finally:
            self._tracing.rows.pop(row_id, None)


class TracedWriter:
    """The writer of a journal, with a span around each commit."""

    def __init__(self, writer: Writer, tracing: Tracing) -> None:
        self._writer = writer
        self._tracing = tracing

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """As the writer itself."""
        known = self._tracing.rows
        origins = [known[row.id] for row in rows if row.id in known]
        with self._tracing.part("commit group", origins, len(rows)):
            return await self._writer.write(rows)

    async def close(self) -> None:
        """As the writer itself."""
        await self._writer.close()


class Telling(SpanExporter):
    """Theirs, with our log lines: one when the receiver stops taking spans, and one when it takes them again."""

    def __init__(self, url: str, unmeasured: NoOpMeterProvider) -> None:
        self._name = urlsplit(url).netloc
        self._status: int | None = None
        self._is_away = False
        session = requests.Session()
        session.trust_env = False  # no proxy, no password file: what is named is what is asked
        session.hooks["response"].append(self._note)
        self._inner = OTLPSpanExporter(url, timeout=SEND_SECONDS, session=session, meter_provider=unmeasured)
        # It says so at each attempt, and with the whole address.
        logging.getLogger(_THEIRS).setLevel(logging.CRITICAL)
        logging.getLogger(_QUEUE).addFilter(self._is_heard)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends them; FAILURE where they did not arrive, and are lost."""
        self._status = None
        result = self._inner.export(spans)
        # They take a redirection for a success, though it is not followed.
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
        """Lets go of the connection."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # theirs lacks its annotation

    def forget(self) -> None:
        """Takes back what was asked of the library's loggers."""
        logging.getLogger(_QUEUE).removeFilter(self._is_heard)

    def _note(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._status = response.status_code

    def _is_heard(self, _record: logging.LogRecord) -> bool:
        """A full queue is news only while the receiver takes what it is sent."""
        return not self._is_away


def _failed(span: Span, kind: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)
