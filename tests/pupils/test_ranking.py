"""Lists: as many as there is room for, the likeliest first, ties shown, and what to expect of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.api.answers.pupils import PupilListAnswer
from farol.csv_form import PROGRAMS, Audience, CsvForm
from farol.errors import InputError
from farol.evaluation.capacity import Capacity, parse_capacity
from farol.model.bundle import Bundle, read_bundle
from farol.model.scoring import NO_ANSWER, Scorer
from farol.profile import load_profile
from farol.pupils.ranking import By, ExpectedCases, PupilList, pupil_list
from farol.workbook.csv_parquet import read_delimited
from farol.workbook.headers import HeaderIndex
from farol.workbook.limits import DEFAULT_LIMITS
from farol.workbook.panel import Panel
from tests.bundles import answering_from, make_bundle


def probabilities(scorer: Scorer, panel: Panel) -> dict[str, float]:
    last = panel.select(panel.year == panel.years[-1])
    scores = scorer.score(dict(last.numbers), last.year.astype(np.float64))
    return dict(zip(map(str, last.student), scores.probability.tolist(), strict=True))


def test_the_list_is_the_likeliest_of_the_last_year(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, Capacity(60, None))
    every = probabilities(scorer, panel)
    assert (ranked.year, ranked.places, ranked.by) == (panel.years[-1], 60, By.all)
    listed = {pupil.student: pupil.probability for pupil in ranked.pupils}
    assert listed == {student: every[student] for student in listed}
    assert min(listed.values()) > max(value for student, value in every.items() if student not in listed)
    values = [pupil.probability for pupil in ranked.pupils]
    assert values == sorted(values, reverse=True)
    assert [pupil.rank for pupil in ranked.pupils] == [1 + sum(v > value for v in every.values()) for value in values]


def test_a_share_is_of_the_group(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, parse_capacity("20%"))
    assert ranked.places == ranked.group.n * 0.2 // 1 or ranked.places == -(-ranked.group.n * 0.2 // 1)


def test_new_cases_and_old_ones_have_lists_of_their_own(scorer: Scorer, panel: Panel) -> None:
    onset = pupil_list(scorer, panel, Capacity(10, None), by=By.onset)
    recovery = pupil_list(scorer, panel, Capacity(10, None), by=By.recovery)
    assert {pupil.at_risk_now for pupil in onset.pupils} == {False}
    assert {pupil.at_risk_now for pupil in recovery.pupils} == {True}
    last = panel.label[panel.year == panel.years[-1]]
    assert (onset.group.n, recovery.group.n) == (int((last == 0).sum()), int((last == 1).sum()))


def test_expected_cases_are_of_list_group_and_level(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, Capacity(40, None))
    every = list(probabilities(scorer, panel).values())
    assert ranked.group.n == len(every)
    assert ranked.group.value == pytest.approx(sum(every))
    assert ranked.expected.value == pytest.approx(sum(pupil.probability for pupil in ranked.pupils))
    assert ranked.expected.low <= ranked.expected.value <= ranked.expected.high
    assert sum(expected.n for _, expected in ranked.levels) == len(every)
    assert sum(expected.value for _, expected in ranked.levels) == pytest.approx(sum(every))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_the_range_holds_95_percent_of_what_chance_gives(probability: list[float]) -> None:
    expected = ExpectedCases.of(np.array(probability))
    chances = np.ones(1)
    for chance in probability:  # Poisson's binomial by its definition
        chances = np.append(chances * (1 - chance), 0) + np.append(0, chances * chance)
    assert expected.value == pytest.approx(sum(probability))
    assert chances[expected.low : expected.high + 1].sum() >= 0.95 - 1e-9
    assert 0 <= expected.low <= expected.high <= len(probability)


def test_ties_with_the_last_place_are_shown_and_reported(scorer: Scorer, panel: Panel) -> None:
    # The small model gives many pupils the same answer.
    every = sorted(probabilities(scorer, panel).values(), reverse=True)
    first, same = next((i, every.count(value)) for i, value in enumerate(every) if every.count(value) > 2)
    ranked = pupil_list(scorer, panel, Capacity(first + 2, None))
    assert ranked.places == first + 2
    assert len(ranked.pupils) == ranked.expected.n == first + same
    assert [pupil.tied for pupil in ranked.pupils] == [False] * first + [True] * same
    assert {pupil.rank for pupil in ranked.pupils if pupil.tied} == {first + 1}
    (note,) = [note.render("en") for note in ranked.notes() if "share the last place" in note.render("en")]
    assert note.startswith(f"{same} pupils")
    assert f"has {first + same} pupils and not {first + 2}" in note
    whole = pupil_list(scorer, panel, Capacity(first + same, None))
    assert [pupil.student for pupil in whole.pupils] == [pupil.student for pupil in ranked.pupils]
    assert not any(pupil.tied for pupil in whole.pupils)
    assert not any("share the last place" in note.render("en") for note in whole.notes())


@pytest.mark.parametrize("capacity", [Capacity(10_000, None), Capacity(None, 0.9)])
def test_nearly_everyone_is_no_list(scorer: Scorer, panel: Panel, capacity: Capacity) -> None:
    with pytest.raises(InputError, match="nearly everyone"):
        pupil_list(scorer, panel, capacity)


def test_a_tie_of_nearly_everyone_is_no_list(scorer: Scorer, panel: Panel) -> None:
    last = panel.year == panel.years[-1]
    numbers = {name: np.where(last, values[last][0], values) for name, values in panel.numbers.items()}
    with pytest.raises(InputError, match="nearly everyone"):
        pupil_list(scorer, replace(panel, numbers=numbers), Capacity(5, None))


def test_no_place_is_no_list(scorer: Scorer, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError):
        parse_capacity("0")
    monkeypatch.setattr(Capacity, "places", lambda _self, _rows: 0)
    with pytest.raises(InputError, match="no place at all"):
        pupil_list(scorer, panel, Capacity(None, 0.001))


def test_the_question_of_this_year_has_no_new_cases(panel: Panel, tmp_path: Path) -> None:
    scorer = Scorer(read_bundle(make_bundle(tmp_path, "current")))
    with pytest.raises(InputError, match="no new cases"):
        pupil_list(scorer, panel, Capacity(5, None), by=By.onset)
    assert len(pupil_list(scorer, panel, Capacity(5, None)).pupils) >= 5


def strict(bundle: Bundle, least: int) -> Scorer:
    return Scorer(answering_from(bundle, least))


def test_pupils_without_an_answer_are_named_and_not_listed(bundle: Bundle, panel: Panel) -> None:
    most = len(bundle.task_spec.features)
    scorer = strict(bundle, most)
    ranked = pupil_list(scorer, panel, Capacity(5, None))
    last = panel.select(panel.year == panel.years[-1])
    scores = scorer.score(dict(last.numbers), last.year.astype(np.float64))
    assert ranked.unanswered == tuple(sorted(map(str, last.student[scores.prediction == NO_ANSWER])))
    assert ranked.unanswered
    assert not set(ranked.unanswered) & {pupil.student for pupil in ranked.pupils}
    assert any(ranked.unanswered[0] in note.render("pt_BR") for note in ranked.notes())
    with pytest.raises(InputError, match="no pupil to choose from"):
        pupil_list(strict(bundle, most + 1), panel, Capacity(5, None))


def test_notes_say_in_which_years_probabilities_were_checked(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, panel, Capacity(10, None))
    assert "The probabilities were checked with pupils of whom 40% to 61% were at risk." in [
        note.render("en") for note in ranked.notes()
    ]


def test_a_school_without_levels_has_lists_without_them(bundle: Bundle, scorer: Scorer, panel: Panel) -> None:
    flat = replace(panel, profile=replace(panel.profile, level=None))
    ranked = pupil_list(scorer, flat, Capacity(5, None))
    assert ranked.levels == ()
    assert {pupil.level for pupil in ranked.pupils} == {None}


def test_a_pupil_of_unknown_present_state_is_listed_as_such(scorer: Scorer, panel: Panel) -> None:
    ranked = pupil_list(scorer, replace(panel, label=np.full(panel.label.shape, np.nan)), Capacity(5, None))
    assert {pupil.at_risk_now for pupil in ranked.pupils} == {None}


@pytest.fixture
def reasoned(scorer: Scorer, panel: Panel) -> PupilList:
    return pupil_list(scorer, panel, Capacity(7, None), reasons=2)


def test_reasons_come_with_the_list_when_asked_for(reasoned: PupilList) -> None:
    assert all(1 <= len(pupil.reasons) <= 2 for pupil in reasoned.pupils)


def test_the_list_for_programs(reasoned: PupilList) -> None:
    body = PupilListAnswer.of(reasoned, "en").model_dump(by_alias=True)
    assert (body["task"], body["year"], body["by"], body["places"]) == ("next-year", reasoned.year, "all", 7)
    pupils, levels = body["pupils"], body["levels"]
    assert isinstance(pupils, list)
    assert isinstance(levels, list)
    assert pupils[0].keys() == {"rank", "student", "level", "probability", "at_risk_now", "tied", "reasons"} | {"class"}
    assert "tend to have" in pupils[0]["reasons"][0]
    assert levels[0].keys() == {"level", "n", "value", "low", "high"}


def test_the_list_as_a_table(reasoned: PupilList) -> None:
    rows = list(csv.DictReader(io.StringIO(reasoned.csv(CsvForm(Audience.programs, "pt_BR")), newline="")))
    assert [row["student"] for row in rows] == [pupil.student for pupil in reasoned.pupils]
    assert [float(row["probability"]) for row in rows] == [round(p.probability, 6) for p in reasoned.pupils]
    assert [row["class"] for row in rows] == [pupil.group for pupil in reasoned.pupils]
    assert {row["tied"] for row in rows} <= {"0", "1"}
    assert "costumam ter" in rows[0]["reasons"]


def test_the_list_opens_in_a_spreadsheet_of_the_readers_country(reasoned: PupilList) -> None:
    text = reasoned.csv(CsvForm(Audience.people, "pt_BR"))
    assert text.startswith("\ufeffposição;aluno;turma;fase;risco;em defasagem agora;empate;motivos\r\n")
    first, pupil = next(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";")), reasoned.pupils[0]
    assert (first["aluno"], first["turma"]) == (pupil.student, pupil.group)
    assert pupil.group
    assert first["fase"] == f"{pupil.level:.0f}"
    assert float(first["risco"].replace(",", ".")) == round(pupil.probability, 6)
    assert first["em defasagem agora"] in {"sim", "não", ""}


def test_a_csv_for_people_is_read_back(reasoned: PupilList) -> None:
    odd = replace(reasoned, pupils=(replace(reasoned.pupils[0], student="x;=1+1"),))
    index = HeaderIndex(load_profile("pede"), 2024)
    for locale in ("pt_BR", "en"):
        content = odd.csv(CsvForm(Audience.people, locale)).encode()
        rows = read_delimited(content, index, DEFAULT_LIMITS, "list.csv").rows
        assert len({len(row) for row in rows}) == 1
        assert [row[1] for row in rows[1:]] == ["x;=1+1"]


@pytest.mark.parametrize("change", [lambda code: f"={code}", lambda code: f"@{code}"])
def test_a_code_that_a_spreadsheet_would_run_is_made_harmless(
    reasoned: PupilList, change: Callable[[str], str]
) -> None:
    bad = replace(reasoned, pupils=(replace(reasoned.pupils[0], student=change("cmd")),))
    (row,) = csv.DictReader(io.StringIO(bad.csv(PROGRAMS), newline=""))
    assert row["student"] == f"'{change('cmd')}"
