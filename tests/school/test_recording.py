"""Every year of a workbook and the answers for its last are kept for the pages, in place of those there were."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sqlalchemy import RowMapping, Table, select

from farol.model.reasons import explain_rows
from farol.model.scoring import Scorer
from farol.pupils.forecast import Forecasts, forecast_panel
from farol.school.recording import REASONS, latest_answers, record_answers, record_years, stored_reasons
from farol.store.database import Store
from farol.store.pupils import revision
from farol.store.tables import pupil_answers, pupil_years
from farol.workbook.panel import Panel
from tests.played import THEN, promoted
from tests.postgresql import postgresql_server, postgresql_url, store, url

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return promoted(tmp_path_factory.mktemp("recording") / "artifacts")


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
            assert 0 < len(json.loads(row["reasons"])) <= REASONS


def test_a_stored_reason_reads_as_it_was_given(store: Store, panel: Panel, scorer: Scorer) -> None:
    record_answers(store, scorer, panel, forecast_panel(scorer, panel, store, at=THEN))
    last, task = panel.of_year(), scorer.bundle.task_spec
    columns = {name: last.columns[name] for name in scorer.bundle.inputs.columns}
    explained = explain_rows(scorer, columns, last.year.astype(np.float64), REASONS, raising_first=True)
    for row in rows_of(store, pupil_answers):
        given = explained.reasons(last.student.tolist().index(row["student"]))
        kept = stored_reasons(row["reasons"], panel.profile, task.changeable)
        assert [reason.text("pt_BR") for reason in kept] == [reason.text("pt_BR") for reason in given]
        raising = [reason.feature for reason in kept if reason.direction == "raises"]
        assert row["raising"] == f",{','.join(raising)}," if raising else row["raising"] == ","
        assert [reason.feature for reason in kept][: len(raising)] == raising, "what raises the risk comes first"


def test_a_reason_of_a_former_profile_is_left_out(panel: Panel) -> None:
    stored = json.dumps([{"feature": "gone", "contribution": 1.0, "value": 2.0}])
    assert stored_reasons(stored, panel.profile, ()) == ()


def test_every_recording_is_a_new_revision(store: Store, panel: Panel, scorer: Scorer) -> None:
    def now() -> str:
        with store.snapshot() as connection:
            return revision(connection)

    seen = [now()]
    record_years(store, panel, at=THEN)
    seen.append(now())
    record_answers(store, scorer, panel, forecast_panel(scorer, panel, store, at=THEN))
    seen.append(now())
    assert len(set(seen)) == 3


def test_the_last_year_of_answers_is_returned(store: Store, panel: Panel, scorer: Scorer) -> None:
    assert latest_answers(store) is None
    forecasts = forecast_panel(scorer, panel, store, year=2023, at=THEN)
    record_answers(store, scorer, panel, forecasts)
    assert latest_answers(store) == (2023, len(forecasts.rows))
