"""The references are what they say."""

from __future__ import annotations

import numpy as np

from farol.training import references
from farol.training.audit import best_rule

from .making import noisy, rows, task


def test_references_by_hand() -> None:
    train = rows(np.zeros((4, 2)), np.array([1.0, 0, 1, 1]), column=np.array([-1.0, 0, 0, np.nan]))
    test = rows(
        np.zeros((4, 2)),
        np.zeros(4),
        now=np.array([1.0, 0, np.nan, 0]),
        column=np.array([-1.0, 0, 7, np.nan]),
    )
    assert references.stays_as_it_is(train, test).probability.tolist() == [1, 0, 0.75, 0]
    assert references.rate_table("lag", train, test).probability.tolist() == [1, 0.5, 0.75, 0.75]


def test_one_rule_answers_by_its_split_and_by_the_share_where_it_knows_nothing() -> None:
    matrix = np.repeat([[2.5, 0.0], [10.0, 0.0]], 20, axis=0)
    label = np.repeat([1.0, 0.0], 20)
    rule = best_rule("a", matrix[:, 0], label)
    assert rule is not None
    asked = rows(np.array([[2.5, 0], [10, 0], [np.nan, 0]]), np.zeros(3))
    assert references.single_rule(task(), rule, rows(matrix, label), asked).probability.tolist() == [1, 0, 0.5]


def test_reference_models_learn_with_gaps_and_empty_columns() -> None:
    matrix, label = noisy(300, k=3)
    matrix[:, 2] = np.nan
    matrix[::5, 1] = np.nan
    asked, truth = noisy(300, k=3, seed=1)
    spec = task(("a", "b", "c"))
    for reference in (
        references.logistic_regression(spec, rows(matrix, label), rows(asked, truth)),
        references.random_forest(spec, rows(matrix, label), rows(asked, truth), seed=0),
    ):
        assert ((reference.probability > 0.5) == truth).mean() > 0.75
