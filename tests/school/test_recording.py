"""Every year of a workbook and the answers for its last are kept for the pages, in place of those there were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import RowMapping, Table, select

from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.pupils.forecast import Forecasts, forecast_panel
from farol.school.recording import record_answers, record_years
from farol.store.database import Store
from farol.store.tables import pupil_answers, pupil_years
from farol.workbook.panel import Panel, read_panel
from tests.played import THEN, promoted
from tests.postgresql import postgresql_server, postgresql_url

__all__ = ["postgresql_server", "postgresql_url"]


@pytest.fixture(scope="module")
def panel(sample_workbook: Path) -> Panel:
    return read_panel(sample_workbook, load_profile("pede"))


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return promoted(tmp_path_factory.mktemp("recording") / "artifacts")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sqlite = f"sqlite:///{tmp_path / 'farol.db'}"
    with Store.open(sqlite if request.param == "sqlite" else request.getfixturevalue("postgresql_url")) as opened:
        yield opened


def rows_of(store: Store, table: Table) -> list[RowMapping]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(table)).mappings())


def test_every_pupil_of_every_year_is_kept_once(store: Store, panel: Panel) -> None:
    kept = record_years(store, panel)
    assert record_years(store, panel) == kept == len(rows_of(store, pupil_years)) == len(panel.year)
    row = next(row for row in rows_of(store, pupil_years) if row["student"] == panel.student[-1])
    values = json.loads(row["values"])
    assert values["IAA"] == panel.numbers["IAA"][panel.student == row["student"]][-1]
    assert row["label"] in (0, 1)


def test_each_answer_names_the_log_and_its_reasons(store: Store, panel: Panel, scorer: Scorer) -> None:
    forecasts: Forecasts = forecast_panel(scorer, panel, store, at=THEN)
    assert record_answers(store, scorer, panel, forecasts) == len(forecasts.rows)
    assert record_answers(store, scorer, panel, forecasts) == len(rows_of(store, pupil_answers))
    logged = {row.id: row for row in store.latest(10_000)}
    for row in rows_of(store, pupil_answers):
        assert logged[row["prediction"]].probability == row["probability"]
        assert logged[row["prediction"]].student == row["student"]
        if row["probability"] is not None:
            assert 0 < len(json.loads(row["reasons"])) <= 5
