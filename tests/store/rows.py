"""Predictions for tests. The bin of a feature is its value without decimals, so that counters can be recounted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from farol.model.counters import Counted
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction, day_of, uuid7

NOON = datetime(2024, 5, 10, 15, 0, tzinfo=UTC)
EVER = (date.min, date(9999, 12, 31))
MISSING = 10


def row(
    features: Mapping[str, float | None] | None = None,
    *,
    at: datetime = NOON,
    task: str = "current",
    version: str = "2024-abc",
    probability: float = 0.75,
    warnings: tuple[str, ...] = (),
) -> Prediction:
    given = {"IAA": 7.5, "IPP": None} if features is None else features
    return Prediction(
        id=uuid7(at),
        at=at,
        task=task,
        version=version,
        source="api",
        features=given,
        prediction=1,
        label="Aluno possui risco de defasagem",
        probability=probability,
        threshold=0.5,
        year=2024,
        warnings=warnings,
        counted=Counted.of({name: bin_of(value) for name, value in given.items()}),
    )


def bin_of(value: float | str | None) -> int:
    return MISSING if value is None else int(value)


def recounted(rows: Iterable[Prediction]) -> Counter[tuple[date, str, int]]:
    """The counters as they must be, from rows that were read back."""
    return Counter(
        (day_of(prediction.at), feature, bin_of(value))
        for prediction in rows
        for feature, value in prediction.features.items()
    )


def counters(store: Store, task: str, version: str, days: Iterable[date]) -> Counter[tuple[date, str, int]]:
    """The counters as they are."""
    return Counter(
        {
            (day, feature, position): count
            for day in days
            for feature, bins in store.counts(task, version, day, day).items()
            for position, count in bins.items()
        }
    )


def total_of(settings: Settings) -> int:
    """How many predictions a site has stored."""
    with Store.open(settings.store_url) as store:
        return store.total()
