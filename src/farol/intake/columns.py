"""Headers that the site itself taught: which column of the profile an unknown header means, kept for the years to come.

They are added to the profile when a workbook of this site is read. What was learned does not depend on how a header is
written, so that the profile's fingerprint stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime

from farol.accounts.audit import AuditValues
from farol.accounts.site import change_setting, read_setting
from farol.profile import Profile, fold
from farol.store.database import Store

SETTING = "columns"
MOST = 500
"""Headers that a site keeps; beyond it the oldest are forgotten."""
_BRACES = str.maketrans("", "", "{}")


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A header, with {year} or {yy} where the sheet's own year stands, and the profile's column that it means; empty:
    it means none, and is not asked about again.

    `day` is the day of the choice, as YYYY-MM-DD.
    """

    profile: str
    header: str
    column: str
    day: str


def general_header(header: str, year: int) -> str:
    """A header as next year's sheet would write it.

    >>> general_header("Nota Mat 2024", 2024), general_header("Mat 24", 2024), general_header("Mat", 2024)
    ('Nota Mat {year}', 'Mat {yy}', 'Mat')
    """
    text = " ".join(header.translate(_BRACES).split())
    text, of_year = re.subn(rf"(?<!\d){year:04}(?!\d)", "{year}", text)
    return text if of_year else re.sub(rf"(?<!\d){year % 100:02}(?!\d)", "{yy}", text)


def kept_columns(store: Store) -> list[KeptColumn]:
    """All that was chosen, the oldest first. Raises StoreError."""
    none: list[dict[str, str]] = []
    return [KeptColumn(**kept) for kept in read_setting(store, SETTING, none)]


def keep_columns(store: Store, chosen: list[KeptColumn], at: datetime, *, audited: AuditValues | None = None) -> None:
    """Add choices; of the same header, the last one counts. Raises StoreError."""
    again = {(kept.profile, fold(kept.header)) for kept in chosen}

    def added(before: list[dict[str, str]]) -> list[dict[str, str]]:
        others = [kept for kept in before if (kept["profile"], fold(kept["header"])) not in again]
        return [*others, *map(asdict, chosen)][-MOST:]

    change_setting(store, SETTING, list[dict[str, str]](), added, at, audited=audited)


def forget_column(store: Store, profile: str, header: str, at: datetime, *, audited: AuditValues | None = None) -> bool:
    """Revoke a choice; whether there was one. Raises StoreError."""
    if all((kept.profile, kept.header) != (profile, header) for kept in kept_columns(store)):
        return False

    def left(before: list[dict[str, str]]) -> list[dict[str, str]]:
        return [kept for kept in before if (kept["profile"], kept["header"]) != (profile, header)]

    change_setting(store, SETTING, list[dict[str, str]](), left, at, audited=audited)
    return True


def headers_of(store: Store, profile: Profile) -> dict[str, list[str]]:
    """Column → headers that the site taught of a profile. Raises StoreError."""
    headers: defaultdict[str, list[str]] = defaultdict(list)
    for kept in kept_columns(store):
        if kept.profile == profile.name and kept.column:
            headers[kept.column].append(kept.header)
    return dict(headers)
