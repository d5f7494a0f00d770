"""The worth of an answer is measured on equally known pupils. An answer that says nothing is not given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from farol.model.risk_bands import JudgedAnswers, Support
from farol.profile import Task
from farol.training import models, sections
from farol.training.plan import MINIMUM_ROWS
from farol.training.rows import LabelledRows
from farol.training.support import MeasuredSupport, measured_support

from .making import Floats, rows, task

N = 800


def giveaway(seed: int = 0) -> tuple[Floats, Floats]:
    """A column that is the answer, one that says a little of it, and two that say nothing."""
    generator = np.random.default_rng(seed)
    label = (generator.random(N) < 0.6).astype(np.float64)
    little = label + generator.normal(0, 1.5, N)
    return np.column_stack((label, little, generator.random((N, 2)))), label


SECRET = task(("answer", "little", "x", "y"), hidden=("answer",))


def measured(spec: Task, known: LabelledRows) -> MeasuredSupport:
    folded = models.folded(spec, known, seed=0)
    return measured_support(spec, known, folded, threshold=0.5, seed=0)


def judged(spec: Task, known: LabelledRows, asked: Floats, probability: Floats) -> tuple[Support, JudgedAnswers]:
    support = Support.of(sections.support(measured(spec, known)), spec.features, spec.hidden)
    return support, support.judge(asked, probability)


@pytest.fixture(scope="module")
def secret() -> MeasuredSupport:
    matrix, label = giveaway()
    return measured(SECRET, rows(matrix, label))


def test_what_was_measured_with_a_feature_is_not_said_without(secret: MeasuredSupport) -> None:
    complete, *_ = (group for group in secret.groups if not group.without)
    without, *_ = (group for group in secret.groups if group.without)
    assert complete.skill > 0.99
    assert complete.bands.bands[-1].expected.low > 0.98
    assert without.skill < 0.3
    top = without.bands.bands[-1]
    assert 0.6 < top.expected.low < top.expected.high < 0.95
    support = Support.of(sections.support(secret), SECRET.features, SECRET.hidden)
    matrix, label = giveaway(seed=1)
    fitted = models.fit_served(SECRET, rows(*giveaway()), seed=0)
    hidden = models.without(SECRET, matrix)
    answers = support.judge(hidden, fitted.probability(hidden))
    for place in np.unique(answers.band[answers.answered]):
        chosen, band = answers.answered & (answers.band == place), support.bands[place]
        assert band.expected_low - 0.1 < label[chosen].mean() < band.expected_high + 0.1
    assert 0.05 < (~answers.answered).mean() < 0.95, "some are too much like everybody to be answered"


def test_a_band_like_everybody_or_on_the_other_side_is_no_answer(secret: MeasuredSupport) -> None:
    for group in secret.groups:
        for band, answered in zip(group.bands.bands, group.answered, strict=True):
            shown = band.trained
            if group.skill > 0.5:
                assert answered
            elif shown.low <= group.share <= shown.high or (band.high <= 0.5 and shown.high >= 0.5):
                assert not answered
    nothing = next(group for group in secret.groups if group.without and group.known is not None and 0 in group.known)
    assert not any(nothing.answered)


def test_one_gap_does_not_make_complete_training_data_refuse() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(0, 1, (N, 32))
    label = (matrix[:, :16].sum(axis=1) + generator.normal(0, 1, N) > 0).astype(np.float64)
    spec = task(tuple(f"f{number}" for number in range(32)))
    gap = matrix[:50].copy()
    gap[:, 3] = np.nan
    support, answers = judged(spec, rows(matrix, label), gap, np.full(50, 0.95))
    assert answers.answered.all()
    assert (answers.band >= 0).all()
    scant = np.full((1, 32), np.nan)
    scant[0, 20] = 1.0  # a feature that says nothing
    assert not support.judge(scant, np.array([0.45])).answered[0]


def test_who_lacks_what_many_lacked_is_as_usual() -> None:
    matrix, label = giveaway()
    matrix[:100, 2] = np.nan
    matrix[100:110, 3] = np.nan
    support = measured(SECRET, rows(matrix, label))
    assert set(support.usual) == {(), ("x",)}
    usual = next(group for group in support.groups if group.known is None)
    assert usual.n == N - 10


def test_more_known_than_ever_counts_as_the_most_known() -> None:
    matrix, label = giveaway()
    matrix[:, 3] = np.nan
    support = measured(SECRET, rows(matrix, label))
    reached = sorted(number for group in support.groups if not group.without for number in group.known or ())
    assert reached == [0, 1, 2, 3]


def test_rows_without_a_frequent_set_of_gaps_are_usual() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(0, 1, (60, 12))
    label = (matrix[:, 0] > 0).astype(np.float64)
    matrix[generator.random((60, 12)) < 0.5] = np.nan
    support = measured(task(tuple("abcdefghijkl")), rows(matrix, label))
    assert support.usual == ()
    assert (support.groups[0].known, support.groups[0].n) == (None, 60)


def test_many_rows_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.training.support.MOST_ROWS", 300)
    matrix, label = giveaway()
    support = measured(SECRET, rows(matrix, label))
    assert {group.n for group in support.groups if group.known is not None} == {300}


def test_one_label_alone_has_no_skill_and_no_answer_with_less() -> None:
    matrix, _ = giveaway()
    support = measured(SECRET, rows(matrix, np.ones(N)))
    assert all(np.isnan(group.skill) for group in support.groups)
    assert not any(any(group.answered) for group in support.groups[1:])


def test_years_the_model_never_saw_widen_what_is_expected() -> None:
    matrix, label = giveaway()
    label[: N // 2] = (np.random.default_rng(3).random(N // 2) < 0.9).astype(np.float64)
    years = np.repeat([2022, 2023], N // 2)
    folded = models.folded(SECRET, rows(matrix, label, year=years), seed=0)
    assert len(folded.years) == 2
    unseen = folded.by_year(matrix)
    assert unseen is not None
    other = models.fit_served(SECRET, rows(matrix, label, year=years).select(years == 2023), seed=0)
    np.testing.assert_array_equal(unseen[years == 2022], other.probability(matrix[years == 2022]))
    assert models.folded(SECRET, rows(matrix, label), seed=0).by_year(matrix) is None


def test_a_year_is_kept_where_the_others_teach_too_little() -> None:
    matrix, label = giveaway()
    years = np.where(np.arange(N) < MINIMUM_ROWS - 1, 2024, 2023)
    unseen = models.folded(SECRET, rows(matrix, label, year=years), seed=0).by_year(matrix)
    assert unseen is not None
    assert np.isnan(unseen).tolist() == (years == 2023).tolist()


def test_words_and_groups_are_measured_out_of_fold() -> None:
    """Labels are those of a pupil's class at random: only who has seen the class could know them by its number."""
    generator = np.random.default_rng(4)
    classes = np.repeat(np.arange(40), N // 40)
    label = (generator.random(40) < 0.5).astype(np.float64)[classes]
    spec = task(("class", "word", "x"), hidden=("word",))
    matrix = np.column_stack((classes, classes % 3, generator.random(N))).astype(np.float64)
    names = np.array([f"c{number}" for number in classes], dtype=np.object_)
    known = replace(rows(matrix, label, unit=names), words={"word": ("a", "b", "c")})
    learned = measured(spec, known)
    assert learned.groups[0].skill < 0
    assert measured(spec, replace(known, unit=known.student)).groups[0].skill > 0.2
    assert {group.without for group in learned.groups} == {(), ("word",)}
    support = Support.of(sections.support(learned), spec.features, spec.hidden)
    gone = models.without(spec, matrix)
    bands = support.judge(gone, np.full(N, 0.5)).band
    assert not set(bands) & set(support.judge(matrix, np.full(N, 0.5)).band)


def test_a_hidden_feature_that_nobody_has_leaves_what_is_usual() -> None:
    matrix, label = giveaway()
    matrix[:, 0] = np.nan
    support = measured(SECRET, rows(matrix, label))
    assert {group.without for group in support.groups} == {("answer",)}
    assert all(support.groups[0].answered)
