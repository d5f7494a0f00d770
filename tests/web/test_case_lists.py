"""Lists, files and sheets of cases: filters, several at once, and nothing of a class that somebody may not see."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import openpyxl
import pytest
from sqlalchemy import delete

from farol.casework.cases import CaseState, GivenSupport, open_cases
from farol.casework.steps import Step
from farol.store.tables import pupil_answers, pupil_years
from tests.casework.site import ana, answer_row, bia, director, leo, year_row
from tests.web.sent import lasting, text_of
from tests.web.test_casework import School, running, school

__all__ = ["running", "school"]

NOW = datetime.now(UTC)


@pytest.fixture
def busy(school: School) -> School:
    """A late case of Ana's, one with support of Bia's in 3C, one of nobody's that is due in a month."""
    today = NOW.date()
    given = (GivenSupport("tutoring", "Ms. Rosa"), GivenSupport("family"))
    states = {
        "RA-1": CaseState(owner="u-ana", due=today - timedelta(2)),
        "RA-3": CaseState(Step.plan, "u-bia", today + timedelta(2), given),
        "RA-4": CaseState(due=today + timedelta(30)),
    }
    for student, state in states.items():
        open_cases(school.store, director, [student], 2024, state, at=NOW)
    return school


def pupils_in(text: str) -> list[str]:
    """The pupils that a page names."""
    kept = lasting(text)
    return [student for student in ("RA-1", "RA-2", "RA-3", "RA-4", "RA-5") if student in kept]


def test_a_list_shows_what_its_viewer_may_see(busy: School) -> None:
    for path in ("/cases", "/cases/due", "/meeting", "/meeting/print", "/cases.csv"):
        assert pupils_in(busy.get(path, ana).text) == ["RA-1"], path
        assert pupils_in(busy.get(path, bia).text) == ["RA-1", "RA-3"], path
    text = text_of(busy.get("/cases", ana).text)
    assert "1 case is open. 1 of them is late." in text
    assert "3C" not in lasting(busy.get("/cases", ana).text)
    assert "3 cases are open" in text_of(busy.get("/cases", leo).text)


def test_filters_narrow_the_list(busy: School) -> None:
    def listed(**query: str) -> list[str]:
        return pupils_in(busy.get("/cases", director, **query).text)

    assert listed(step="plan") == ["RA-3"]
    assert listed(owner="u-ana") == listed(late="1") == ["RA-1"]
    assert listed(support="family") == ["RA-3"]
    assert listed(**{"class": "4A"}) == ["RA-4"]
    assert listed(step="no-step") == ["RA-1", "RA-3", "RA-4"]
    assert "No case fits" in busy.get("/cases", director, step="closed").text


def test_a_site_without_cases_says_where_they_begin(school: School) -> None:
    assert "begins on a pupil's page" in text_of(school.get("/cases").text)
    assert "Nothing is due" in text_of(school.get("/cases/due").text)
    assert "No support is planned yet" in text_of(school.get("/meeting").text)


def test_due_cases_are_parted_into_mine_and_others(busy: School) -> None:
    text = text_of(busy.get("/cases/due", bia).text)
    assert text.index("For me") < text.index("RA-3") < text.index("For others") < text.index("RA-1")
    assert "RA-4" not in pupils_in(busy.get("/cases/due", director).text)


def test_the_sheet_names_pupil_support_and_owner(busy: School) -> None:
    text = text_of(busy.get("/meeting/print", bia).text)
    assert "Bia Reis talk with the family RA-3 (3C)" in text
    assert "Ms. Rosa tutoring RA-3 (3C)" in text
    assert "Printed by Bia Reis" in text
    with busy.store.engine.connect() as connection:
        last = connection.exec_driver_sql("SELECT user, action, subject FROM audit ORDER BY seq DESC LIMIT 1").one()
    assert tuple(last) == ("u-bia", "printed", "meeting")


def test_files_open_in_the_spreadsheets_of_the_country(busy: School) -> None:
    answer = busy.get("/cases.csv", director, lang="pt-BR")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:6] == ["Aluno", "Turma", "Ano", "Passo", "Atrasado", "Responsável pelo caso"]
    late = rows[1]
    assert late[:6] == ["RA-1", "3B", "2024", "sinalizado", "sim", "Ana Lima"]
    assert late[6] == (NOW.date() - timedelta(2)).strftime("%d/%m/%Y")
    book = openpyxl.load_workbook(io.BytesIO(busy.get("/cases.xlsx", director).content))
    cells: list[Any] = list(book["Cases"].values)
    assert [row[0] for row in cells] == ["Pupil", "RA-1", "RA-3", "RA-4"]
    assert cells[2][7] == "tutoring (Ms. Rosa), talk with the family"
    assert cells[1][6].date() == NOW.date() - timedelta(2)


def test_a_text_that_looks_like_a_formula_stays_a_text(school: School) -> None:
    given = (GivenSupport("tutoring", "=1+1"), GivenSupport("=2"))
    open_cases(school.store, director, ["RA-1"], 2024, CaseState(Step.plan, supports=given[1:]), at=NOW)
    assert "'=2" in school.get("/cases.csv").text
    sheet = openpyxl.load_workbook(io.BytesIO(school.get("/cases.xlsx").content))["Cases"]
    assert (sheet["H2"].value, sheet["H2"].data_type) == ("=2", "s")


def test_the_chosen_of_a_list_are_flagged_at_once(school: School) -> None:
    school.opened("RA-2")
    answer = school.post("/cases/bulk", ana, student=["RA-1", "RA-2", "RA-3", "RA-99"], year="2024")
    assert "New cases: 1. Had an open case already: 1." in text_of(answer.text)
    assert pupils_in(answer.text) == ["RA-1", "RA-2"]
    assert "Ana Lima" in answer.text
    assert school.post("/cases/bulk", ana, year="2024").status_code == 422
    assert school.post("/cases/bulk", ana, student=["RA-1"], owner="u-leo", year="2024").status_code == 422
    many = [f"RA-{number}" for number in range(2001)]
    assert "too many at once" in text_of(school.post("/cases/bulk", ana, student=many, year="2024").text)


def test_several_cases_change_at_once_each_by_its_rules(busy: School) -> None:
    with busy.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT student, id FROM cases").all()
    ids = {row[0]: row[1] for row in rows}
    answer = busy.post("/cases/bulk", bia, case=list(ids.values()), step="plan", comment="agreed in the meeting")
    text = text_of(answer.text)
    assert answer.status_code == 422
    assert "RA-1: A plan says which support the pupil gets." in text
    assert "RA-4" not in pupils_in(answer.text)
    assert busy.post("/cases/bulk", bia, case=[ids["RA-3"]], owner="u-ana").status_code == 422
    due = (NOW.date() + timedelta(9)).isoformat()
    answer = busy.post("/cases/bulk", director, case=[ids["RA-1"], ids["RA-3"]], owner="u-bia", due=due)
    assert "Cases changed: 2." in text_of(answer.text)
    answer = busy.post("/cases/bulk", director, case=[ids["RA-1"]], step="closed", reason="mistake", owner="-")
    assert "Cases changed: 1." in text_of(answer.text)
    assert "flagged by mistake" in busy.get("/cases", director, step="closed").text
    assert busy.post("/cases/bulk", director, case=[ids["RA-1"]]).status_code == 422
    assert busy.post("/cases/bulk", director, case=[ids["RA-1"]], step="away").status_code == 422


def test_numbers_of_an_address_that_are_none_are_passed_over(school: School) -> None:
    for number in ("x", "²", "1" * 40, "<b>"):
        assert "New cases" not in school.get("/cases", flagged=number).text


def test_the_school_changes_its_kinds_of_support(school: School) -> None:
    page = "/administration/support"
    assert "Clube de leitura" in school.post(page, director, wish="add", name="Clube de leitura").text
    school.post(page, director, wish="rename", kind="tutoring", name="Madrinha de estudo")
    school.post(page, director, wish="retire", kind="lessons")
    text = school.get(page, director).text
    assert "Madrinha de estudo" in text
    assert "extra lessons (no longer offered)" in text_of(text)
    form = school.get(school.opened()).text
    assert "Clube de leitura" in form
    assert "Madrinha de estudo" in form
    assert "extra lessons" not in form
    school.post(page, director, wish="offer", kind="lessons")
    for refused in ({"wish": "add", "name": ""}, {"wish": "away"}, {"wish": "rename", "kind": "x", "name": "y"}):
        answer = school.post(page, director, **cast(Any, refused))
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


def test_the_administrator_sees_how_much_the_lists_are_used(busy: School) -> None:
    busy.get("/cases", ana)
    text = text_of(busy.get("/administration/use", director).text)
    assert re.search(r"Week from People Lists seen .* 2 1 0 0 0 3 0 0 ", text)


def test_results_come_with_the_warning_about_choice(busy: School) -> None:
    text = text_of(busy.get("/cases/results", director).text)
    assert "This does not show whether the support helped" in text
    assert "Nothing is known of 2025 yet" in text
    rows = [year_row(2025, "RA-3", "3C", 1)]
    answers = [answer_row("next-year", 2024, "RA-3", "3C", 0.25)]
    with busy.store.engine.begin() as connection:
        connection.execute(pupil_years.insert(), rows)
        connection.execute(pupil_answers.insert(), answers)
    try:
        text = text_of(busy.get("/cases/results", director, year="2024").text)
        assert "tutoring 1 1 1 100% (21% to 100%) 0 (0 to 1)" in text
        assert "tutoring" not in busy.get("/cases/results", ana).text
        assert "There are no cases yet" in busy.get("/cases/results", director, year="2019").text
    finally:
        with busy.store.engine.begin() as connection:
            connection.execute(delete(pupil_years).where(pupil_years.c.year == 2025))
            connection.execute(delete(pupil_answers))
