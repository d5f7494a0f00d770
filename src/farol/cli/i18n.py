"""Typer's help in our two languages: the words it writes in English only, said through our catalogue."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from farol.cli.terminal import _


class Spoken:
    """Mixed into a command or a group: its usage line and its help option speak the language of the terminal."""

    def get_usage(self, ctx: Any) -> str:
        """The usage line, with our word for "Usage"."""
        usage: str = super().get_usage(ctx)  # type: ignore[misc]  # typer's class, next in line, has it
        return usage.replace("Usage: ", _("Usage: "), 1)

    def get_help_option(self, ctx: Any) -> Any:
        """The help option, with its help translated."""
        option = super().get_help_option(ctx)  # type: ignore[misc]  # as above
        if option is not None:
            option.help = _("Show this message and exit.")
        return option


class Command(Spoken, TyperCommand):
    """A command whose `--help` speaks the language of the terminal."""


class Group(Spoken, TyperGroup):
    """A group of commands whose `--help` speaks the language of the terminal."""
