"""Answers that go to another machine's files: finished here, then sent, so that they are there whole or not at all.

An object store shows an object when all of it has come, so a file is whole from its first moment. Elsewhere a file is
sent under another name and renamed. Of a folder the report (`_farol.json`) comes last: a folder that has it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from farol.batch.arrow import arrow
from farol.batch.filesystem import filesystem_of, reachable, store_errors, without_secrets
from farol.errors import InputError, Place
from farol.i18n import msg

UNDER_WAY = ".sending"
"""What ends the name of a file that is being sent."""

_OBJECTS = frozenset({"s3", "gcs", "abfs"})  # which cannot rename, and need not


def is_there(address: str) -> bool:
    """Whether an address names a file or a folder with files. Raises InputError where nobody answers."""
    with reachable(address):
        system, inner = filesystem_of(address)
        return bool(system.get_file_info(inner).type != arrow().fs.FileType.NotFound)


def beside(address: str, ending: str) -> str:
    """The address of a file beside another, whose name has one more ending."""
    base, question, query = address.partition("?")
    return f"{base}{ending}{question}{query}"


def send_file(source: Path, address: str) -> None:
    """Send a file. Raises InputError; then there is nothing at the address that was not there before."""
    with _sending(address, source):
        system, inner = filesystem_of(address)
        _sent(system, source, inner)


def send_folder(source: Path, address: str, last: str) -> None:
    """Send a folder, and of its files the one named `last` at the end. What the folder had besides is removed."""
    with _sending(address, source):
        system, inner = filesystem_of(address)
        paths = [path for path in source.rglob("*") if path.is_file()]
        names = {f"{inner}/{path.relative_to(source).as_posix()}": path for path in paths}
        whole = f"{inner}/{last}"
        for old in _files(system, inner):
            if old not in names or old == whole:  # while files are exchanged the folder is not whole
                system.delete_file(old)
        for name in sorted(names, key=lambda name: (name == whole, name)):
            _sent(system, names[name], name)


def _files(system: Any, folder: str) -> list[str]:
    selector = arrow().fs.FileSelector(folder, recursive=True, allow_not_found=True)
    return [info.path for info in system.get_file_info(selector) if info.is_file]


def _sent(system: Any, source: Path, inner: str) -> None:
    files = arrow().fs
    has_objects = system.type_name in _OBJECTS
    folder = inner.rpartition("/")[0]
    if not has_objects and system.get_file_info(folder).type == files.FileType.NotFound:
        system.create_dir(folder, recursive=True)
    target = inner if has_objects else f"{inner}{UNDER_WAY}"
    try:
        files.copy_files(str(source), target, source_filesystem=files.LocalFileSystem(), destination_filesystem=system)
        _check_size(source.stat().st_size, system.get_file_info(target).size)
    except BaseException:  # Ctrl-C, too
        with suppress(*store_errors()):
            system.delete_file(target)
        raise
    if not has_objects:
        system.move(target, inner)


def _check_size(sent: int, there: int | None) -> None:
    if sent != there:
        raise OSError(None, "another size")


@contextmanager
def _sending(address: str, source: Path) -> Iterator[None]:
    """What sending raises, as InputError."""
    try:
        yield
    except store_errors() as error:
        raise InputError(
            msg("The answers could not be sent."),
            got=msg("{kind}", kind=type(error).__name__),
            where=Place(file=without_secrets(address)),
            fix=msg("They are whole in {path}. The same command sends them again.", path=source),
        ) from error
