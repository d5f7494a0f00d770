"""What a connection may cost before the application is asked: bytes that are no body, and time.

uvicorn's fast parser reads headers, and the trailers of a chunked body, without an end in sight, and waits for ever for
whoever sends or reads nothing. The application cannot hold these limits itself: it is first asked when all headers are
in memory. Under `uvicorn farol.app:app --http h11` that parser's own limit of 64 KiB holds instead, and no time.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from farol.api.joining import Joined
from farol.i18n import LOCALES, msg

MOST_HEAD_BYTES = 65_536
"""Bytes that may come in a row without one of a body: headers, trailers, a chunk's extension."""

HEAD_SECONDS = 30.0
"""From a request's first byte, or the connection's beginning, to the end of its headers."""

IDLE_SECONDS = 30.0
"""How long a caller may neither send what it began nor take what it asked for."""

BODY_SECONDS, BODY_RATE = 60.0, 1_000
"""A body may take this long, and a second more for each BODY_RATE bytes: one byte a minute is not enough."""

LOOK_SECONDS = 5.0
"""How often a connection is looked at: no limit of time is met more exactly."""

_TEXT = msg("The headers are larger than the {limit} bytes this service takes.", limit=MOST_HEAD_BYTES)
_TOO_SLOW = msg("The request did not come in time.")


def _refusal(status: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body


_TOO_LARGE_HEAD = _refusal("431 Request Header Fields Too Large", _TEXT.render(LOCALES[1]))
_LATE = _refusal("408 Request Timeout", _TOO_SLOW.render(LOCALES[1]))

HTTP: type[asyncio.Protocol] | Literal["h11"]
"""What `uvicorn.run(http=…)` takes: its fast parser, bounded, or where that is not to be had its other one."""

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ModuleNotFoundError:  # on Windows
    HTTP = "h11"
else:

    class Bounded(HttpToolsProtocol):
        """Cuts off whoever sends without end, or too slowly, or reads nothing; a head and its body go out together."""

        _bare_bytes = 0
        _is_in_head = True
        _is_in_body = False
        _had_body = False
        _body_bytes = 0
        _buffered = 0
        _look: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            joined: Any = Joined(transport, self.loop.call_soon)
            self._began = self._moved = self.loop.time()
            self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_time)
            super().connection_made(joined)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._is_in_head = True
            self._began = self.loop.time()
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            # A trailer comes when the request is being answered already: nothing may change then, least of all a key.
            if self._is_in_head:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._is_in_head = False
            self._is_in_body = True
            self._had_body = True
            self._body_bytes = 0
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._had_body = True
            self._body_bytes += len(body)
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._is_in_body = False
            self._had_body = True
            super().on_message_complete()

        def resume_writing(self) -> None:
            self._moved = self.loop.time()
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            self._moved = self.loop.time()
            self._had_body = False
            super().data_received(data)
            if self.transport.is_closing():
                return
            # What is in one piece with a body or the end of the request before is let through: pieces are small.
            self._bare_bytes = 0 if self._had_body else self._bare_bytes + len(data)
            if self._bare_bytes > MOST_HEAD_BYTES:
                self._refuse(_TOO_LARGE_HEAD)

        def _refuse(self, answer: bytes) -> None:
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(answer)
            self.transport.close()

        def _body_seconds(self) -> float:
            return BODY_SECONDS + self._body_bytes / BODY_RATE

        def _look_at_time(self) -> None:
            self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_time)
            now, buffered = self.loop.time(), self.transport.get_write_buffer_size()
            if buffered < self._buffered:
                self._moved = now
            self._buffered = buffered
            if buffered:
                if now - self._moved > IDLE_SECONDS:
                    self.transport.abort()  # the caller takes nothing, so it cannot be closed in order
            elif self._is_in_body:
                if self.flow.read_paused:  # we are the slow ones
                    self._began, self._moved = self._began + LOOK_SECONDS, now
                elif now - self._moved > IDLE_SECONDS or now - self._began > self._body_seconds():
                    self._refuse(_LATE)
            elif self._is_in_head:
                if now - self._began > HEAD_SECONDS:
                    self._refuse(_LATE)
            else:
                self._moved = now

    HTTP = Bounded
