"""`farol users`: who may sign in to the pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.serve import DataOption, address_of
from farol.cli.terminal import ERR, _, print_table, read_settings, say, say_json
from farol.i18n import day, msg, terminal_locale

if TYPE_CHECKING:
    from farol.accounts.audit import AuditValues
    from farol.accounts.users import Account
    from farol.settings import Settings

app = typer.Typer(cls=Group, help=_("The users of the pages: create, list, change, disable."), no_args_is_help=True)


class UserRoleName(StrEnum):
    """The roles of `farol.accounts.viewer`, named here so that `--help` waits for no library."""

    coordinator = "coordinator"
    reader = "reader"
    administrator = "administrator"


LoginArgument = Annotated[str, typer.Argument(metavar=_("LOGIN"), help=_("As `farol users list` shows it."))]
UserRoleOption = Annotated[
    UserRoleName,
    typer.Option(
        "--role",
        help=_(
            "coordinator: sees and records for chosen classes. reader: sees the whole school. administrator: does all."
        ),
    ),
]
ClassesOption = Annotated[
    list[str] | None,
    typer.Option("--class", metavar=_("CLASS"), help=_("A class that a coordinator sees; give it once for each.")),
]


@app.command(cls=Command, help=_("Make a user and print the one-time link by which they choose a password."))
def create(
    role: UserRoleOption,
    login: Annotated[str, typer.Option("--login", help=_("What the person signs in with, such as maria.souza."))],
    name: Annotated[str, typer.Option("--name", help=_("The person's name, as pages and printed lists show it."))],
    classes: ClassesOption = None,
    data: DataOption = None,
) -> None:
    """The link alone goes to standard output, the words to standard error."""
    from farol.accounts.users import create_user
    from farol.accounts.viewer import UserRole
    from farol.store.database import Store

    settings = read_settings(data=data)
    with Store.of(settings) as store:
        audited, now = _changed(login.strip().lower(), "created"), datetime.now(UTC)
        user, token = create_user(store, login, name, UserRole(role), classes or (), at=now, audited=audited)
        store.note(settings, has_keys=True)
    _print_link(settings, user.name, token)


@app.command("list", cls=Command, help=_("List all users, also those that are disabled."))
def list_(output: FormatOption = Format.text, data: DataOption = None) -> None:
    """One row a user."""
    from farol.accounts.users import all_accounts
    from farol.store.database import Store

    settings = read_settings(data=data)
    with Store.open(settings.store_url, existing=True) as store:
        accounts = all_accounts(store)
    if output is Format.json:
        say_json(json.dumps([_as_dict(account) for account in accounts], ensure_ascii=False, indent=2))
        return
    if not accounts:
        say(msg("There are no users: whoever uses this computer sees and does all on the pages."))
        return
    table = Table(box=None, pad_edge=False)
    for heading in (_("login"), _("name"), _("role"), _("classes"), _("created"), _("state")):
        table.add_column(heading)
    for account in accounts:
        user = account.user
        created = day(account.created.astimezone(ZoneInfo(settings.timezone)).date()).render(terminal_locale())
        classes = ", ".join(sorted(user.classes)) or "–"
        table.add_row(user.login, user.name, _ROLES[user.role], classes, created, _STATES[_state(account)])
    print_table(table)


@app.command(cls=Command, help=_("Let nobody sign in by an account any more; its sessions end at once."))
def disable(login: LoginArgument, data: DataOption = None) -> None:
    """What the person did stays in the audit."""
    from farol.accounts.users import disable_user
    from farol.store.database import Store

    with Store.open(read_settings(data=data).store_url, existing=True) as store:
        user = disable_user(store, login, at=datetime.now(UTC), audited=_changed(login, "disabled"))
    say(msg("{name} is disabled.", name=user.name))


@app.command("role", cls=Command, help=_("Change a user's role and classes."))
def change(login: LoginArgument, role: UserRoleOption, classes: ClassesOption = None, data: DataOption = None) -> None:
    """At the next request of the person it holds."""
    from farol.accounts.users import account_of, change_user
    from farol.accounts.viewer import UserRole
    from farol.store.database import Store

    with Store.open(read_settings(data=data).store_url, existing=True) as store:
        name, audited = account_of(store, login).user.name, _changed(login, "role, classes or name")
        user = change_user(store, login, name=name, role=UserRole(role), classes=classes or (), audited=audited)
    say(msg("{name} has another role now.", name=user.name))


@app.command(cls=Command, help=_("Print a new one-time link: also for whoever is disabled, locked or has forgotten."))
def reset(login: LoginArgument, data: DataOption = None) -> None:
    """The old password and all sessions end."""
    from farol.accounts.users import reset_user
    from farol.store.database import Store

    settings = read_settings(data=data)
    with Store.open(settings.store_url, existing=True) as store:
        user, token = reset_user(store, login, at=datetime.now(UTC), audited=_changed(login, "reset"))
    _print_link(settings, user.name, token)


_ROLES = {"coordinator": _("coordinator"), "reader": _("reader"), "administrator": _("administrator")}
_STATES = {"active": _("may sign in"), "invited": _("has not chosen a password yet"), "disabled": _("disabled")}


def _print_link(settings: Settings, name: str, token: str) -> None:
    note = msg(
        "Give this link to {name}. It is good for seven days and one use, and cannot be shown again; where the service "
        "has another name, put that in place of the first part.",
        name=name,
    )
    ERR.print(note.render(terminal_locale()), markup=False)
    print(f"{address_of(settings)}/first/{token}")


def _changed(login: str, details: str) -> AuditValues:
    """The line of the audit about what was done to a user by a command."""
    from farol.accounts.audit import Action, audit_values

    return audit_values("", Action.changed, "user", at=datetime.now(UTC), details=f"{login}: {details}, by command")


def _state(account: Account) -> str:
    if account.disabled is not None:
        return "disabled"
    return "active" if account.has_password else "invited"


def _as_dict(account: Account) -> dict[str, object]:
    user = account.user
    return {
        "login": user.login,
        "name": user.name,
        "role": user.role.value,
        "classes": sorted(user.classes),
        "created": account.created.isoformat(timespec="seconds"),
        "state": _state(account),
    }
