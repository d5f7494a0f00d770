"""From a sheet to clean columns: headers resolved, quirks handled, each told with its place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from farol.profile import parse_profile
from farol.workbook.labels import contradictions
from farol.workbook.panel import read_panel
from tests.workbook.making import PEDE, Rows, changed, findings_of, only, pupils, read, refused, values, write_xlsx


def test_an_ordinary_sheet_is_read_and_little_is_said(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2))
    assert panel.student.tolist() == ["RA-1", "RA-2"]
    assert values(panel, "IAA") == [8.5, 8.5]
    assert values(panel, "ideal_phase") == [3.0, 3.0]
    assert panel.label.tolist() == [1.0, 1.0]
    assert {finding.code for finding in panel.findings} == {"missing_column"}
    missing = {finding.column: finding.severity for finding in panel.findings}
    assert missing["Data de Nasc"] == missing["INDE 22"] == "info"


def test_names_are_dropped_at_the_door(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Nome": ["Ana Souza", "Rui Lima"]}))
    everything = repr((panel.student, panel.numbers, panel.categories, panel.dates, panel.findings))
    assert "Ana" not in everything
    assert "name" not in panel.categories


def test_no_value_of_a_pupil_stands_in_a_finding(tmp_path: Path) -> None:
    rows = pupils(
        3, {"IAA": ["segredo", 1.0, 2.0], "Gênero": ["segredo", "Menina", "Menino"], "Nº Av": [77.0, 1.0, 1.0]}
    )
    panel = read(tmp_path, rows)
    said = " ".join(f"{f.message} {f.action} {f.column}" for f in panel.findings)
    assert {f.code for f in panel.findings} >= {"unreadable_text", "out_of_range"}
    assert "segredo" not in said
    assert "77" not in said


def test_findings_name_sheet_row_column_gravity_and_remedy(tmp_path: Path) -> None:
    finding = only(read(tmp_path, pupils(3, {"IAA": [7.0, "#N/A", "#N/A"]})), "error_cell")
    assert (finding.sheet, finding.column, finding.rows, finding.count) == ("PEDE2022", "IAA", (3, 4), 2)
    assert finding.severity == "warning"
    assert str(finding.message) == "Formulas in these cells show an error (#N/A)."
    assert str(finding.action) == "They are read as empty, not as zero."


def test_errors_in_columns_that_are_not_read_are_reported_too(tmp_path: Path) -> None:
    finding = only(read(tmp_path, pupils(3, {"Cg": [1.0, "#REF!", 2.0]})), "error_cell")
    assert (finding.column, finding.rows, finding.severity) == ("Cg", (3,), "info")


def test_blank_rows_and_rows_without_a_code_are_reported(tmp_path: Path) -> None:
    rows = pupils(4, {"RA": ["RA-1", None, "RA-3", None]})
    rows[2] = [None] * len(rows[2])
    panel = read(tmp_path, rows)
    assert panel.student.tolist() == ["RA-1", "RA-3"]
    assert values(panel, "IAA") == [8.5, 8.5]
    assert only(panel, "blank_row").rows == (3,)
    without = only(panel, "missing_student")
    assert (without.rows, without.severity, without.column) == ((5,), "error", "RA")


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    rows: Rows = [["PEDE, pesquisa de 2022"], [None], *pupils(3, {"IAA": [7.0, 8.0, "#N/A"]})]
    assert only(read(tmp_path, rows), "error_cell").rows == (6,)


def test_a_formatted_row_behind_the_last_pupil_is_blank(tmp_path: Path) -> None:
    assert only(read(tmp_path, [*pupils(2), [""]]), "blank_row").rows == (4,)


def test_zero_means_not_answered_where_the_profile_says_so(tmp_path: Path) -> None:
    rows = pupils(3, {"IAA": [0, 5, 0], "IEG": [0, 0, 5], "IPS": [0, 5, 5], "Nº Av": [0, 2, 0]})
    panel = read(tmp_path, rows)
    assert values(panel, "IAA") == [None, 5.0, None]
    assert values(panel, "IEG") == [None, 0.0, 5.0]
    assert values(panel, "IPS") == [0.0, 5.0, 5.0]
    assert [(f.column, f.rows) for f in findings_of(panel, "zero_not_answered")] == [("IAA", (2, 4)), ("IEG", (2,))]


def test_a_missing_birth_year_comes_from_the_birth_date(tmp_path: Path) -> None:
    dates = [dt.date(2010, 5, 20), dt.date(2011, 5, 21), None]
    panel = read(tmp_path, pupils(3, {"Data de Nasc": dates, "Ano nasc": [2009, None, None]}))
    assert values(panel, "birth_year") == [2009.0, 2011.0, None]
    finding = only(panel, "filled_from_date")
    assert (finding.column, finding.rows) == ("Data de Nasc", (3,))
    assert "Ano nasc" in str(finding.message)


@pytest.mark.parametrize("written", [lambda day: day, lambda day: f"{day.month}/{day.day}/{day.year}"])
def test_the_month_of_birth_comes_from_the_birth_date(tmp_path: Path, written: Callable[[dt.date], object]) -> None:
    # The first and the last day of each month, before and after 1970, from which the days are counted.
    days = [dt.date(year, month, 1) for year in (1969, 2010) for month in range(1, 13)]
    days += [day - dt.timedelta(days=1) for day in days]
    panel = read(tmp_path, pupils(len(days) + 1, {"Data de Nasc": [*map(written, days), None]}))
    assert values(panel, "birth_month") == [*(float(day.month) for day in days), None]


def test_a_year_of_birth_comes_from_a_date_of_undecided_order(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Data de Nasc": ["3/2/2014", "5/6/2013"]}))
    assert values(panel, "birth_year") == [2014.0, 2013.0]
    assert values(panel, "birth_month") == [None, None]
    finding = only(panel, "undecided_date")
    assert (finding.rows, finding.severity) == ((2, 3), "warning")


@pytest.mark.parametrize("year", ["0015", "201"])
def test_a_year_that_nobody_was_born_in_is_named(tmp_path: Path, year: str) -> None:
    panel = read(tmp_path, pupils(3, {"Data de Nasc": ["17/6/2014", f"18/6/{year}", "19/6/2014"]}))
    assert values(panel, "birth_year") == [2014.0, None, 2014.0]
    finding = only(panel, "out_of_range")
    assert (finding.column, finding.rows, finding.severity) == ("Data de Nasc", (3,), "warning")


def test_a_month_of_birth_in_the_sheet_is_kept(tmp_path: Path) -> None:
    rows = pupils(2, {"Data de Nasc": [dt.date(2010, 5, 20)] * 2, "Mês nasc": [7, None]})
    assert values(read(tmp_path, rows), "birth_month") == [7.0, 5.0]


def test_a_birth_date_fills_nothing_unless_the_profile_says_so(tmp_path: Path) -> None:
    source = changed(PEDE, 'year_fills = "birth_year"\n', "").replace(b'month_fills = "birth_month"\n', b"")
    profile = parse_profile(source, "other.toml")
    panel = read(tmp_path, pupils(1, {"Data de Nasc": [dt.date(2010, 5, 20)]}), 2022, profile)
    assert values(panel, "birth_year") == [None]
    assert values(panel, "birth_month") == [None]


def test_swapped_birth_dates_are_swapped_back(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Data de Nasc": [dt.date(2010, 5, 3), "5/20/2010"]}))
    assert panel.dates["birth_date"].tolist() == [
        float((dt.date(2010, 3, 5) - dt.date(1970, 1, 1)).days),
        float((dt.date(2010, 5, 20) - dt.date(1970, 1, 1)).days),
    ]
    assert only(panel, "swapped_date").rows == (2,)


def test_a_column_that_most_pupils_lack_is_reported(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(3, {"Inglês": [None, 5.0, None]}))
    assert only(panel, "mostly_missing").rows == (2, 4)
    assert findings_of(read(tmp_path, pupils(2, {"Inglês": [None, 5.0]})), "mostly_missing") == []


def test_rows_with_a_contradictory_lag_are_reported_and_kept(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Defas": [-1, 0]}))
    assert panel.label.tolist() == [1.0, 0.0]
    finding = only(panel, "lag_contradiction")
    assert (finding.column, finding.rows) == ("Defas", (3,))
    assert str(finding.message) == "In these rows Defas is not Fase minus Fase ideal."


@pytest.mark.parametrize("columns", [{"Defas": [None, 0, None]}, {}], ids=["gaps", "no column"])
def test_a_missing_lag_follows_from_the_phases(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    rows = pupils(3, {"Fase": [2, 3, None], **columns}, without=["Defas"])
    panel = read(tmp_path, rows)
    assert panel.label.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(panel.label[2])
    filled = only(panel, "filled_label")
    assert (filled.column, filled.rows) == ("Defas", (2,) if columns else (2, 3))
    assert str(filled.action) == "It is filled with Fase minus Fase ideal."
    assert only(panel, "no_label").rows == (4,)


def test_a_sheet_that_cannot_say_who_is_behind_is_read(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, without=["Defas", "Fase"]))
    assert np.isnan(panel.label).all()
    assert only(panel, "no_label").rows == (2, 3)
    words = ["pendente", "pendente"]
    assert np.isnan(read(tmp_path, pupils(2, {"Defas": words}, without=["Fase"])).label).all()


def test_the_difference_of_a_derived_column_fills_a_label(tmp_path: Path) -> None:
    profile = replace(PEDE, label=replace(PEDE.label, minuend=None, subtrahend=None))
    assert read(tmp_path, pupils(1, without=["Defas"]), 2022, profile).label.tolist() == [1.0]
    without = replace(profile, derived={})
    assert np.isnan(read(tmp_path, pupils(1, without=["Defas"]), 2022, without).label).all()


@pytest.mark.parametrize(
    ("operator", "value", "labels"),
    [("<", 0, [1, 0, 0]), ("<=", 0, [1, 1, 0]), (">", 0, [0, 0, 1]), (">=", 0, [0, 1, 1]), ("==", 0, [0, 1, 0])],
)
def test_the_label_follows_the_rule_of_the_profile(
    tmp_path: Path, operator: str, value: int, labels: list[int]
) -> None:
    source = changed(PEDE, 'operator = "<"\nvalue = 0', f'operator = "{operator}"\nvalue = {value}')
    profile = parse_profile(source, "other.toml")
    panel = read(tmp_path, pupils(3, {"Defas": [-1, 0, 1]}), 2022, profile)
    assert panel.label.tolist() == labels


def test_a_label_without_a_difference_contradicts_nobody() -> None:
    label = replace(PEDE.label, minuend=None, subtrahend=None)
    assert contradictions(label, {"lag": np.array([5.0])}).tolist() == [False]


def test_a_column_may_be_missing_in_every_sheet(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(1, without=["IPP"]))
    assert [f.severity for f in findings_of(panel, "missing_column") if f.column == "IPP"] == ["warning"]
    sheets = {"PEDE2022": pupils(1, without=["IPP"]), "PEDE2023": pupils(1)}
    panel = read_panel(write_xlsx(tmp_path / "both.xlsx", sheets), PEDE)
    assert values(panel, "IPP") == [None, 7.5]
    assert [f.severity for f in findings_of(panel, "missing_column", "PEDE2022") if f.column == "IPP"] == ["warning"]


def test_a_code_twice_in_a_sheet_is_refused_without_naming_it(tmp_path: Path) -> None:
    text = refused(tmp_path, pupils(5, {"RA": ["RA-1", "RA-2", " RA-1", "RA-4", "RA-2"]}))
    assert "codes that occur more than once: 2, in the rows 2, 3, 4, 6" in text
    assert "RA-1" not in text


def test_of_many_rows_with_the_same_code_the_first_are_named(tmp_path: Path) -> None:
    text = refused(tmp_path, pupils(30, {"RA": ["x"] * 30}))
    assert "20, 21 …" in text
    assert ", 22" not in text


def test_text_where_numbers_belong_in_most_rows_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, pupils(5, {"IDA": ["bom", "ruim", "bom", 5.0, 6.0]}))
    assert "column IDA" in text
    assert "something else (rows: 3)" in text
    panel = read(tmp_path, pupils(4, {"IDA": ["bom", "ruim", 5.0, 6.0]}))
    assert only(panel, "unreadable_text").rows == (2, 3)


def test_text_in_an_unneeded_column_does_not_stop_the_reading(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Nº Av": ["muitas", "poucas"]}))
    assert values(panel, "assessments") == [None, None]
    assert only(panel, "unreadable_text").column == "Nº Av"


def test_the_quirks_of_texts_are_reported_by_their_own_codes(tmp_path: Path) -> None:
    rows = pupils(
        4,
        {
            "Fase": ["2B", "ALFA", "2", 2],
            "IDA": ["7,5", 10.01, 11.0, 5.0],
            "IAN": [5.0, 5.0, 6.5, 5.0],
            "Pedra": [None] * 4,
            "INDE 22": ["INCLUIR", 5.0, 5.0, 5.0],
            "Idade 22": [dt.date(1900, 1, 9), 9, 9.5, 9],
        },
    )
    panel = read(tmp_path, rows)
    told = {(f.code, f.column): f.rows for f in panel.findings if f.rows}
    assert told == {
        ("class_as_phase", "Fase"): (2,),
        ("number_as_text", "Fase"): (4,),
        ("lag_contradiction", "Defas"): (3,),
        ("decimal_comma", "IDA"): (2,),
        ("rounded_to_range", "IDA"): (3,),
        ("out_of_range", "IDA"): (4,),
        ("unusual_value", "IAN"): (4,),
        ("not_assessed", "INDE 22"): (2,),
        ("age_as_date", "Idade 22"): (2,),
        ("not_whole", "Idade 22"): (4,),
    }
    assert values(panel, "phase") == [2.0, 0.0, 2.0, 2.0]
    assert values(panel, "IDA") == [7.5, 10.0, None, 5.0]
    assert values(panel, "age") == [9.0, 9.0, None, 9.0]


def test_formulas_never_calculated_are_named(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "RA": ["RA-1", "RA-2", "=1+1"],
        "Defas": [-1, "=B2-C2", 0],
        "Fase": [2, None, 2],
        "Cg": [1, 2, "=9"],
    }
    panel = read(tmp_path, pupils(3, columns))
    assert {f.column: f.rows for f in findings_of(panel, "uncalculated")} == {"RA": (4,), "Defas": (3,), "Cg": (4,)}
    assert only(panel, "missing_student").rows == (4,)
    assert only(panel, "no_label").rows == (3,)


def test_formulas_of_a_whole_last_column_are_named(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"INDE 22": ["=1+1", "=1+1"]}))
    assert only(panel, "uncalculated").rows == (2, 3)


def test_words_differing_in_invisible_characters_are_one(tmp_path: Path) -> None:
    rows = pupils(
        4, {"Turma": ["7A", "7A\u200b", "\uff17A", "7A"], "G\u00eanero": ["Menina\u200b", "Menina", "Menina", "MENINA"]}
    )
    panel = read(tmp_path, rows)
    assert set(panel.categories["class"]) == {"7A"}
    assert set(panel.categories["sex"]) == {"F"}
    assert [(f.column, f.rows) for f in findings_of(panel, "respelled")] == [("G\u00eanero", (2, 5)), ("Turma", (3, 4))]


def test_words_for_no_value_do_not_spoil_a_column(tmp_path: Path) -> None:
    grades: list[object] = ["-", "n/d", "dispensado", "faltou", 7.5]
    panel = read(tmp_path, pupils(5, {"Inglês": grades}))
    assert values(panel, "INGLES") == [None, None, None, None, 7.5]
    assert only(panel, "word_for_nothing").rows == (2, 3, 4, 5)
    assert "does not hold numbers" in refused(tmp_path, pupils(5, {"Inglês": ["bom", "ruim", "bom", "ruim", 7.5]}))
