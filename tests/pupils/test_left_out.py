"""Pupils whom a task's conditions exclude are left out of lists and forecasts, and the output says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from farol.errors import InputError
from farol.evaluation.capacity import Capacity
from farol.model.bundle import read_bundle, write_bundle
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.outcomes.matching import record_panel
from farol.pupils.explain import explain_pupil
from farol.pupils.forecast import forecast_panel
from farol.pupils.ranking import pupil_list
from farol.store.database import Store
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel
from tests.schools import terms_asked_of_some, write_terms

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    return read_panel(write_terms(tmp_path_factory.mktemp("college"), students=300), terms_asked_of_some())


@pytest.fixture(scope="module")
def scorer(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(read_bundle(write_bundle(tmp_path_factory.mktemp("artifacts"), train(panel, "result", quick=True))))


def of_the_question(panel: Panel) -> NDArray[np.bool_]:
    """Which pupils of the last term the question is asked of; whether they are enrolled does not matter."""
    last = panel.of_year()
    regions = [region is not None and region != "South" for region in last.categories["region"]]
    return np.array(regions, dtype=np.bool_) & (last.numbers["attempts"] < 2)


def test_a_list_leaves_out_pupils_the_question_excludes(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, Capacity(20, None), reasons=3)
    others = int(np.count_nonzero(~of_the_question(panel)))
    assert (ranked.left_out, ranked.group.n) == (others, 300 - others)
    notes = [note.render("en") for note in ranked.notes()]
    assert f"Pupils whom this question leaves out by the profile's rule: {others}." in notes


def test_a_forecast_leaves_them_out_too_and_keeps_words(scorer: Scorer, panel: Panel, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        forecasts = forecast_panel(scorer, panel, store, at=AT)
        others = int(np.count_nonzero(~of_the_question(panel)))
        assert (forecasts.left_out, len(forecasts.rows)) == (others, 300 - others)
        assert {row.features["sex"] for row in forecasts.rows} == {"F", "M"}
        assert {row.features["region"] for row in forecasts.rows} == {"North", "3"}
        again = forecast_panel(scorer, panel, store, at=AT)
        assert again.stored == 0


def test_who_has_no_result_yet_is_asked_about(scorer: Scorer, panel: Panel) -> None:
    none = np.full(len(panel.year), None, dtype=np.object_)
    present = replace(panel, categories={**panel.categories, "result": none})
    assert not present.counts(scorer.bundle.task_spec).any()
    assert present.asked(scorer.bundle.task_spec)[panel.year == 4].tolist() == of_the_question(panel).tolist()
    assert pupil_list(scorer, present, Capacity(20, None)).group.n == np.count_nonzero(of_the_question(panel))


def test_an_explanation_of_another_pupil_has_no_figure(scorer: Scorer, panel: Panel) -> None:
    last, asked = panel.of_year(), of_the_question(panel)
    inside, outside = (
        explain_pupil(scorer, panel, str(last.student[np.flatnonzero(rows)[0]]), year=4) for rows in (asked, ~asked)
    )
    assert (inside.answer.asked, outside.answer.asked) == (True, False)
    assert (outside.answer.probability, outside.answer.prediction, outside.reasons) == (None, None, ())
    text = "\n".join(outside.lines("en"))
    assert "by the profile's rule this question is not asked of this pupil" in text
    assert "%" not in text
    assert outside.answer.label.en == "No answer: this question is not asked of this pupil"


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
