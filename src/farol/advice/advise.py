"""What to do about a model, in plain words: each advice with its reason and the next step.

`advise` is a pure function of what is known. It proposes; nothing is ever done by itself. The kinds, the gravest first:

- `distrust`: the promoted model cannot be read; what came true is worse than promised; the answers themselves drift
  severely, and the share of "at risk" beyond chance; too much is missing; the expected performance is wholly below the
  promised one; the model is too old;
- `retrain`: outcomes of a year are there that the model did not learn from; or a severe drift that lasts;
- `look`: at a feature, in the slice that explains its alarm best;
- `cohort`: other pupils than in training, of whom each level is as it was;
- `too_little`: no alarm, and too few predictions to rule one out;
- `nothing`: to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from farol.advice import rules
from farol.advice.inputs import Advice, Facts
from farol.advice.phrases import compared, dashboard, days, missing, name_of, percent
from farol.drift.baseline import slice_words
from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.drift.slices import most_changed
from farol.drift.verdicts import MIN_SAMPLES, Verdict
from farol.i18n import Message, decimal, msg
from farol.model.counters import WHOLE

COVERED = 0.8
"""Share of a window's predictions that must have a level before the levels speak for the window."""


def advise(facts: Facts) -> tuple[Advice, ...]:
    """What to do about the model of a task, the gravest first; at least one."""
    if facts.problem is not None or facts.drift is None:
        return (rules.unread(facts),)
    drift = facts.drift
    same = _levels_as_before(facts)
    found = [
        *rules.broken_promise(facts),
        *(() if same else rules.answers_drift(facts, drift)),
        *rules.much_missing(facts, drift),
        *rules.expected_below(facts, drift),
        *rules.too_old(facts, drift),
        *rules.new_outcomes(facts),
        *(() if same else rules.lasting(facts, drift)),
    ]
    if same:
        found.append(_other_pupils(facts, drift))
    elif drift.alarm:
        found += _looks(facts, drift)
    elif drift.verdict != "none":
        found.append(_too_little(facts, drift))
    elif not found:
        words = msg("What arrives looks like what the model learned from, and nothing speaks against its answers.")
        found.append(Advice("nothing", msg("The answers can be relied on as before."), (words, compared(drift)), ()))
    return tuple(found)


def _levels_as_before(facts: Facts) -> bool:
    """Whether an alarm is one of other pupils only: everything in alarm is within the first band, level by level."""
    drift, levels = facts.drift, facts.levels
    if drift is None or levels is None or not drift.alarm or levels.alarm or levels.n < COVERED * drift.n:
        return False
    by_name: dict[str, Verdict] = {one.feature: one.verdict for one in levels.figures}
    alarms = [one.feature for one in drift.figures if one.alarm]
    answers = drift.rate is None or not drift.rate.alarm or (levels.rate is not None and levels.rate.verdict == "none")
    return answers and all(by_name.get(name) == "none" for name in alarms)


def _other_pupils(facts: Facts, drift: DriftReport) -> Advice:
    names = ", ".join(one.feature for one in drift.features if one.alarm)
    return Advice(
        "cohort",
        msg("Other pupils are asked about, but pupils of the same level are as they were: nothing to correct."),
        (
            msg("In alarm for all together: {features}.", features=names or msg("the answers")),
            msg("Compared with training rows weighted to the same levels, each of them is within the first band."),
            compared(drift),
        ),
        (
            msg("{command} shows it.", command=f"`farol drift --task {facts.task} --same-levels`"),
            dashboard(drift, same_levels=True),
        ),
    )


def _looks(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    shown = most_changed(drift)
    for one in shown:
        yield _look(facts, drift, one)
    if not shown:
        yield Advice(
            "look",
            msg("Look at the answers: the share “at risk” has changed."),
            (compared(drift),),
            (dashboard(drift),),
        )


def _look(facts: Facts, drift: DriftReport, whole: FeatureDrift) -> Advice:
    found = facts.looked.explaining.get(whole.feature)
    one = whole if found is None else found.figures[whole.feature]
    name, window = name_of(whole), days(drift.window)
    searched = msg(
        "Looked into {n} slices, by phase, class and source; what chance gives is reckoned for all of them together.",
        n=len(facts.looked.slices),
    )
    if found is None:
        what = msg("Look at {feature}: it has changed, in no one phase, class or source alone.", feature=name)
        why = (*reasons(one), compared(drift), searched)
        command = f"`farol drift --task {facts.task}`"
    else:
        what = msg("Look at {feature} in {slice}: there it has changed.", feature=name, slice=slice_words(found.name))
        there = msg(
            "{n} predictions of {window} with {slice}, compared with: {rows} ({m}, of {years}).",
            n=found.n,
            window=window,
            slice=slice_words(found.name),
            rows=found.baseline,
            m=found.reference_n,
            years=", ".join(map(str, drift.reference_years)),
        )
        why = (*reasons(one), there, searched)
        command = f"`farol drift --task {facts.task} --slice {found.name}`"
    steps = (
        msg("Ask whoever filled it in: another way of filling in, or other pupils? Then correct it, or keep watching."),
        msg("{command} has all figures.", command=command),
        dashboard(drift, WHOLE if found is None else found.name),
    )
    return Advice("look", what, why, steps, one, "" if found is None else found.name)


def reasons(one: FeatureDrift) -> Iterator[Message]:
    """What is in alarm about a figure, in words and numbers."""
    moved = one.superiority
    if moved is not None and moved.alarm:
        words = (
            msg(
                "The values are lower: a pupil of now has more than one of training in {share} of cases, not in half.",
                share=percent(moved.value),
            )
            if moved.value < 0.5
            else msg(
                "The values are higher: a pupil of now has more than one of training in {share} of cases, not in half.",
                share=percent(moved.value),
            )
        )
        yield words
    if one.missing.alarm:
        yield msg("{now} are missing; in training {then} were.", **missing(one))
    if one.unseen is not None and one.unseen.alarm and one.unseen.value is not None:
        yield msg("{now} are values that training never had.", now=percent(one.unseen.value))
    if "distribution" in one.alarms and one.psi is not None:
        yield msg(
            "The distribution is another one: PSI {psi}, where chance alone seldom gives more than {critical}.",
            psi=decimal(one.psi),
            critical=decimal(one.critical),
        )


def _too_little(facts: Facts, drift: DriftReport) -> Advice:
    if drift.n < MIN_SAMPLES:
        why = msg(
            "{n} predictions in {window}; below {enough} nothing can be said.",
            n=drift.n,
            window=days(drift.window),
            enough=MIN_SAMPLES,
        )
    else:
        names = ", ".join(one.feature for one in drift.features if one.verdict == "insufficient_data")
        why = msg(
            "With {n} predictions in {window}, what differs may be chance: {features}.",
            n=drift.n,
            window=days(drift.window),
            features=names or msg("the answers"),
        )
    steps = (msg("Wait, or look at a longer period: {command}.", command="`farol status --window 90d`"),)
    return Advice("too_little", msg("Wait for more predictions."), (why, compared(drift)), steps)
