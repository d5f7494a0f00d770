"""A pupil's record, the others beside it, and what if."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from farol.errors import InputError
from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.school.pupil import FEWEST_PEERS, PupilYear, quartiles, read_pupil, scenario
from farol.school.recording import record_years
from farol.settings import Settings
from farol.store.database import Store
from farol.store.tables import pupil_names, pupil_years
from farol.workbook.panel import read_panel
from tests.played import play, promoted
from tests.school.invented import YEAR, answer, fill
from tests.web.site import settings_in


def year_of(**values: float) -> PupilYear:
    return PupilYear(2024, "3A", 3.0, None, values)


def test_a_record_has_years_answers_and_a_name_if_asked(store: Store) -> None:
    fill(store, [answer("RA-1", at_risk_now=1), answer("RA-2", probability=None, expected_low=None)])
    with store.exclusive() as connection:
        connection.execute(pupil_names.insert(), [{"student": "RA-1", "name": "Ana", "folded": "ana"}])
    record = read_pupil(store, "RA-1", with_name=True)
    assert record is not None
    assert (record.name, record.group, record.present.label) == ("Ana", "3A", True)
    assert record.answer("next-year") == record.answers[-1]
    assert record.answers[-1].expected == (0.4, 0.6)
    assert record.answer("current") is None
    other = read_pupil(store, "RA-2", with_name=False)
    assert other is not None
    assert (other.name, other.answers[0].probability, other.answers[0].expected) == (None, None, None)
    assert read_pupil(store, "RA-9", with_name=True) is None


def test_past_forecasts_stand_beside_what_came(tmp_path: Path, sample_workbook: Path) -> None:
    settings: Settings = settings_in(tmp_path)
    play(settings, sample_workbook)
    panel = read_panel(sample_workbook, load_profile("pede"))
    both = set(panel.student[panel.year == 2023]) & set(panel.student[panel.year == 2024])
    with Store.open(settings.store_url) as opened:
        record_years(opened, panel)
        for student in sorted(both)[:20]:
            record = read_pupil(opened, student, with_name=False)
            assert record is not None
            (past,) = record.past
            label = panel.label[(panel.student == student) & (panel.year == 2024)][0]
            assert (past.task, past.year, past.came) == ("next-year", 2024, bool(label))
            assert [year.year for year in record.years][-2:] == [2023, 2024]


def test_the_middle_half_is_that_of_the_level_and_the_seen(store: Store) -> None:
    rows = [answer(f"RA-{i}", **{"class": "3A" if i % 2 else "3B"}) for i in range(12)]
    fill(store, [*rows, answer("RA-99", level=4.0), answer("RA-98", level=None)])
    with store.exclusive() as connection:
        for i in range(12):
            ours = pupil_years.update().where(pupil_years.c.student == f"RA-{i}")
            connection.execute(ours.values(values=json.dumps({"IDA": float(i), "stone": "agate"})))
    whole = quartiles(store, year_of(), ["IDA", "IEG", "stone"], None)
    assert set(whole) == {"IDA"}
    assert (whole["IDA"].n, whole["IDA"].low, whole["IDA"].median, whole["IDA"].high) == (12, 2.75, 5.5, 8.25)
    mine = quartiles(store, year_of(), ["IDA"], frozenset({"3A"}))["IDA"]
    assert (mine.n, mine.median) == (6, float(np.median([1, 3, 5, 7, 9, 11])))
    assert quartiles(store, year_of(), ["IDA"], frozenset()) == {}
    assert quartiles(store, PupilYear(YEAR, None, None, None, {}), ["IDA"], None) == {}
    assert FEWEST_PEERS > 1


def test_other_grades_give_another_answer_of_the_same_model(tmp_path: Path) -> None:
    scorer: Scorer = promoted(tmp_path / "artifacts")
    known = {"IAA": 8.0, "IDA": 8.0, "IEG": 8.0, "IPS": 7.0, "IPV": 7.0, "MATEMATICA": 8.0, "PORTUGUES": 8.0}
    before, after = scenario(scorer, year_of(**known, unknown=1.0), {"IDA": 1.0, "IEG": 1.0, "IAA": 1.0})
    assert before.probability == scorer.score_one(known, 2024).probability
    assert after.probability == scorer.score_one({**known, "IDA": 1.0, "IEG": 1.0, "IAA": 1.0}, 2024).probability
    assert after.probability != before.probability
    with pytest.raises(InputError):
        scenario(scorer, year_of(), {})
