"""One pupil's answer in words."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from farol.api.answers.prediction import ReasonAnswer
from farol.api.answers.pupils import ExplanationAnswer
from farol.errors import InputError
from farol.model.bundle import Bundle
from farol.model.reasons import reasons_for
from farol.model.scoring import Scorer
from farol.pupils.explain import Explanation, explain_pupil
from farol.workbook.panel import Panel
from tests.bundles import answering_from


@pytest.fixture(scope="module")
def student(panel: Panel) -> str:
    """A pupil of all three years, whose last row has gaps."""
    for student in panel.student[panel.year == panel.years[-1]]:
        rows = panel.student == student
        if set(panel.year[rows]) == set(panel.years) and np.isnan(panel.numbers["INGLES"][rows][-1]):
            return str(student)
    raise AssertionError("the sample has such a pupil")


def text(explanation: Explanation, locale: str) -> str:
    return "\n".join(explanation.lines(locale))


def test_the_answer_is_that_of_the_pupils_own_row(scorer: Scorer, panel: Panel, student: str, bundle: Bundle) -> None:
    explanation = explain_pupil(scorer, panel, student)
    row = panel.select((panel.student == student) & (panel.year == panel.years[-1]))
    scores = scorer.score(dict(row.numbers), row.year.astype(np.float64))
    assert explanation.answer.probability == scores.probability[0]
    assert explanation.reasons == reasons_for(scorer, explanation.answer, 3)
    assert explanation.band in bundle.support.bands
    assert (explanation.student, explanation.year, explanation.is_new) == (student, panel.years[-1], False)


def test_another_year_is_explained_when_asked_for(scorer: Scorer, panel: Panel, student: str) -> None:
    first = explain_pupil(scorer, panel, student, year=panel.years[0])
    assert first.year == panel.years[0]
    assert not first.is_new, "the workbook has no year before its first"


def test_the_code_is_found_however_it_is_typed(scorer: Scorer, panel: Panel, student: str) -> None:
    assert explain_pupil(scorer, panel, f"  {student.lower()} ").student == student


def test_a_new_pupil_is_described_as_new(scorer: Scorer, panel: Panel) -> None:
    earlier = set(panel.student[panel.year < panel.years[-1]])
    new = next(str(student) for student in panel.student[panel.year == panel.years[-1]] if student not in earlier)
    explanation = explain_pupil(scorer, panel, new)
    assert explanation.is_new
    assert "comes from this year alone" in text(explanation, "en")


def test_an_unknown_code_names_no_other_pupil(scorer: Scorer, panel: Panel) -> None:
    with pytest.raises(InputError, match="No pupil of the workbook has this code") as caught:
        explain_pupil(scorer, panel, "RA-999999")
    words = str(caught.value)
    assert "999999" not in words
    assert re.findall(r"RA-\d+", words) == ["RA-123"], "the example alone"


def test_a_year_without_the_pupil_is_refused_with_their_years(scorer: Scorer, panel: Panel, student: str) -> None:
    with pytest.raises(InputError, match="no row of 1999") as caught:
        explain_pupil(scorer, panel, student, year=1999)
    assert ", ".join(map(str, panel.years)) in str(caught.value)


WORDS = {
    "en": ("a risk of", "What can be worked on:", "What cannot be changed", "Not given, and not counted as average"),
    "pt_BR": ("risco de", "O que se pode trabalhar:", "O que não se pode mudar", "Não informado, e não contado"),
}


@pytest.mark.parametrize("locale", WORDS)
def test_the_words_have_answer_reasons_gaps_and_limits(bundle: Bundle, panel: Panel, student: str, locale: str) -> None:
    features = bundle.task_spec.features
    task = replace(bundle.task_spec, changeable=features[::2])  # so that the small model has reasons of both kinds
    explanation = explain_pupil(Scorer(replace(bundle, task_spec=task)), panel, student, k=16)
    assert {reason.changeable for reason in explanation.reasons} == {True, False}
    assert explanation.missing
    said = text(explanation, locale)
    for words in WORDS[locale]:
        assert words in said
    assert explanation.answer.label.in_locale(locale) in said
    assert task.question.in_locale(locale) in said
    assert said.endswith(task.limits.in_locale(locale))
    assert all(reason.sentence(locale) in said for reason in explanation.reasons)


def test_what_there_is_nothing_to_say_of_has_no_heading(bundle: Bundle, panel: Panel, student: str) -> None:
    said = text(explain_pupil(Scorer(bundle), panel, student, k=0), "en")
    assert "What can be worked on" not in said


def test_too_little_known_is_said_instead_of_an_answer(bundle: Bundle, panel: Panel, student: str) -> None:
    strict = Scorer(answering_from(bundle, 99))
    explanation = explain_pupil(strict, panel, student)
    assert "There is no answer" in text(explanation, "en")
    assert "a risk of" not in text(explanation, "en")
    body = ExplanationAnswer.of(explanation, "en").model_dump()
    assert (body["abstained"], body["prediction"], body["probability"], body["band"]) == (True, None, None, None)


def test_the_answer_for_programs(scorer: Scorer, panel: Panel, student: str) -> None:
    explanation = explain_pupil(scorer, panel, student)
    body = ExplanationAnswer.of(explanation, "pt_BR").model_dump()
    assert (body["student"], body["year"], body["task"]) == (student, panel.years[-1], "next-year")
    assert body["probability"] == explanation.answer.probability
    assert body["reasons"] == [ReasonAnswer.of(reason, "pt_BR").model_dump() for reason in explanation.reasons]
    assert isinstance(body["band"], dict)
