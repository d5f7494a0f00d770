"""No pupil teaches a model that then answers for the same pupil."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.training import models
from farol.training.plan import FOLDS
from farol.training.rows import LabelledRows, folds
from farol.training.train import train
from farol.workbook.panel import Panel


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 5))
def test_a_pupil_is_never_on_both_sides_of_a_fold(pupils: list[int], seed: int) -> None:
    students = np.array([f"s{pupil}" for pupil in pupils], dtype=np.object_)
    held = np.array(list(folds(students, seed)))
    assert held.shape == (FOLDS, len(pupils))
    assert (held.sum(axis=0) == 1).all()
    for fold in held:
        assert not set(students[fold]) & set(students[~fold])


def test_nor_do_they_when_a_task_is_trained(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[set[str]] = []
    fit = models.fit_served

    def watched(task: object, rows: LabelledRows, **options: object) -> object:
        taught.append(set(rows.student.tolist()))
        return fit(task, rows, **options)  # type: ignore[arg-type] # whatever it was called with

    monkeypatch.setattr(models, "fit_served", watched)
    train(panel, "current", quick=True)
    everybody = set.union(*taught[:FOLDS])
    out_of_fold = taught[:FOLDS]
    held = [everybody - known for known in out_of_fold]
    assert sum(len(part) for part in held) == len(everybody)
    counts = np.unique(panel.student[panel.year < 2024].astype(np.str_), return_counts=True)[1]
    assert counts.max() > 1  # there are pupils of two years, so there was something to get wrong
