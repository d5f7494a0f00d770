"""Bundles whose reference is the sample's panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from farol.model.bundle import Bundle, read_bundle, write_bundle
from farol.model.features import feature_matrix
from farol.model.reference import Reference
from farol.model.scoring import Scorer
from farol.workbook.panel import Panel
from tests.bundles import trained_model


@pytest.fixture(scope="session")
def bundle_of(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """A small model of a task whose reference is the last year of the sample."""
    folder = tmp_path_factory.mktemp("artifacts")

    def make(task: str) -> Bundle:
        trained = trained_model(task)
        rows = panel.select(panel.year == panel.years[-1])
        profile = panel.profile
        matrix = feature_matrix(profile, profile.tasks[task], rows.numbers, rows.year.astype(np.float64))
        # The model learned from invented pupils, so that it has seen none of these.
        scorer = Scorer(read_bundle(write_bundle(folder / "first", trained)))
        answers = scorer.score(rows.numbers, rows.year.astype(np.float64))
        reference = Reference.fit(
            matrix,
            trained.features,
            probability=answers.probability,
            threshold=trained.threshold,
            level=rows.numbers["phase"],
        ).to_json()
        return read_bundle(write_bundle(folder, replace(trained, files={**trained.files, "reference.json": reference})))

    return make


@pytest.fixture
def bundle(bundle_of: Callable[[str], Bundle]) -> Bundle:
    return bundle_of("current")
