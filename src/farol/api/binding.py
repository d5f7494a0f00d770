"""Refuses to listen beyond this machine while nothing asks who is calling."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address

from farol.errors import InputError, Place
from farol.i18n import msg
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys


def check_binding(settings: Settings) -> None:
    """Raises InputError when `settings.host` is reachable from other machines, but nobody has a key.

    A loopback address and `open_network` need no look into the database; otherwise StoreError when it cannot be read.
    `uvicorn farol.app:app --host …` chooses its address without us and cannot be refused; `farol.api.auth` then
    answers nobody who comes in by such an address without a key.
    """
    if settings.open_network or is_loopback(settings.host) or _has_active_key(settings):
        return
    raise InputError(
        msg(
            "Farol does not listen on an address that other machines reach while nobody has a key: it would not ask "
            "anybody who they are."
        ),
        expected=msg("an address of this machine only, such as 127.0.0.1, or a key"),
        where=Place(field="FAROL_HOST"),
        fix=msg(
            "Make a key with {command}, or listen on 127.0.0.1. If something in front asks who is calling, or the port "
            "is published to this machine only, allow it with FAROL_OPEN_NETWORK=true.",
            command="farol keys create --role manage --name …",
        ),
    )


@lru_cache(maxsize=256)  # asked of every request, and of few names
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost could be anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_active_key(settings: Settings) -> bool:
    now = datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        return any(key.is_active(now) for key in Keys(store).all())
