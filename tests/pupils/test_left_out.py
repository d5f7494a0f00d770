"""Whom a question does not count, by the conditions of its task: left out of lists and forecasts, and said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from farol.errors import InputError
from farol.evaluation.capacity import Capacity
from farol.model.bundle import read_bundle, write_bundle
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.outcomes.matching import record_panel
from farol.profile import load_profile
from farol.pupils.explain import explain_pupil
from farol.pupils.forecast import forecast_panel
from farol.pupils.ranking import pupil_list
from farol.store.database import Store
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel
from tests.schools import TERMS, write_terms

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    return read_panel(write_terms(tmp_path_factory.mktemp("college"), students=300), load_profile(TERMS))


@pytest.fixture(scope="module")
def scorer(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(read_bundle(write_bundle(tmp_path_factory.mktemp("artifacts"), train(panel, "result", quick=True))))


def enrolled(panel: Panel) -> int:
    return int(np.count_nonzero(panel.of_year().categories["result"] == "enrolled"))


def test_a_list_leaves_out_whom_the_question_does_not_count(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, Capacity(20, None), reasons=3)
    assert ranked.left_out == enrolled(panel)
    assert ranked.group.n == 300 - enrolled(panel)
    notes = [note.render("en") for note in ranked.notes()]
    assert f"Pupils whom this question leaves out by the profile's rule: {enrolled(panel)}." in notes


def test_a_forecast_leaves_them_out_too_and_keeps_words(scorer: Scorer, panel: Panel, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        forecasts = forecast_panel(scorer, panel, store, at=AT)
        assert (forecasts.left_out, len(forecasts.rows)) == (enrolled(panel), 300 - enrolled(panel))
        assert {row.features["sex"] for row in forecasts.rows} == {"F", "M"}
        again = forecast_panel(scorer, panel, store, at=AT)
        assert again.stored == 0


def test_an_explanation_says_that_the_question_does_not_count(scorer: Scorer, panel: Panel) -> None:
    last = panel.of_year()
    counted = last.counts(scorer.bundle.task_spec)
    said = [
        "leaves the pupil out" in " ".join(explain_pupil(scorer, panel, str(last.student[row])).lines("en"))
        for row in (np.flatnonzero(counted)[0], np.flatnonzero(~counted)[0])
    ]
    assert said == [False, True]


def test_without_codes_outcomes_are_refused(panel: Panel, tmp_path: Path) -> None:
    columns = {
        name: replace(column, kind="ignored") if column.kind == "identifier" else column
        for name, column in panel.profile.columns.items()
    }
    rows = replace(panel, profile=replace(panel.profile, columns=columns))
    with (
        Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store,
        pytest.raises(InputError, match="cannot be matched"),
    ):
        record_panel(store, Registry(tmp_path), rows, at=AT)
