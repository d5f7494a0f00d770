"""The launchers of `farol open --install`: what a double click or the menu of the system starts, for each system.

Each is text that the system itself reads, and quotes paths by that system's rules: the Desktop Entry Specification on
Linux, the shell on macOS, VBScript on Windows, where it is the way to start a program without a console window.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from farol.i18n import Message, msg

DESKTOP = """[Desktop Entry]
Type=Application
Name=Farol
Comment=Quais alunos podem precisar de apoio
Comment[en]=Which pupils may need help
Exec={command}
Path={folder}
Icon={icon}
Terminal=false
Categories=Education;
"""
COMMAND = """#!/bin/sh
cd {folder} && exec {command}
"""
VBS = """Set shell = CreateObject("WScript.Shell")
shell.CurrentDirectory = {folder}
shell.Run {command}, 0, False
"""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A file to write: where, what, and what to tell who asked for it."""

    path: Path
    content: bytes
    advice: Message


def launcher_for(platform: str, environment: Mapping[str, str], command: Sequence[str], folder: Path) -> Launcher:
    """The launcher of a system (`sys.platform`) that runs `command` in `folder`, for the user of `environment`."""
    home = Path(environment.get("HOME") or Path.home())
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        line = " ".join(f'"{argument}"' for argument in command)  # no path of Windows holds a quotation mark
        text = VBS.format(folder=_basic(str(folder)), command=_basic(line)).replace("\n", "\r\n")
        return Launcher(
            roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Farol.vbs",
            text.encode("utf-16"),  # with its mark: without it Windows reads accents by a table of its own
            msg("Farol is in the Start menu now. To take it away, delete this file."),
        )
    if platform == "darwin":
        text = COMMAND.format(folder=shlex.quote(str(folder)), command=shlex.join(command))
        return Launcher(
            home / "Applications" / "Farol.command",
            text.encode(),
            msg(
                "A double click on it starts Farol; a window of the Terminal stays open meanwhile. To take it away, "
                "delete this file."
            ),
        )
    share = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    text = DESKTOP.format(
        command=" ".join(map(_of_desktop, command)),
        folder=_escaped(str(folder)),
        icon=_escaped(str(files("farol.web") / "static" / "favicon.svg")),
    )
    return Launcher(
        share / "applications" / "farol.desktop",
        text.encode(),
        msg("Farol is among the programs of the menu now. To take it away, delete this file."),
    )


def _of_desktop(argument: str) -> str:
    """An argument of Exec: in quotation marks, with four characters escaped in them, and % doubled."""
    quoted = re.sub(r'(["`$\\])', r"\\\1", argument)
    return _escaped(f'"{quoted}"').replace("%", "%%")


def _escaped(value: str) -> str:
    """A value of a desktop entry: a backslash begins an escape."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _basic(text: str) -> str:
    """A text of VBScript."""
    return '"' + text.replace('"', '""') + '"'
