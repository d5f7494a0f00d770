"""Files written whole: a crash leaves the old content or the new. JSON written so that a value gives the same bytes.

And HTML files that stand for themselves, whose policy lets in their own style sheet by its hash and nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

FOLDERS_CAN_SYNC = os.name != "nt"
"""Windows cannot open a folder to sync it, and its file systems keep a rename in their own journal."""

PRIVATE = 0o600
"""The mode of a file that holds pupils: only its owner may read it."""
PRIVATE_FOLDER = 0o700
_USUAL = 0o666

OWN_STYLE = "OWN-STYLE"
"""Stands in the policy of an HTML file until `name_own_style` puts the hashes of its style sheets there."""
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)

_CANNOT_SYNC = (errno.EACCES, errno.EINVAL, errno.ENOTSUP)


def write_file(path: Path, content: bytes, *, mode: int = _USUAL) -> None:
    """Write a new file and wait until the disk has it. FileExistsError when it is there already."""
    with _new_file(path, mode) as file:
        file.write(content)
        _sync(file)


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in place of the file, if any, as `written` does."""
    with written(path) as file:
        file.write(content)


@contextmanager
def written(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write into for the block; at its end the content takes the place of the file at `path` in one step.

    A reader sees the old bytes or the new, and an error inside the block leaves the old. A link is followed, and the
    file keeps its mode; a new one that is `private` may be read by its owner alone. A pipe or a device is written as it
    is. A file that has several names, or whose folder takes no new file, is filled anew, once the block has gone well.
    Raises OSError.
    """
    target = Path(os.path.realpath(path))
    try:
        before: os.stat_result | None = path.stat()
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        with path.open("wb") as file:
            yield file
        return
    fresh = target.with_name(f".farol-{secrets.token_hex(8)}")
    if before is not None and (before.st_nlink > 1 or not os.access(target.parent, os.W_OK)):
        with tempfile.TemporaryFile() as gathered:
            yield gathered
            gathered.seek(0)
            with target.open("wb") as file:
                shutil.copyfileobj(gathered, file)
                _sync(file)
        return
    try:
        with _new_file(fresh, PRIVATE if private or before is not None else _USUAL) as file:
            yield file
            _sync(file)
        if before is not None:
            with suppress(OSError):  # only an administrator may give a file to another
                shutil.chown(fresh, before.st_uid, before.st_gid)
            fresh.chmod(stat.S_IMODE(before.st_mode))
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(target.parent)


def _new_file(path: Path, mode: int) -> BinaryIO:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, mode), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, and the folders above it as usual. One that is there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def sync_folder(path: Path) -> None:
    """Wait until the disk has the folder's entries: the names of new and renamed files."""
    if not FOLDERS_CAN_SYNC:
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:  # a folder that may not be read, a file system that syncs files alone
            raise


def canonical_json(value: object) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, two spaces of indent and a newline at the end.

    Raises ValueError for NaN and infinity: JSON has none, and readers disagree about what they would mean.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return text.encode() + b"\n"


def parse_json(source: bytes) -> object:
    """The value of UTF-8 JSON; ValueError for what is not JSON, NaN and infinity included, or nests without an end."""
    try:
        return json.loads(source.decode(), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def style_sources(html: str) -> str:
    """The style sheets within an HTML text, by their hashes, as `style-src` names them; 'none' where there are none.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    digests = (hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(html))
    return " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests) or "'none'"


def name_own_style(html: str) -> str:
    """The file with the hashes of its own style sheets in its policy, in place of OWN_STYLE."""
    return html.replace(OWN_STYLE, style_sources(html), 1)
