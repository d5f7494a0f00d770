"""A whole sheet's forecasts are stored with their codes, once, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from farol.api.answers.pupils import ExpectedCasesAnswer, ForecastsAnswer
from farol.drift.report import drift_report
from farol.drift.windows import parse_window
from farol.errors import InputError
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.outcomes.estimation import expected_performance
from farol.pupils import forecast
from farol.pupils.forecast import forecast_panel
from farol.store.database import Store
from farol.store.privacy import erase
from farol.store.recount import recount
from farol.store.sampling import sample
from farol.workbook.panel import Panel
from tests.bundles import answering_from
from tests.played import THEN, promoted
from tests.postgresql import postgresql_server, postgresql_url, store, url

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forecasting") / "artifacts"


@pytest.fixture(scope="module")
def scorer(artifacts: Path) -> Scorer:
    return promoted(artifacts)


@pytest.fixture
def few(panel: Panel) -> Panel:
    """Five pupils of 2023."""
    chosen = np.zeros(panel.year.size, dtype=np.bool_)
    chosen[np.flatnonzero(panel.year == 2023)[:5]] = True
    return panel.select(chosen)


def test_every_pupil_of_the_year_is_stored_as_scoring_answers(
    store: Store, scorer: Scorer, panel: Panel, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "GROUP", 400)
    forecasts = forecast_panel(scorer, panel, store, year=2023, at=THEN)
    pupils = panel.select(panel.year == 2023)
    assert pupils.year.size > 2 * forecast.GROUP
    assert [row.student for row in forecasts.rows] == list(pupils.student)
    assert (forecasts.stored, forecasts.unusable, store.total()) == (pupils.year.size, 0, pupils.year.size)
    position = 7
    values = {name: column[position] for name, column in pupils.numbers.items() if name in scorer.bundle.inputs.columns}
    answer = scorer.score_one({name: None if np.isnan(value) else float(value) for name, value in values.items()}, 2023)
    row = forecasts.rows[position]
    assert (row.probability, row.prediction) == (answer.probability, answer.prediction)
    assert row.counted is not None
    assert {"source=command", f"phase={values['phase']:g}"} <= set(row.counted.slices)
    assert (row.source, row.year, row.at, row.task) == ("command", 2023, THEN, "next-year")
    # Counted as they would be counted anew from the rows.
    proven = recount(store, Registry(artifacts))
    assert (proven.rows, proven.differences) == (pupils.year.size, ())


def test_the_same_sheet_and_model_store_nothing_again(store: Store, scorer: Scorer, few: Panel) -> None:
    first = forecast_panel(scorer, few, store, at=THEN)
    again = forecast_panel(scorer, few, store, at=THEN + timedelta(days=3))
    assert (first.stored, again.stored, store.total()) == (5, 0, 5)
    assert [row.id for row in again.rows] == [row.id for row in first.rows]
    assert ForecastsAnswer.of(again).model_dump() == {
        "task": "next-year",
        "model_version": scorer.bundle.version,
        "year": 2023,
        "pupils": 5,
        "stored": 0,
        "already_stored": 5,
        "at_risk": sum(row.prediction == 1 for row in first.rows),
        "expected": ExpectedCasesAnswer.of(first.expected).model_dump(),
        "unanswered": 0,
        "unusable_codes": 0,
    }


def test_the_sheet_of_training_counts_apart_from_what_came_later(
    store: Store, scorer: Scorer, panel: Panel, artifacts: Path
) -> None:
    """Training knew these pupils: they are no drift. How good their forecast is, nobody knows yet."""
    known = replace(panel, fingerprint=scorer.bundle.manifest.data_fingerprint)
    forecasts = forecast_panel(scorer, known, store, year=2023, at=THEN)
    n, window = forecasts.stored, parse_window("30d", now=THEN)
    assert {row.source for row in store.stream()} == {"training-sheet"}
    assert drift_report(store, scorer.bundle, window).n == 0
    assert drift_report(store, scorer.bundle, window, part="source=training-sheet").n == n
    assert store.slices("next-year", scorer.bundle.version, THEN.date(), THEN.date()) == {"source=training-sheet": n}
    assert expected_performance(store, scorer.bundle, window).n == n - forecasts.unanswered
    drawn = sample(store, "next-year", scorer.bundle.version, None, THEN.date())
    assert (drawn.rows, len(store.latest(n + 1))) == ((), n)
    assert recount(store, Registry(artifacts)).differences == ()
    assert forecast_panel(scorer, known, store, year=2023, at=THEN).stored == 0
    assert erase(store, str(known.student[known.year == 2023][0]), Registry(artifacts)).rows == 1
    assert recount(store, Registry(artifacts)).differences == ()


def test_a_corrected_pupil_gets_another_forecast(store: Store, scorer: Scorer, few: Panel) -> None:
    forecast_panel(scorer, few, store, at=THEN)
    values = few.numbers["IDA"].copy()
    values[2] = 1.5
    corrected = replace(few, numbers={**few.numbers, "IDA": values})
    assert forecast_panel(scorer, corrected, store, at=THEN).stored == 1
    assert forecast_panel(scorer, corrected, store, at=THEN).stored == 0
    back = forecast_panel(scorer, few, store, at=THEN)
    assert (back.stored, store.total()) == (1, 7)
    rows = [row for row in store.stream() if row.student == few.student[2]]
    assert [row.features["IDA"] == 1.5 for row in rows] == [False, True, False]


def test_another_version_stores_its_own(store: Store, few: Panel, tmp_path: Path) -> None:
    for seed, total in ((0, 5), (1, 10)):
        assert forecast_panel(promoted(tmp_path, seed=seed), few, store, at=THEN).stored == 5
        assert store.total() == total


def test_who_was_first_wins_when_two_store_at_once(
    store: Store, scorer: Scorer, few: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = forecast_panel(scorer, few, store, at=THEN)
    # A process that looked before the other one wrote: it sees nobody.
    monkeypatch.setattr("farol.pupils.forecast._last", lambda _store, _rows: {})
    second = forecast_panel(scorer, few, store, at=THEN)
    assert (second.stored, store.total()) == (0, 5)
    assert [row.id for row in second.rows] == [row.id for row in first.rows]


def test_no_answer_is_stored_and_unusable_codes_are_counted(store: Store, scorer: Scorer, few: Panel) -> None:
    bundle = answering_from(scorer.bundle, 99)
    forecasts = forecast_panel(Scorer(bundle), few, store, at=THEN)
    assert (forecasts.unanswered, forecasts.stored) == (5, 5)
    assert {(row.prediction, row.probability) for row in store.stream()} == {(None, None)}


def test_a_year_that_the_workbook_lacks_is_an_error(store: Store, scorer: Scorer, panel: Panel) -> None:
    with pytest.raises(InputError, match="2031") as caught:
        forecast_panel(scorer, panel, store, year=2031, at=THEN)
    assert "2022, 2023, 2024" in str(caught.value)
    assert store.total() == 0
