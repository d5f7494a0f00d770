"""What the doctor finds: something odd, its place and its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from farol.i18n import Message
from farol.profile import Severity
from farol.workbook.quirks import QUIRKS


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd in a sheet: where, how grave, and what was done about it.

    `severity`: info is normal for this data, warning wants a look, error means rows or columns were lost. `column` is
    the header as written, or for a column that is not there as the profile writes it. `rows` are as a spreadsheet
    shows them (1-based), all of them; `count` counts cells, or rows, or headers. No message holds a pupil's value.
    """

    code: str
    severity: Severity
    sheet: str
    column: str | None
    rows: tuple[int, ...]
    count: int
    message: Message
    action: Message


def finding(
    code: str,
    *,
    sheet: str,
    column: str | None = None,
    rows: Iterable[int] = (),
    count: int | None = None,
    severity: Severity | None = None,
    words: str | None = None,
    details: Mapping[str, object] = MappingProxyType({}),
) -> Finding:
    """A finding in the words of its code, or of `words`; the code of a profile's own rule has those of `recoded`.

    `count` is the number of rows where it is not given.
    """
    quirk = QUIRKS.get(words or code, QUIRKS["recoded"])
    places = tuple(rows)
    return Finding(
        code=code,
        severity=severity or quirk.severity,
        sheet=sheet,
        column=column,
        rows=places,
        count=len(places) if count is None else count,
        message=Message(quirk.message.template, details),
        action=Message(quirk.action.template, details),
    )
