"""One file for all: terms in a column, codes of several columns or none, words, and numbers to be mended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from farol.errors import WorkbookError
from farol.profile import Condition, Label, Periods, Profile, load_profile
from farol.workbook.derived import holds
from farol.workbook.doctor import render_text
from farol.workbook.panel import Panel, read_panel
from farol.workbook.periods import period_given
from tests.schools import TERMS
from tests.workbook.making import Rows, findings_of, only, write_xlsx

PROFILE = load_profile(TERMS)
HEADER = ["id", "module", "term", "sex", "region", "attempts", "score", "result"]
ROWS: list[list[object]] = [
    ["7", "AA", "2014b", "F", 1, 0, "about 40 %", "pass"],
    ["7", "AA", "2013B", "F", 1, 0, "7,5*", "fail"],
    ["7", "BB", "2013B", "m", "2", 1, 80.0, "Withdrawn"],
    ["7", "AA", "2013  j", "f", "East", 2, "x", "enrolled"],
]


def one_cohort(profile: Profile = PROFILE) -> Profile:
    """The profile without codes of pupils and without terms."""
    columns = {
        name: replace(column, kind="ignored" if column.kind == "identifier" else column.kind)
        for name, column in profile.columns.items()
    }
    task = replace(profile.tasks["result"], split="rows")
    return replace(profile, columns=columns, periods=None, tasks={"result": task})


def panel_of(folder: Path, rows: Rows, profile: Profile = PROFILE, header: list[str] = HEADER) -> Panel:
    return read_panel(write_xlsx(folder / "any name.xlsx", {"Plan1": [header, *rows]}), profile)


def test_terms_of_a_column_are_years_in_their_order(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS)
    assert panel.year.tolist() == [1, 1, 2, 4]
    assert panel.student.tolist() == ["7/AA", "7/BB", "7/AA", "7/AA"]
    assert panel.label.tolist() == [1.0, 1.0, 0.0, 0.0]
    np.testing.assert_array_equal(panel.next_label, [0.0, np.nan, 0.0, np.nan])


def test_codes_of_words_are_categories_whatever_their_type(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS)
    assert panel.categories["region"].tolist() == ["North", "South", "East", "North"]
    assert panel.categories["sex"].tolist() == ["F", "M", "F", "F"]


def test_explanations_below_headers_are_no_rows_of_pupils(tmp_path: Path) -> None:
    explained: list[object] = ["texto", None, None, "F/M", "(1 a 4)", "número", "de 0 a 100", "texto livre"]
    without_codes = panel_of(tmp_path, [explained, *ROWS], one_cohort())
    assert (len(without_codes.student), only(without_codes, "second_header").rows) == (4, (2,))
    coded = panel_of(tmp_path, [explained, *ROWS])
    assert (len(coded.student), only(coded, "second_header").rows) == (4, (2,))


def test_numbers_are_mended_before_they_are_judged(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS)
    np.testing.assert_array_equal(panel.numbers["score"], [7.5, 80.0, np.nan, 40.0])
    assert only(panel, "mended_text").rows == (2, 3)
    assert only(panel, "unreadable_text").rows == (5,)


def test_a_row_of_no_known_term_is_left_out_and_named(tmp_path: Path) -> None:
    panel = panel_of(
        tmp_path, [*ROWS, ["8", "AA", "2015B", "F", 1, 0, 5, "pass"], ["9", "AA", "", "F", 1, 0, 5, "pass"]]
    )
    assert len(panel.student) == 4
    finding = only(panel, "no_period")
    assert (finding.rows, finding.severity, finding.column) == ((6, 7), "error", "term")


def test_a_pupil_of_the_same_term_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="in several rows"):
        panel_of(tmp_path, [*ROWS, ROWS[0]])


def test_a_row_that_lacks_a_part_of_its_code_is_left_out(tmp_path: Path) -> None:
    without: list[object] = ["9", "", "2013B", "F", 1, 0, 5, "pass"]
    too_long: list[object] = ["9" * 40, "A" * 40, "2013B", "F", 1, 0, 5, "pass"]
    panel = panel_of(tmp_path, [*ROWS, without, too_long])
    assert len(panel.student) == 4
    assert only(panel, "missing_student").rows == (6,)
    assert only(panel, "unusable_code").rows == (7,)


@pytest.mark.parametrize("missing", ["module", "term"])
def test_every_part_of_the_code_and_the_term_must_be_there(tmp_path: Path, missing: str) -> None:
    at = HEADER.index(missing)
    rows = [[cell for place, cell in enumerate(row) if place != at] for row in ROWS]
    with pytest.raises(WorkbookError, match=missing):
        panel_of(tmp_path, rows, header=[name for name in HEADER if name != missing])


def test_terms_may_be_whole_numbers_without_a_list(tmp_path: Path) -> None:
    assert PROFILE.periods is not None
    profile = replace(PROFILE, periods=replace(PROFILE.periods, values={}))
    terms: list[object] = [2013, "2014", "2014,5", 1e12]
    rows = [[*row[:2], term, *row[3:]] for row, term in zip(ROWS, terms, strict=True)]
    assert panel_of(tmp_path, rows, profile).year.tolist() == [2013, 2014]


def test_a_number_is_the_same_term_however_it_is_written(tmp_path: Path) -> None:
    assert PROFILE.periods is not None
    profile = replace(PROFILE, periods=replace(PROFILE.periods, values={"-2.5": 1, "0,5": 2}))
    terms: list[object] = [-2.5, "−2,5", "0.50", "K"]
    rows = [[f"{place}", *row[1:2], term, *row[3:]] for place, (row, term) in enumerate(zip(ROWS, terms, strict=True))]
    assert panel_of(tmp_path, rows, profile).year.tolist() == [1, 1, 2]


def test_without_codes_a_pupil_is_a_row_and_is_not_followed(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS, one_cohort())
    assert panel.student.tolist() == ["PLAN1 2", "PLAN1 3", "PLAN1 4", "PLAN1 5"]
    assert set(panel.year.tolist()) == {0}
    assert np.isnan(panel.next_label).all()
    assert not findings_of(panel, "unlinked")
    text = render_text(panel, "en")
    assert "pupils: 4; at risk: 50.0%" in text
    assert "cannot be followed into another file" in text


def test_rows_that_are_no_pupils_are_named_without_codes(tmp_path: Path) -> None:
    header = HEADER[3:]
    rows: list[list[object]] = [row[3:] for row in ROWS]
    rows += [[""] * 5, [*header], ["Total", "", "", "", "pass"], ["Source: school", "", "", "", ""]]
    panel = panel_of(tmp_path, rows, one_cohort(), header)
    assert len(panel.student) == 4
    assert only(panel, "blank_row").rows == (6,)
    assert only(panel, "header_row_again").rows == (7,)
    assert only(panel, "summary_row").rows == (8,)
    assert only(panel, "note_row").rows == (9,)


def test_any_name_will_do_where_there_is_one_cohort(tmp_path: Path) -> None:
    table: Rows = [HEADER, *ROWS]
    book = write_xlsx(tmp_path / "b.xlsx", {"Read me": [["This is", "the college"]], "Plan1": table})
    panel = read_panel(book, one_cohort())
    assert len(panel.student) == 4
    with pytest.raises(WorkbookError, match="Several sheets can be read"):
        read_panel(write_xlsx(tmp_path / "c.xlsx", {"Plan1": table, "Plan2": table}), one_cohort())
    named = replace(one_cohort(), sheet_pattern="plan2")
    panel = read_panel(tmp_path / "c.xlsx", named)
    assert panel.student[0] == "PLAN2 2"
    assert only(panel, "unread_sheet").sheet == "Plan1"
    with pytest.raises(WorkbookError, match="has no sheet"):
        read_panel(tmp_path / "c.xlsx", replace(named, sheet_pattern="Plan3"))
    assert len(read_panel(write_xlsx(tmp_path / "d.xlsx", {"Other": table}), named).student) == 4


def test_sheets_of_several_terms_are_read_together(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "b.xlsx", {"Plan1": [HEADER, *ROWS[:2]], "Plan2": [HEADER, *ROWS[2:]]})
    assert read_panel(book, PROFILE).year.tolist() == [1, 1, 2, 4]


def test_a_change_is_described_by_the_name_of_the_term(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS)
    messages = [finding.message.render("en") for finding in findings_of(panel, "unlinked")]
    assert messages == ["Pupils are not in the next year's sheet (2013 J)."]
    text = render_text(panel, "en")
    assert "2013 J: pupils: 1; at risk: 0.0%; found in the next year too: 1" in text
    alone = replace(PROFILE, tasks={"result": PROFILE.tasks["result"]})
    panel = panel_of(tmp_path, ROWS, alone)
    assert not findings_of(panel, "unlinked")
    assert "2013 J: pupils: 1; at risk: 0.0%\n" in render_text(panel, "en")


def test_a_label_may_rest_on_what_is_derived(tmp_path: Path) -> None:
    label = PROFILE.label
    rule = Label("band", "==", 0.0, None, None, label.negative, label.positive)
    panel = panel_of(tmp_path, ROWS, replace(PROFILE, label=rule))
    np.testing.assert_array_equal(panel.label, [1.0, 0.0, np.nan, 1.0])
    np.testing.assert_array_equal(panel.label_values, [0.0, 1.0, np.nan, 0.0])
    assert only(panel, "no_label").column is None
    of_category = panel_of(tmp_path, ROWS)
    np.testing.assert_array_equal(of_category.label_values, of_category.label)


def test_a_row_counts_only_where_all_conditions_hold(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, ROWS)
    assert panel.counts(PROFILE.tasks["result"]).tolist() == [True, True, False, True]
    assert panel.counts(PROFILE.tasks["later"]).all()
    both = (Condition("year", "<", 4.0), Condition("score", ">=", 10.0))
    assert panel.counts(replace(PROFILE.tasks["later"], only=both)).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        (Condition("x", "<", 2.0), [1, 0, 0, np.nan]),
        (Condition("x", "!=", 2.0), [1, 0, 1, np.nan]),
        (Condition("x", "in", (1.0, 3.0)), [1, 0, 1, np.nan]),
        (Condition("x", "==", "a word"), [np.nan] * 4),
    ],
)
def test_conditions_on_numbers(rule: Condition, met: list[float]) -> None:
    np.testing.assert_array_equal(holds(rule, np.array([1.0, 2.0, 3.0, np.nan])), met)


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        (Condition("x", "==", "Não"), [1, 0, np.nan]),
        (Condition("x", "!=", "NAO"), [0, 1, np.nan]),
        (Condition("x", "in", ("nao", "sim")), [1, 1, np.nan]),
    ],
)
def test_conditions_on_words_are_compared_like_headers(rule: Condition, met: list[float]) -> None:
    np.testing.assert_array_equal(holds(rule, np.array(["nao", "Sim", None], dtype=np.object_)), met)


def test_a_derived_value_out_of_its_range_is_missing(tmp_path: Path) -> None:
    band = replace(PROFILE.derived["band"], minimum=1.0, maximum=2.0)
    panel = panel_of(tmp_path, ROWS, replace(PROFILE, derived={"band": band}))
    np.testing.assert_array_equal(panel.values("band"), [np.nan, 1.0, np.nan, np.nan])


def test_a_label_may_be_a_difference_of_derived_columns(tmp_path: Path) -> None:
    expected = replace(PROFILE.derived["band"], name="expected", source="year", table=((1.0, 1.0), (np.inf, 0.0)))
    gap = replace(expected, name="gap", kind="difference", source=None, minuend="band", subtrahend="expected")
    derived = {**PROFILE.derived, "expected": expected, "gap": gap}
    rule = replace(PROFILE.label, column="gap", operator="<", value=0.0)
    panel = panel_of(tmp_path, ROWS, replace(PROFILE, label=rule, derived=derived))
    np.testing.assert_array_equal(panel.label, [1.0, 0.0, np.nan, 0.0])
    assert set(panel.columns) == {*panel.numbers, *panel.categories}


def adds_up(panel: Panel) -> bool:
    """Whether every row of every sheet is a pupil's or has a reason."""
    return all(a.rows == a.above + 1 + a.pupils + sum(a.left_out.values()) for a in panel.accounts)


def test_the_account_adds_up_without_codes_or_with_terms(tmp_path: Path) -> None:
    header = HEADER[3:]
    rows: list[list[object]] = [row[3:] for row in ROWS]
    rows += [[""] * 5, [*header], ["Total", "", "", "", "pass"], ["Source: school", "", "", "", ""]]
    panel = panel_of(tmp_path, rows, one_cohort(), header)
    assert adds_up(panel)
    assert panel.accounts[0].left_out == {"blank_row": 1, "header_row_again": 1, "summary_row": 1, "note_row": 1}
    unknown: list[list[object]] = [["8", "AA", "2015B", "F", 1, 0, 5, "pass"], ["", "AA", "", "F", 1, 0, 5, "pass"]]
    panel = panel_of(tmp_path, [*ROWS, *unknown])
    assert adds_up(panel)
    assert panel.accounts[0].left_out == {"missing_student": 1, "no_period": 1}


def test_the_account_adds_up_below_formatted_rows(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"Plan1": [HEADER, *ROWS]})
    book = load_workbook(path)
    book["Plan1"].cell(9, 1).number_format = "0.00"
    book.save(path)
    panel = read_panel(path, one_cohort())
    assert adds_up(panel)
    assert panel.accounts[0].left_out == {"blank_row": 4}


def of_words(*, only_known: bool = False) -> Profile:
    """A profile whose label is "Retido" or "Reprovado" in a column of any words."""
    result = replace(PROFILE.columns["result"], categories=())
    label = replace(PROFILE.label, column="result", operator="in", value=("Retido", "Reprovado"))
    known = (Condition("result", "!=", "Cursando"),) if only_known else ()
    tasks = {name: replace(task, only=known) for name, task in PROFILE.tasks.items()}
    return replace(PROFILE, columns={**PROFILE.columns, "result": result}, label=label, tasks=tasks)


WORDS = ["Retido", "RETIDA", "Reprovado(a)", "Retdo", "Reprov.", "Retido por faltas", "Aprovado", "Cursando", ""]


def test_a_result_in_the_other_gender_is_the_same_result(tmp_path: Path) -> None:
    rows: list[list[object]] = [[str(at), "AA", "2013B", "F", 1, 0, 5, word] for at, word in enumerate(WORDS)]
    panel = panel_of(tmp_path, rows, of_words())
    assert panel.label.tolist()[:8] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert np.isnan(panel.label[8])
    told = {code: only(panel, code).rows for code in ("other_form", "like_label_word", "open_result")}
    assert told == {"other_form": (3, 4), "like_label_word": (5, 6, 7), "open_result": (9,)}
    assert only(panel, "like_label_word").severity == only(panel, "open_result").severity == "warning"
    assert "Retido, Reprovado" in str(only(panel, "like_label_word").message)


def test_words_that_the_profile_names_are_no_doubt(tmp_path: Path) -> None:
    rows: list[list[object]] = [[str(at), "AA", "2013B", "F", 1, 0, 5, word] for at, word in enumerate(WORDS)]
    panel = panel_of(tmp_path, rows, of_words(only_known=True))
    assert not findings_of(panel, "open_result")
    assert panel.counts(panel.profile.tasks["result"]).tolist() == [True] * 7 + [False] * 2
    listed = {"result": replace(PROFILE.columns["result"], categories=("Retido", "Aprovado", "Cursando"))}
    panel = panel_of(tmp_path, rows, replace(of_words(), columns={**PROFILE.columns, **listed}))
    assert not findings_of(panel, "open_result")
    assert findings_of(panel, "unreadable_text")


@pytest.mark.parametrize(
    ("value", "period"),
    [("2013b", 1), ("2013 J", 2), (2.0, 2), (4.0, 4), (3.0, None), ("2", None), (True, None), (None, None), ([], None)],
)
def test_a_caller_means_a_term_by_its_text_or_number(value: object, period: int | None) -> None:
    assert PROFILE.periods is not None
    assert period_given(PROFILE.periods, value) == period
    assert period_given(Periods("year", {}), 2023.0) == period_given(Periods("year", {}), "2023") == 2023
