"""What the store keeps: one prediction, one snapshot of drift. Values only; nothing here touches a database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Source = Literal["api", "simulation", "command"]

ZONE = ZoneInfo("America/Sao_Paulo")
"""The days of the counters are days of this zone, whatever zone times are shown in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer, as it was given; `prediction` and `probability` are None together, where it was that there is none.

    `features` are the inputs as they came (None: given as missing; absent: not given); `bins` says which bin of the
    bundle's reference each feature of the model fell into: it is counted when the row is written and not kept by
    row, so a prediction that was read back has none. `label` is in the profile's Portuguese words.
    """

    id: str  # uuid7, see `uuid7`
    at: datetime  # aware
    task: str
    version: str
    source: Source
    features: Mapping[str, float | None]
    prediction: int | None
    label: str
    probability: float | None
    threshold: float
    warnings: tuple[str, ...] = ()
    bins: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A drift report kept for the history; `first` (None: no bound) and `last` are its window, both included."""

    id: str
    at: datetime  # aware
    task: str
    version: str
    first: date | None
    last: date
    payload: Mapping[str, object]  # JSON values


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 UTC, exact; `at` is aware."""
    return (at - _EPOCH) // _MICROSECOND


def moment(count: int) -> datetime:
    """The inverse of `microseconds`, in UTC."""
    return _EPOCH + count * _MICROSECOND


def day_of(at: datetime) -> date:
    """The day of the counters on which `at` falls."""
    return at.astimezone(ZONE).date()


def uuid7(at: datetime) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) for the moment `at`: ids sort by time.

    The twelve bits after the version hold the fraction of the millisecond (section 6.2, method 3), the last 62 are
    random. The standard library has one from Python 3.14 on, for the present moment only.
    """
    millisecond, rest = divmod(microseconds(at), 1000)
    fraction = rest * 4096 // 1000
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return str(UUID(int=millisecond << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random))
