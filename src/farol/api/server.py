"""How large a request's first line and headers may be. uvicorn's fast parser reads them without an end in sight.

The application cannot hold this limit itself: it is first asked when all headers are in memory. Under
`uvicorn farol.app:app --http h11` that parser's own limit of 64 KiB holds instead.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from farol.api.joining import Joined
from farol.i18n import LOCALES, msg

MOST_HEAD_BYTES = 65_536
"""Bytes that may come before the headers of a request are at their end; those of a browser have a few thousand."""

_TEXT = msg("The headers are larger than the {limit} bytes this service takes.", limit=MOST_HEAD_BYTES)
_BODY = _TEXT.render(LOCALES[1]).encode()
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: " + str(len(_BODY)).encode() + b"\r\nconnection: close\r\n\r\n" + _BODY
)

HTTP: type[asyncio.Protocol] | Literal["h11"]
"""What `uvicorn.run(http=…)` takes: its fast parser, bounded, or where that is not to be had its other one."""

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ModuleNotFoundError:  # on Windows
    HTTP = "h11"
else:

    class Bounded(HttpToolsProtocol):
        """Cuts off whoever sends headers without end; an answer's head and body go out together."""

        _head_bytes = 0
        _is_in_head = True

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            joined: Any = Joined(transport, self.loop.call_soon)
            super().connection_made(joined)

        def on_message_begin(self) -> None:
            self._is_in_head = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._is_in_head = False
            self._head_bytes = 0
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._is_in_head or self.transport.is_closing():
                return
            # What is in one piece with the end of the request before counts too: pieces are small.
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.transport.write(_REFUSAL)
                self.transport.close()

    HTTP = Bounded
