"""The rules that say not to rely on a model for now, or to train again: one rule a function, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farol.advice.inputs import Advice, Facts
from farol.advice.phrases import (
    compared,
    dashboard,
    days,
    metric_name,
    missing,
    name_of,
    names_of,
    span,
    train_again,
)
from farol.drift.figures import FeatureDrift, percent
from farol.drift.report import DriftReport
from farol.evaluation.metrics import MEASURES
from farol.i18n import count, day, msg
from farol.store.records import Snapshot

TOO_OLD = 3
"""A model is too old this many years after the last year whose answers it learned from. The survey is yearly, so a
model of last year's sheet is one year behind, and a missed survey makes two. The years are those of the pupils it is
asked about and of the sheets that came, not of the calendar: there may be no newer sheet to learn from."""
LASTING = 3
"""A drift lasts once this many checks found it severe."""
MARGIN = 0.05
"""How far the whole interval of the expected performance must lie below that of the card: the estimate itself is off
by 0.03 on average, and has been by 0.04 (docs/monitoring.md)."""
_EXPECTED = {"roc_auc": "roc_auc", "precision": "precision", "recall": "recall", "f1": "f1", "brier_score": "brier"}
_VERIFY = {"command": "`farol models verify`", "rollback": "`farol models rollback`"}


def unread(facts: Facts) -> Advice:
    problem = facts.problem
    why = () if problem is None else (problem.problem,)
    fix = () if problem is None or problem.fix is None else (problem.fix,)
    back = msg(
        "An administrator puts the version before back into use, or another one: {models}.",
        models="/administration/models",
    )
    verify = msg("{command} checks every file of a model; {rollback} puts the one before back into use.", **_VERIFY)
    return Advice(
        "distrust", msg("It cannot be checked: the model or the database cannot be read."), why, (*fix, back, verify)
    )


def broken_promise(facts: Facts) -> Iterator[Advice]:
    came = facts.outcomes
    if came is None or came.version != facts.version:
        return  # nothing was answered yet, or by another model than the one in use
    worse = [comparison for comparison in came.together.comparisons if comparison.verdict == "worse"]
    if not worse:
        return
    figures = [
        msg(
            "{metric}: promised {promised}, came true {realised}",
            metric=metric_name(comparison.metric),
            promised=span(comparison.promised.value, comparison.promised.low, comparison.promised.high),
            realised=span(comparison.realised.value, comparison.realised.low, comparison.realised.high),
        )
        for comparison in worse
        if comparison.promised is not None and comparison.realised is not None
    ]
    yield Advice(
        "distrust",
        msg("Last year's answers were worse than promised."),
        (
            msg(
                "The sheet of {year} shows what became of the pupils (measured: {n}). The answers were worse "
                "than the card promised, by more than chance.",
                year=came.year,
                n=count(came.together.evaluation.n),
            ),
            *figures,
        ),
        (
            msg(
                "Read /monitoring/results: where help worked, right warnings look wrong, and the share of pupils at "
                "risk moves the figures too."
            ),
            *train_again(),
        ),
    )


def answers_drift(drift: DriftReport) -> Iterator[Advice]:
    score, rate = drift.score, drift.rate
    if score is None or rate is None or rate.value is None or score.verdict != "severe" or not rate.alarm:
        return
    yield Advice(
        "distrust",
        msg("The model's answers differ strongly from those in training."),
        (
            msg(
                "It calls {now} of the pupils “at risk” ({low} to {high}). Among training pupils that it had "
                "not seen, it was {then}.",
                now=percent(rate.value),
                low=percent(rate.low),
                high=percent(rate.high),
                then=percent(rate.reference),
            ),
            compared(drift),
        ),
        (msg("First check the data: is it filled in as before? See the advice below."), dashboard(drift)),
        score,
    )


def much_missing(drift: DriftReport) -> Iterator[Advice]:
    lost = [feature for feature in drift.features if feature.missing.verdict == "severe" and _rose(feature)]
    silent = drift.score is not None and drift.score.missing.verdict == "severe" and _rose(drift.score)
    if not silent and 2 * len(lost) < len(drift.features):
        return
    figures = [
        msg("{feature}: {now} missing, in training {then}", feature=name_of(feature), **missing(feature))
        for feature in ([drift.score] if silent and drift.score is not None else []) + lost
    ]
    steps = (msg("Ask for the missing values: {features}.", features=names_of(lost)),) if lost else ()
    yield Advice(
        "distrust",
        msg("Too many values are missing: the answers are worth less than in training."),
        (*figures, compared(drift)),
        (*steps, dashboard(drift)),
    )


def _rose(feature: FeatureDrift) -> bool:
    return feature.missing.value is not None and feature.missing.value > feature.missing.reference


def expected_below(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    """Only where the whole interval is below, by more than the estimate may be off."""
    if facts.estimation is None or facts.card is None:
        return
    below = []
    for name, metric in _EXPECTED.items():
        now, promised = facts.estimation.measures[name], facts.card.metrics.get(metric)
        if promised is None or now.value is None or now.low is None or now.high is None:
            continue
        better = MEASURES[metric].greater_is_better
        gap = promised.low - now.high if better else now.low - promised.high
        if gap > MARGIN:
            below.append(
                msg(
                    "{metric}: expected {now}, promised {promised}",
                    metric=metric_name(metric),
                    now=span(now.value, now.low, now.high),
                    promised=span(promised.value, promised.low, promised.high),
                )
            )
    if below:
        yield Advice(
            "distrust",
            msg("For these pupils the answers are probably worth less than promised."),
            (
                *below,
                msg(
                    "Estimated only from the answers of {window} ({n}).",
                    n=count(facts.estimation.n),
                    window=days(drift.window),
                ),
            ),
            (
                msg(
                    "Give the model all the information it was trained with: an answer from little information "
                    "is worth little."
                ),
                msg(
                    "{command} says when this estimate is valid.",
                    command=f"`farol estimate --task {facts.task}`",
                ),
            ),
        )


def too_old(facts: Facts) -> Iterator[Advice]:
    newest = max((year for year in (facts.asked, facts.outcome_year) if year is not None), default=None)
    if not facts.learned or newest is None:
        return
    known = max(facts.learned) + facts.horizon
    if newest - known >= TOO_OLD:
        yield Advice(
            "distrust",
            msg("The model is too old."),
            (
                msg(
                    "The last year whose answers it knows is {year}. There are already pupils of {newest}, {n} "
                    "years later.",
                    year=known,
                    newest=newest,
                    n=count(newest - known),
                ),
            ),
            train_again(),
        )


def new_outcomes(facts: Facts) -> Iterator[Advice]:
    year = facts.outcome_year
    if year is None or not facts.learned or year - facts.horizon <= max(facts.learned):
        return
    yield Advice(
        "retrain",
        msg("There is a year that the model has not learned from."),
        (
            msg(
                "The outcomes of {year} are recorded; the model in use knows answers up to {known}.",
                year=year,
                known=max(facts.learned) + facts.horizon,
            ),
        ),
        train_again(),
    )


def lasting(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    first, since = drift.window.first, severe_since(facts.snapshots)
    if drift.verdict != "severe" or first is None or since is None or since.last >= first:
        return
    yield Advice(
        "retrain",
        msg("The severe drift continues."),
        (
            msg(
                "Every check since {day} found a severe drift, also on days before this period.",
                day=day(since.last),
            ),
            compared(drift),
        ),
        (
            msg("First check that the data is right (below). If it is, the pupils have changed for good."),
            *train_again(),
        ),
    )


def severe_since(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """The first of at least three severe snapshots, the latest first, between which nothing was milder.

    Insufficient data interrupts nothing and counts for nothing.
    """
    severe: list[Snapshot] = []
    for snapshot in snapshots:
        verdict = snapshot.payload["verdict"]
        if verdict == "severe":
            severe.append(snapshot)
        elif verdict != "insufficient_data":
            break
    return severe[-1] if len(severe) >= LASTING else None
