"""`farol keys`: who may ask the service."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.serve import DataOption
from farol.cli.terminal import ERR, _, print_table, read_settings, say, say_json
from farol.errors import InputError, Place
from farol.i18n import day, msg, terminal_locale

if TYPE_CHECKING:
    from farol.store.keys import ApiKey

app = typer.Typer(cls=Group, help=_("The keys of the API: create, list, revoke."), no_args_is_help=True)

LONGEST_NAME = 100
_TERM = re.compile(r"([1-9]\d{0,4})([dh])")


class RoleName(StrEnum):
    """The roles of `farol.store.keys`, named here so that `--help` does not wait for the database's libraries."""

    predict = "predict"
    read = "read"
    manage = "manage"


@app.command(cls=Command, help=_("Make a key and print it. It cannot be shown again."))
def create(
    role: Annotated[
        RoleName,
        typer.Option(
            "--role",
            help=_("predict: ask for predictions. read: see what was answered. manage: both, and change things."),
        ),
    ],
    name: Annotated[
        str, typer.Option("--name", help=_("The person or program that gets the key, as the list shows it."))
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar=_("TERM"), help=_("How long the key is valid: 90d, 12h. Without it, for ever.")
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """The key alone goes to standard output, so that a script can take it; the words go to standard error."""
    from farol.store.database import Store
    from farol.store.keys import Keys, Role, make_key

    now = datetime.now(UTC)
    term = None if expires is None else _term(expires)
    text, key = make_key(Role(role), _named(name), at=now, expires=None if term is None else now + term)
    settings = read_settings(data=data)
    with Store.of(settings) as store:
        Keys(store).add(key)
        store.note(settings, has_keys=True)
    note = msg("The key {prefix}, role {role}. Keep it now: it cannot be shown again.", prefix=key.prefix, role=role)
    ERR.print(note.render(terminal_locale()), markup=False)
    print(text)


@app.command("list", cls=Command, help=_("List all keys, also those that expired or were revoked."))
def list_(output: FormatOption = Format.text, data: DataOption = None) -> None:
    """One row a key."""
    from farol.store.database import Store
    from farol.store.keys import Keys

    settings = read_settings(data=data)
    with Store.open(settings.store_url, existing=True) as store:
        keys = Keys(store).all()
    now, zone = datetime.now(UTC), ZoneInfo(settings.timezone)
    if output is Format.json:
        say_json(json.dumps([_as_dict(key, now) for key in keys], ensure_ascii=False, indent=2))
        return
    if not keys:
        say(msg("There are no keys. The service asks nobody for one, and listens on this machine only."))
        return
    table = Table(box=None, pad_edge=False)
    for heading in (_("begins with"), _("role"), _("name"), _("created"), _("expires"), _("state")):
        table.add_column(heading)
    for key in keys:
        days = [at and day(at.astimezone(zone).date()) for at in (key.created, key.expires)]
        shown = (each.render(terminal_locale()) if each else "–" for each in days)
        table.add_row(key.prefix, key.role.value, key.name, *shown, _STATES[_state(key, now)])
    print_table(table)


@app.command(cls=Command, help=_("Revoke a key for good. The service refuses it within two seconds."))
def revoke(
    prefix: Annotated[
        str, typer.Argument(metavar=_("PREFIX"), help=_("The beginning of the key, as `farol keys list` shows it."))
    ],
    data: DataOption = None,
) -> None:
    """By its prefix, so that the key itself stands in no command's history."""
    from farol.store.database import Store
    from farol.store.keys import Keys

    with Store.open(read_settings(data=data).store_url, existing=True) as store:
        key = Keys(store).revoke(prefix, datetime.now(UTC))
    say(msg("The key {prefix} is revoked.", prefix=key.prefix))


_STATES = {"active": _("active"), "expired": _("expired"), "revoked": _("revoked")}


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked is not None:
        return "revoked"
    return "active" if key.is_active(now) else "expired"


def _as_dict(key: ApiKey, now: datetime) -> dict[str, str | None]:
    moments = {"created": key.created, "expires": key.expires, "revoked": key.revoked}
    times = {name: at.isoformat(timespec="seconds") if at else None for name, at in moments.items()}
    return {"prefix": key.prefix, "role": key.role.value, "name": key.name, "state": _state(key, now), **times}


def _term(text: str) -> timedelta:
    match = _TERM.fullmatch(text)
    if match is None:
        raise InputError(
            msg("The term of the key cannot be used."),
            expected=msg("days or hours, such as 90d or 12h"),
            where=Place(field="--expires"),
            fix=msg("Correct --expires, or leave it out for a key without an end."),
        )
    number = int(match[1])
    return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)


def _named(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            msg("The name of the key cannot be used."),
            expected=msg("1 to {most} characters, on one line", most=LONGEST_NAME),
            where=Place(field="--name"),
            fix=msg("Choose a name that says who uses the key."),
        )
    return name
