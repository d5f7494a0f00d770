"""What every command shares: the language, the console, settings, and opening what the settings name."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from farol.errors import FarolError, InputError
from farol.i18n import Message, count, decimal, msg, terminal_locale, translate, visible
from farol.profile import Profile, load_profile
from farol.settings import Settings

if TYPE_CHECKING:
    from farol.model.bundle import Bundle
    from farol.model.tasks import Tasks
    from farol.workbook.panel import Panel
    from farol.workbook.selection import SheetNeeds

_ENDLESS = 100_000
_NARROWEST = 20


def console_width(*, is_terminal: bool) -> int:
    """How many columns there are for tables: a terminal's own, while a file or a pipe has room for whole lines."""
    return max(shutil.get_terminal_size().columns, _NARROWEST) if is_terminal else _ENDLESS


class PlainConsole(Console):
    """A terminal on which no text of somebody else's acts: escapes and marks of direction are written out."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


OUT = PlainConsole(highlight=False, emoji=False, soft_wrap=True, width=console_width(is_terminal=sys.stdout.isatty()))
ERR = PlainConsole(
    stderr=True,
    highlight=False,
    emoji=False,
    soft_wrap=True,
    width=console_width(is_terminal=sys.stderr.isatty()),
)

_EXPECTED = {
    "int_parsing": msg("a whole number"),
    "float_parsing": msg("a number"),
    "finite_number": msg("a number"),
    "bool_parsing": msg("true or false"),
}
"""Kinds of pydantic's refusals → the value that would do."""


def _(text: str) -> str:
    """A help text in the language of the terminal."""
    return translate(text, terminal_locale())


def number(value: float | None, digits: int = 3) -> str:
    """A figure with the terminal's decimal sign; a dash for None."""
    return "–" if value is None else decimal(value, digits).render(terminal_locale())


def cell(n: int) -> str:
    """A number of things in a table, with the terminal's sign between thousands."""
    return count(n).in_locale(terminal_locale())


def say(message: Message) -> None:
    """One line to standard output, in the language of the terminal."""
    OUT.print(message.render(terminal_locale()), markup=False)


def say_heading(title: str, rest: str = "", *, end: str = "\n") -> None:
    """A line that begins with a title."""
    OUT.print(Text.assemble((visible(title), "bold"), visible(rest)), end=end)


def say_json(text: str) -> None:
    """A JSON text to standard output; what the stream's encoding lacks is written as `\\u` and its number."""
    text = visible(text, as_json=True)
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = re.sub(r"[^\x00-\x7f]+", lambda match: json.dumps(match[0])[1:-1], text)
    print(text)


def print_table(table: Table) -> None:
    """A table with every word whole: a narrow terminal breaks lines between words, and then its own, but cuts none."""
    for column in table.columns:
        column.overflow = "fold"
        column.min_width = max(
            (Measurement.get(OUT, OUT.options, text).minimum for text in (column.header, *column.cells)), default=0
        )
    OUT.print(table, markup=False)


def read_settings(**overrides: object) -> Settings:
    """The settings, with a command's options over the environment.

    Raises:
        InputError: a FAROL_* variable has a value that its setting does not take.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # each command passes what its options declare
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "FAROL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InputError(
            msg("The setting {name} cannot be used.", name=name),
            expected=expectation(error),
            fix=msg("Correct it or remove it; docs/settings.md lists every setting."),
        ) from error
    if settings.is_demonstration:
        ERR.print(_("Demonstration: all pupils are invented."), markup=False)
    return settings


def expectation(error: ValidationError) -> Message:
    """The value that the first part of a refusal by pydantic wants, in our words."""
    first = error.errors(include_input=False, include_url=False)[0]
    kind, limits = first["type"], first.get("ctx", {})
    if kind == "greater_than_equal":
        return msg("a number from {limit} upwards", limit=limits["ge"])
    if kind == "less_than_equal":
        return msg("a number up to {limit}", limit=limits["le"])
    if kind == "literal_error":
        return msg("one of {names}", names=", ".join(re.findall(r"'([^']*)'", limits["expected"])))
    return _EXPECTED.get(kind, msg("a value of the form that the documentation gives"))


def open_panel(workbook: Path, profile: Profile, settings: Settings, needs: SheetNeeds | None = None) -> Panel:
    """The panel of a workbook, read for what is needed of it, within the limits of the settings; it knows the headers
    that the site of these settings was taught on its pages."""
    from farol.workbook.limits import Limits
    from farol.workbook.panel import read_panel_isolated  # only commands that read pay for the readers
    from farol.workbook.selection import ANY_SHEET

    whole = profile.with_headers(_taught_headers(profile, settings))
    return read_panel_isolated(workbook, whole, Limits.of(settings), needs or ANY_SHEET)


def _taught_headers(profile: Profile, settings: Settings) -> dict[str, list[str]]:
    """Column → headers that the site was taught; none where there is no site, or its database cannot be asked."""
    if settings.database_url is None and not (settings.data / "farol.db").exists():
        return {}
    from farol.intake.columns import headers_of
    from farol.store.database import Store

    try:
        with Store.open(settings.store_url, seconds=settings.store_timeout, existing=True) as store:
            headers = headers_of(store, profile)
    except FarolError as error:
        ERR.print(
            msg("Headers that the site was taught are not known here: {problem}", problem=error.problem).render(
                terminal_locale()
            ),
            markup=False,
        )
        return {}
    if headers:
        n = sum(map(len, headers.values()))
        text = msg("Headers that the site was taught on its pages are known here, too: {n}", n=count(n))
        ERR.print(text.render(terminal_locale()), markup=False)
    return headers


def say_reading(panel: Panel, workbook: Path, *, year: int | None = None, aside: bool = False) -> None:
    """Two lines on what was read of a workbook, or of its sheet of a `year`.

    `aside`, for output that programs read: to standard error, and only where something was lost.
    """
    from farol.workbook.account import reading_lines

    lines = reading_lines(
        panel.accounts, panel.findings, str(workbook), terminal_locale(), year=year, only_losses=aside
    )
    for line in lines:
        (ERR if aside else OUT).print(line, markup=False, soft_wrap=True)


def open_profile(settings: Settings) -> Profile:
    """The profile that the settings name."""
    return load_profile(settings.profile)


def open_tasks(settings: Settings) -> Tasks:
    """The tasks of the profile in force: the one that the settings name, else that of the model promoted last."""
    from farol.model.registry import Registry
    from farol.model.tasks import Tasks

    profile = open_profile(settings)
    return Tasks.in_use(Registry(settings.artifacts), profile, is_chosen=settings.is_profile_chosen)


def open_model(settings: Settings, task: str | None, horizon: int) -> Bundle:
    """The promoted model of a task; without a name, of the first one of that horizon, else of the first of all.

    Raises:
        InputError: there is no such task; or none was named, and another one has a model in use.
        BundleError: it has no promoted model, or that cannot be read.
    """
    from farol.model.registry import Registry

    registry = Registry(settings.artifacts)
    if task is not None and task in registry.stamps():
        return registry.load(task)
    tasks = open_tasks(settings)
    if task is None and tasks.usual(horizon) not in registry.stamps():
        for promoted in registry.stamps():  # one that cannot be read may be why another profile is in force
            registry.load(promoted)
        others = [name for name in tasks.specs if name in registry.stamps()]
        if others:
            raise InputError(
                msg(
                    "The question {task}, which is meant where none is named, has no model in use.",
                    task=tasks.usual(horizon),
                ),
                fix=msg(
                    "Name another one: --task {names}. Or put a model of it into use: `farol models list` names them.",
                    names=" / ".join(others),
                ),
            )
    return registry.load(tasks.usual(horizon) if task is None else tasks.known(task))
