"""When a model is not to be relied on for now, and when to train again: one rule a function, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farol.advice.inputs import Advice, Facts
from farol.advice.phrases import compared, dashboard, day, days, missing, name_of, percent, span, train_again
from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.evaluation.metrics import MEASURES
from farol.i18n import msg
from farol.store.records import Snapshot

TOO_OLD = 3
"""Years between the last one whose answers a model learned from and today from which it is too old: the survey is
yearly, so a model of last year's sheet is one behind, and one survey missed makes two."""
LASTING = 3
"""Checks that must have found a severe drift before it is said to last."""
MARGIN = 0.05
"""How far the whole interval of the expected performance must lie below that of the promise: the estimate is off by
0.03 on average by itself, and has been by 0.04 (docs/monitoring.md)."""
_EXPECTED = {"roc_auc": "roc_auc", "precision": "precision", "recall": "recall", "f1": "f1", "brier_score": "brier"}
_VERIFY = {"command": "`farol models verify`", "rollback": "`farol models rollback`"}


def unread(facts: Facts) -> Advice:
    problem = facts.problem
    why = () if problem is None else (problem.problem,)
    fix = () if problem is None or problem.fix is None else (problem.fix,)
    verify = msg("{command} checks every file of a model; {rollback} serves the one before.", **_VERIFY)
    return Advice(
        "distrust", msg("It cannot be checked: the model or the database cannot be read."), why, (*fix, verify)
    )


def broken_promise(facts: Facts) -> Iterator[Advice]:
    came = facts.realised
    if came is None or came.version != facts.version:
        return  # nothing was answered yet, or by another model than the one in use
    worse = [one for one in came.together.comparisons if one.verdict == "worse"]
    if not worse:
        return
    figures = [
        msg(
            "{metric}: promised {promised}, came true {realised}",
            metric=MEASURES[one.metric].title,
            promised=span(one.promised.value, one.promised.low, one.promised.high),
            realised=span(one.realised.value, one.realised.low, one.realised.high),
        )
        for one in worse
        if one.promised is not None and one.realised is not None
    ]
    yield Advice(
        "distrust",
        msg("Last year's answers were worse than promised."),
        (
            msg(
                "The sheet of {year} says what became of {n} pupils: beyond chance, it is worse than on the card.",
                year=came.year,
                n=came.together.evaluation.n,
            ),
            *figures,
        ),
        (
            msg(
                "Read /monitoring/results: if help worked, right warnings look wrong, and the share at risk counts too."
            ),
            train_again(),
        ),
    )


def answers_drift(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    score, rate = drift.score, drift.rate
    if score is None or rate is None or rate.value is None or score.verdict != "severe" or not rate.alarm:
        return
    yield Advice(
        "distrust",
        msg("The model answers quite otherwise than in training."),
        (
            msg(
                "It says “at risk” of {now} of the pupils ({low} to {high}); of unseen training pupils, of {then}.",
                now=percent(rate.value),
                low=percent(rate.low),
                high=percent(rate.high),
                then=percent(rate.reference),
            ),
            compared(drift),
        ),
        (msg("Look first whether the data is filled in as before: the features below."), dashboard(drift)),
        score,
    )


def much_missing(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    lost = [one for one in drift.features if one.missing.verdict == "severe" and _rose(one)]
    silent = drift.score is not None and drift.score.missing.verdict == "severe" and _rose(drift.score)
    if not silent and 2 * len(lost) < len(drift.features):
        return
    figures = [
        msg("{feature}: {now} missing, in training {then}", feature=name_of(one), **missing(one))
        for one in ([drift.score] if silent and drift.score is not None else []) + lost
    ]
    yield Advice(
        "distrust",
        msg("Too much is missing for an answer to be worth what it was."),
        (*figures, compared(drift)),
        (msg("Ask for what is missing: {features}.", features=", ".join(one.feature for one in lost) or "–"),),
    )


def _rose(one: FeatureDrift) -> bool:
    return one.missing.value is not None and one.missing.value > one.missing.reference


def expected_below(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    """Only where the whole interval is below, by more than the estimate may be off."""
    if facts.estimation is None or facts.promise is None:
        return
    below = []
    for name, metric in _EXPECTED.items():
        now, promised = facts.estimation.measures[name], facts.promise.metrics.get(metric)
        if promised is None or now.value is None or now.low is None or now.high is None:
            continue
        better = MEASURES[metric].greater_is_better
        gap = promised.low - now.high if better else now.low - promised.high
        if gap > MARGIN:
            below.append(
                msg(
                    "{metric}: expected {now}, promised {promised}",
                    metric=MEASURES[metric].title,
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
                    "Expected from {n} answers themselves, in {window}.",
                    n=facts.estimation.n,
                    window=days(drift.window),
                ),
            ),
            (
                msg("Give the model all it was trained with: an answer from few inputs is worth little."),
                msg(
                    "{command} says what has to hold for this estimate.",
                    command=f"`farol estimate --task {facts.task}`",
                ),
            ),
        )


def too_old(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    if not facts.learned:
        return
    known = max(facts.learned) + facts.horizon
    if drift.window.last.year - known >= TOO_OLD:
        yield Advice(
            "distrust",
            msg("The model is too old."),
            (
                msg(
                    "The last year whose answers it knows is {year}, {n} years before the end of this window.",
                    year=known,
                    n=drift.window.last.year - known,
                ),
            ),
            (train_again(),),
        )


def new_outcomes(facts: Facts) -> Iterator[Advice]:
    year = facts.outcome_year
    if year is None or not facts.learned or year - facts.horizon <= max(facts.learned):
        return
    yield Advice(
        "retrain",
        msg("Train again: there is a year the model has not learned from."),
        (
            msg(
                "The outcomes of {year} are recorded; the model in use knows answers up to {known}.",
                year=year,
                known=max(facts.learned) + facts.horizon,
            ),
        ),
        (train_again(),),
    )


def lasting(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    first, since = drift.window.first, severe_since(facts.snapshots)
    if drift.verdict != "severe" or first is None or since is None or since.last >= first:
        return
    yield Advice(
        "retrain",
        msg("Train again: a severe drift that lasts."),
        (
            msg(
                "Every check since {day} found a severe drift, also on days that this window does not hold.",
                day=day(since.last),
            ),
            compared(drift),
        ),
        (
            msg("First look whether the data is right (below). If it is, the pupils have changed for good."),
            train_again(),
        ),
    )


def severe_since(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """The first of at least three severe snapshots, the latest first, between which nothing was milder.

    Insufficient data interrupts nothing and counts for nothing.
    """
    found: list[Snapshot] = []
    for one in snapshots:
        verdict = one.payload["verdict"]
        if verdict == "severe":
            found.append(one)
        elif verdict != "insufficient_data":
            break
    return found[-1] if len(found) >= LASTING else None
