"""Pieces written in one turn of the loop leave together, whole and in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.api.joining import MOST_BYTES, Joined


class Recorder(asyncio.Transport):
    """A transport that keeps the pieces it is given, as a socket would send them."""

    def __init__(self) -> None:
        super().__init__(extra={"peername": ("127.0.0.1", 1)})
        self.pieces: list[bytes] = []
        self.closing = False

    def write(self, data: Any) -> None:
        assert not self.closing, "nothing may be written to a connection that is closed"
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
def turns() -> list[Callable[[], None]]:
    return []


def joined(turns: list[Callable[[], None]]) -> tuple[Joined, Recorder]:
    recorder = Recorder()
    return Joined(recorder, turns.append), recorder


def turn(turns: list[Callable[[], None]]) -> None:
    due, turns[:] = list(turns), []
    for call in due:
        call()


def test_a_head_and_its_body_are_one_piece(turns: list[Callable[[], None]]) -> None:
    transport, recorder = joined(turns)
    transport.write(b"head ")
    transport.write(b"body")
    assert recorder.pieces == []
    turn(turns)
    assert recorder.pieces == [b"head body"]


def test_a_large_piece_does_not_wait(turns: list[Callable[[], None]]) -> None:
    transport, recorder = joined(turns)
    transport.write(b"head ")
    transport.write(b"x" * MOST_BYTES)
    assert recorder.pieces == [b"head " + b"x" * MOST_BYTES]
    turn(turns)
    assert len(recorder.pieces) == 1


def test_the_end_of_a_connection_comes_after_what_was_written(turns: list[Callable[[], None]]) -> None:
    transport, recorder = joined(turns)
    transport.write(b"last words")
    transport.close()
    assert recorder.is_closing()
    assert recorder.pieces == [b"last words"]
    turn(turns)
    assert recorder.pieces == [b"last words"]


def test_nothing_is_written_for_who_has_gone(turns: list[Callable[[], None]]) -> None:
    transport, recorder = joined(turns)
    transport.write(b"too late")
    recorder.closing = True  # the other side cut the connection
    turn(turns)
    assert recorder.pieces == []


@given(st.lists(st.one_of(st.binary(max_size=9), st.none()), max_size=30))
def test_every_byte_arrives_once_and_in_order(steps: list[bytes | None]) -> None:
    turns: list[Callable[[], None]] = []
    transport, recorder = joined(turns)
    wanted = b""
    for step in steps:
        if step is None:
            turn(turns)
        else:
            transport.write(step)
            wanted += step
    transport.close()
    turn(turns)
    assert b"".join(recorder.pieces) == wanted


def test_everything_else_is_the_connections_own() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        protocol = asyncio.Protocol()
        real, _ = await loop.create_connection(lambda: protocol, sock=ours)
        transport = Joined(real, loop.call_soon)
        assert transport.get_extra_info("socket").fileno() == ours.fileno()
        assert transport.get_extra_info("nothing", 3) == 3
        assert transport.get_protocol() is protocol
        transport.set_protocol(other := asyncio.Protocol())
        assert real.get_protocol() is other
        transport.set_write_buffer_limits(high=40, low=20)
        assert transport.get_write_buffer_limits() == (20, 40)
        assert transport.can_write_eof()
        assert transport.is_reading()
        transport.pause_reading()
        assert not real.is_reading()
        transport.resume_reading()
        assert real.is_reading()
        transport.write(b"once ")
        transport.write(b"more")
        assert await asyncio.to_thread(theirs.recv, 100) == b"once more"
        transport.abort()
        assert transport.is_closing()
        assert real.is_closing()
        theirs.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))
