"""Typer in our two languages: the words that it writes in English only, from our catalogue."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup, TyperOption

from farol.cli.terminal import _, expectation
from farol.i18n import Message, msg, terminal_locale

_TYPES = {
    "<path>": _("PATH"),
    "<str>": _("TEXT"),
    "<int>": _("NUMBER"),
    "<int range>": _("NUMBER"),
    "<float>": _("NUMBER"),
    "<bool>": "",  # a flag takes no value
}
_PLACES = {"Usage: ": _("Usage: "), "[OPTIONS]": _("[OPTIONS]"), "COMMAND [ARGS]...": _("COMMAND [ARGS]...")}


class UsageProblem(typer.BadParameter):
    """What is wrong with a command line, in words that are complete."""

    def format_message(self) -> str:
        """The message without typer's words before it."""
        return self.message


class Translated:
    """Mixed into a command or a group: its help and its errors have the language of the terminal."""

    def get_usage(self, ctx: Any) -> str:
        """The usage line, with our words for its placeholders."""
        usage: str = super().get_usage(ctx)  # type: ignore[misc]  # typer's class, next in line, has it
        for english, ours in _PLACES.items():
            usage = usage.replace(english, ours, 1)
        return usage

    def get_help_option(self, ctx: Any) -> Any:
        """The help option, with its help translated."""
        option = super().get_help_option(ctx)  # type: ignore[misc]  # as above
        if option is not None:
            option.help = _("Show this message and exit.")
        return option

    def get_params(self, ctx: Any) -> Any:
        """The arguments and options, each option with a word for the kind of its value."""
        params = super().get_params(ctx)  # type: ignore[misc]  # as above
        for param in params:
            if isinstance(param, TyperOption) and param.metavar is None:
                param.metavar = _TYPES.get(param.display_type(ctx))
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Typer's work, with our words for what is wrong."""
        try:
            self._refuse_empty_names(ctx, args)
            return super().parse_args(ctx, args)  # type: ignore[misc]  # as above
        except typer.TyperException as error:
            words = usage_problem(error)
            if words is None:
                raise
            raise UsageProblem(words.render(terminal_locale()), ctx=ctx) from error

    def _refuse_empty_names(self, ctx: Any, args: list[str]) -> None:
        """`Path("")` is the folder in which the command runs: a script's variable without a value would mean that."""
        if "" not in args and not any(arg.endswith("=") for arg in args):
            return
        given, _others, _order = self.make_parser(ctx).parse_args(args=list(args))  # type: ignore[attr-defined]  # as above
        for param in self.get_params(ctx):
            names = given.get(param.name)
            if "" in (names if isinstance(names, list | tuple) else [names]) and _is_place(param, ctx):
                name = str(param.get_error_hint()).replace("'", "")
                words = msg("{name} is empty. Name a file or a folder; `.` is the folder you are in.", name=name)
                raise UsageProblem(words.render(terminal_locale()), ctx=ctx)


_TEXT_PLACES = frozenset({"inputs", "out", "file"})
"""Files that may be addresses such as s3://… are texts to typer."""


def _is_place(param: Any, ctx: Any) -> bool:
    return "path" in param.display_type(ctx).lower() or param.name in _TEXT_PLACES


def usage_problem(error: typer.TyperException) -> Message | None:
    """An error of the command line in our words; None for a request for help, which needs no words."""
    kind = type(error).__name__  # typer exports BadParameter alone
    if kind == "UsageError":
        return msg("There are more arguments than the command takes.")
    if kind in ("NoSuchOption", "BadOptionUsage"):
        option = getattr(error, "option_name", "")
        if kind == "NoSuchOption":
            return msg("There is no option {name}.", name=option)
        return msg("The option {name} is not written as --help shows it.", name=option)
    param = getattr(error, "param", None)
    if param is None:
        return None
    name = str(param.get_error_hint()).strip("'")
    if kind == "MissingParameter":
        return msg("This is missing: {name}.", name=name)
    expected = _expected(error, param)
    return msg("The value of {name} cannot be used. Expected: {expected}.", name=name, expected=expected)


def _expected(error: typer.TyperException, param: Any) -> Message:
    choices = param.type_descriptor.choices
    if choices:
        return msg("one of {names}", names=", ".join(str(choice.value) for choice in choices))
    cause = error.__cause__
    return expectation(cause) if isinstance(cause, ValidationError) else msg("{reason}", reason=str(error))


class Command(Translated, TyperCommand):
    """A command in the language of the terminal."""


class Group(Translated, TyperGroup):
    """A group of commands in the language of the terminal."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Typer's work, with our words for its suggestion."""
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            error.message = error.message.replace("Did you mean", _("Did you mean"))
            raise
