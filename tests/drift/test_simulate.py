from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from farol.drift.report import DriftReport, drift_report
from farol.drift.simulate import shifted_inputs, simulate
from farol.drift.windows import parse_window
from farol.errors import InputError
from farol.model.bundle import Bundle
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.workbook.panel import Panel
from tests.bundles import answering_from

NOW = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)


def simulated(panel: Panel, bundle: Bundle, store: Store, shift: str) -> DriftReport:
    assert simulate(panel, Scorer(bundle), store, n=500, shift=shift, seed=1, now=NOW) == 500
    return drift_report(store, bundle, parse_window("7d", now=NOW))


def verdicts(report: DriftReport, names: tuple[str, ...]) -> list[str]:
    return [feature.verdict for feature in report.features if feature.feature in names]


@pytest.mark.parametrize("task", ["current", "next-year"])
def test_pupils_as_they_are_show_no_drift_against_their_own_year(
    panel: Panel, bundle_of: Callable[[str], Bundle], store: Store, task: str
) -> None:
    report = simulated(panel, bundle_of(task), store, "none")
    assert (report.verdict, report.alarm, report.n) == ("none", False, 500)


@pytest.mark.parametrize("shift", ["moderate", "severe"])
@pytest.mark.parametrize("task", ["current", "next-year"])
def test_a_shift_shows_its_band_in_shifted_features_alone(
    panel: Panel, bundle_of: Callable[[str], Bundle], store: Store, task: str, shift: str
) -> None:
    bundle = bundle_of(task)
    report = simulated(panel, bundle, store, shift)
    names = shifted_inputs(Scorer(bundle))
    others = tuple(feature.feature for feature in report.features if feature.feature not in names)
    assert names == ("IAA", "IEG", "IPS", "IPP", "IDA")
    assert report.verdict in (shift, "severe")  # five moderate shifts together may move the answers severely
    assert verdicts(report, names).count(shift) >= 4
    assert set(verdicts(report, others)) == {"none"}


def test_stored_answers_are_those_of_the_model(panel: Panel, bundle: Bundle, store: Store) -> None:
    simulate(panel, Scorer(bundle), store, n=20, shift="severe", seed=5, now=NOW)
    scorer = Scorer(bundle)
    for row in store.stream():
        answer = scorer.score_one(row.features, 2024)
        assert answer.probability == pytest.approx(row.probability, abs=1e-6)
        assert answer.prediction == row.prediction
        assert (row.source, row.task, row.version) == ("simulation", "current", bundle.version)
        assert row.label == bundle.profile.label.positive.pt if row.prediction else bundle.profile.label.negative.pt
        assert set(row.features) == set(bundle.task_spec.features)
        assert row.threshold == bundle.manifest.threshold
    assert any(row.warnings for row in store.stream())


def test_every_value_is_one_some_pupil_had(panel: Panel, bundle: Bundle, store: Store) -> None:
    simulate(panel, Scorer(bundle), store, n=100, shift="severe", seed=5, now=NOW)
    known = set(panel.numbers["IEG"][panel.year == 2024].tolist())
    assert {value for row in store.stream() if (value := row.features["IEG"]) is not None} <= known


def test_the_same_seed_draws_the_same_pupils(panel: Panel, bundle: Bundle, tmp_path: Path) -> None:
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with Store.open(f"sqlite:///{tmp_path / name}.db") as store:
            simulate(panel, Scorer(bundle), store, n=30, shift="moderate", seed=seed, now=NOW)
            drawn.append([row.features for row in store.stream()])
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_moments_are_spread_evenly_up_to_now(panel: Panel, bundle: Bundle, store: Store) -> None:
    simulate(panel, Scorer(bundle), store, n=1_200, shift="none", seed=1, days=3, now=NOW)
    moments = [row.at for row in store.stream()]
    assert moments[-1] == NOW
    assert {after - before for before, after in pairwise(moments)} == {timedelta(days=3) / 1_200}
    days = {
        day: store.counts("current", bundle.version, day, day)["IAA"] for day in (date(2024, 6, 29), date(2024, 6, 30))
    }
    assert [sum(bins.values()) for bins in days.values()] == [400, 400]


def test_pupils_of_whom_nothing_is_known_are_not_drawn(panel: Panel, bundle: Bundle, store: Store) -> None:
    last = panel.select(panel.year == 2024)
    known = np.zeros(len(last.year), dtype=np.bool_)
    known[:3] = True
    thin = {name: np.where(known, values, np.nan) for name, values in last.numbers.items()}
    simulate(replace(last, numbers=thin), Scorer(bundle), store, n=50, shift="none", seed=1, now=NOW)
    assert all(any(value is not None for value in row.features.values()) for row in store.stream())
    empty = {name: np.full(values.shape, np.nan) for name, values in last.numbers.items()}
    with pytest.raises(InputError, match="no pupil with data"):
        simulate(replace(last, numbers=empty), Scorer(bundle), store, n=5, shift="none", seed=1, now=NOW)


def test_a_feature_the_workbook_lacks_stays_missing(panel: Panel, bundle: Bundle, store: Store) -> None:
    numbers = {name: values for name, values in panel.numbers.items() if name != "IAA"}
    numbers["IPS"] = np.full(panel.year.shape, np.nan)
    simulate(replace(panel, numbers=numbers), Scorer(bundle), store, n=10, shift="severe", seed=1, now=NOW)
    assert all("IAA" not in row.features and row.features["IPS"] is None for row in store.stream())


def test_another_shift_is_refused(panel: Panel, bundle: Bundle, store: Store) -> None:
    with pytest.raises(InputError, match="none, moderate, severe"):
        simulate(panel, Scorer(bundle), store, n=1, shift="huge", seed=1, now=NOW)


def test_pupils_with_too_little_data_are_stored_and_counted(panel: Panel, bundle: Bundle, store: Store) -> None:
    strict = answering_from(bundle, 9)
    simulate(panel, Scorer(strict), store, n=200, shift="severe", seed=5, now=NOW)
    rows = list(store.stream())
    without = [row for row in rows if row.prediction is None]
    assert 0 < len(without) < len(rows)
    assert all(row.probability is None and row.label.startswith("Sem resposta") for row in without)
    assert all(row.prediction in (0, 1) and row.probability is not None for row in rows if row not in without)
    counts = store.counts("current", bundle.version, date(2024, 6, 1), date(2024, 7, 2))
    assert sum(counts["IAN"].values()) == 200
