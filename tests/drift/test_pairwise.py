"""Features that no longer go together as they did, though each of them is as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from farol.drift import pairwise
from farol.drift.pairwise import (
    ALPHA,
    PairDrift,
    PairwiseReport,
    compare,
    pairwise_of_panel,
    pairwise_report,
)
from farol.drift.report import check
from farol.drift.windows import Window, parse_window
from farol.errors import BundleError
from farol.model.bundle import Bundle
from farol.model.features import Floats
from farol.model.reference import Reference
from farol.model.scoring import Scorer
from farol.profile import Text
from farol.store.database import Store
from farol.store.records import row_of
from farol.workbook.panel import Panel

ALL = Window("all", None, date(2024, 6, 30))
NAMES = ("IAA", "IEG", "IDA", "IAN", "INGLES")
NOW = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)


def pupils(n: int, seed: int) -> Floats:
    """Invented pupils (n, 5) with what makes real ones awkward.

    IAA has a heap at 10 and little to do with the rest; IEG and IDA rise together (0.6) and are rounded to tenths, IAN
    has three values, and two thirds have no INGLES, which rises with IDA.
    """
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    iaa = np.minimum(np.round(8.5 + 1.5 * rng.normal(size=n)), 10.0)
    ieg = np.round(7 + 1.5 * (0.78 * common + 0.63 * rng.normal(size=n)), 1)
    ida = np.round(6 + 2 * (0.78 * common + 0.63 * rng.normal(size=n)), 1)
    ian = np.array([2.5, 5.0, 10.0])[np.digitize(0.4 * common + rng.normal(size=n), [-2.0, 0.3])]
    ingles = np.where(rng.random(n) < 2 / 3, np.nan, np.round(ida + rng.normal(size=n), 1))
    return np.stack([iaa, ieg, ida, ian, ingles], axis=1)


@pytest.fixture(scope="module")
def known(bundle_of: Callable[[str], Bundle]) -> Bundle:
    """A bundle that learned from 900 of these pupils."""
    return replace(bundle_of("current"), reference=Reference.fit(pupils(900, 1), NAMES))


def compared(bundle: Bundle, matrix: Floats) -> PairwiseReport:
    return compare(bundle, matrix, window=ALL, answers=matrix.shape[0], read=matrix.shape[0])


def turned(matrix: Floats, position: int) -> Floats:
    """One feature turned round: the same values, the greatest to whoever had the least; gaps stay where they are."""
    result = matrix.copy()
    there = np.flatnonzero(~np.isnan(matrix[:, position]))
    order = there[np.argsort(matrix[there, position], kind="stable")]
    result[order, position] = matrix[order[::-1], position]
    return result


def of(report: PairwiseReport, first: str, second: str) -> PairDrift:
    (result,) = (pair for pair in report.pairs if (pair.first, pair.second) == (first, second))
    return result


def test_without_drift_one_check_in_a_hundred_at_most_alarms(bundle_of: Callable[[str], Bundle]) -> None:
    raised, times = 0, 30
    for seed in range(times):
        bundle = replace(bundle_of("current"), reference=Reference.fit(pupils(500, 2 * seed), NAMES))
        raised += sum(compared(bundle, pupils(n, 10_000 + 7 * seed + n)).alarm for n in (30, 60, 150, 1_500))
    # Were it one in a hundred, more than this would come once in a thousand such tests.
    assert raised <= stats.binom.isf(0.001, 4 * times, ALPHA)


def test_a_reversed_correlation_is_found_and_named(known: Bundle) -> None:
    result = 0
    for seed in range(20):
        matrix = pupils(60, 500 + seed)
        report = compared(known, turned(matrix, NAMES.index("IEG")))
        result += of(report, "IEG", "IDA").alarm
        before = {each.feature: each.counts for each in Reference.fit(matrix, NAMES).features}
        after = {each.feature: each.counts for each in Reference.fit(turned(matrix, 1), NAMES).features}
        assert before == after, "no check of single features can see it"
    assert result >= 18
    pair = report.alarms[0]
    assert (pair.first, pair.second, pair.verdict) == ("IEG", "IDA", "severe")
    assert pair.reference is not None
    assert pair.value is not None
    assert pair.low is not None
    assert pair.high is not None
    assert pair.p_value is not None
    assert (pair.reference > 0.4, pair.low < pair.value < -0.2, pair.value < pair.high) == (True, True, True)
    assert pair.p_value < 0.001
    assert report.verdict == "severe"
    assert report.alarm


def test_single_features_do_not_show_a_reversed_correlation(known: Bundle) -> None:
    matrix = turned(pupils(300, 3), NAMES.index("IEG"))
    counts = {
        each.feature: dict(enumerate(result))
        for each, result in zip(known.reference.features, known.reference.count(matrix), strict=True)
    }
    assert not check(known, counts, window=ALL).alarm
    assert compared(known, matrix).alarm


def test_a_shift_that_keeps_the_correlation_is_no_alarm(known: Bundle) -> None:
    matrix = pupils(400, 4)
    matrix[:, 1] -= 0.75  # half a standard deviation
    report = compared(known, matrix)
    assert not report.alarm
    assert of(report, "IEG", "IDA").verdict == "none"


@settings(max_examples=12, deadline=None)
@given(order=st.permutations(range(40)))
def test_the_order_of_the_pupils_does_not_matter(known: Bundle, order: list[int]) -> None:
    matrix = turned(pupils(40, 5), 1)
    assert compared(known, matrix[order]).pairs == compared(known, matrix).pairs


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_pairs_figures_do_not_depend_on_other_features(known: Bundle, seed: int) -> None:
    matrix = pupils(120, 6)
    other = matrix.copy()
    other[:, NAMES.index("INGLES")] = np.random.default_rng(seed).choice([np.nan, 1.0, 5.0, 9.0], 120)
    assert of(compared(known, other), "IEG", "IDA") == of(compared(known, matrix), "IEG", "IDA")


def test_a_pupil_counts_for_two_features_where_both_are_known(known: Bundle) -> None:
    matrix = pupils(300, 7)
    matrix[:100, NAMES.index("IEG")] = np.nan
    report = compared(known, matrix)
    there = ~np.isnan(matrix)
    assert of(report, "IEG", "IDA").n == 200
    assert of(report, "IEG", "INGLES").n == int((there[:, 1] & there[:, 4]).sum())
    assert (of(report, "IAA", "IDA").n, report.n) == (300, 300)


def test_a_wholly_missing_feature_is_not_compared(known: Bundle) -> None:
    matrix = pupils(1_500, 8)
    matrix[:, NAMES.index("INGLES")] = np.nan
    report = compared(known, matrix)
    gone = of(report, "IDA", "INGLES")
    assert (gone.n, gone.value, gone.verdict, gone.compared) == (0, None, "insufficient_data", False)
    assert (report.compared, len(report.pairs), report.verdict) == (6, 10, "none")
    assert "cannot be compared" in gone.words("en")


def test_values_all_alike_have_nothing_to_go_with(known: Bundle) -> None:
    matrix = pupils(200, 9)
    matrix[:, NAMES.index("IEG")] = 7.0
    report = compared(known, matrix)
    assert not any(pair.compared for pair in report.pairs if "IEG" in (pair.first, pair.second))


def test_a_pair_needs_exactly_30_pupils(known: Bundle) -> None:
    enough = compared(known, turned(pupils(30, 10), 1))
    assert of(enough, "IEG", "IDA").verdict == "severe"
    report = compared(known, turned(pupils(29, 10), 1))
    assert (report.verdict, report.compared, report.alarms) == ("insufficient_data", 0, ())
    assert compared(known, np.empty((0, 5))).verdict == "insufficient_data"


def test_a_large_change_that_chance_may_give_is_no_alarm(known: Bundle) -> None:
    for seed in range(200):
        report = compared(known, pupils(35, 20_000 + seed))
        if report.verdict == "insufficient_data":
            break
    unsure = [pair for pair in report.pairs if pair.compared and pair.verdict == "insufficient_data"]
    assert unsure
    assert all(pair.band != "none" and pair.p_value is not None and pair.p_value > ALPHA / 10 for pair in unsure)
    assert not report.alarm


def test_pairs_in_alarm_come_first_then_by_change(known: Bundle) -> None:
    message = compared(known, turned(pupils(120, 11), 1)).most_changed()
    assert [pair.alarm for pair in message] == sorted((pair.alarm for pair in message), reverse=True)
    quiet = [abs(pair.change or 0.0) for pair in message if not pair.alarm]
    assert quiet == sorted(quiet, reverse=True)


MEANINGS = (Text(pt="Engajamento", en="Effort"), Text(pt="Aprendizagem", en="Marks"))
PAIR = PairDrift("IEG", "IDA", MEANINGS, 100, 900, 0.0, -0.2, 0.2, 0.6, -0.7, 0.0001, "severe", "severe")


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (
            0.62,
            0.05,
            "“Effort” and “Marks” used to rise together (correlation 0.62); now they hardly do (0.05).",
        ),
        (
            0.62,
            -0.41,
            "“Effort” and “Marks” used to rise together (correlation 0.62); now one falls where the other rises "
            "(-0.41).",
        ),
        (
            0.1,
            0.5,
            "“Effort” and “Marks” had little to do with each other (correlation 0.10); now they rise together (0.50).",
        ),
        (
            0.1,
            -0.5,
            "“Effort” and “Marks” had little to do with each other (correlation 0.10); now one falls where the other "
            "rises (-0.50).",
        ),
        (
            -0.5,
            0.4,
            "One of “Effort” and “Marks” used to fall where the other rose (correlation -0.50); now they rise "
            "together (0.40).",
        ),
        (
            -0.5,
            0.0,
            "One of “Effort” and “Marks” used to fall where the other rose (correlation -0.50); now they have little "
            "to do with each other (0.00).",
        ),
        (
            0.9,
            0.5,
            "“Effort” and “Marks” no longer go together as they did: correlation 0.90 in training, 0.50 in this "
            "period.",
        ),
    ],
)
def test_a_change_is_described_in_words(then: float, now: float, words: str) -> None:
    assert replace(PAIR, reference=then, value=now).words("en") == words


def test_a_change_is_described_in_portuguese() -> None:
    words = replace(PAIR, reference=0.62, value=0.05).words("pt_BR")
    assert (
        words == "“Engajamento” e “Aprendizagem” subiam juntos (correlação 0,62); agora quase não sobem juntos (0,05)."
    )


def test_a_model_without_pairwise_counts_says_train_again(known: Bundle, store: Store) -> None:
    few = replace(known, reference=replace(known.reference, joint=None))
    with pytest.raises(BundleError) as caught:
        compared(few, pupils(50, 0))
    assert "farol train" in str(caught.value)
    with pytest.raises(BundleError):
        pairwise_report(store, few, ALL)


def stored(
    store: Store,
    bundle: Bundle,
    values: list[dict[str, float | None]],
    *,
    at: datetime = NOW,
    students: list[str] | None = None,
) -> None:
    scorer = Scorer(bundle)
    rows = []
    for i, each in enumerate(values):
        student = None if students is None else students[i]
        answer = scorer.score_one(each, 2024)
        rows.append(row_of(scorer, answer, each, at=at, year=2024, source="api", student=student))
    store.write(rows)


def pupils_of(panel: Panel, n: int, seed: int, *, phase: float | None = None) -> list[dict[str, float | None]]:
    """Pupils of the sample's last year, drawn anew, as a caller would send them."""
    rows = panel.select(panel.year == panel.years[-1])
    names = ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", "PORTUGUES", "MATEMATICA", "INGLES", "phase")
    among = np.flatnonzero(np.ones(rows.year.size) if phase is None else rows.numbers["phase"] == phase)
    drawn = np.random.default_rng(seed).choice(among, n)
    columns = {name: rows.numbers[name][drawn] for name in names}
    return [
        {name: None if np.isnan(values[i]) else float(values[i]) for name, values in columns.items()} for i in range(n)
    ]


def turn(values: list[dict[str, float | None]], name: str) -> list[dict[str, float | None]]:
    """One input turned round: the greatest to whoever had the least."""
    there = sorted((each[name], i) for i, each in enumerate(values) if each[name] is not None)
    result = [dict(each) for each in values]
    for (_, i), (value, _) in zip(there, reversed(there), strict=True):
        result[i][name] = value
    return result


def test_a_window_of_the_store_is_read_and_the_pair_named(store: Store, bundle: Bundle, panel: Panel) -> None:
    stored(store, bundle, pupils_of(panel, 300, 1), at=NOW - timedelta(days=40))
    stored(store, bundle, turn(pupils_of(panel, 150, 2), "IDA"))
    month = pairwise_report(store, bundle, parse_window("30d", now=NOW))
    assert (month.answers, month.read, month.n) == (150, 150, 150)
    assert month.verdict == "severe"
    assert "IDA" in (month.alarms[0].first, month.alarms[0].second)
    before = pairwise_report(store, bundle, parse_window("30d@2024-05-30", now=NOW))
    assert (before.n, before.alarm) == (300, False)
    assert pairwise_report(store, bundle, Window("all", None, date.max)).n == 450


def test_a_pupils_last_answer_counts(store: Store, bundle: Bundle, panel: Panel) -> None:
    first, last = pupils_of(panel, 40, 3), pupils_of(panel, 40, 4)
    students = [f"RA-{i}" for i in range(40)]
    for day, values in ((3, first), (2, first), (1, last)):
        stored(store, bundle, values, at=NOW - timedelta(days=day), students=students)
    stored(store, bundle, pupils_of(panel, 5, 5), at=NOW)
    report = pairwise_report(store, bundle, ALL)
    assert (report.answers, report.read, report.n) == (125, 125, 45)
    alone = [each["IEG"] is not None and each["IDA"] is not None for each in (*last, *pupils_of(panel, 5, 5))]
    assert of(report, "IEG", "IDA").n == sum(alone)


def test_a_level_is_compared_with_training_rows_of_that_level(store: Store, bundle: Bundle, panel: Panel) -> None:
    stored(store, bundle, pupils_of(panel, 60, 6, phase=2.0))
    stored(store, bundle, pupils_of(panel, 60, 7, phase=7.0))
    report = pairwise_report(store, bundle, ALL, part="phase=2")
    assert (report.answers, report.n, report.part) == (60, 60, "phase=2")
    assert report.reference_n == sum(bundle.reference.by_level["2"].features[0])
    assert str(report.baseline) == "training rows of phase 2"
    assert report.compared > 30
    assert not report.alarm
    few = pairwise_report(store, bundle, ALL, part="phase=7")
    assert (few.compared, few.verdict) == (0, "insufficient_data"), "training had fewer than a hundred of them"
    assert pairwise_report(store, bundle, ALL, part="phase=11").reference_n == 0
    assert pairwise_report(store, bundle, ALL, part="source=api").reference_n == bundle.reference.n


def test_a_sample_of_many_rows_is_read_and_its_size_reported(
    store: Store, bundle: Bundle, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(store, bundle, pupils_of(panel, 400, 8))
    monkeypatch.setattr(pairwise, "MOST_ROWS", 200)
    report = pairwise_report(store, bundle, ALL)
    assert report.answers == 400
    assert stats.binom.ppf(1e-6, 400, 0.5) <= report.read <= stats.binom.isf(1e-6, 400, 0.5)
    again = pairwise_report(store, bundle, ALL)
    assert again.pairs == report.pairs, "the same rows each time"
    monkeypatch.setattr(pairwise, "MOST_READ", 40)
    assert pairwise_report(store, bundle, ALL).read < 100


def test_a_workbook_is_compared_whatever_was_stored(bundle: Bundle, panel: Panel) -> None:
    report = pairwise_of_panel(bundle, panel)
    assert (report.verdict, report.n) == ("none", int((panel.year == 2024).sum()))
    assert report.window.name == "2024"
    assert all(abs(pair.change or 0.0) < 1e-9 for pair in report.pairs), "it is the reference itself"
