"""What every command shares: the language, the console, settings, and opening what the settings name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console

from farol.errors import InputError
from farol.i18n import Message, decimal, msg, terminal_locale, translate
from farol.profile import Profile, load_profile
from farol.settings import Settings

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False)

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


def say(message: Message) -> None:
    """One line to standard output, in the language of the terminal."""
    OUT.print(message.render(terminal_locale()), markup=False)


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


def open_panel(workbook: Path, profile: Profile, settings: Settings) -> Panel:
    """The panel of a workbook, within the limits of the settings."""
    from farol.workbook.panel import read_panel  # only commands that read pay for the readers
    from farol.workbook.sheets import Limits

    limits = Limits(
        max_bytes=settings.max_workbook_bytes,
        max_unpacked_bytes=settings.max_workbook_unpacked_bytes,
        max_cells=settings.max_workbook_cells,
    )
    return read_panel(workbook, profile, limits)


def open_profile(settings: Settings) -> Profile:
    """The profile that the settings name."""
    return load_profile(settings.profile)
