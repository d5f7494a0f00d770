"""A check from predictions to the outbox, on both databases."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from farol.alerts.check import check_all
from farol.alerts.messages import MessageSettings, letters_of_a_test
from farol.errors import InputError
from farol.model.bundle import Bundle
from farol.model.scoring import Scorer
from farol.store.alerts import AlertStates, Letter, Outbox
from farol.store.database import Store
from farol.store.history import ALERT, Events
from farol.store.records import row_of
from farol.workbook.panel import Panel
from tests.counted import answered
from tests.postgresql import postgresql_server, postgresql_url, store, url

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]

NOW = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WORDING = MessageSettings("pt_BR", ("webhook", "email"), "https://farol.example.org/")


def check(
    store: Store,
    bundle: Bundle,
    at: datetime = NOW,
    wording: MessageSettings = WORDING,
    window: str = "7d",
    *,
    multivariate: bool = False,
) -> str:
    """The state after a check."""
    check_all(store, [bundle], window, at, wording, multivariate=multivariate)
    return AlertStates(store).all()[0].verdict


def letters(store: Store) -> list[Letter]:
    """Those to the webhook, the oldest first."""
    return [each for each in reversed(Outbox(store).latest(99)) if each.channel == "webhook"]


def data(letter: Letter) -> Any:
    return letter.body["data"]


def test_no_drift_is_kept_in_the_history_and_not_reported(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=2_000)
    assert check(store, bundle) == "none"
    (snapshot,) = store.snapshots("current", 9)
    assert snapshot.payload["verdict"] == "none"
    assert letters(store) == []
    assert Events(store).latest(9) == []


def test_a_drift_is_reported_once_with_its_start_and_size(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    assert check(store, bundle) == "severe"
    assert check(store, bundle, NOW + DAY) == "severe"
    (letter,) = letters(store)
    assert len(Outbox(store).latest(9)) == 2, "one a channel"
    assert letter.body["type"] == "drift.changed"
    assert letter.body["timestamp"] == "2024-06-30T12:00:00.000+00:00"
    message = data(letter)
    first = bundle.reference.features[0].feature
    assert [each["feature"] for each in message["features"]] == [first]
    (feature,) = message["features"]
    assert feature["psi"] > feature["critical"] > 0
    assert feature["since"] == message["since"] == "2024-06-30T12:00:00+00:00"
    assert (message["state"], message["previous_state"], message["reason"]) == ("severe", "none", "drift")
    assert message["window"] == {"name": "7d", "from": "2024-06-24", "to": "2024-06-30", "days": 7}
    assert (message["n"], message["task"], message["model_version"]) == (500, "current", bundle.version)
    assert message["link"] == "https://farol.example.org/monitoring/dashboard?task=current"
    assert message["headline"].startswith("Drift severo: ")
    assert len(store.snapshots("current", 9)) == 2
    (event,) = Events(store).latest(9)
    assert (event.kind, event.details["to"], event.details["features"]) == (ALERT, "severe", [first])


def test_a_message_has_these_fields_and_both_times(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=2_000)
    assert check(store, bundle) == "none"
    answered(store, bundle, at=NOW + DAY, n=2_000, moved=True)
    assert check(store, bundle, NOW + DAY, window="1d") == "severe"
    (letter,) = letters(store)
    message = data(letter)
    assert set(message) == {
        *("headline", "text", "title", "state", "state_label", "previous_state", "reason", "since", "previous_since"),
        *("task", "model_version", "window", "n", "reference", "features", "link"),
    }
    assert (message["since"], message["previous_since"]) == ("2024-07-01T12:00:00+00:00", "2024-06-30T12:00:00+00:00")
    assert message["reference"] == {"n": bundle.reference.n, "years": [2022, 2023], "names": ["2022", "2023"]}
    (feature,) = message["features"]
    assert set(feature) == {
        *("feature", "meaning", "verdict", "verdict_label", "since", "reasons", "psi", "low", "high", "critical", "n"),
    }
    figures = AlertStates(store).all()[0].figures
    assert set(figures) == {"window", "n", "verdict", "psi", "alarms", "since"}
    assert (figures["window"], figures["n"], figures["alarms"]) == ("1d", 2_000, [feature["feature"]])


def test_a_message_of_a_test_has_words_and_a_link(store: Store) -> None:
    for wording, link in ((WORDING, ["link"]), (MessageSettings("en", ("webhook",)), [])):
        for letter in letters_of_a_test(NOW, wording):
            assert letter.body["type"] == "farol.test"
            assert sorted(data(letter)) == ["headline", *link, "text"]
    assert data(letter)["headline"] == "A test message of Farol"


def test_a_check_reports_its_verdict_and_the_change(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    first, again = (check_all(store, [bundle], "7d", NOW + DAY * later, WORDING) for later in (0, 1))
    assert [(each.report.task, each.report.verdict) for each in (*first, *again)] == [("current", "severe")] * 2
    assert [None if each.change is None else each.change.verdict for each in (*first, *again)] == ["severe", None]


def test_each_change_is_reported_and_the_end_too(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    check(store, bundle)
    later = NOW + 20 * DAY
    answered(store, bundle, at=later, n=2_000)
    assert check(store, bundle, later) == "none"
    assert check(store, bundle, later + DAY) == "none"
    assert [data(each)["state"] for each in letters(store)] == ["severe", "none"]
    over = data(letters(store)[1])
    assert (over["previous_since"], over["features"]) == ("2024-06-30T12:00:00+00:00", [])
    assert over["headline"].startswith("O drift terminou: ")
    answered(store, bundle, at=later + 20 * DAY, n=500, moved=True, seed=1)
    assert check(store, bundle, later + 20 * DAY) == "severe"
    assert len(letters(store)) == 3


def test_an_unknown_verdict_neither_raises_nor_ends_an_alarm(store: Store, bundle: Bundle) -> None:
    assert check(store, bundle, NOW - DAY) == "none", "nothing was predicted yet"
    answered(store, bundle, at=NOW, n=500, moved=True)
    check(store, bundle)
    assert check(store, bundle, NOW + 30 * DAY) == "severe", "nothing arrived, so nobody knows"
    assert len(letters(store)) == 1


def test_another_version_ends_the_alarm_of_the_one_before(store: Store, bundle: Bundle, other_version: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    check(store, bundle)
    assert check(store, other_version, NOW + DAY) == "none"
    last = data(letters(store)[-1])
    assert (last["reason"], last["state"], last["model_version"]) == ("version", "none", other_version.version)
    assert "Outra versão" in last["text"]
    assert AlertStates(store).all()[0].version == other_version.version


def test_a_new_version_in_alarm_counts_since_anew(store: Store, bundle: Bundle, other_version: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    check(store, bundle)
    answered(store, other_version, at=NOW + DAY, n=500, moved=True)
    assert check(store, other_version, NOW + DAY) == "severe"
    assert len(letters(store)) == 1
    figures: Any = AlertStates(store).all()[0].figures
    assert set(figures["since"].values()) == {"2024-07-01T12:00:00+00:00"}


def test_workers_that_check_at_once_tell_it_once(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: check(store, bundle), range(4)))
    assert len(letters(store)) == 1
    assert len(Events(store).latest(9)) == 1


def test_without_a_channel_the_state_is_still_kept(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    assert check(store, bundle, wording=MessageSettings("en", ())) == "severe"
    assert Outbox(store).latest(9) == []
    assert len(Events(store).latest(9)) == 1


def test_a_message_holds_no_pupil_and_only_finite_numbers(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    check(store, bundle, wording=MessageSettings("en", ("webhook",)))
    message = data(letters(store)[0])
    assert message.keys() == {
        "headline",
        "text",
        "title",
        "state",
        "state_label",
        "previous_state",
        "reason",
        "since",
        "previous_since",
        "task",
        "model_version",
        "window",
        "n",
        "reference",
        "features",
    }
    assert message["features"][0].keys() == {
        "feature",
        "meaning",
        "verdict",
        "verdict_label",
        "since",
        "reasons",
        "psi",
        "low",
        "high",
        "critical",
        "n",
    }
    numbers = [value for value in message["features"][0].values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))


def test_an_invalid_window_is_refused_before_anything_is_kept(store: Store, bundle: Bundle) -> None:
    with pytest.raises(InputError):
        check(store, bundle, window="soon")
    assert store.snapshots("current", 9) == []


def test_old_snapshots_and_letters_go_with_a_check(store: Store, bundle: Bundle) -> None:
    answered(store, bundle, at=NOW, n=500, moved=True)
    for hour in range(3):
        check(store, bundle, NOW + timedelta(hours=hour))
    for letter in Outbox(store).latest(9):
        Outbox(store).delivered(letter, NOW)
    check(store, bundle, NOW + 100 * DAY)
    assert len(store.snapshots("current", 9)) == 2
    assert Outbox(store).latest(9) == []


def asked(store: Store, bundle: Bundle, panel: Panel, at: datetime, n: int, *, turned: bool) -> None:
    """Pupils of the sample who are as they were; `turned`: the greatest IDA to whoever had the least."""
    scorer, rows = Scorer(bundle), panel.select(panel.year == panel.years[-1])
    drawn = np.random.default_rng(n).permutation(rows.year.size)[:n]
    columns = {name: rows.numbers[name][drawn] for name in bundle.inputs.columns}
    if turned:
        known = np.flatnonzero(~np.isnan(columns["IDA"]))
        order = known[np.argsort(columns["IDA"][known])]
        columns["IDA"][order] = columns["IDA"][order[::-1]].copy()
    scores = scorer.score(columns, rows.year[drawn].astype(np.float64))
    stored = []
    for i, answer in enumerate(scorer.answers(scores)):
        values = {name: None if np.isnan(column[i]) else float(column[i]) for name, column in columns.items()}
        stored.append(row_of(scorer, answer, values, at=at, year=2024, source="api"))
    store.write(stored)


def test_pairs_are_checked_only_where_the_setting_says_so(store: Store, bundle: Bundle, panel: Panel) -> None:
    asked(store, bundle, panel, NOW, 400, turned=True)
    assert check(store, bundle) == "none"
    (kept,) = AlertStates(store).all()
    assert "pairs" not in kept.figures
    assert check(store, bundle, NOW + timedelta(hours=1), multivariate=True) == "severe"
    (letter,) = letters(store)
    message = data(letter)
    assert message["features"] == []
    assert "IDA" in (message["pairs"][0]["first"], message["pairs"][0]["second"])
    assert "agora" in message["pairs"][0]["text"]
    (event,) = Events(store).latest(9)
    pairs = event.details["pairs"]
    assert isinstance(pairs, list)
    assert any("IDA × MATEMATICA" in each for each in pairs)


def test_an_alarm_of_pairs_stays_while_unknown_and_then_ends(store: Store, bundle: Bundle, panel: Panel) -> None:
    asked(store, bundle, panel, NOW, 400, turned=True)
    assert check(store, bundle, multivariate=True) == "severe"
    later = NOW + 20 * DAY
    answered(store, bundle, at=later, n=2_000)  # counted alone: their rows say nothing of their values
    assert check(store, bundle, later, multivariate=True) == "severe"
    assert check(store, bundle, later + DAY, multivariate=True) == "severe", "nobody could tell the day before either"
    assert len(letters(store)) == 1
    last = NOW + 60 * DAY
    asked(store, bundle, panel, last, 1_000, turned=False)
    assert check(store, bundle, last, multivariate=True) == "none"
    assert [data(each)["state"] for each in letters(store)] == ["severe", "none"]
    assert data(letters(store)[1])["pairs"] == []


def test_an_alarm_of_pairs_ends_when_the_setting_is_off(store: Store, bundle: Bundle, panel: Panel) -> None:
    asked(store, bundle, panel, NOW, 400, turned=True)
    assert check(store, bundle, multivariate=True) == "severe"
    assert check(store, bundle, NOW + DAY) == "none"


def test_pairs_without_drift_do_not_hide_a_features_alarm(store: Store, bundle: Bundle, panel: Panel) -> None:
    asked(store, bundle, panel, NOW, 1_000, turned=False)
    answered(store, bundle, at=NOW, n=1_500, moved=True)
    assert check(store, bundle, multivariate=True) == "severe"
    (state,) = AlertStates(store).all()
    assert (state.figures["multivariate"], state.figures["pairs"]) == ("none", [])


def test_a_model_of_few_rows_is_checked_without_pairs(store: Store, bundle: Bundle) -> None:
    older = replace(bundle, reference=replace(bundle.reference, joint=None))
    answered(store, older, at=NOW, n=500, moved=True)
    (result,) = check_all(store, [older], "7d", NOW, WORDING, multivariate=True)
    assert result.pairwise is None
    assert result.report.verdict == "severe"


@pytest.fixture(scope="session")
def other_version(bundle_of: Callable[[str], Bundle], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    from farol.model.bundle import read_bundle, write_bundle
    from tests.bundles import trained_model

    return read_bundle(write_bundle(tmp_path_factory.mktemp("other"), trained_model("current", seed=5)))
