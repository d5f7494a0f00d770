"""One tree of errors. Each says what was expected, what came, where, and what to do.

No error carries a pupil's value: `got` names a kind ("text", "a number above 10"), never the value.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from farol.i18n import LOCALES, Message, msg


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: any of a file, a sheet, a row (1-based, as a spreadsheet shows it), a column, a field."""

    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    field: str | None = None

    def render(self, locale: str) -> str:
        """`file, sheet X, row 7, column Y` in `locale`; empty when nothing is known."""
        labels = (
            (self.file, msg("file {name}", name=self.file)),
            (self.sheet, msg("sheet {name}", name=self.sheet)),
            (self.row, msg("row {name}", name=self.row)),
            (self.column, msg("column {name}", name=self.column)),
            (self.field, msg("field {name}", name=self.field)),
        )
        return ", ".join(label.render(locale) for value, label in labels if value is not None)

    def as_dict(self) -> dict[str, str | int]:
        """Only what is known, for JSON."""
        pairs = (("file", self.file), ("sheet", self.sheet), ("row", self.row), ("column", self.column))
        return {key: value for key, value in (*pairs, ("field", self.field)) if value is not None}


NOWHERE = Place()


class FarolError(Exception):
    """What goes wrong in a way we foresaw. `code` is stable and for machines; the rest is for people."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        problem: Message,
        *,
        expected: Message | None = None,
        got: Message | None = None,
        where: Place = NOWHERE,
        fix: Message | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.got = got
        self.where = where
        self.fix = fix

    def lines(self, locale: str = LOCALES[0]) -> list[str]:
        """The error as lines for a terminal, the problem first."""
        labelled = (
            (msg("Where: {text}", text=self.where.render(locale)) if self.where != NOWHERE else None),
            (msg("Expected: {text}", text=self.expected) if self.expected else None),
            (msg("Got: {text}", text=self.got) if self.got else None),
            (msg("What to do: {text}", text=self.fix) if self.fix else None),
        )
        return [self.problem.render(locale), *(line.render(locale) for line in labelled if line is not None)]

    def as_dict(self, locale: str = LOCALES[0]) -> dict[str, object]:
        """The one JSON shape of an error: `code`, `message`, and what is known of the rest."""
        body: dict[str, object] = {"code": self.code, "message": self.problem.render(locale)}
        for key, text in (("expected", self.expected), ("got", self.got), ("fix", self.fix)):
            if text is not None:
                body[key] = text.render(locale)
        if self.where != NOWHERE:
            body["where"] = self.where.as_dict()
        return body

    def __str__(self) -> str:
        return " ".join(self.lines("en"))


class WorkbookError(FarolError):
    """A workbook that cannot be read or used."""

    code = "workbook"


class ProfileError(FarolError):
    """A profile that is not what the format says."""

    code = "profile"


class PlanError(FarolError):
    """A training plan that cannot be carried out, or that would use the future."""

    code = "plan"


class BundleError(FarolError):
    """A trained model that is missing, damaged or of another format."""

    code = "bundle"


class StoreError(FarolError):
    """The database cannot be reached, or refused."""

    code = "store"


class ServiceError(FarolError):
    """What the service does in the background does not go well."""

    code = "service"


class InputError(FarolError):
    """A request, an option or a value that cannot be used."""

    code = "input"


class MissingExtraError(FarolError):
    """The libraries of one of Farol's extras are not installed. `extra` is its name in pyproject.toml."""

    code = "missing_extra"

    def __init__(self, problem: Message, *, extra: str) -> None:
        # Farol is on no index: `farol[…]` would ask one for a package of that name.
        fix = msg(
            "In Farol's folder run {pip}, or with make: {make}",
            pip=f"pip install '.[{extra}]'",
            make=f"make install EXTRAS={extra}",
        )
        super().__init__(problem, fix=fix)


_REASONS = {
    errno.ENOSPC: msg("the disk is full"),
    errno.EFBIG: msg("the file would be larger than this user may write"),
    errno.EACCES: msg("this user has no permission for that"),
    errno.EPERM: msg("this user has no permission for that"),
    errno.EROFS: msg("this place is read-only"),
    errno.EISDIR: msg("it is a folder"),
    errno.ENOTDIR: msg("a part of the path is not a folder"),
    errno.ENOENT: msg("there is no such file or folder"),
    errno.EEXIST: msg("it exists already"),
    errno.ENAMETOOLONG: msg("the name is too long"),
    errno.ELOOP: msg("its links lead in a circle"),
    errno.EINVAL: msg("the system does not take this name or value"),
    errno.EBUSY: msg("another program is using it"),
    errno.EIO: msg("the disk failed to read or write"),
    errno.EMFILE: msg("too many files are open"),
    errno.ENFILE: msg("too many files are open"),
    errno.ENXIO: msg("nobody is reading at the other end"),
    errno.EPIPE: msg("the reader has gone away"),
    errno.EADDRINUSE: msg("another program uses this port"),
    errno.EADDRNOTAVAIL: msg("no network card of this machine has this address"),
    errno.ECONNREFUSED: msg("nothing answers at this address and port"),
    errno.ECONNRESET: msg("the connection was broken off"),
    errno.EHOSTUNREACH: msg("there is no route to this address"),
    errno.ENETUNREACH: msg("there is no route to this address"),
    errno.ETIMEDOUT: msg("there was no answer in time"),
    **({errno.EDQUOT: msg("this user may not store any more")} if hasattr(errno, "EDQUOT") else {}),
}


def reason_of(error: OSError) -> Message:
    """Why the system refused, in our words; in the system's own, which are mostly English, where we have none."""
    if isinstance(error, socket.gaierror):
        return msg("this name is not known on the network")
    words = None if error.errno is None else _REASONS.get(error.errno)
    return words or msg("{reason}", reason=error.strerror or type(error).__name__)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a request, and what was expected."""

    field: str
    problem: Message
    expected: Message | None = None


class ApiError(Exception):
    """A request that is answered with an error, in JSON or on a page: status, stable code, words, fields, headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: Message,
        *,
        fields: Sequence[FieldProblem] = (),
        fix: Message | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.fix = fix
        self.headers = dict(headers or {})
