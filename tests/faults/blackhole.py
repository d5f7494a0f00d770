"""A way to PostgreSQL that at once forwards nothing more: connections stay open, new ones are taken, nobody answers."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgresql import Cluster

_SOCKET = ".s.PGSQL.5432"


class Blackhole:
    """Forwards between a socket of its own and that of a server, until it is closed; what came meanwhile comes late."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self._server = str(server / _SOCKET)
        self._forwards = threading.Event()
        self._forwards.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _SOCKET))
        self._listener.listen(64)
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """Forward nothing more."""
        self._forwards.clear()

    def forward(self) -> None:
        """Forward again, first the bytes that were held back."""
        self._forwards.set()

    def close(self) -> None:
        """End every connection."""
        self._forwards.set()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._sockets += [caller, server]
                server.connect(self._server)
                for source, target in ((caller, server), (server, caller)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                self._forwards.wait()
                target.sendall(piece)
        with suppress(OSError):
            self._forwards.wait()
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def blackhole(cluster: Cluster) -> Iterator[Blackhole]:
    """Between callers and the server of a cluster, as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="farol-hole-"))
    hole = Blackhole(folder, cluster.folder)
    try:
        yield hole
    finally:
        hole.close()
        shutil.rmtree(folder)
