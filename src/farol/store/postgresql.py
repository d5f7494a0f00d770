"""psycopg's connections, which give up a server that says nothing.

The server's own `statement_timeout` cannot: a server that hangs does not keep it either. psycopg waits for each answer
in one method, which takes a time limit; a connection that met it is closed, since nobody knows what it will say next.
"""

from __future__ import annotations

from typing import Any, Self

from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.errors import _WaitTimeout

from farol.store.patience import Patience

_SILENT = "the server accepted the connection and does not answer"


class PatientConnection(Connection[Any]):
    """For threads."""

    patience = Patience()

    @classmethod
    def waiting(cls, patience: Patience, *args: Any, **options: Any) -> Self:
        """A connection whose server may be silent for so long."""
        connection = cls.connect(*args, **options)
        connection.patience = patience
        return connection

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with our limit."""
        try:
            return super().wait(gen, interval, self.patience.seconds if timeout is None else timeout)
        except _WaitTimeout:
            self.pgconn.finish()
            raise OperationalError(_SILENT) from None


class PatientAsyncConnection(AsyncConnection[Any]):
    """For the event loop."""

    patience = Patience()

    @classmethod
    async def waiting(cls, patience: Patience, *args: Any, **options: Any) -> Self:
        """A connection whose server may be silent for so long."""
        connection = await cls.connect(*args, **options)
        connection.patience = patience
        return connection

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with our limit."""
        try:
            return await super().wait(gen, interval, self.patience.seconds if timeout is None else timeout)
        except _WaitTimeout:
            self.pgconn.finish()
            raise OperationalError(_SILENT) from None
