"""One pupil's answer in words: the risk, what such a risk was worth, the reasons, what is missing, and the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from farol.errors import InputError
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.reasons import Reason, reasons_for
from farol.model.risk_bands import Band, risk_text
from farol.model.scoring import Answer, Scorer, abstention, warnings_for
from farol.model.vocabulary import given_in
from farol.profile import Text
from farol.workbook.panel import Panel
from farol.workbook.student_code import student_code


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """An answer for one row of a workbook. `is_new`: no earlier year of the workbook has this pupil."""

    bundle: Bundle
    student: str
    year: int
    answer: Answer
    band: Band | None
    reasons: tuple[Reason, ...]
    missing: tuple[Text, ...]
    is_new: bool

    def lines(self, locale: str) -> Iterator[str]:
        """The answer for a reader, line by line; an empty line between its parts."""
        task, state = self.bundle.task_spec, self.bundle.profile.label.state
        period = self.bundle.profile.period_text(self.year)
        yield " · ".join(filter(None, (self.student, period, task.question.in_locale(locale))))
        yield ""
        if self.answer.probability is None:
            yield abstention(self.answer, state).render(locale)
        else:
            risk = msg("a risk of {share}", share=risk_text(self.answer.probability, locale))
            yield f"{self.answer.label.in_locale(locale)}: {risk.render(locale)}"
            if self.band is not None:
                yield self.band.words(state).render(locale)
        for heading, changeable in (
            (msg("What can be worked on:"), True),
            (msg("What cannot be changed, but helps to understand:"), False),
        ):
            reasons = [reason for reason in self.reasons if reason.changeable == changeable]
            if reasons:
                yield ""
                yield heading.render(locale)
                yield from (f"  • {reason.sentence(locale)}" for reason in reasons)
        for note in self._notes(locale):
            yield ""
            yield note.render(locale)
        yield ""
        yield task.limits.in_locale(locale)

    def _notes(self, locale: str) -> Iterator[Message]:
        if self.missing:
            yield msg(
                "Not given, and not counted as average: {fields}.",
                fields=", ".join(text.in_locale(locale) for text in self.missing),
            )
        if self.is_new:
            yield msg("This pupil is in no earlier year of the workbook: the answer comes from this year alone.")


def explain_pupil(scorer: Scorer, panel: Panel, student: str, *, year: int | None = None, k: int = 3) -> Explanation:
    """The answer for a pupil's row of `year`, by default the last year that has one, with up to `k` reasons.

    Raises InputError, which names no other pupil, when there is no such row.
    """
    bundle = scorer.bundle
    own = panel.select(np.array(panel.student == student_code(student), dtype=np.bool_))
    if not own.years:
        raise InputError(
            msg("No pupil of the workbook has this code."),
            expected=msg("the code as the workbook has it, such as {example}", example="RA-123"),
            fix=msg("Check the code and the workbook."),
        )
    chosen = own.years[-1] if year is None else year
    rows = own.select(own.year == chosen)
    if not rows.years:
        raise InputError(
            msg("This pupil has no row of {year} in the workbook.", year=chosen),
            expected=msg("one of {names}", names=", ".join(map(str, own.years))),
            fix=msg("Choose one of these years, or give none: then it is the last."),
        )
    columns = bundle.inputs.columns
    values = {name: given_in(rows.columns[name][0]) for name in columns}
    answer = scorer.score_one(values, chosen)
    missing = [warning.field for warning in warnings_for(bundle, values) if warning.code == "missing_feature"]
    return Explanation(
        bundle=bundle,
        student=str(rows.student[0]),
        year=int(chosen),
        answer=answer,
        band=None if answer.abstained else answer.band,
        reasons=reasons_for(scorer, answer, k),
        missing=tuple(columns[name].meaning for name in missing),
        is_new=panel.years[0] < chosen and own.years[0] == chosen,
    )
