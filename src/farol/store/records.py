"""The records of the store: a prediction and a snapshot of drift, as values; their moments, days and ids.

Every prediction that is stored is made here (`row_of`), whoever asked for the answer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from farol.model.counters import Counted, slices_of

if TYPE_CHECKING:  # it loads ONNX Runtime
    from farol.model.scoring import Answer, Scorer
    from farol.model.vocabulary import Given

Source = Literal["api", "batch", "v2", "simulation", "command", "training-sheet"]
"""Where an answer was asked for. `command` and `training-sheet` are both `farol forecast`: of another workbook than the
one that the model was trained with, and of that very one (`farol.model.counters.TRAINING_SHEET`)."""

ZONE = ZoneInfo("America/Sao_Paulo")
"""The days of the counters are days of this zone, whatever zone times are shown in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)  # not frozen: one is made for every answer, and that takes twice as long
class Prediction:
    """One answer. `prediction` and `probability` are both None where the model gave no answer.

    `features` are the inputs as they came (None: given as missing; absent: not given), of the school year `year`.
    `counted` says where the answer counts: it is added to the counters when the row is written, and not stored with
    the row, so it is None in a prediction that was read. `label` is in the profile's Portuguese words. `student` is the
    programme's own code of the pupil and `group` the class, where they were given. `key_hash` and `body_hash` are of
    a request that may be sent again, see `Store.write`.
    """

    id: str  # uuid7, see `uuid7`
    at: datetime  # aware
    task: str
    version: str
    source: Source
    features: Mapping[str, float | str | None]
    prediction: int | None
    label: str
    probability: float | None
    threshold: float
    year: int
    warnings: tuple[str, ...] = ()
    counted: Counted | None = None
    student: str | None = None
    group: str | None = None
    key_hash: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A drift report in the history. Its window is from `first` (None: no bound) to `last`, both included."""

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


def utc_text(at: datetime) -> str:
    """A moment in UTC to the second, in the form of ISO 8601; `at` is aware."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def day_of(at: datetime) -> date:
    """The day of the counters on which `at` falls."""
    return at.astimezone(ZONE).date()


def start_of(day: date) -> datetime:
    """The first moment of a day of the counters."""
    return datetime.combine(day, time(), ZONE)


def uuid7(at: datetime) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) for the moment `at`: ids sort by time.

    The twelve bits after the version hold the fraction of the millisecond (section 6.2, method 3), the last 62 are
    random. The standard library has one from Python 3.14 on, for the present moment only.
    """
    millisecond, microsecond = divmod(microseconds(at), 1000)
    fraction = microsecond * 4096 // 1000
    chance = int.from_bytes(os.urandom(8)) >> 2  # `secrets.randbits` takes three times as long
    when, rest = f"{millisecond:012x}", f"{0b10 << 62 | chance:016x}"
    return f"{when[:8]}-{when[8:]}-{0x7000 | fraction:04x}-{rest[:4]}-{rest[4:]}"


def row_of(
    scorer: Scorer,
    answer: Answer,
    values: Mapping[str, Given],
    *,
    at: datetime,
    year: int,
    source: Source,
    student: str | None = None,
    group: str | None = None,
    key_hash: str | None = None,
    body_hash: str | None = None,
    warnings: tuple[str, ...] | None = None,
) -> Prediction:
    """The row of the answer that `scorer` gave for the inputs `values` of the school year `year`, at `at` (aware).

    `warnings` are the codes that `Inputs.warnings` gives; a caller who has them already saves the time.
    """
    bundle = scorer.bundle
    if warnings is None:
        warnings = tuple(warning.code for warning in bundle.inputs.warnings(values))
    return Prediction(
        id=uuid7(at),
        at=at,
        task=bundle.task,
        version=bundle.version,
        source=source,
        features=values,
        prediction=answer.prediction,
        label=answer.label.pt,
        probability=answer.probability,
        threshold=answer.threshold,
        warnings=warnings,
        counted=counted_in(scorer, answer, values, source=source, group=group),
        student=student,
        group=group,
        year=year,
        key_hash=key_hash,
        body_hash=body_hash,
    )


def counted_in(
    scorer: Scorer, answer: Answer, values: Mapping[str, Given], *, source: str, group: str | None
) -> Counted:
    """Where an answer counts: its cells, in the whole and in its slices."""
    level = scorer.bundle.profile.level
    return Counted(scorer.layout, answer.cells, slices_of(source, level, values, group))
