"""An answer that is sent while its request is still coming in, to a caller who may read it only afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import SpooledTemporaryFile

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

IN_MEMORY = 1_000_000
"""Bytes that may wait in memory; more wait in a file without a name, which goes with the process."""

PIECE = 64_000


class Backlog:
    """What is to be sent and was not taken yet, in order. For one event loop.

    It is read and written there: pages of a file that was just written are in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder) if folder.is_dir() else None)  # noqa: SIM115  closed by close()
        self._read = self._written = 0
        self._has_more = asyncio.Event()
        self._ended = False

    def put(self, piece: bytes) -> None:
        """Adds to the end."""
        self._file.seek(self._written)
        self._file.write(piece)
        self._written += len(piece)
        self._has_more.set()

    def end(self) -> None:
        """Says that nothing will be added."""
        self._ended = True
        self._has_more.set()

    async def take(self) -> bytes:
        """The next piece, once there is one; empty at the end."""
        while self._read == self._written and not self._ended:
            self._has_more.clear()
            await self._has_more.wait()
        self._file.seek(self._read)
        piece = self._file.read(min(PIECE, self._written - self._read))
        self._read += len(piece)
        if self._read == self._written:  # what was taken makes room
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        return piece

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()


class LinesResponse(Response):
    """Sends `begin`, then the pieces, each as soon as it is there and the caller takes it.

    The pieces are made whether the caller takes them or not: they may depend on the request's body, which the caller
    may want to have sent first.
    """

    def __init__(self, begin: bytes, pieces: AsyncIterator[bytes], *, media_type: str, folder: Path) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._begin = begin
        self._pieces = pieces
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backlog = Backlog(self._folder)
        sending = asyncio.create_task(self._send(backlog, send), name="farol-lines")
        try:
            backlog.put(self._begin)
            async for piece in self._pieces:
                backlog.put(piece)
            backlog.end()
            await sending
        finally:
            sending.cancel()
            backlog.close()

    async def _send(self, backlog: Backlog, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while piece := await backlog.take():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
