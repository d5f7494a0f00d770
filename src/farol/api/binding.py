"""Refuses to listen beyond this machine while nothing asks who is calling."""

from __future__ import annotations

from ipaddress import ip_address

from farol.errors import InputError, Place
from farol.i18n import msg
from farol.settings import Settings


def check_binding(settings: Settings) -> None:
    """Raises InputError when `settings.host` is reachable from other machines and `open_network` is not set.

    `uvicorn farol.app:app --host …` chooses its address without us and cannot be checked; `farol serve` can.
    """
    if settings.open_network or is_loopback(settings.host):
        return
    raise InputError(
        msg("Farol does not listen on an address that other machines reach: nobody is asked who they are."),
        expected=msg("an address of this machine only, such as 127.0.0.1"),
        where=Place(field="FAROL_HOST"),
        fix=msg(
            "Listen on 127.0.0.1. If something in front asks who is calling, or the port is published to this machine "
            "only, allow it with FAROL_OPEN_NETWORK=true."
        ),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost could be anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
