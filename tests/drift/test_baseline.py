"""The rows that a window is compared with: other pupils are distinguished from other answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from farol.drift.baseline import (
    all_rows,
    baseline_of_slice,
    level_of,
    parse_slice,
    slice_words,
    summed,
    weighted_to_levels,
)
from farol.drift.report import check, drift_report
from farol.drift.windows import Window, parse_window, window_of
from farol.errors import InputError
from farol.model.bins import FeatureBins
from farol.model.bundle import Bundle
from farol.model.counters import FILE_SLICE, PREDICTION, Counted
from farol.model.reference import Reference, Tally
from farol.store.database import Store
from farol.store.records import Prediction, uuid7

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)  # still 30 June in São Paulo
ALL = Window("all", None, date(2024, 6, 30))


def of_two_levels(bundle: Bundle) -> Bundle:
    """A reference of 300 pupils of level 1, low in the first feature, and 100 of level 5, high in it."""
    low, high = (250, 50, 0), (10, 90, 0)
    first = FeatureBins(bundle.reference.features[0].feature, (5.0,), None, (260, 140, 0), 0.0, 10.0)
    rest = bundle.reference.features[1:]
    flat = tuple(FeatureBins(each.feature, (5.0,), None, (200, 200, 0), 0.0, 10.0) for each in rest)

    def tally(counts: tuple[int, int, int], n: int) -> Tally:
        score = tuple(n if i == 40 else 0 for i in range(101))
        return Tally((counts, *(((n // 2), (n // 2), 0),) * len(flat)), score, (n, 0, 0))

    score = tuple(400 if i == 40 else 0 for i in range(101))
    levels = {"1": tally(low, 300), "5": tally(high, 100)}
    return replace(bundle, reference=Reference((first, *flat), 400, score, (400, 0, 0), levels, None, (0,) * 101))


def test_a_slice_of_a_level_is_compared_with_that_level(bundle: Bundle) -> None:
    two = of_two_levels(bundle)
    baseline = baseline_of_slice(two, "phase=5")
    assert (baseline.n, baseline.features[0]) == (100, (10, 90, 0))
    assert str(baseline.description) == "training rows of phase 5"
    for part in ("source=api", "phase=9", "class=B", "phase="):
        assert baseline_of_slice(two, part) == all_rows(two)
    assert (level_of(two, "phase=3"), level_of(two, "source=api"), level_of(two, "")) == ("3", None, None)


def test_more_older_pupils_are_distinguished_from_other_values(bundle: Bundle) -> None:
    two = of_two_levels(bundle)
    name = two.reference.features[0].feature
    # 100 of level 1 and 300 of level 5, each as in training: everything moved, and nothing did.
    counts = {name: {0: 83 + 30, 1: 17 + 270}}
    plain = check(two, counts, window=ALL)
    assert plain.features[0].alarm
    baseline = weighted_to_levels(two, {"1": 100, "5": 300, "7": 12, "8": 0})
    weighted = check(two, counts, window=ALL, against=baseline)
    assert weighted.features[0].verdict == "none"
    assert weighted.features[0].psi == pytest.approx(0, abs=1e-4)
    # Kish: (Σ w)² / Σ w² with weights 1/3 (300 rows) and 3 (100 rows).
    assert baseline.n == pytest.approx(400**2 / (300 / 9 + 900))
    assert sum(baseline.features[0]) == pytest.approx(baseline.n)
    assert (sum(baseline.score), sum(baseline.predicted)) == pytest.approx((baseline.n, baseline.n))
    assert (weighted.reference_n, weighted.reference_years) == (171, (2022, 2023))
    assert str(weighted.baseline) == "training rows, weighted to the same levels"
    # And other values among pupils of the same levels are found.
    other = check(two, {name: {0: 300, 1: 100}}, window=ALL, against=baseline)
    assert other.features[0].verdict == "severe"


def test_the_window_as_training_was_is_compared_with_all_of_it(bundle: Bundle) -> None:
    two = of_two_levels(bundle)
    baseline = weighted_to_levels(two, {"1": 30, "5": 10})
    assert baseline.n == pytest.approx(400)
    np.testing.assert_allclose(baseline.features[0], two.reference.features[0].counts)


def test_without_levels_there_is_no_such_comparison(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="level by level"):
        weighted_to_levels(bundle, {})
    with pytest.raises(InputError, match="level by level"):
        weighted_to_levels(bundle, {"77": 3})


@pytest.mark.parametrize(
    ("text", "part"),
    [("", ""), ("  ", ""), ("source=api", "source=api"), (" phase = 3 ", "phase=3"), ("class=8B", "class=8B")],
)
def test_a_slice_is_read(bundle: Bundle, text: str, part: str) -> None:
    assert parse_slice(bundle, text) == part


@pytest.mark.parametrize("text", ["phase", "phase=", "=3", "gender=f", "level=3"])
def test_an_invalid_slice_is_refused_with_examples(bundle: Bundle, text: str) -> None:
    with pytest.raises(InputError, match="source, class, phase, then = and a value, as in source=api"):
        parse_slice(bundle, text)


def stored(bundle: Bundle, level: int, bin_: int, n: int) -> list[Prediction]:
    counted = Counted.of({bundle.reference.features[0].feature: bin_, PREDICTION: 0})
    rows = replace(counted, slices=(f"phase={level}", "source=api"))
    return [
        Prediction(uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 0, "x", 0.1, 0.5, 2024, (), rows)
        for _ in range(n)
    ]


def test_slices_and_levels_are_read_from_the_store(bundle: Bundle, store: Store) -> None:
    two = of_two_levels(bundle)
    store.write([*stored(two, 1, 0, 83), *stored(two, 1, 1, 17), *stored(two, 5, 0, 30), *stored(two, 5, 1, 270)])
    store.write(stored(two, 9, 0, 4))  # a level that training never had
    window = parse_window("7d", now=NOW)
    whole = drift_report(store, two, window)
    assert (whole.n, whole.features[0].verdict, whole.part) == (404, "severe", "")
    fifth = drift_report(store, two, window, part="phase=5")
    assert (fifth.n, fifth.features[0].verdict, fifth.reference_n, fifth.part) == (300, "none", 100, "phase=5")
    api = drift_report(store, two, window, part="source=api")
    assert (api.n, api.reference_n) == (404, 400)
    alike = drift_report(store, two, window, same_levels=True)
    assert (alike.n, alike.features[0].verdict, alike.reference_n) == (400, "none", 171)
    with pytest.raises(InputError, match="level by level"):
        drift_report(store, two, window, part="phase=5", same_levels=True)


def test_since_a_version_answered(bundle: Bundle, store: Store) -> None:
    later = replace(stored(bundle, 1, 0, 1)[0], version="other", at=NOW + timedelta(days=9), id=uuid7(NOW))
    store.write([*stored(bundle, 1, 0, 1), later])
    now = NOW + timedelta(days=30)
    window = window_of(f"since:{bundle.version}", store=store, task=bundle.task, now=now)
    assert (window.first, window.last) == (date(2024, 6, 30), date(2024, 7, 30))
    assert window_of("since:other", store=store, task=bundle.task, now=now).first == date(2024, 7, 9)
    assert window_of("since:other", store=store, task=bundle.task, now=NOW).days == 1
    assert window_of("7d", store=store, task=bundle.task, now=now).days == 7
    with pytest.raises(InputError, match="has not answered yet"):
        window_of("since:none", store=store, task=bundle.task, now=now)


def test_slices_add_up() -> None:
    assert summed({"phase=1": {"IDA": {0: 2, 1: 1}}, "phase=2": {"IDA": {1: 4}, "IEG": {3: 1}}}) == {
        "IDA": {0: 2, 1: 5},
        "IEG": {3: 1},
    }


def test_answers_to_files_have_a_name_of_their_own() -> None:
    assert slice_words(FILE_SLICE).render("en") == "answers to files by `farol score`"
