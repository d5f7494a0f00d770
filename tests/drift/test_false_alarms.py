"""The promise: without drift, at most one check in a hundred raises any alarm; and what is there is found.

The whole way at a small scale: references drawn from a population, bins frozen anew, everything tested together.
`benchmarks/false_alarms.py` does it with the pupils of a workbook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from farol.drift.report import DriftReport, check
from farol.drift.windows import Window
from farol.model.bundle import Bundle, read_bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE
from farol.model.features import Floats
from farol.model.reference import ANSWERS, SCORE_BINS, Reference, score_index
from farol.model.scoring import Scorer
from tests.bundles import invented_columns, make_bundle

ALL = Window("all", None, date(2024, 6, 30))
ROWS, REFERENCE = 3_000, 600


@dataclass(frozen=True, eq=False)
class Population:
    bundle: Bundle
    matrix: Floats
    probability: Floats


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    bundle = read_bundle(make_bundle(tmp_path_factory.mktemp("promise")))
    columns = invented_columns(bundle.profile, bundle.task_spec, n=ROWS, seed=77)
    scores = Scorer(bundle).score(columns, np.full(ROWS, 2024.0))
    return Population(bundle, scores.features, scores.probability)


def counts(bins: NDArray[np.int64], size: int) -> dict[int, int]:
    return dict(enumerate(np.bincount(bins, minlength=size).tolist()))


Change = Callable[[Floats, np.random.Generator], None]


def checked(of: Population, rng: np.random.Generator, n: int, change: Change | None = None) -> DriftReport:
    drawn, rows = rng.integers(0, ROWS, REFERENCE), rng.integers(0, ROWS, n)
    reference = Reference.fit(of.matrix[drawn], of.bundle.task_spec.features, probability=of.probability[drawn])
    bundle = replace(of.bundle, reference=reference)
    matrix, probability = of.matrix[rows], of.probability[rows]
    if change is not None:
        change(matrix, rng)
    bins = reference.index(matrix)
    counted = {each.feature: counts(bins[:, i], each.size) for i, each in enumerate(reference.features)}
    counted[SCORE] = counts(score_index(probability), SCORE_BINS + 1)
    counted[PREDICTION] = counts((probability >= 0.5).astype(np.int64), ANSWERS)
    counted[OUTSIDE] = dict(enumerate(reference.outside(matrix).sum(axis=0).tolist()))
    return check(bundle, counted, window=ALL)


def test_without_drift_one_check_in_a_hundred_at_most_has_alarms(population: Population) -> None:
    rng = np.random.default_rng(5)
    raised = {n: sum(checked(population, rng, n).alarm for _ in range(120)) for n in (10, 30, 60, 150, 1_000)}
    assert raised[10] == 0
    # Were it one in a hundred, more than this would come once in a thousand such tests.
    assert sum(raised.values()) <= stats.binom.isf(0.001, 480, 0.01)


def test_half_a_standard_deviation_is_found_at_200_rows(population: Population) -> None:
    position = population.bundle.task_spec.features.index("IDA")
    shift = 0.5 * float(np.nanstd(population.matrix[:, position]))

    def lower(matrix: Floats, _rng: np.random.Generator) -> None:
        matrix[:, position] = np.maximum(matrix[:, position] - shift, 0)

    rng = np.random.default_rng(6)
    result = [checked(population, rng, 200, lower).features[position] for _ in range(40)]
    assert np.mean([each.alarm for each in result]) >= 0.9


def test_fifteen_in_a_hundred_gone_missing_are_found_at_100_rows(population: Population) -> None:
    position = population.bundle.task_spec.features.index("IDA")
    matrix = population.matrix.copy()
    matrix[:, position] = np.where(np.isnan(matrix[:, position]), 5.0, matrix[:, position])

    def lose(rows: Floats, rng: np.random.Generator) -> None:
        rows[rng.random(rows.shape[0]) < 0.15, position] = np.nan

    rng = np.random.default_rng(7)
    whole = replace(population, matrix=matrix)
    result = [checked(whole, rng, 100, lose).features[position] for _ in range(40)]
    assert np.mean(["missing" in each.alarms for each in result]) >= 0.9
