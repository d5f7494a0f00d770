"""The file that a command writes for its user: `-` and devices, what is there already, names that no system takes."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from farol.cli.terminal import ERR, _, say
from farol.csv_form import Audience
from farol.errors import InputError, Place, reason_of
from farol.files import written
from farol.i18n import Message, msg, terminal_locale

OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help=_("Replace a file that is there already; without it, that is an error."))
]

CsvFormatOption = Annotated[
    Audience,
    typer.Option(
        "--csv-format",
        help=_("How to write the csv: for people, as this language's spreadsheets open it, or for programs."),
    ),
]
STANDARD_OUTPUT = Path("-")
ON_WINDOWS = os.name == "nt"

_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')
_LOCKED = (errno.EACCES, errno.EPERM, errno.EBUSY)


@dataclass(frozen=True, slots=True)
class OutputFile:
    """Where the answer of a command goes. `private`: it holds pupils, so that its owner alone may read it."""

    path: Path
    private: bool = True

    @property
    def is_standard_output(self) -> bool:
        """Whether it is standard output, by `-` or by another name, such as `/dev/stdout`."""
        if self.path == STANDARD_OUTPUT:
            return True
        try:
            return os.path.samestat(self.path.stat(), os.fstat(sys.stdout.fileno()))
        except (OSError, io.UnsupportedOperation, AttributeError):
            return False

    @property
    def is_stream(self) -> bool:
        """Whether it is standard output, a pipe or a device: what is written there cannot be read again."""
        return self.is_standard_output or (self.path.exists() and not self.path.is_file())

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write the pieces, whole or not at all, and make the folder.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            if self.is_standard_output:
                with _standard_output() as file:
                    file.writelines(pieces)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with written(self.path, private=self.private) as file:
                file.writelines(pieces)
        except BrokenPipeError:  # whoever reads has seen enough
            return
        except OSError as error:
            raise _refused(self.path, error) from error

    def say(self, message: Message) -> None:
        """One line about the file: to standard error where the file itself is standard output."""
        if self.is_standard_output:
            ERR.print(message.render(terminal_locale()), markup=False)
        else:
            say(message)


def output_file(path: Path, *, overwrite: bool = False, private: bool = True) -> OutputFile:
    """The file at a path, looked at before the command does anything.

    A pipe or a device is written as it is, and so is an empty file.

    Raises:
        InputError: the path is a folder or below a file, has a name that the system does not take, or has a file there
            already and is not to `overwrite` it.
    """
    output = OutputFile(path, private)
    if output.is_standard_output:
        return output
    if ON_WINDOWS:
        _refuse_windows_names(path)
    try:
        if path.is_dir():
            raise InputError(
                msg("This is a folder; a file is expected here."),
                where=Place(file=str(path)),
                fix=msg("Name a file in it, such as {example}.", example=str(path / "farol.csv")),
            )
        if path.is_file() and path.stat().st_size and not overwrite:
            raise InputError(
                msg("The file exists already."),
                where=Place(file=str(path)),
                fix=msg("Name another file, or replace this one with --overwrite."),
            )
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _refused(path, error) from error
    return output


def windows_name_problem(name: str) -> Message | None:
    """What Windows has against a file's or folder's name: a device's, or one that it would change. None: nothing."""
    if _DEVICES.fullmatch(name):
        return msg("On Windows {name} is the name of a device, not of a file.", name=name)
    if _NOT_IN_NAMES.search(name):
        return msg("On Windows a name ends in neither a point nor a space, and has none of {signs}", signs='<>:"|?*')
    return None


def _refuse_windows_names(path: Path) -> None:
    for part in path.parts[1:] if path.anchor else path.parts:
        problem = None if part in {".", ".."} else windows_name_problem(part)
        if problem is not None and str(path).lower() != os.devnull:
            raise InputError(problem, where=Place(file=str(path)), fix=msg("Choose another name."))


def _refused(path: Path, error: OSError) -> InputError:
    locked = msg("Check who may write there, and that no other program has the file open.")
    return InputError(
        msg("The file cannot be written: {reason}.", reason=reason_of(error)),
        where=Place(file=str(path)),
        fix=locked if error.errno in _LOCKED else msg("Choose another place for the file."),
    )


def _standard_output() -> BinaryIO:
    """Standard output for bytes. Unlike `sys.stdout` it fails when it cannot be written."""
    sys.stdout.flush()
    try:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    except io.UnsupportedOperation:  # a program put something else in its place
        return _Lent(sys.stdout.buffer)


class _Lent(io.BufferedWriter):
    """A stream that is not ours to close."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)

    def close(self) -> None:
        """Leave the stream open."""
        self.flush()
        self.detach()
