"""Each kind of advice with its reasons, where it belongs and only there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from farol.advice.advise import advise
from farol.advice.inputs import Advice, Facts, gravest_of
from farol.advice.status import gather, model_status, model_statuses, promoted, real_problems
from farol.api.answers.status import AdviceAnswer, TaskStatusAnswer
from farol.drift.baseline import all_rows, slice_words, weighted_to_levels, without_slice
from farol.drift.null_distribution import exact_critical_values
from farol.drift.proportions import proportion_drift
from farol.drift.report import check
from farol.drift.slices import SliceSearch, search_slices
from farol.drift.windows import Window, parse_window
from farol.errors import BundleError
from farol.evaluation.metrics import Estimate
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.counters import PREDICTION, SCORE, Counted
from farol.model.registry import Registry
from farol.model.tasks import Tasks
from farol.outcomes.card_comparison import CardMetrics
from farol.outcomes.estimation import MEASURES, Estimation, ExpectedMeasure
from farol.outcomes.report import OutcomeReport
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction, Snapshot, uuid7
from tests.bundles import make_bundle
from tests.drift.test_baseline import of_two_levels
from tests.played import play
from tests.store.rows import row as prediction

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)
MONTH = Window("30d", date(2024, 6, 1), date(2024, 6, 30))

Counts = Mapping[str, Mapping[int, int]]


@pytest.fixture
def two(bundle: Bundle) -> Bundle:
    """Half of the training answers are about 0.1, half about 0.4, whatever the level."""
    two = of_two_levels(bundle)

    def score(n: int) -> tuple[int, ...]:
        return tuple(n // 2 if i in {10, 40} else 0 for i in range(101))

    levels = {
        level: replace(counted, score=score(sum(counted.features[0])))
        for level, counted in two.reference.by_level.items()
    }
    return replace(two, reference=replace(two.reference, score=score(400), by_level=levels))


def plain(bundle: Bundle, scale: int = 1) -> dict[str, dict[int, int]]:
    """The very counts of training."""
    counts = {
        feature.feature: dict(enumerate(n * scale for n in feature.counts)) for feature in bundle.reference.features
    }
    return counts | {SCORE: {10: 200 * scale, 40: 200 * scale}, PREDICTION: {0: 400 * scale}}


def facts(bundle: Bundle, counts: Counts, **known: object) -> Facts:
    drift = check(bundle, counts, window=MONTH)
    return replace(Facts("current", version="v", learned=(2022, 2023), drift=drift), **known)  # type: ignore[arg-type]


def kinds(advised: tuple[Advice, ...]) -> list[str]:
    return [advice.kind for advice in advised]


def texts(advice: Advice, locale: str = "en") -> str:
    return " ".join(words.render(locale) for words in (advice.summary, *advice.why, *advice.steps))


def test_where_nothing_changed_there_is_nothing_to_do(two: Bundle) -> None:
    (advice,) = advise(facts(two, plain(two, 5)))
    assert advice.kind == "nothing"
    assert "2,000 predictions of 2024-06-01 to 2024-06-30, compared with: all training rows (400, of 2022, 2023)." in (
        texts(advice)
    )
    assert "de 01/06/2024 a 30/06/2024" in texts(advice, "pt_BR")


@pytest.mark.parametrize(
    ("n", "words"), [(10, "With fewer than 30 nothing can be said"), (40, "so small a difference: “Self-evaluation”")]
)
def test_of_few_predictions_nothing_is_said(two: Bundle, n: int, words: str) -> None:
    counts = {name: {0: n // 2, 1: n // 2} for name in plain(two)} | {
        SCORE: {10: n // 2, 40: n // 2},
        PREDICTION: {0: n},
    }
    counts[two.reference.features[0].feature] = {0: round(0.45 * n), 1: round(0.55 * n)}
    (advice,) = advise(facts(two, counts))
    assert advice.kind == "too_little"
    assert words in texts(advice)


def test_a_changed_feature_is_advised_with_both_distributions(two: Bundle) -> None:
    name = two.reference.features[2].feature
    (advice,) = advise(facts(two, plain(two) | {name: {0: 380, 1: 20}}))
    assert (advice.kind, advice.part) == ("look", "")
    assert advice.figure is not None
    assert (advice.figure.reference, advice.figure.current) == ((200, 200, 0), (380, 20, 0))
    assert "The values are lower" in texts(advice)
    assert "and not in one level, class or source alone" in texts(advice)
    body = AdviceAnswer.of(advice, "en")
    assert (body.feature, body.reference, body.current) == (name, [200, 200, 0], [380, 20, 0])
    higher = advise(facts(two, plain(two) | {name: {0: 20, 1: 300, 2: 80}}))[0]
    assert "The values are higher" in texts(higher)
    assert "20% of the values are missing; in training it was 0%." in texts(higher)


def test_an_advice_gives_finding_reason_and_next_step_in_words(two: Bundle) -> None:
    name = two.reference.features[2].feature
    meaning = two.profile.columns[name].meaning.en
    (advice,) = advise(facts(two, plain(two) | {name: {0: 380, 1: 20}}))
    summary, lower, other, *rest = [words.render("en") for words in (advice.summary, *advice.why)]
    assert summary == f"Changed, and not in one level, class or source alone: “{meaning}”."
    # By hand: 0.95 · 0.25 + 0.05 · 0.75 = 0.275; 0.45 ln(0.95 / 0.5) − 0.45 ln(0.05 / 0.5) = 1.325, smoothed a little.
    assert lower == (
        "The values are lower: in 28% of comparisons a pupil of this period has a higher value than a training pupil; "
        "without drift it would be 50%."
    )
    assert other == "The values are spread very differently from training, by more than chance explains."
    assert rest == [
        "400 predictions of 2024-06-01 to 2024-06-30, compared with: all training rows (400, of 2022, 2023)."
    ]
    distance, searched = [str(words) for words in advice.numbers]
    assert distance.startswith("Distance from training (PSI): 1.32; chance alone seldom gives more than 0.")
    assert distance.endswith("Below 0.10 is no drift, from 0.25 on severe.")
    assert searched == (
        "Groups of pupils compared, by level, class and source: 0. The limits allow for chance in all of them together."
    )
    assert [words.render("en") for words in advice.steps] == [
        "Ask who filled it in: is it filled in differently, or are the pupils different? Correct it, or watch it.",
        "`farol drift --task current` shows all figures.",
        "See /monitoring/dashboard?task=current&window=30d",
    ]
    (quiet,) = advise(facts(two, plain(two)))
    assert texts(quiet).startswith(
        "The answers can be relied on as before. The data that arrives looks like the data the model"
    )


def test_only_figures_in_alarm_are_reasons(two: Bundle) -> None:
    from farol.model.counters import OUTSIDE

    name = two.reference.features[2].feature
    (beyond,) = advise(facts(two, plain(two) | {OUTSIDE: {2: 100}}))
    assert beyond.figure is not None
    assert beyond.figure.alarms == ("unseen",)
    for other in ("values are lower", "values are higher", "values are spread", "are missing"):
        assert other not in texts(beyond)
    (moved,) = advise(facts(two, plain(two) | {name: {0: 380, 1: 20}, OUTSIDE: {2: 1}}))
    assert moved.figure is not None
    assert set(moved.figure.alarms) == {"distribution", "superiority"}
    assert "The values are spread very differently" in texts(moved)
    assert "never occurred" not in texts(moved), "one row in 400 is no alarm"
    (less,) = advise(facts(two, plain(two) | {name: {0: 290, 1: 110}}))  # PSI 0.225 ln 1.45 − 0.225 ln 0.55 = 0.218
    assert "The values are spread somewhat differently" in texts(less)


def test_at_most_three_features_are_named_the_most_changed_first(two: Bundle) -> None:
    moved = {
        feature.feature: {0: 260 + 20 * i, 1: 140 - 20 * i} for i, feature in enumerate(two.reference.features[1:6])
    }
    advised = advise(facts(two, plain(two) | moved))
    names = [advice.figure.feature for advice in advised if advice.figure is not None]
    assert kinds(advised) == ["look"] * 3
    assert names == list(moved)[:1:-1]


def test_values_never_seen_are_named(two: Bundle) -> None:
    from farol.model.counters import OUTSIDE

    (advice,) = advise(facts(two, plain(two) | {OUTSIDE: {1: 100}}))
    assert "25% of the values never occurred in training." in texts(advice)


def test_only_the_answers_changed(two: Bundle) -> None:
    (advice,) = advise(facts(two, plain(two) | {PREDICTION: {0: 360, 1: 40}}))
    assert (advice.kind, "The share of answers “at risk” has changed" in texts(advice)) == ("look", True)


def test_other_pupils_of_the_same_levels_need_no_correction(two: Bundle) -> None:
    name = two.reference.features[0].feature
    counts = plain(two) | {name: {0: 83 + 30, 1: 17 + 270}}
    levels = check(two, counts, window=MONTH, against=weighted_to_levels(two, {"1": 100, "5": 300}))
    (advice,) = advise(facts(two, counts, levels=levels))
    assert advice.kind == "cohort"
    assert f"Changed for all pupils together: “{two.profile.columns[name].meaning.en}”." in texts(advice)
    given = facts(two, counts, levels=levels)
    assert given.drift is not None
    assert kinds(advise(replace(given, drift=replace(given.drift, rate=None)))) == ["cohort"]
    # Where the levels do not speak for the window, or only some of it is calm level by level, it is to be looked at.
    few = check(two, {key: {0: 40, 1: 40} for key in counts}, window=MONTH)
    assert kinds(advise(facts(two, counts, levels=few))) == ["look"]
    other = counts | {two.reference.features[1].feature: {0: 390, 1: 10}}
    still = check(two, other, window=MONTH, against=weighted_to_levels(two, {"1": 100, "5": 300}))
    assert kinds(advise(facts(two, other, levels=still))) == ["look", "look"]
    rate = counts | {PREDICTION: {0: 300, 1: 100}}
    alone = replace(levels, rate=None)
    assert "cohort" not in kinds(advise(facts(two, rate, levels=alone)))
    drifting = check(two, rate, window=MONTH, against=weighted_to_levels(two, {"1": 100, "5": 300})).rate
    assert drifting is not None
    assert drifting.alarm
    assert "cohort" not in kinds(advise(facts(two, rate, levels=replace(levels, rate=drifting))))
    unsure = replace(levels, rate=replace(drifting, verdict="insufficient_data"))
    assert not unsure.alarm
    assert "cohort" not in kinds(advise(facts(two, rate, levels=unsure)))
    calm = replace(drifting, verdict="none")
    advised = advise(facts(two, rate, levels=replace(levels, rate=calm)))
    assert kinds(advised) == ["cohort"]
    only = advise(facts(two, plain(two) | {PREDICTION: {0: 300, 1: 100}}, levels=replace(levels, rate=calm)))
    assert "Changed for all pupils together: the answers." in texts(only[0])


def test_answers_unlike_those_of_training_are_distrusted(two: Bundle) -> None:
    counts = plain(two) | {SCORE: {90: 400}, PREDICTION: {1: 400}}
    advised = advise(facts(two, counts))
    assert kinds(advised)[0] == "distrust"
    assert (
        "It calls 100% of the pupils “at risk” (99% to 100%). Among training pupils that it had not seen, it was 0%."
        in texts(advised[0])
    )
    assert "level, class or source alone: the answers." in texts(advised[1])


def test_too_much_missing_is_not_to_be_relied_on(two: Bundle) -> None:
    silent = advise(facts(two, plain(two) | {SCORE: {10: 100, 40: 100, 100: 200}, PREDICTION: {0: 200, 2: 200}}))
    assert kinds(silent)[0] == "distrust"
    assert "the answers: 50% missing, in training 0%" in texts(silent[0])
    half = {feature.feature: {0: 150, 1: 150, 2: 100} for feature in two.reference.features[1:7]}
    assert "Too many values are missing" in texts(advise(facts(two, plain(two) | half))[0])
    assert kinds(advise(facts(two, plain(two) | dict(list(half.items())[:3]))))[0] == "look"
    # More was missing in training than is now: that is another change, and no lack.
    score = tuple(100 if i in {10, 40} else 200 if i == 100 else 0 for i in range(101))
    lacking = replace(two, reference=replace(two.reference, score=score))
    assert all("Too many values are missing" not in texts(advice) for advice in advise(facts(lacking, plain(lacking))))


def expected(**values: tuple[float, float, float]) -> Estimation:
    measures = {
        name: ExpectedMeasure(*values[name]) if name in values else ExpectedMeasure(None, None, None)
        for name in MEASURES
    }
    return Estimation(400, 0, 0.5, 0.4, measures)


@pytest.mark.parametrize(
    ("estimation", "told"),
    [
        (expected(roc_auc=(0.7, 0.65, 0.74)), True),
        (expected(roc_auc=(0.7, 0.65, 0.76)), False),  # nearer than the estimate may be off
        (expected(brier_score=(0.3, 0.28, 0.32)), True),
        (expected(precision=(0.1, 0.1, 0.1)), False),  # nothing was promised of it
        (expected(accuracy=(0.1, 0.1, 0.1)), False),  # no card has it
        (expected(recall=(0.5, 0.45, 0.55)), True),
        (expected(f1=(0.5, 0.45, 0.55)), True),
        (expected(f1=(0.95, 0.92, 0.98), recall=(0.95, 0.92, 0.98)), False),  # above what was promised
        (expected(), False),
    ],
)
def test_expected_wholly_below_what_was_promised(two: Bundle, estimation: Estimation, told: bool) -> None:
    figures = dict.fromkeys(("recall", "f1"), Estimate(0.7, 0.62, 0.78))
    figures |= {"roc_auc": Estimate(0.85, 0.8, 0.9), "brier": Estimate(0.15, 0.12, 0.18)}
    card = CardMetrics(300, 150, figures)
    advised = advise(facts(two, plain(two), estimation=estimation, card=card))
    assert (kinds(advised) == ["distrust"]) == told
    if told:
        assert "`farol estimate --task current`" in texts(advised[0])


def test_a_model_grows_too_old(two: Bundle) -> None:
    (advice,) = advise(facts(two, plain(two), learned=(2021,), asked=2024))
    assert advice.kind == "distrust"
    assert "The last year whose answers it knows is 2021. There are already pupils of 2024, 3 years later." in texts(
        advice
    )
    assert kinds(advise(facts(two, plain(two), learned=(2021,), horizon=1, asked=2024))) == ["nothing"]
    assert kinds(advise(facts(two, plain(two), learned=(), asked=2024))) == ["nothing"]
    assert kinds(advise(facts(two, plain(two), learned=(2021,), outcome_year=2024))) == ["distrust", "retrain"]


def test_the_calendar_alone_makes_no_model_too_old(two: Bundle) -> None:
    assert kinds(advise(facts(two, plain(two), learned=(2011,)))) == ["nothing"]


def test_one_request_does_not_make_a_model_too_old(two: Bundle, store: Store, tmp_path: Path) -> None:
    counted = Counted.of({two.reference.features[0].feature: 0})
    asked = replace(prediction(at=NOW, task=two.task, version=two.version), counted=counted)
    store.write([replace(asked, id=uuid7(NOW), year=year) for year in [2024] * 30 + [2031]])
    window = parse_window("30d", now=NOW)
    assert gather(store, Registry(tmp_path), two, window).asked == 2024
    assert gather(store, Registry(tmp_path), two, parse_window("30d@2020-01-31", now=NOW)).asked is None


def test_without_predictions_there_is_nothing_to_judge(two: Bundle) -> None:
    (advice,) = advise(facts(two, {}))
    assert (advice.kind, advice.steps) == ("nothing", ())
    assert "There is nothing to compare yet: no prediction came in this period." in texts(advice)
    assert "left out" not in texts(advice)
    (advice,) = advise(facts(two, {}, of_sheet=562))
    assert "Stored forecasts for the sheet that the model was trained with: 562. They are left out" in texts(advice)


def test_a_year_not_learned_from_asks_for_training(two: Bundle) -> None:
    (advice,) = advise(facts(two, plain(two), outcome_year=2024))
    assert (advice.kind, "`farol train WORKBOOK`" in texts(advice)) == ("retrain", True)
    assert "The outcomes of 2024 are recorded; the model in use knows answers up to 2023." in texts(advice)
    for known in ({"outcome_year": 2023}, {"outcome_year": 2024, "horizon": 1}, {"learned": (), "outcome_year": 2024}):
        assert kinds(advise(facts(two, plain(two), **known))) == ["nothing"]


def snapshot(day: date, verdict: str) -> Snapshot:
    return Snapshot("", NOW, "current", "v", None, day, {"verdict": verdict})


def test_a_severe_drift_that_lasts_asks_for_training(two: Bundle) -> None:
    counts = plain(two) | {two.reference.features[2].feature: {0: 390, 1: 10}}
    days = [date(2024, 6, 30) - timedelta(days=11 * i) for i in range(5)]
    severe = [snapshot(day, "severe") for day in days]

    def advised(*past: Snapshot) -> list[str]:
        return kinds(advise(facts(two, counts, snapshots=past)))

    assert advised(*severe) == ["retrain", "look"]
    assert advised(severe[0], snapshot(days[1], "insufficient_data"), *severe[2:]) == ["retrain", "look"]
    assert advised(*severe[:3]) == ["look"], "all those checks share days with this window"
    assert advised(severe[0], severe[4]) == ["look"]
    # Of three that last, the first ends on the day before the window or on its first day.
    before, within = date(2024, 5, 31), date(2024, 6, 1)
    assert advised(*severe[:2], snapshot(before, "severe")) == ["retrain", "look"]
    assert advised(*severe[:2], snapshot(within, "severe")) == ["look"]
    drift = check(two, counts, window=Window("all", None, date(2024, 6, 30)))
    assert kinds(advise(replace(facts(two, counts, snapshots=tuple(severe)), drift=drift))) == ["look"]
    (lasting, _) = advise(facts(two, counts, snapshots=tuple(severe)))
    assert "First check that the data is right" in texts(lasting)
    assert advised(*severe[:2], snapshot(days[2], "none"), *severe[3:]) == ["look"]
    assert kinds(advise(facts(two, plain(two), snapshots=tuple(severe)))) == ["nothing"]


def test_what_cannot_be_read_is_not_to_be_relied_on() -> None:
    error = BundleError(msg("It is damaged."), fix=msg("Repair it."))
    (advice,) = advise(Facts("current", problem=error))
    assert (advice.kind, "It is damaged. Repair it." in texts(advice)) == ("distrust", True)
    assert kinds(advise(Facts("current", problem=BundleError(msg("It is damaged."))))) == ["distrust"]
    assert kinds(advise(Facts("current"))) == ["distrust"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", "all pupils"),
        ("phase=3", "level 3"),
        ("class=8 B=2", "class 8 B=2"),
        ("source=api", "the source api"),
        ("grade=3", "level 3"),
    ],
)
def test_a_slice_has_words(part: str, words: str) -> None:
    assert str(slice_words(part)) == words
    assert str(slice_words("phase=3", load_profile("pede").level_name)) == "phase 3"


def stored(
    bundle: Bundle, level: int, bins: tuple[int, ...], source: str = "api", seen: int = 0
) -> Iterator[Prediction]:
    """Pupils of a level, by the bins of the first feature."""
    first, *rest = bundle.reference.features
    for row, bin_ in enumerate([0] * bins[0] + [1] * bins[1] + [2] * sum(bins[2:])):
        places = {feature.feature: row % 2 for feature in rest} | {
            first.feature: bin_,
            SCORE: seen or (10, 40)[row % 2],
            PREDICTION: 0,
        }
        counted = replace(Counted.of(places), slices=(f"phase={level}", f"source={source}"))
        yield Prediction(uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 0, "x", 0.4, 0.5, 2024, (), counted)


def test_the_slice_that_explains_an_alarm_is_named(two: Bundle, store: Store, tmp_path: Path) -> None:
    first = two.reference.features[0].feature
    store.write([*stored(two, 1, (250, 50)), *stored(two, 5, (190, 10))])
    gathered = gather(store, Registry(tmp_path), two, parse_window("30d", now=NOW))
    assert gathered.levels is not None
    assert gathered.looked.explaining[first].name == "phase=5"
    assert {part.name for part in gathered.looked.slices} == {"phase=1", "phase=5", "source=api"}
    looks = [advice for advice in advise(gathered) if advice.kind == "look" and advice.part == "phase=5"]
    assert len(looks) == 1
    assert f"Changed in phase 5: “{two.profile.columns[first].meaning.en}”." in texts(looks[0])
    assert "200 predictions of 2024-06-01 to 2024-06-30 with phase 5, compared with: training rows of phase 5 (100" in (
        texts(looks[0])
    )
    assert looks[0].figure is not None
    assert looks[0].figure.reference == (10, 90, 0)


def test_a_slice_explains_nothing_if_the_rest_is_in_alarm_too(two: Bundle, store: Store, tmp_path: Path) -> None:
    first = two.reference.features[0].feature
    unknown = [
        replace(prediction, counted=None if prediction.counted is None else replace(prediction.counted, slices=()))
        for prediction in stored(two, 7, (0, 0, 100))
    ]
    store.write([*stored(two, 1, (250, 50)), *stored(two, 5, (190, 10)), *unknown])
    gathered = gather(store, Registry(tmp_path), two, parse_window("30d", now=NOW))
    assert {part.name for part in gathered.looked.slices if part.figures[first].alarm} == {"phase=5", "source=api"}
    assert first not in gathered.looked.explaining


def test_the_ten_largest_slices_of_a_kind_are_searched(two: Bundle, store: Store, tmp_path: Path) -> None:
    store.write(list(stored(two, 5, (190, 10), "api")))
    for letter in range(12):  # 30 to 41 predictions each, and one source of 29
        store.write(list(stored(two, 1, (0, 0, 30 + letter), f"s{letter:02}")))
    store.write(list(stored(two, 1, (0, 0, 29), "small")))
    gathered = gather(store, Registry(tmp_path), two, parse_window("30d", now=NOW))
    sources = [part.name for part in gathered.looked.slices if part.name.startswith("source=")]
    assert sources == ["source=api", *(f"source=s{letter:02}" for letter in range(11, 2, -1))]


def test_slices_of_thirty_in_the_window_are_searched(two: Bundle, store: Store, tmp_path: Path) -> None:
    store.write([*stored(two, 5, (190, 10), "api"), *stored(two, 1, (0, 0, 30), "thirty")])
    old = [
        replace(prediction, id=uuid7(NOW), at=NOW - timedelta(days=60)) for prediction in stored(two, 1, (50, 0), "old")
    ]
    store.write(old)
    gathered = gather(store, Registry(tmp_path), two, parse_window("30d", now=NOW))
    assert {part.name for part in gathered.looked.slices} == {"phase=5", "phase=1", "source=api", "source=thirty"}


def test_answers_may_change_in_one_level_alone(two: Bundle, store: Store, tmp_path: Path) -> None:
    store.write([*stored(two, 1, (250, 50)), *stored(two, 5, (20, 180), seen=90)])
    window = parse_window("30d", now=NOW)
    gathered = gather(store, Registry(tmp_path), two, window)
    assert gathered.drift is not None
    only = replace(gathered.drift, features=tuple(feature for feature in gathered.drift.features if not feature.alarm))
    looked = search_slices(store, two, only)
    assert looked.explaining[SCORE].name == "phase=5"
    assert "Changed in phase 5: the answers." in texts(advise(replace(gathered, drift=only, looked=looked))[0])
    shallow = gather(store, Registry(tmp_path), two, window, deep=False)
    assert shallow.looked == SliceSearch()


def test_where_every_level_changed_only_a_source_is_named(two: Bundle, store: Store, tmp_path: Path) -> None:
    first = two.reference.features[0].feature
    store.write([*stored(two, 1, (125, 25), "a"), *stored(two, 5, (5, 45), "a")])
    store.write([*stored(two, 1, (0, 0, 90), "b"), *stored(two, 5, (0, 0, 60), "b")])
    gathered = gather(store, Registry(tmp_path), two, parse_window("all", now=NOW))
    assert {part.name for part in gathered.looked.slices if part.figures[first].alarm} == {
        "phase=1",
        "phase=5",
        "source=b",
    }
    assert gathered.looked.explaining[first].name == "source=b"
    (advice,) = advise(gathered)
    assert "150 predictions of all days until 2024-06-30 with the source b, compared with: all training rows" in texts(
        advice
    )


def test_without_an_alarm_nothing_is_searched(two: Bundle, store: Store, tmp_path: Path) -> None:
    gathered = gather(store, Registry(tmp_path), two, parse_window("30d", now=NOW))
    assert (gathered.looked.slices, gathered.levels) == ((), None)
    bare = replace(two, reference=replace(two.reference, by_level={}))
    store.write(list(stored(two, 5, (300, 0))))
    assert gather(store, Registry(tmp_path), bare, parse_window("30d", now=NOW)).levels is None


def test_the_rest_of_the_training_rows_is_what_the_level_leaves(two: Bundle) -> None:
    whole = all_rows(two)
    rest = without_slice(two, whole, "phase=5")
    assert (rest.n, rest.features[0]) == (300, (250, 50, 0))
    assert (rest.predicted, sum(rest.score or ())) == ((300, 0, 0), 300)
    assert without_slice(two, whole, "source=api") == without_slice(two, whole, "phase=9") == whole


def test_many_levels_get_enough_draws_or_raise_no_alarm() -> None:
    counts = (100.0,) * 8
    usual, strict = exact_critical_values(counts, 7, 50, 1e-4, 1e-4), exact_critical_values(counts, 7, 50, 2e-5, 2e-5)
    assert usual.psi < strict.psi < float("inf")
    assert exact_critical_values(counts, 7, 50, 1e-6, 1e-6).psi == float("inf")


def test_a_year_later_the_advice_knows_what_came_true(tmp_path: Path, sample_workbook: Path) -> None:
    settings = Settings(artifacts=tmp_path / "artifacts", data=tmp_path / "data")
    play(settings, sample_workbook)
    registry = Registry(settings.artifacts)
    bundle = registry.load("next-year")
    with Store.open(settings.store_url) as store:
        gathered = gather(store, registry, bundle, parse_window("30d@2023-12-31", now=NOW))
        status = model_status(store, registry, bundle, parse_window("30d@2023-12-31", now=NOW))
    assert isinstance(gathered.outcomes, OutcomeReport)
    advised = advise(gathered)
    assert "The sheet of 2024 shows what became of" in texts(advised[0])
    assert {"distrust", "retrain"} <= set(kinds(advised))
    assert (status.lead, status.to_do) == ("distrust", True)
    kept = replace(gathered, version="another")
    assert all("The sheet of 2024" not in texts(advice) for advice in advise(kept))
    calm = replace(gathered.outcomes, together=replace(gathered.outcomes.together, comparisons=()))
    assert all("The sheet of 2024" not in texts(advice) for advice in advise(replace(gathered, outcomes=calm)))


def tasks_of(registry: Registry) -> Tasks:
    return Tasks.in_use(registry, load_profile("pede"), is_chosen=False)


def test_next_years_model_comes_first_and_broken_ones_last(tmp_path: Path, store: Store) -> None:
    registry = Registry(tmp_path)
    for task in ("current", "next-year"):
        registry.promote(task, make_bundle(tmp_path, task).name)
    served, problems = promoted(registry, tasks_of(registry))
    assert ([bundle.task for bundle in served], problems) == (["next-year", "current"], {})
    make_bundle(tmp_path, "current", seed=3)
    (tmp_path / "current" / served[1].version / "model.json").write_bytes(b"{}")
    served, problems = promoted(registry, tasks_of(registry))
    assert ([bundle.task for bundle in served], list(problems)) == (["next-year"], ["current"])
    statuses = model_statuses(store, registry, served, problems, now=NOW)
    assert [(status.task, status.lead) for status in statuses] == [("next-year", "nothing"), ("current", "distrust")]
    assert TaskStatusAnswer.of(statuses[1], "en").model_dump() | {"advice": []} == {
        "task": "current",
        "title": "current",
        "model_version": None,
        "window": None,
        "n": None,
        "lead": "distrust",
        "to_do": True,
        "advice": [],
    }
    assert real_problems(registry, problems | {"other": problems["current"]}) == problems
    (tmp_path / "current" / "promoted.json").write_text("no JSON")
    assert real_problems(registry, problems) == problems
    assert promoted(Registry(tmp_path), tasks_of(Registry(tmp_path)))[1].keys() == {"current"}


def test_a_model_that_was_never_promoted_is_no_problem(tmp_path: Path) -> None:
    make_bundle(tmp_path, "current")
    assert promoted(Registry(tmp_path), tasks_of(Registry(tmp_path))) == ([], {})


def test_the_gravest_kind_leads(two: Bundle) -> None:
    advised = advise(facts(two, plain(two), outcome_year=2024, learned=(2020,)))
    assert gravest_of(tuple(reversed(advised))) == "distrust"


def test_a_share_without_values_is_nothing_to_compare() -> None:
    assert proportion_drift(0, 0, 1, 2, alpha=0.01).value is None
    assert SliceSearch().slices == ()


def test_models_of_another_profile_are_not_judged(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote("current", make_bundle(tmp_path).name)
    other = replace(load_profile("pede"), name="other")
    assert promoted(registry, Tasks.of(other, [], is_chosen=True)) == ([], {})


def test_the_sheet_of_training_has_words_of_its_own() -> None:
    assert str(slice_words("source=training-sheet")) == "the sheet that the model was trained with"
