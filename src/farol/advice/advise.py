"""What to do about a model, in plain words: each advice with its reason and the next step.

`advise` is a pure function of the facts. It proposes; nothing is ever done by itself. The kinds, the gravest first:

- `distrust`: the promoted model cannot be read; the outcomes are worse than the card; the answers drift severely, and
  the share of "at risk" beyond chance; too many values are missing; the whole interval of the expected performance is
  below the card's; the model is too old;
- `retrain`: there are outcomes of a year that the model did not learn from; or a severe drift lasts;
- `look`: at a feature, in the slice that explains its alarm best;
- `cohort`: other pupils than in training, and at each level they are as before;
- `too_little`: no alarm, and too few predictions to rule one out;
- `nothing`: to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from farol.advice import rules
from farol.advice.inputs import Advice, Facts
from farol.advice.phrases import compared, dashboard, days, missing, name_of, names_of
from farol.drift.figures import FeatureDrift, percent
from farol.drift.psi import MODERATE, SEVERE
from farol.drift.report import DriftReport, of_years
from farol.drift.slices import most_changed
from farol.drift.verdicts import MIN_SAMPLES, Verdict
from farol.i18n import Message, count, decimal, msg
from farol.model.counters import WHOLE

COVERED = 0.8
"""Share of a window's predictions that must have a level before the levels speak for the window."""


def advise(facts: Facts) -> tuple[Advice, ...]:
    """What to do about the model of a task, the gravest first; at least one."""
    if facts.problem is not None or facts.drift is None:
        return (rules.unread(facts),)
    drift = facts.drift
    same = _levels_as_before(facts)
    advices = [
        *rules.broken_promise(facts),
        *(() if same else rules.answers_drift(drift)),
        *rules.much_missing(drift),
        *rules.expected_below(facts, drift),
        *rules.too_old(facts),
        *rules.new_outcomes(facts),
        *(() if same else rules.lasting(facts, drift)),
    ]
    if same:
        advices.append(_other_pupils(facts, drift))
    elif drift.alarm:
        advices += _looks(facts, drift)
    elif not drift.n:
        advices.append(_no_predictions(facts, drift))
    elif drift.verdict != "none":
        advices.append(_too_little(drift))
    elif not advices:
        words = msg(
            "The data that arrives looks like the data the model learned from. There is no sign of a "
            "problem with its answers."
        )
        advices.append(Advice("nothing", msg("The answers can be relied on as before."), (words, compared(drift)), ()))
    return tuple(advices)


def _levels_as_before(facts: Facts) -> bool:
    """Whether only the mix of pupils has changed: level by level, every figure in alarm is within the first band."""
    drift, levels = facts.drift, facts.levels
    if drift is None or levels is None or not drift.alarm or levels.alarm or levels.n < COVERED * drift.n:
        return False
    by_name: dict[str, Verdict] = {figure.feature: figure.verdict for figure in levels.figures}
    alarms = [figure.feature for figure in drift.figures if figure.alarm]
    answers = drift.rate is None or not drift.rate.alarm or (levels.rate is not None and levels.rate.verdict == "none")
    return answers and all(by_name.get(name) == "none" for name in alarms)


def _other_pupils(facts: Facts, drift: DriftReport) -> Advice:
    changed = [feature for feature in drift.features if feature.alarm]
    return Advice(
        "cohort",
        msg("These are different pupils, but at each level they are as before. There is nothing to correct."),
        (
            msg("Changed for all pupils together: {features}.", features=names_of(changed)),
            msg("Compared with training pupils of the same levels, none of this has changed."),
            compared(drift),
        ),
        (
            msg("{command} shows it.", command=f"`farol drift --task {facts.task} --same-levels`"),
            dashboard(drift, same_levels=True),
        ),
    )


def _looks(facts: Facts, drift: DriftReport) -> Iterator[Advice]:
    changed = most_changed(drift)
    for feature in changed:
        yield _look(facts, drift, feature)
    if not changed:
        yield Advice(
            "look",
            msg("The share of answers “at risk” has changed."),
            (compared(drift),),
            (dashboard(drift),),
        )


def _look(facts: Facts, drift: DriftReport, whole: FeatureDrift) -> Advice:
    part = facts.looked.explaining.get(whole.feature)
    feature = whole if part is None else part.figures[whole.feature]
    name, window = name_of(whole), days(drift.window)
    searched = msg(
        "Groups of pupils compared, by level, class and source: {n}. The limits allow for chance in "
        "all of them together.",
        n=count(len(facts.looked.slices)),
    )
    if part is None:
        summary = msg("Changed, and not in one level, class or source alone: {feature}.", feature=name)
        why = (*reasons(feature), compared(drift))
        command = f"`farol drift --task {facts.task}`"
    else:
        summary = msg("Changed in {slice}: {feature}.", feature=name, slice=part.words)
        there = msg(
            "{n} predictions of {window} with {slice}, compared with: {rows} ({training}).",
            n=count(part.n),
            window=window,
            slice=part.words,
            rows=part.baseline,
            training=of_years(part.reference_n, drift.reference_names),
        )
        why = (*reasons(feature), there)
        command = f"`farol drift --task {facts.task} --slice {part.name}`"
    steps = (
        msg("Ask who filled it in: is it filled in differently, or are the pupils different? Correct it, or watch it."),
        msg("{command} shows all figures.", command=command),
        dashboard(drift, WHOLE if part is None else part.name),
    )
    numbers = (_distance(feature), searched)
    return Advice("look", summary, why, steps, feature, "" if part is None else part.name, numbers)


def reasons(feature: FeatureDrift) -> Iterator[Message]:
    """The alarms of a feature, in words."""
    moved = feature.superiority
    if moved is not None and moved.alarm:
        yield (
            msg(
                "The values are lower: in {share} of comparisons a pupil of this period has a higher value than a "
                "training pupil; without drift it would be 50%.",
                share=percent(moved.value),
            )
            if moved.value < 0.5
            else msg(
                "The values are higher: in {share} of comparisons a pupil of this period has a higher value than a "
                "training pupil; without drift it would be 50%.",
                share=percent(moved.value),
            )
        )
    if feature.missing.alarm:
        yield msg("{now} of the values are missing; in training it was {then}.", **missing(feature))
    if feature.unseen is not None and feature.unseen.alarm and feature.unseen.value is not None:
        yield msg("{now} of the values never occurred in training.", now=percent(feature.unseen.value))
    if "distribution" in feature.alarms and feature.psi is not None:
        yield (
            msg("The values are spread very differently from training, by more than chance explains.")
            if feature.psi >= SEVERE
            else msg("The values are spread somewhat differently from training, by more than chance explains.")
        )


def _distance(feature: FeatureDrift) -> Message:
    return msg(
        "Distance from training (PSI): {psi}; chance alone seldom gives more than {critical}. Below {moderate} is no "
        "drift, from {severe} on severe.",
        psi=decimal(feature.psi or 0.0),
        critical=decimal(feature.critical),
        moderate=decimal(MODERATE),
        severe=decimal(SEVERE),
    )


def _no_predictions(facts: Facts, drift: DriftReport) -> Advice:
    why = [msg("Predictions in {window}: none.", window=days(drift.window))]
    if facts.of_sheet:
        why.append(
            msg(
                "Stored forecasts for the sheet that the model was trained with: {n}. They are left out "
                "here, because training knew these pupils. The model card says what the answers were worth "
                "in a year that the model did not know.",
                n=count(facts.of_sheet),
            )
        )
    return Advice("nothing", msg("There is nothing to compare yet: no prediction came in this period."), tuple(why), ())


def _too_little(drift: DriftReport) -> Advice:
    if drift.n < MIN_SAMPLES:
        why = msg(
            "Predictions in {window}: {n}. With fewer than {enough} nothing can be said.",
            n=count(drift.n),
            window=days(drift.window),
            enough=MIN_SAMPLES,
        )
    else:
        unsure = [feature for feature in drift.features if feature.verdict == "insufficient_data"]
        why = msg(
            "Predictions in {window}: {n}. Chance alone may give so small a difference: {features}.",
            n=count(drift.n),
            window=days(drift.window),
            features=names_of(unsure),
        )
    steps = (
        msg("Wait, or look at the last 90 days: {page}.", page="/monitoring/advice?window=90d"),
        msg("In a terminal: {command}.", command="`farol status --window 90d`"),
    )
    return Advice("too_little", msg("Wait for more predictions."), (why, compared(drift)), steps)
