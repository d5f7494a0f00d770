"""What is written to a connection in one turn of the event loop goes out as one piece.

uvicorn writes the head of an answer and its body one after the other. Sent at once, each is a call of the system, wakes
whoever waits for it, and is a packet of its own: for answers as short as ours that is a good part of their price.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

MOST_BYTES = 65_536
"""Beyond so many bytes waiting is worth nothing, and memory is: they go out at once."""


class Joined(asyncio.Transport):
    """A transport in front of another, which it is but for `write`."""

    def __init__(self, transport: asyncio.Transport, soon: Callable[[Callable[[], None]], object]) -> None:
        """`soon` calls what it is given in the next turn of the loop, as its `call_soon` does."""
        super().__init__()
        self._transport = transport
        self._soon = soon
        self._held: list[bytes | bytearray | memoryview[Any]] = []
        self._bytes = 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._held:
            self._soon(self._send)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._send()

    def _send(self) -> None:
        held, self._held, self._bytes = self._held, [], 0
        if held and not self._transport.is_closing():  # else whoever it was for has gone
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + self._bytes

    # The rest is the other's.

    def abort(self) -> None:
        self._transport.abort()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)
