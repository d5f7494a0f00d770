"""What is written to a connection in one turn of the event loop goes out as one piece.

A detour around uvicorn, which writes the head of an answer and its body one after the other: without it a request takes
1.15 times the processor at 16 connections and 1.14 times at 64 (docs/serving.md says how that was measured). Each piece
is a call of the system, wakes whoever waits for it, and is a packet of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

MOST_BYTES = 65_536
"""More bytes than this go out at once: to wait would save nothing and cost memory."""


class Joined:
    """A transport in front of another, which it is but for `write`."""

    def __init__(self, transport: asyncio.Transport, soon: Callable[[Callable[[], None]], object]) -> None:
        """`soon` calls what it is given in the next turn of the loop, as its `call_soon` does."""
        self._transport = transport
        self._soon = soon
        self._held: list[bytes] = []
        self._bytes = 0
        self.is_closing = transport.is_closing  # asked for every request

    def write(self, data: bytes) -> None:
        """Holds the data back until the end of this turn of the loop."""
        if not self._held:
            self._soon(self._send)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._send()

    def close(self) -> None:
        """Closes the connection when what is held back has been sent."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """The rest is the other's."""
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held, self._bytes = self._held, [], 0
        if held and not self._transport.is_closing():  # else whoever it was for has gone
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))
