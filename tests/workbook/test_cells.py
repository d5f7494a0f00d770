"""From the cells of one column to values and notes."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.profile import Column, Recode
from farol.workbook.cells import (
    Numbers,
    category_column,
    identifier_column,
    number_column,
    spellings_of,
    years_in_range,
    zero_as_missing,
)
from farol.workbook.dates import Dates, date_column
from farol.workbook.notes import Note, error_notes
from farol.workbook.raw import EMPTY_TEXT, Cell, CellError, Percent, Source
from tests.workbook.making import PEDE

GRADE = PEDE.columns["IAA"]
PHASE = PEDE.columns["phase"]
AGE = PEDE.columns["age"]
BORN = PEDE.columns["birth_date"]
SEX = PEDE.columns["sex"]
FREE = PEDE.columns["class"]
TEXT = Source(typed=False)
ODS = Source(epoch=dt.date(1899, 12, 30))


def values(numbers: Numbers | Dates) -> list[float | None]:
    """The values, None for missing."""
    return [None if math.isnan(value) else value for value in numbers.values.tolist()]


def codes(notes: tuple[Note, ...]) -> dict[str, tuple[int, ...]]:
    """Positions by code."""
    return {note.code: note.positions for note in notes}


def days(year: int, month: int, day: int) -> float:
    """Days since 1970-01-01."""
    return float((dt.date(year, month, day) - dt.date(1970, 1, 1)).days)


def test_plain_numbers_pass_and_nothing_is_said() -> None:
    read = number_column([0.0, 7.5, "", None, 10, " "], GRADE)
    assert values(read) == [0.0, 7.5, None, None, 10.0, None]
    assert read.notes == ()


def test_a_failed_formula_is_missing_and_named() -> None:
    read = number_column(["", CellError("#N/A"), "#div/0!", EMPTY_TEXT, 1.0], GRADE)
    assert values(read) == [None, None, None, None, 1.0]
    assert read.notes == (
        Note("empty_text", (3,), {}),
        Note("error_cell", (1, 2), {"kinds": "#DIV/0!, #N/A"}),
    )


def test_numbers_written_as_text_are_numbers() -> None:
    read = number_column(["7.5", "7,5", 7.5], GRADE)
    assert values(read) == [7.5, 7.5, 7.5]
    assert codes(read.notes) == {"number_as_text": (0,), "decimal_comma": (1,)}


def test_where_everything_is_text_a_number_as_text_is_no_news() -> None:
    read = number_column(["7.5", "7,5", ""], GRADE, TEXT)
    assert values(read) == [7.5, 7.5, None]
    assert read.notes == ()


def test_an_unreadable_number_is_missing_and_reported() -> None:
    read = number_column(["a lot", True, dt.date(2020, 1, 1), dt.time(1, 2), 5.0], GRADE)
    assert values(read) == [None, None, None, None, 5.0]
    assert codes(read.notes) == {"unreadable_text": (0, 1, 2, 3)}


def test_rounding_is_clipped_and_values_far_out_are_dropped() -> None:
    read = number_column([10.01, 10.002, -0.01, 10.02, -1.0, math.inf, 10.0], GRADE)
    assert values(read) == [10.0, 10.0, 0.0, None, None, None, 10.0]
    assert codes(read.notes) == {"rounded_to_range": (0, 1, 2), "out_of_range": (3, 4, 5)}


def test_without_a_range_only_infinity_is_no_value() -> None:
    read = number_column([1e9, -1e9, math.inf], replace(GRADE, minimum=None, maximum=None))
    assert values(read) == [1e9, -1e9, None]


def test_a_column_of_whole_numbers_takes_no_fractions() -> None:
    read = number_column([2.0, 2.5], PHASE)
    assert values(read) == [2.0, None]
    assert codes(read.notes) == {"not_whole": (1,)}


def test_a_value_the_programme_never_gives_is_kept_and_reported() -> None:
    read = number_column([2.5, 5.0, 6.5, "", 10.0], PEDE.columns["IAN"])
    assert values(read) == [2.5, 5.0, 6.5, None, 10.0]
    assert codes(read.notes) == {"unusual_value": (2,)}


def test_ages_formatted_as_dates_are_ages_again() -> None:
    read = number_column([dt.date(1900, 1, 8), dt.datetime.fromisoformat("1900-01-12"), 9.0, dt.date(1900, 2, 2)], AGE)
    assert values(read) == [8.0, 12.0, 9.0, 33.0]
    assert codes(read.notes) == {"age_as_date": (0, 1, 3)}


def test_an_open_document_counts_days_of_1900_from_a_day_earlier() -> None:
    assert values(number_column([dt.date(1900, 1, 7)], AGE, ODS)) == [8.0]


def test_ages_formatted_as_dates_survive_a_csv() -> None:
    read = number_column(["1/8/1900", "12/01/1900", "9"], AGE, TEXT)
    assert values(read) == [8.0, 12.0, 9.0]
    assert codes(read.notes) == {"age_as_date": (0, 1)}


def test_a_real_date_is_no_age() -> None:
    read = number_column([dt.date(2015, 1, 8), dt.date(1899, 12, 1), "1/8/2015"], AGE)
    assert values(read) == [None, None, None]
    assert codes(read.notes) == {"unreadable_text": (0, 1, 2)}


def test_a_class_in_the_place_of_a_phase_gives_the_phase() -> None:
    read = number_column(["7E", "ALFA", "FASE 3", 9.0, "8", "alfa b", "2 ab", "??"], PHASE)
    assert values(read) == [7.0, 0.0, 3.0, 9.0, 8.0, 0.0, 2.0, None]
    assert codes(read.notes) == {"class_as_phase": (0, 5, 6), "number_as_text": (4,), "unreadable_text": (7,)}


@pytest.mark.parametrize(
    ("text", "phase"),
    [("ALFA  (2º e 3º ano)", 0.0), ("Fase 2 (5° e 6° ano)", 2.0), ("Fase 8 (Universitários)", 8.0), ("3", 3.0)],
)
def test_an_ideal_phase_is_read_whatever_degree_sign_it_has(text: str, phase: float) -> None:
    assert values(number_column([text], PEDE.columns["ideal_phase"])) == [phase]


def test_a_word_for_a_value_still_to_come_is_missing() -> None:
    read = number_column(["INCLUIR", 7.0], PEDE.columns["inde"])
    assert values(read) == [None, 7.0]
    assert codes(read.notes) == {"not_assessed": (0,)}


def test_a_recoding_to_a_non_number_is_reported() -> None:
    rule = Recode(pattern="x(.*)", value=None, missing=False, finding="touched")
    read = number_column(["x7", "xy"], replace(GRADE, recodes=(rule,)))
    assert values(read) == [7.0, None]
    assert codes(read.notes) == {"touched": (0,), "unreadable_text": (1,)}


def test_zero_is_missing_only_where_it_stands_for_no_answer() -> None:
    read = zero_as_missing(np.array([0.0, 0.0, 5.0]), np.array([True, False, True]))
    assert values(read) == [None, 0.0, 5.0]
    assert codes(read.notes) == {"zero_not_answered": (0,)}
    assert zero_as_missing(np.array([1.0]), np.array([True])).notes == ()


def test_dates_with_day_and_month_swapped_are_swapped_back() -> None:
    read = date_column(["6/17/2015", dt.date(2014, 3, 2), "12/25/2013", dt.datetime.fromisoformat("2012-12-11")])
    assert values(read) == [days(2015, 6, 17), days(2014, 2, 3), days(2013, 12, 25), days(2012, 11, 12)]
    assert codes(read.notes) == {"swapped_date": (1, 3), "text_date": (0, 2)}


@pytest.mark.parametrize(
    "cells",
    [
        ["6/17/2015", dt.date(2014, 3, 13)],  # a date cell that was not swapped
        ["6/7/2015", dt.date(2014, 3, 2)],  # a text that could have become a date
        [dt.date(2014, 3, 2), dt.date(2013, 5, 6)],  # no text: nothing went wrong
    ],
)
def test_dates_are_not_swapped_without_certainty(cells: list[Cell]) -> None:
    read = date_column(cells)
    assert "swapped_date" not in codes(read.notes)
    assert values(read)[-1] in (days(2014, 3, 13), days(2014, 3, 2), days(2013, 5, 6))


def test_the_whole_column_decides_the_order_of_day_and_month() -> None:
    brazilian = date_column(["17/06/2015", "03/02/2014", "5/12/2013"])
    assert values(brazilian) == [days(2015, 6, 17), days(2014, 2, 3), days(2013, 12, 5)]
    american = date_column(["6/17/2015", "3/2/2014"])
    assert values(american) == [days(2015, 6, 17), days(2014, 3, 2)]
    assert codes(american.notes) == {"text_date": (0, 1)}
    assert str(brazilian.notes[0].details["order"]) == "day/month/year"


def test_dates_of_an_undecided_order_keep_their_year_only() -> None:
    read = date_column(["3/2/2014", "5/5/2013", "2012-04-03"])
    assert values(read) == [None, days(2013, 5, 5), days(2012, 4, 3)]
    assert [None if np.isnan(year) else year for year in read.years.tolist()] == [2014.0, 2013.0, 2012.0]
    assert codes(read.notes) == {"text_date": (1, 2), "undecided_date": (0,)}


def test_dates_in_both_orders_are_read_where_they_are_certain() -> None:
    read = date_column(["17/6/2015", "6/18/2015", "3/2/2014"])
    assert values(read) == [days(2015, 6, 17), days(2015, 6, 18), None]
    assert codes(read.notes) == {"text_date": (0, 1), "undecided_date": (2,)}


def test_date_cells_are_swapped_back_in_either_order() -> None:
    read = date_column(["17/06/2015", dt.date(2014, 3, 2)])
    assert values(read) == [days(2015, 6, 17), days(2014, 2, 3)]


def test_a_file_of_dates_that_a_spreadsheet_swapped_is_mended() -> None:
    swapped = [f"2014-{day:02}-03" for day in range(1, 9)]  # 1 to 8 March, written by somebody who puts the day first
    read = date_column([*swapped, "17/06/2015"])
    assert values(read) == [*(days(2014, 3, day) for day in range(1, 9)), days(2015, 6, 17)]
    assert codes(read.notes)["swapped_date"] == tuple(range(8))
    for plain in (
        swapped,
        [*swapped, "3/2/2014"],
        [*swapped[:7], "17/06/2015"],
        [*swapped, "2014-05-20", "17/06/2015"],
    ):
        assert "swapped_date" not in codes(date_column(plain).notes)


def test_few_dates_that_begin_with_the_year_stay() -> None:
    read = date_column(["2015-06-17", dt.date(2014, 3, 2)])
    assert values(read) == [days(2015, 6, 17), days(2014, 3, 2)]


def test_an_unreadable_date_is_missing_and_reported() -> None:
    read = date_column(["soon", 410.0, "", CellError("#N/A"), EMPTY_TEXT, None])
    assert values(read) == [None] * 6
    assert codes(read.notes) == {"unreadable_text": (0, 1), "error_cell": (3,), "empty_text": (4,)}


def test_years_of_dates_stay_in_the_range_of_their_column() -> None:
    born = ["2010-12-31", "", "1900-01-01", "1989-12-26"]
    read = years_in_range(date_column(born).years, PEDE.columns["birth_year"])
    assert read.values.tolist()[0] == 2010.0
    assert np.isnan(read.values).tolist() == [False, True, True, False]
    assert codes(read.notes) == {"out_of_range": (2,)}


def test_categories_are_recoded_and_others_told() -> None:
    read = category_column(["Menina", "MASCULINO", "", "?", CellError("#N/A"), None, EMPTY_TEXT], SEX)
    assert read.values.tolist() == ["F", "M", None, None, None, None, None]
    assert codes(read.notes) == {"unreadable_text": (3,), "error_cell": (4,), "empty_text": (6,)}


def test_free_categories_are_kept_as_written_with_single_spaces() -> None:
    read = category_column(["7  E", 9.0, 9.5, True], FREE)
    assert read.values.tolist() == ["7 E", "9", "9.5", "True"]
    assert read.notes == ()


def test_words_of_a_column_without_categories_are_grouped() -> None:
    cells = ["M", "M\u200b", "\u200bM", "\uff2d", " m ", "M", "\u200b", None, "T\u00ad", "\u00adT", 1.0]
    assert category_column(cells, FREE).values.tolist() == ["M", "M", "M", "M", "M", "M", None, None, "T", "T", "1"]


@pytest.mark.parametrize("cell", ["7,5\u200b", "\u200b7.5", "7\u200b,5", "75%\u200b"])
def test_a_number_with_invisible_characters_is_read(cell: str) -> None:
    assert number_column([cell], GRADE).values.tolist() == [7.5]


def test_a_category_rule_gives_a_known_category() -> None:
    rule = Recode(pattern="sex (.)", value=None, missing=False, finding="touched")
    read = category_column(["sex f", "sex F"], replace(SEX, recodes=(rule,), categories=("f",)))
    assert read.values.tolist() == ["f", "f"]
    assert codes(read.notes) == {"touched": (0, 1)}
    assert codes(category_column(["sex x"], replace(SEX, recodes=(rule,))).notes) == {"unreadable_text": (0,)}


def test_a_category_that_stands_for_no_value_is_missing() -> None:
    read = category_column(["INCLUIR", "Ágata", "Agata"], PEDE.columns["stone"])
    assert read.values.tolist() == [None, "agate", "agate"]
    assert codes(read.notes) == {"not_assessed": (0,)}


def test_codes_of_pupils_come_in_one_form_and_say_so() -> None:
    cells = ["RA-1", 12.0, 13, "", None, CellError("#REF!"), "#N/A", EMPTY_TEXT, float("nan"), " ra-2", "x" * 65]
    read = identifier_column(cells)
    assert read.values.tolist() == ["RA-1", "12", "13", *[None] * 6, "RA-2", None]
    assert codes(read.notes) == {"error_cell": (5, 6), "empty_text": (7,), "folded_code": (9,), "unusable_code": (10,)}


def test_case_accents_and_spaces_make_a_rare_spelling() -> None:
    cells = ["Ágata", "Agata", "Ágata", " ágata", "Quartzo", "", 7.0, "?"]
    values = np.array(["agate", "agate", "agate", "agate", "quartz", None, None, None], dtype=np.object_)
    words, odd = spellings_of(cells, values)
    assert words == {"agate": {"Ágata", "Agata", " ágata"}, "quartz": {"Quartzo"}}
    assert odd == (1, 3)


def test_different_words_for_a_value_are_no_rare_spellings() -> None:
    words, odd = spellings_of(["Menina", "Feminino"], np.array(["F", "F"], dtype=np.object_))
    assert words == {"F": {"Menina", "Feminino"}}
    assert odd == ()


def test_spellings_count_words_for_numbers_but_no_empty_cells() -> None:
    words, odd = spellings_of(["ALFA  (2º e 3º ano)", "ALFA (2º e 3º ano)", "INCLUIR"], np.array([0.0, 0.0, np.nan]))
    assert list(words) == [0.0]
    assert len(odd) == 1


def test_errors_are_found_in_columns_that_are_not_read() -> None:
    assert error_notes(["a", CellError("#N/A"), EMPTY_TEXT, 1.0]) == (Note("error_cell", (1,), {"kinds": "#N/A"}),)
    assert error_notes(["a"]) == ()


cells = st.one_of(
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.none(),
    st.just(CellError("#N/A")),
    st.just(EMPTY_TEXT),
)


SHARE = replace(GRADE, maximum=1)
LONG = replace(GRADE, maximum=100)


@pytest.mark.parametrize(
    ("column", "expected"),
    [(GRADE, [8.5, 7.55, 7.0, 10.0]), (SHARE, [0.85, 0.755, None, 1.0]), (LONG, [85, 75.5, 7, 100])],
)
def test_a_percentage_is_a_share_of_the_highest_value(column: Column, expected: list[float | None]) -> None:
    read = number_column([Percent(0.85), "75,5%", 7.0, Percent(1)], replace(column, zero_is_missing=None))
    assert values(read) == [None if value is None else pytest.approx(value) for value in expected]
    assert codes(read.notes)["percentage"] == (0, 1, 3)


def test_values_formatted_as_percentages_by_mistake_are_kept() -> None:
    read = number_column([Percent(8.5), Percent(0.5), 7.0], GRADE)
    assert values(read) == [8.5, 0.5, 7.0]
    assert codes(read.notes) == {"percent_format": (0, 1)}
    assert values(number_column([Percent(1), Percent(0)], PHASE)) == [1.0, 0.0]


def test_a_column_of_shares_is_named_and_kept() -> None:
    shares = [number / 20 for number in range(1, 21)]
    read = number_column([*shares, ""], GRADE)
    assert values(read)[:20] == shares
    assert codes(read.notes) == {"like_shares": tuple(range(20))}
    assert codes(number_column([*shares, 1.5], GRADE).notes) == {}
    assert codes(number_column([1.0] * 20, GRADE).notes) == {}
    assert codes(number_column(shares[:2], GRADE).notes) == {}


@pytest.mark.parametrize("cell", [dt.date(1904, 1, 9), "1/9/1904", "1904-01-09"])
def test_an_age_dressed_as_a_date_of_1904_is_found(cell: Cell) -> None:
    read = number_column([cell], AGE)
    assert (values(read), codes(read.notes)) == ([8.0], {"age_as_date": (0,)})


@given(st.lists(cells), st.sampled_from([GRADE, PHASE, AGE, PEDE.columns["IAN"]]))
def test_whatever_stands_in_a_column_its_numbers_are_in_range(given_cells: list[Cell], column: Column) -> None:
    read = number_column(given_cells, column).values
    known = read[~np.isnan(read)]
    assert len(read) == len(given_cells)
    assert column.minimum is not None
    assert column.maximum is not None
    assert ((known >= column.minimum) & (known <= column.maximum)).all()


@given(st.lists(cells))
def test_whatever_stands_in_a_column_it_is_read(given_cells: list[Cell]) -> None:
    assert len(date_column(given_cells).values) == len(given_cells)
    assert set(category_column(given_cells, SEX).values) <= {"F", "M", None}
    assert len(identifier_column(given_cells).values) == len(given_cells)


@given(st.floats(0, 10).map(lambda number: f"{number:.3f}"))
def test_a_grade_is_the_same_with_comma_or_dot(text: str) -> None:
    assert values(number_column([text], GRADE)) == values(number_column([text.replace(".", ",")], GRADE))


@pytest.mark.parametrize("cell", ["1.23457E+16", "1,23457E+16", " 2E+05", 1e15, 123456789012345680.0])
def test_a_code_that_lost_digits_is_named(cell: Cell) -> None:
    assert codes(identifier_column(["RA-1", cell]).notes)["inexact_code"] == (1,)


@pytest.mark.parametrize("cell", ["1E5", "E+05", "123456789012345678", 999999999999999.0, 10**18, "12E+5X"])
def test_a_code_with_all_its_digits_is_no_inexact_one(cell: Cell) -> None:
    assert "inexact_code" not in codes(identifier_column([cell]).notes)


@pytest.mark.parametrize("cell", [dt.date(2022, 2, 1), dt.datetime(2022, 2, 1, 7, tzinfo=dt.UTC), dt.time(7, 30)])
def test_a_code_that_became_a_date_is_named(cell: Cell) -> None:
    read = identifier_column(["1-2", cell])
    assert codes(read.notes)["code_as_date"] == (1,)
    assert read.values[1] is not None


@pytest.mark.parametrize(
    ("text", "number"),
    [("\uff17\uff0c\uff15", 7.5), ("\u22121", -1.0), ("\u20131,5", -1.5), ("'7,5", 7.5), ("\u20197.5", 7.5)],
)
def test_numbers_of_other_keyboards_are_numbers(text: str, number: float) -> None:
    assert values(number_column([text], replace(GRADE, minimum=None, maximum=None))) == [number]


@pytest.mark.parametrize("text", ["7,5\u00b2", "7\u00bd", "\u2466", "7/10", "R$ 7,5"])
def test_a_text_like_a_number_is_no_number(text: str) -> None:
    assert codes(number_column([text], GRADE).notes) == {"unreadable_text": (0,)}


@pytest.mark.parametrize(
    "text",
    [
        *("17 de junho de 2012", "17/jun/2012", "17-JUN-12", "17 jun. 2012", "17 June 2012", "17º de junho, 2012"),
        *("20120617", "17 / 06 / 2012", "2012-06-17T00:00:00.000Z", "2012-06-17 00:00:00-03:00", 20120617.0, 20120617),
    ],
)
def test_a_date_may_be_written_in_many_ways(text: Cell) -> None:
    read = date_column([text])
    assert values(read) == [days(2012, 6, 17)]
    assert codes(read.notes) == {"text_date": (0,)}


@pytest.mark.parametrize(
    "cell",
    ["31 de fevereiro de 2012", "17 de jungo de 2012", "17 jan", "20121301", 2012.0, 12345.0, True, 99999, "1" * 50],
)
def test_an_impossible_date_is_reported(cell: Cell) -> None:
    assert codes(date_column([cell]).notes) == {"unreadable_text": (0,)}


@pytest.mark.parametrize("cell", [41077.0, 41077, 41077.5, "41077", " 41077 "])
def test_a_number_of_days_is_a_date_and_is_reported(cell: Cell) -> None:
    read = date_column([cell, "17/06/2012", dt.date(2012, 6, 17)])
    assert values(read)[0] == days(2012, 6, 17)
    assert codes(read.notes)["day_number"] == (0,)


@pytest.mark.parametrize("text", ["-", " N/A ", "NULL", "faltou", "Dispensada", "não se aplica", "\u2014", "Sem nota"])
def test_a_word_for_no_value_is_missing_and_named(text: str) -> None:
    assert codes(number_column([text, 7.0], GRADE).notes) == {"word_for_nothing": (0,)}
    assert codes(date_column([text]).notes) == {"word_for_nothing": (0,)}


def test_a_grade_formatted_as_a_date_is_the_number_behind_it() -> None:
    cells = [
        dt.datetime(1900, 1, 8, 12, tzinfo=dt.UTC),
        dt.date(1900, 1, 8),
        dt.datetime(1900, 1, 7, 7, 55, 12, tzinfo=dt.UTC),
        dt.date(2024, 5, 7),
    ]
    read = number_column(cells, GRADE)
    assert values(read) == [8.5, 8.0, 7.33, None]
    assert codes(read.notes) == {"age_as_date": (0, 1, 2), "unreadable_text": (3,)}
    assert values(number_column([dt.date(1904, 1, 9), dt.datetime(1904, 1, 9, 6, tzinfo=dt.UTC)], GRADE)) == [8.0, 8.25]


def test_ages_may_say_that_they_are_years() -> None:
    read = number_column(["10 anos", "1 ano", "12 Anos de idade", 13.0], replace(AGE, minimum=1))
    assert values(read) == [10.0, 1.0, 12.0, 13.0]
    assert codes(read.notes) == {"mended_text": (0, 1, 2)}


def test_three_grades_below_one_are_said_to_be_like_shares() -> None:
    assert codes(number_column([0.85, 0.8, 0.75], GRADE).notes) == {"like_shares": (0, 1, 2)}
    assert codes(number_column([0.85, 0.8], GRADE).notes) == {}
