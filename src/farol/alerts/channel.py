"""A way by which an alert reaches a receiver."""

from __future__ import annotations

from typing import Protocol

from farol.errors import FarolError
from farol.store.alerts import Letter

SECONDS = 10.0
"""Seconds that a receiver may take to connect, and for each answer."""


class DeliveryError(FarolError):
    """A letter was not accepted. The error holds no address, no password, and nothing that the receiver wrote."""

    code = "delivery"


class Channel(Protocol):
    """One way to one receiver."""

    @property
    def name(self) -> str:
        """`webhook` or `email`: as it stands in the outbox."""

    def send(self, letter: Letter) -> None:
        """Deliver a letter, which may have arrived before. Blocks. Raises DeliveryError."""
