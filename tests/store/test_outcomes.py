"""A sheet's outcomes are kept once, corrected ones replace, and only a forecast made in time counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from farol.model.registry import Registry
from farol.store.backup import backup, restore
from farol.store.database import Store
from farol.store.history import OUTCOMES, Events
from farol.store.outcomes import (
    Eligible,
    Outcome,
    Recorded,
    read_year,
    record,
    sheet_fingerprint,
    years_of,
)
from farol.store.privacy import erase, export, purge
from farol.store.records import Prediction
from farol.store.tables import outcome_forecasts, outcomes
from tests.store.rows import NOON, row

LATER = NOON + timedelta(days=365)
HORIZONS = {"next-year": 1, "current": 0}
SHEET = [
    Outcome("RA-1", 1, {"sex": "F", "phase": "3"}),
    Outcome("RA-2", 0, {"sex": "M"}),
    Outcome("RA-3", None, {}),
]


def forecast(
    student: str | None, probability: float = 0.75, *, version: str = "2023-a", at: datetime = NOON, **changes: object
) -> Prediction:
    """A stored forecast from the sheet of 2024."""
    made = row({"IAA": 7.5}, at=at, task="next-year", version=version, probability=probability)
    made = replace(made, student=student, year=2024)
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever field a test needs


def say(
    store: Store, said: Iterable[Outcome] = SHEET, *, at: datetime = LATER, knew: frozenset[str] = frozenset()
) -> Recorded:
    """Record the sheet of 2025."""
    return record(store, 2025, list(said), HORIZONS, lambda _task, version: version in knew, at=at)


def test_the_same_sheet_again_changes_nothing(store: Store) -> None:
    store.write([forecast("RA-1"), forecast("RA-9")])
    first = say(store)
    assert (first.pupils, first.added, first.changed, first.removed) == (3, 3, 0, 0)
    assert first.tasks == {"next-year": Eligible(2, 0, 0), "current": Eligible(0, 0, 0)}
    with store.snapshot() as connection:
        before = connection.execute(select(outcomes)).all(), connection.execute(select(outcome_forecasts)).all()
    again = say(store, reversed(SHEET), at=LATER + timedelta(days=9))
    assert (again.added, again.changed, again.removed, again.first) == (0, 0, 0, LATER)
    assert again.fingerprint == first.fingerprint == sheet_fingerprint(SHEET)
    with store.snapshot() as connection:
        assert before == (
            connection.execute(select(outcomes)).all(),
            connection.execute(select(outcome_forecasts)).all(),
        )
    assert first.as_dict() == {
        "year": 2025,
        "sheet": first.fingerprint,
        "first_recorded": "2025-05-10T15:00:00+00:00",
        "pupils": 3,
        "added": 3,
        "changed": 0,
        "removed": 0,
        "tasks": {
            "next-year": {"forecast": 2, "too_late": 0, "had_learned": 0},
            "current": {"forecast": 0, "too_late": 0, "had_learned": 0},
        },
    }


def test_a_corrected_sheet_replaces_what_the_former_one_said(store: Store) -> None:
    say(store)
    corrected = [replace(SHEET[0], label=0), SHEET[1], Outcome("RA-4", 1, {})]
    recorded = say(store, corrected, at=LATER + timedelta(days=1))
    assert (recorded.pupils, recorded.added, recorded.changed, recorded.removed) == (3, 1, 1, 1)
    known = read_year(store, "next-year", 2025)
    assert known is not None
    assert list(known.outcomes.values()) == corrected
    assert (known.first, known.changed) == (LATER, LATER + timedelta(days=1))
    with store.snapshot() as connection:
        assert set(connection.execute(select(outcomes.c.fingerprint)).scalars()) == {sheet_fingerprint(corrected)}
        when = {made.student: made.changed for made in connection.execute(select(outcomes))}
    assert when["RA-2"] < when["RA-1"] == when["RA-4"]


def test_each_change_of_outcomes_is_an_event(store: Store) -> None:
    say(store)
    say(store, reversed(SHEET), at=LATER + timedelta(hours=1))
    say(store, [replace(SHEET[0], label=0), SHEET[1], Outcome("RA-4", 1, {})], at=LATER + timedelta(days=1))
    assert [(event.at, event.details) for event in Events(store).latest(9, kind=OUTCOMES)] == [
        (LATER + timedelta(days=1), {"year": 2025, "pupils": 3, "changed": 1, "removed": 1}),
        (LATER, {"year": 2025, "pupils": 3, "changed": 0, "removed": 0}),
    ]


def test_of_several_answers_the_last_of_each_version_counts(store: Store) -> None:
    store.write([forecast("RA-1", 0.1), forecast("RA-1", 0.2), forecast("RA-1", 0.3, version="2023-b")])
    store.write([forecast("RA-1", 0.4), forecast("RA-2", 0.5, prediction=None)])
    say(store)
    known = read_year(store, "next-year", 2025)
    assert known is not None
    assert [(made.student, made.version, made.probability, made.answers) for made in known.forecasts] == [
        ("RA-1", "2023-b", 0.3, 1),
        ("RA-1", "2023-a", 0.4, 3),
        ("RA-2", "2023-a", 0.5, 1),
    ]
    first = known.forecasts[0]
    assert (first.at, first.year, first.features, first.prediction, first.threshold) == (
        NOON,
        2024,
        {"IAA": 7.5},
        1,
        0.5,
    )
    assert known.forecasts[2].prediction is None


def test_forecasts_of_other_years_tasks_and_nobody_do_not_count(store: Store) -> None:
    store.write(
        [
            forecast("RA-1", year=2023),
            forecast("RA-1", year=2025),
            forecast(None),
            forecast("RA-2", task="current", year=2025),
        ]
    )
    assert say(store).tasks == {"next-year": Eligible(0, 0, 0), "current": Eligible(1, 0, 0)}
    assert [years_of(store, task) for task in ("next-year", "current", "none")] == [[], [2025], []]


def test_a_forecast_after_the_sheet_was_read_never_counts(store: Store) -> None:
    store.write([forecast("RA-1", 0.9)])
    say(store)
    store.write([forecast("RA-1", 0.1, at=LATER), forecast("RA-3", 0.1, at=LATER + timedelta(hours=1))])
    # Not even for a pupil that a corrected sheet brings in later.
    recorded = say(store, [*SHEET, Outcome("RA-5", 1, {})], at=LATER + timedelta(days=30))
    assert recorded.tasks["next-year"] == Eligible(pupils=1, late=2, learned=0)
    known = read_year(store, "next-year", 2025)
    assert known is not None
    assert [(made.student, made.probability) for made in known.forecasts] == [("RA-1", 0.9)]


def test_forecasts_of_a_model_that_knew_the_answers_do_not_count(store: Store) -> None:
    store.write([forecast("RA-1", 0.9), forecast("RA-1", 0.99, version="2025-x"), forecast("RA-2", version="2025-x")])
    recorded = say(store, knew=frozenset({"2025-x"}))
    assert recorded.tasks["next-year"] == Eligible(pupils=1, late=0, learned=2)
    known = read_year(store, "next-year", 2025)
    assert known is not None
    assert [made.version for made in known.forecasts] == ["2023-a"]


def test_a_year_that_was_never_read_is_unknown(store: Store) -> None:
    assert read_year(store, "next-year", 2025) is None


def test_a_large_sheet_may_lose_many_pupils(store: Store) -> None:
    many = [Outcome(f"RA-{i}", i % 2, {}) for i in range(2_500)]
    say(store, many)
    assert say(store, many[:1]).removed == 2_499


def test_a_pupils_outcomes_are_exported_and_erased(store: Store, tmp_path: Path) -> None:
    store.write([forecast("RA-1"), forecast("RA-2"), forecast("RA-8")])
    say(store)
    zone = ZoneInfo("America/Sao_Paulo")
    assert export(store, "RA-1", timezone=zone, now=NOON)["outcomes"] == [
        {"year": 2025, "at_risk": 1, "groups": {"sex": "F", "phase": "3"}, "sheet": sheet_fingerprint(SHEET)}
    ]
    assert (erase(store, "RA-1", Registry(tmp_path)).outcomes, erase(store, "RA-8", Registry(tmp_path)).outcomes) == (
        1,
        0,
    )
    assert export(store, "RA-1", timezone=zone, now=NOON)["outcomes"] == []
    with store.snapshot() as connection:
        assert set(connection.execute(select(outcomes.c.student)).scalars()) == {"RA-2", "RA-3"}
        assert connection.execute(select(outcome_forecasts.c.student)).scalars().all() == ["RA-2"]


def test_purging_takes_old_outcomes_and_notes_of_lost_forecasts(store: Store) -> None:
    store.write([forecast("RA-1"), forecast("RA-2", at=LATER - timedelta(days=1))])
    say(store)
    kept = purge(store, (NOON + timedelta(days=1)).date())
    assert (kept.rows, kept.outcomes) == (1, 0)
    known = read_year(store, "next-year", 2025)
    assert known is not None
    assert (len(known.outcomes), [made.student for made in known.forecasts]) == (3, ["RA-2"])
    gone = purge(store, (LATER + timedelta(days=1)).date())
    assert (gone.rows, gone.outcomes) == (1, 3)
    assert read_year(store, "next-year", 2025) is None
    assert purge(store, (LATER + timedelta(days=1)).date()).outcomes == 0


def test_outcomes_are_backed_up_and_not_replaced_unasked(sqlite_store: Store, sqlite_url: str, tmp_path: Path) -> None:
    say(sqlite_store)
    backup(sqlite_url, tmp_path / "copy.db")
    with pytest.raises(Exception, match="not empty"):
        restore(sqlite_url, tmp_path / "copy.db")
    url = f"sqlite:///{tmp_path / 'other.db'}"
    restore(url, tmp_path / "copy.db")
    with Store.open(url) as other:
        known = read_year(other, "next-year", 2025)
        assert known is not None
        assert list(known.outcomes.values()) == SHEET
