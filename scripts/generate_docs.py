"""Write the pages of docs/ that are made from the program, or with --check tell which are stale.

docs/cli.md is the help of every command that typer knows; docs/settings.md is the table of `farol.settings`;
docs/architecture.md has a picture drawn from the imports.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from farol.cli.commands import app
from farol.settings import Settings
from scripts.architecture import picture

PROJECT = Path(__file__).resolve().parents[1]


def commands() -> Iterator[tuple[str, ...]]:
    """Every command by its words, in the order of the help; `farol` itself is the empty one."""
    return below(get_command(app), ())


def below(command: object, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A command, then those of its group: panel by panel, as its help shows them."""
    yield names
    if isinstance(command, TyperGroup):
        members: Mapping[str, Any] = command.commands
        panels = list(dict.fromkeys(member.rich_help_panel for member in members.values()))
        for name in sorted(members, key=lambda name: panels.index(members[name].rich_help_panel)):
            if not members[name].hidden:
                yield from below(members[name], (*names, name))


def help_of(command: tuple[str, ...]) -> str:
    """The plain English help of one command, at a fixed width."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FAROL_")},
        "FAROL_LOCALE": "en",
        "NO_COLOR": "1",
        "TERMINAL_WIDTH": "100",
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        environment.pop(name, None)
    farol = Path(sys.executable).with_name("farol")
    done = subprocess.run([farol, *command, "--help"], env=environment, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def cli_page() -> Iterator[str]:
    """docs/cli.md, line by line."""
    yield "# The command line"
    yield ""
    yield "Made by `make docs` from the program itself; a test fails when it is stale. `FAROL_LOCALE=pt_BR` or `en`"
    yield "chooses the language of a command; without it the terminal's language does, and Portuguese is the default."
    yield "A foreseen error is printed in a few lines, and the command ends with exit code 2."
    for command in commands():
        yield ""
        yield f"## `{' '.join(('farol', *command))}`"
        yield ""
        yield "```text"
        yield help_of(command).strip()
        yield "```"


def settings_page() -> Iterator[str]:
    """docs/settings.md, line by line."""
    yield "# Settings"
    yield ""
    yield "Made by `make docs` from `farol.settings`. Every setting is an environment variable; a command's option of"
    yield "the same name wins over it."
    yield ""
    yield "| variable | default | what it is |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `FAROL_{name.upper()}` | {default} | {field.description} |"


PICTURE = ("<!-- the picture: made by `make docs` -->", "<!-- the end of the picture -->")


def architecture_page() -> Iterator[str]:
    """docs/architecture.md, line by line, with the picture as the imports are now."""
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(PICTURE[0])
    after = rest.partition(PICTURE[1])[2]
    yield from before.splitlines()
    yield PICTURE[0]
    yield from picture()
    yield PICTURE[1]
    yield from after.splitlines()[1:]


PAGES = {"architecture.md": architecture_page, "cli.md": cli_page, "settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` return 1 when one is not what would be written."""
    stale = []
    for name, page in PAGES.items():
        text = "\n".join(page()) + "\n"
        path = PROJECT / "docs" / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"stale: {', '.join(stale)}; run `make docs`")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
