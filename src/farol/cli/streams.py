"""Standard output and error that take every text and never fail: what is printed must not decide what is done.

An encoding such as cp1252 or ASCII gets plain characters in place of those it lacks. Once a stream cannot be written,
because its reader went away or the disk is full, the command goes on without it; `main` says so at the end.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ERRORS = "farol.plain"
"""The name under which `codecs` knows `plain`."""

_PLAIN = {
    **dict.fromkeys(map(chr, range(0x2500, 0x2580)), "+"),  # frames
    **dict.fromkeys(map(chr, range(0x2580, 0x25A0)), "#"),  # bars
    **dict.fromkeys(map(chr, range(0x2800, 0x2900)), "*"),  # a wheel that turns while one waits
    **dict.fromkeys("‐‑‒–—―−─━┄┅┈┉╌╍═╴╶╸╺╼╾", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋╷╵╹╻╽╿", "|"),
    **dict.fromkeys("“”„«»″", '"'),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("•·●▪∙◦■", "*"),
    "→": "->",
    "←": "<-",
    "↔": "<->",
    "↑": "^",
    "↓": "v",
    "…": "...",
    "×": "x",
    "÷": "/",
    "⁄": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "∞": "inf",
    "±": "+-",
    "€": "EUR",
    "✓": "ok",
    "✗": "x",
}
_LOW_BYTES = range(0xDC80, 0xDD00)
"""What Python makes of bytes in a file's name that are no text."""


def plain(error: UnicodeError) -> tuple[str, int]:
    """A handler for `codecs`: ASCII in place of what an encoding lacks.

    Arrows, dashes, quotes and frames become signs that look like them, a letter loses its accent, and any other
    character is written as its number, so that two codes of pupils never look alike.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_substitute, error.object[error.start : error.end])), error.end


def _substitute(character: str) -> str:
    number = ord(character)
    if character in _PLAIN:
        return _PLAIN[character]
    if number in _LOW_BYTES:
        return f"\\x{number - 0xDC00:02x}"
    letters = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    spelled = "".join(_PLAIN.get(part, part) for part in letters)
    if spelled.isascii() and (spelled or unicodedata.combining(character)):
        return spelled
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


codecs.register_error(ERRORS, plain)


class LastingOutput(io.RawIOBase):
    """The bytes of a stream. After the first error they go nowhere, and `error` keeps it."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """That of the stream."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._raw.isatty()

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what the stream takes; all of it where the stream takes nothing any more."""
        while self.error is None:
            try:
                written = self._raw.write(data)
            except OSError as error:
                self.error = error
            else:
                if written is not None:
                    return written
                select.select([], [self._raw], [])  # whoever started us made the stream non-blocking
        return memoryview(data).nbytes

    @property
    def failure(self) -> OSError | None:
        """The error, unless it says that the reader has gone away, as that of `farol models list | head` does."""
        gone = (errno.EPIPE, errno.ECONNRESET, *((errno.EINVAL,) if os.name == "nt" else ()))
        return None if self.error is None or self.error.errno in gone else self.error


@contextmanager
def lasting_streams() -> Iterator[LastingOutput | None]:
    """`sys.stdout` and `sys.stderr` that cannot fail, for the block; gives what is under standard output.

    A stream that was closed before we started leads nowhere. One that has no file under it, as in tests, stays.
    """
    before = sys.stdout, sys.stderr
    lasting: dict[str, LastingOutput] = {}
    made: list[TextIO] = []
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  closed below
        else:
            buffer = getattr(stream, "buffer", None)
            raw = getattr(buffer, "raw", buffer)
            if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase):
                continue
            stream.flush()
            lasting[name] = LastingOutput(raw)
            stream = io.TextIOWrapper(
                io.BufferedWriter(lasting[name]),
                encoding=stream.encoding,
                errors=ERRORS,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
        made.append(stream)
        setattr(sys, name, stream)
    try:
        yield lasting.get("stdout")
    finally:
        for stream in made:
            stream.flush()
        sys.stdout, sys.stderr = before
