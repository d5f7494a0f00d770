"""The list a team works from: as many pupils as it can attend to, those of the highest risk first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

import numpy as np

from farol.csv_form import CsvForm
from farol.errors import InputError
from farol.evaluation.capacity import NEARLY_ALL, Capacity
from farol.evaluation.intervals import true_cases_of_each
from farol.i18n import Listing, Message, count, msg
from farol.model.bundle import Bundle
from farol.model.features import Floats, feature_matrix, meanings_of
from farol.model.reasons import Reason, explain_rows
from farol.model.risk_bands import prevalence_range
from farol.model.scoring import NO_ANSWER, Scorer
from farol.profile import Text
from farol.workbook.panel import Panel
from farol.workbook.student_code import class_name

CLASS = "class"
"""The category column, if a profile has it, of a pupil's class."""

_HEADERS = {
    "rank": msg("place"),
    "student": msg("pupil"),
    "class": msg("class"),
    "level": msg("level"),
    "probability": msg("risk"),
    "at_risk_now": msg("{state} now"),
    "tied": msg("tied"),
    "reasons": msg("reasons"),
}


class By(StrEnum):
    """Of whom a list is made: everybody, those not at risk now (new cases), or those at risk now."""

    all = "all"
    onset = "onset"
    recovery = "recovery"


@dataclass(frozen=True, slots=True)
class ExpectedCases:
    """How many of `n` pupils to expect at risk: the sum of their probabilities, and the central 95% by chance."""

    n: int
    value: float
    low: int
    high: int

    @classmethod
    def of(cls, probability: Floats) -> ExpectedCases:
        """The expected cases among pupils with these probabilities (n,): Poisson's binomial, exactly."""
        return cls.of_each([probability])[0]

    @classmethod
    def of_each(cls, groups: Sequence[Floats]) -> list[ExpectedCases]:
        """The same for several groups at once."""
        # The whole numbers that the interval holds: a mean between them may be an end of the estimate's own.
        return [
            cls(probability.size, cases.value, int(np.floor(cases.low)), int(np.ceil(cases.high)))
            for probability, cases in zip(groups, true_cases_of_each(groups), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class RankedPupil:
    """One pupil of a list; `group` is the class.

    Pupils of the same probability have the same `rank`; `tied`: with the list's last place.
    """

    rank: int
    student: str
    group: str | None
    level: float | None
    probability: float
    at_risk_now: bool | None
    tied: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PupilList:
    """The list of one question for one year, made of a group of pupils.

    `marked` of the group have a probability from the threshold on, so that their answer is "at risk". `unanswered` are
    pupils of whom too little is known for an answer, and `unknown` the features that no pupil of the year has.
    """

    bundle: Bundle
    year: int
    by: By
    places: int
    pupils: tuple[RankedPupil, ...]
    expected: ExpectedCases
    group: ExpectedCases
    marked: int
    levels: tuple[tuple[float, ExpectedCases], ...]
    unanswered: tuple[str, ...]
    left_out: int = 0  # pupils whom the question does not count
    unknown: tuple[Text, ...] = ()

    def notes(self) -> Iterator[Message]:
        """What to know before using the list."""
        yield msg(
            "Pupils on the list: {n}. Expected at risk: about {value}, most likely {low} to {high}.",
            **_words(self.expected),
        )
        yield msg(
            "Pupils in the whole group: {n}. Expected at risk: about {value}, most likely {low} to {high}.",
            **_words(self.group),
        )
        yield marked_words(self.marked, self.bundle)
        yield msg("These ranges show what chance alone can do. They hold if the probabilities are right.")
        shares = prevalence_range(self.bundle.report)
        if shares is not None:
            low, high = (f"{share:.0%}" for share in shares)
            yield msg(
                "The probabilities were checked with pupils of whom {low} to {high} were at risk.",
                low=low,
                high=high,
            )
        tied = sum(pupil.tied for pupil in self.pupils)
        if tied:
            yield msg(
                "{tied} pupils share the last place with the same probability. So the list has {n} pupils "
                "and not {places}: the model has no reason to put one before the other.",
                tied=count(tied),
                n=count(len(self.pupils)),
                places=count(self.places),
            )
        if self.left_out:
            yield left_out_words(self.left_out)
        if self.unknown:
            yield unknown_words(self.unknown)
        if self.unanswered:
            yield msg(
                "Pupils without an answer, because too little is known about them ({n}): {students}",
                n=count(len(self.unanswered)),
                students=", ".join(self.unanswered),
            )

    def csv(self, form: CsvForm) -> str:
        """A table of the pupils; `reasons` in the locale of `form`."""
        rows = (
            (
                pupil.rank,
                pupil.student,
                pupil.group,
                pupil.level,
                round(pupil.probability, 6),
                pupil.at_risk_now,
                pupil.tied,
                " ".join(reason.text(form.locale) for reason in pupil.reasons),
            )
            for pupil in self.pupils
        )
        profile = self.bundle.profile
        words = {
            **_HEADERS,
            "level": Message(profile.level_name.in_locale(form.locale)),
            "at_risk_now": msg("{state} now", state=profile.label.state),
        }
        headers = tuple(words.values()) if form.is_for_people else tuple(words)
        return form.start + form.lines([headers, *rows])


def left_out_words(n: int) -> Message:
    """How many pupils of a sheet are not asked about, because not all conditions of the task's `only` hold."""
    return msg("Pupils whom this question leaves out by the profile's rule: {count}.", count=count(n))


def marked_words(marked: int, bundle: Bundle) -> Message:
    """Why the number of pupils marked "at risk" is not the number expected at risk."""
    return msg(
        "Pupils marked “at risk”, because their risk is {threshold} or more: {marked}. This number "
        "differs from the expected one: some marked pupils will not be {state}, and some unmarked "
        "pupils will.",
        marked=count(marked),
        state=bundle.profile.label.state,
        threshold=f"{bundle.manifest.threshold:.0%}",
    )


def unknown_features(bundle: Bundle, pupils: Panel) -> tuple[Text, ...]:
    """What the features mean that no row of a panel has, though training had them."""
    matrix = feature_matrix(bundle.profile, bundle.task_spec, pupils.columns, pupils.year.astype(np.float64))
    meanings = meanings_of(bundle.profile)
    return tuple(
        meanings[bins.feature]
        for bins, is_missing in zip(bundle.reference.features, np.isnan(matrix).T, strict=True)
        if is_missing.size and is_missing.all() and bins.counts[-1] < bundle.reference.n
    )


def unknown_words(unknown: tuple[Text, ...]) -> Message:
    """What it costs that features are unknown of every pupil."""
    return msg(
        "This sheet has no value of {names} for any pupil. The model learned from pupils with these "
        "values, so here its answers are worth less than its card says.",
        names=Listing(unknown),
    )


def pupil_list(scorer: Scorer, panel: Panel, capacity: Capacity, *, by: By = By.all, reasons: int = 0) -> PupilList:
    """The list of a panel's last year: the `capacity` pupils of the highest probability, and all who tie with the last.

    Raises InputError when the question is of this year and new cases are asked for, when nobody is left to choose
    from, and when the list would hold nearly everyone of the group.
    """
    bundle = scorer.bundle
    last = panel.year == panel.years[-1]
    asked = panel.asked(bundle.task_spec)
    pupils = panel.select(last & asked)
    if by is not By.all:
        if not bundle.task_spec.horizon:
            raise InputError(
                msg("This question asks who is at risk now, so it has no new cases."),
                fix=msg("Leave --by out, or ask about a later year."),
            )
        pupils = pupils.select(pupils.label == (1.0 if by is By.recovery else 0.0))
    columns = {name: pupils.columns[name] for name in bundle.inputs.columns}
    explained = explain_rows(scorer, columns, pupils.year.astype(np.float64), reasons)
    answered = explained.scores.prediction != NO_ANSWER
    probability = explained.scores.probability
    places = _places(capacity, int(answered.sum()))
    ranked = np.sort(probability[answered])[::-1]
    listed = np.flatnonzero(answered)[probability[answered] >= ranked[places - 1]]
    _check_choice(listed.size, ranked.size)
    level = np.full(probability.size, np.nan) if panel.profile.level is None else pupils.numbers[panel.profile.level]
    groups = pupils.categories.get(CLASS)
    order = sorted(listed.tolist(), key=lambda row: (-probability[row], str(pupils.student[row])))
    return PupilList(
        bundle=bundle,
        year=int(panel.years[-1]),
        by=by,
        places=places,
        pupils=tuple(
            RankedPupil(
                rank=1 + int((ranked > probability[row]).sum()),
                student=str(pupils.student[row]),
                group=None if groups is None else class_name(groups[row]),
                level=_known(level[row]),
                probability=float(probability[row]),
                at_risk_now=None if isnan(pupils.label[row]) else bool(pupils.label[row]),
                tied=listed.size > places and bool(probability[row] == ranked[places - 1]),
                reasons=explained.reasons(row),
            )
            for row in order
        ),
        expected=ExpectedCases.of(probability[listed]),
        group=ExpectedCases.of(ranked),
        marked=int((explained.scores.prediction == 1).sum()),
        levels=tuple(
            (value, ExpectedCases.of(probability[answered & (level == value)]))
            for value in np.unique(level[answered & ~np.isnan(level)]).tolist()
        ),
        left_out=int(np.count_nonzero(last & ~asked)),
        unknown=unknown_features(bundle, panel.of_year()),
        unanswered=tuple(sorted(str(student) for student in pupils.student[~answered])),
    )


def _places(capacity: Capacity, rows: int) -> int:
    if not rows:
        raise InputError(
            msg("There is no pupil to choose from, or too little is known about each of them."),
            fix=msg("Check that the sheet of the last year has pupils, and values for them."),
        )
    places = capacity.places(rows)
    if not places:
        raise InputError(
            msg("This capacity gives no place at all among {rows} pupils.", rows=count(rows)), fix=_SAY_HOW_MANY
        )
    _check_choice(places, rows)
    return places


def _check_choice(listed: int, rows: int) -> None:
    if listed >= NEARLY_ALL * rows:
        raise InputError(
            msg("A list of {listed} of {rows} pupils is nearly everyone: there is nothing to choose.",
                listed=count(listed), rows=count(rows)),
            expected=msg("less than {share} of the pupils of the group", share=f"{NEARLY_ALL:.0%}"),
            fix=_SAY_HOW_MANY,
        )  # fmt: skip


_SAY_HOW_MANY = msg("Say how many pupils the team can attend to, with --capacity.")


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _words(expected: ExpectedCases) -> dict[str, object]:
    return {
        "n": count(expected.n),
        "value": count(round(expected.value)),
        "low": count(expected.low),
        "high": count(expected.high),
    }
