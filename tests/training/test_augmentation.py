"""Rows repeated over the rules that next year may bring: every pupil counts once, and labels are shares of rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.selection import across_rules, better, out_of_fold_repeated

from farol.model.features import feature_matrix
from farol.profile import Profile
from farol.training.augmentation import Repetitions, repetitions_of
from farol.training.plan import make_plan
from farol.training.rows import rows_of
from farol.workbook.panel import Panel

from .making import PEDE, Floats, rows

NAN = float("nan")
TASK = PEDE.tasks["next-year"]
STAYS, PROMOTED = (TASK.features.index(name) for name in ("p_pass", "p_pass_if_promoted"))


def school(profile: Profile = PEDE, **columns: list[float]) -> Panel:
    """A panel of pupils seen in 2023 and 2024, given by their columns of 2023 and their level of 2024."""
    reached = np.array(columns.pop("reached"))
    n = reached.size
    missing = np.full(2 * n, NAN)
    numbers = {name: missing for name, column in profile.columns.items() if column.kind == "number"}
    numbers |= {name: np.array([*values, *[NAN] * n]) for name, values in columns.items()}
    numbers["phase"] = np.concatenate((numbers["phase"][:n], reached))
    return Panel(
        profile=profile,
        student=np.array([f"s{i}" for i in range(n)] * 2, dtype=np.object_),
        year=np.repeat(np.array([2023, 2024]), n),
        numbers=numbers,
        dates={},
        categories={},
        label=missing,
        next_label=np.concatenate((np.ones(n), np.full(n, NAN))),
        findings=(),
        fingerprint="",
    )


def repeated(panel: Panel, known: int = 2023) -> tuple[Repetitions, Floats]:
    """How the rows of 2023 are repeated, and their features."""
    repetitions = repetitions_of(panel, TASK, known)
    assert repetitions is not None
    first = panel.year == 2023
    year = panel.year.astype(np.float64)
    return repetitions.select(first), feature_matrix(panel.profile, TASK, panel.numbers, year, known)[first]


def test_a_known_month_is_one_row_and_one_without_birthday() -> None:
    repetitions, matrix = repeated(school(phase=[0.0], birth_year=[2016.0], birth_month=[6.0], reached=[0.0]))
    taught = repetitions.taught(matrix, np.ones(1))
    # Seven months of twelve at the age of 8, which one of the two tables puts in phase 1: behind in 7 of 24 rules.
    np.testing.assert_allclose(taught.label, [7 / 24, 7 / 24])
    assert taught.weight is not None
    np.testing.assert_allclose(np.sort(taught.weight), [1 / 13, 12 / 13])
    unknown = np.isnan(taught.matrix[:, STAYS])
    assert unknown.tolist() == np.isclose(taught.weight, 1 / 13).tolist()
    assert taught.matrix[~unknown, STAYS] == pytest.approx(7 / 24)


def test_a_known_year_is_repeated_for_months_that_differ() -> None:
    repetitions, matrix = repeated(school(phase=[0.0], birth_year=[2016.0], reached=[0.0]))
    taught = repetitions.taught(matrix, np.zeros(1))
    assert taught.weight is not None
    known = ~np.isnan(taught.matrix[:, STAYS])
    had = (12 - np.arange(12)) / 12
    np.testing.assert_allclose(np.sort(taught.matrix[known, STAYS]), np.sort(had / 2))
    np.testing.assert_allclose(taught.matrix[known, STAYS], taught.label[known])  # who stays behind is behind by rule
    np.testing.assert_allclose(taught.weight[known], np.full(12, 1 / 13))


def test_the_label_follows_the_level_a_pupil_reached() -> None:
    panel = school(phase=[0.0, 0.0], birth_year=[2014.0] * 2, birth_month=[6.0] * 2, reached=[0.0, 1.0])
    repetitions, matrix = repeated(panel)
    # Ten from June on, nine before: above ALFA always, above phase 1 in seven months of twelve.
    np.testing.assert_allclose(repetitions.labels(np.zeros(2)), np.repeat([[1.0], [7 / 12]], 12, axis=1))
    assert matrix[0].tolist()[STAYS] == matrix[1].tolist()[STAYS] == 1


def test_each_pupil_counts_once_however_often_repeated(panel: Panel) -> None:
    plan = make_plan(TASK, panel.years)
    matrix = feature_matrix(panel.profile, TASK, panel.numbers, panel.year.astype(np.float64), 2023)
    chosen = rows_of(panel, plan, matrix, plan.train, repetitions_of(panel, TASK, 2023))
    taught = chosen.taught()
    assert taught.weight is not None
    assert taught.weight.sum() == pytest.approx(chosen.label.size)
    assert chosen.label.size < taught.label.size < 14 * chosen.label.size
    assert ((taught.label >= 0) & (taught.label <= 1)).all()
    half = chosen.select(np.arange(chosen.label.size) % 2 == 0).taught()
    assert half.weight is not None
    assert half.weight.sum() == pytest.approx((chosen.label.size + 1) // 2)


def test_unknown_birthdays_keep_the_label_of_the_year() -> None:
    panel = school(phase=[2.0, 2.0, 2.0], birth_year=[NAN, 2012.0, NAN], reached=[2.0, NAN, 2.0], age=[NAN, NAN, 10.0])
    repetitions, matrix = repeated(panel)
    labels = repetitions.labels(np.array([1.0, 0.0, 0.0]))
    assert (labels[0].min(), labels[1].max()) == (1, 0)
    assert 0 < labels[2].mean() < 1
    assert repetitions.labels_by_rule(np.array([1.0, 0.0, 0.0]))[:, 0].min() == 1
    unknown = repetitions.select(np.array([True, False, False])).taught(matrix[:1], np.ones(1))
    assert unknown.weight is not None
    assert (unknown.label.tolist(), unknown.weight.tolist()) == ([1.0], [1.0])


def test_a_row_may_be_repeated_without_forgetting_the_birthday() -> None:
    repetitions, matrix = repeated(school(phase=[0.0], birth_year=[2016.0], birth_month=[6.0], reached=[0.0]))
    taught = replace(repetitions, forgets=False).taught(matrix, np.ones(1))
    assert taught.weight is not None
    assert (taught.matrix.shape[0], taught.weight.tolist()) == (1, [1.0])


def test_labels_are_the_mean_of_the_labels_by_rule() -> None:
    panel = school(phase=[0.0, 1.0, 3.0], birth_year=[2015.0, 2014.0, 2011.0], reached=[1.0, 1.0, 4.0])
    repetitions, _ = repeated(panel)
    by_rule = repetitions.labels_by_rule(np.zeros(3))
    assert by_rule.shape == (24, 3, 12)
    assert set(np.unique(by_rule).tolist()) <= {0.0, 1.0}
    np.testing.assert_allclose(by_rule.mean(axis=0), repetitions.labels(np.zeros(3)))


def test_without_a_rule_or_a_chance_nothing_is_repeated() -> None:
    panel = school(phase=[0.0], reached=[0.0])
    assert repetitions_of(panel, PEDE.tasks["current"], 2023) is None
    assert repetitions_of(panel, replace(TASK, features=("IAA", "age")), 2023) is None
    assert repetitions_of(replace(panel, profile=replace(PEDE, rule=None)), TASK, 2023) is None
    plain = rows(np.zeros((3, 1)), np.ones(3)).taught()
    assert plain.weight is None
    assert plain.label.tolist() == [1, 1, 1]


# ── The criterion ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_right_shares_beat_one_years_answers_across_rules() -> None:
    generator = np.random.default_rng(0)
    n = 60
    born = generator.integers(2010, 2017, n).astype(np.float64)
    panel = school(
        phase=[1.0] * n, birth_year=born.tolist(), reached=generator.integers(1, 3, n).astype(float).tolist()
    )
    repetitions, matrix = repeated(panel)
    some = replace(rows(matrix, np.zeros(n)), now=np.zeros(n), repetitions=repetitions)
    shares = across_rules(repetitions.labels(some.label), some, repetitions)
    one_rule = repetitions.labels_by_rule(some.label)[0]
    fixed = across_rules(one_rule, some, repetitions)
    assert (shares.log_loss, shares.brier) < (fixed.log_loss, fixed.brier)
    assert shares.worst_log_loss >= shares.log_loss == pytest.approx(shares.losses.mean())
    assert shares.roc_auc == shares.onset_roc_auc > 0.9
    gain, error = better(shares, fixed)
    assert gain == pytest.approx(fixed.log_loss - shares.log_loss)
    assert 0 < error < gain
    assert across_rules(np.full((n, 12), 0.5), some, repetitions).roc_auc == 0.5
    assert np.isnan(across_rules(one_rule, replace(some, now=np.ones(n)), repetitions).onset_roc_auc)


def test_the_criterion_asks_models_that_never_saw_the_pupil() -> None:
    panel = school(phase=[1.0] * 40, birth_year=[2013.0] * 40, reached=[1.0] * 40)
    repetitions, matrix = repeated(panel)
    some = replace(
        rows(matrix, np.zeros(40), student=np.array([f"s{i % 20}" for i in range(40)], dtype=np.object_)),
        repetitions=repetitions,
    )
    seen: list[set[str]] = []

    def fit(known: object) -> object:
        seen.append(set(known.student))  # type: ignore[attr-defined] # Rows
        return lambda asked: asked[:, STAYS]

    answers = out_of_fold_repeated(fit, some, repetitions, seed=0)  # type: ignore[arg-type] # looser for brevity
    np.testing.assert_array_equal(answers, repetitions.features(matrix)[:, :, STAYS])
    assert len(seen) == 5
    assert set.intersection(*seen) == set()
