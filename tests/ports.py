"""A port for a server that is started later, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A loopback port that nobody listens on, and that the system gives to nobody else meanwhile.

    It is bound, and not listened on: who asks for any port gets another, and a server that asks for this one gets it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server has it
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
