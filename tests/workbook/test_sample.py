"""The promises of the sample workbook: the real one's shape, its quirks, and stories that are true."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook
from xgboost import XGBClassifier

from farol.errors import InputError
from farol.profile import load_profile
from farol.workbook.panel import read_panel
from farol.workbook.sample import SMALLEST_SCALE, write_sample
from farol.workbook.sample_pupils import age_on, school_years
from farol.workbook.sample_xlsx import ErrorCell, workbook_bytes

HEADERS = {
    "PEDE2022": (
        "RA|Fase|Turma|Nome|Ano nasc|Idade 22|Gênero|Ano ingresso|Instituição de ensino|Pedra 20|Pedra 21|Pedra 22|"
        "INDE 22|Cg|Cf|Ct|Nº Av|Avaliador1|Rec Av1|Avaliador2|Rec Av2|Avaliador3|Rec Av3|Avaliador4|Rec Av4|IAA|IEG|"
        "IPS|Rec Psicologia|IDA|Matem|Portug|Inglês|Indicado|Atingiu PV|IPV|IAN|Fase ideal|Defas|Destaque IEG|"
        "Destaque IDA|Destaque IPV"
    ),
    "PEDE2023": (
        "RA|Fase|INDE 2023|Pedra 2023|Turma|Nome Anonimizado|Data de Nasc|Idade|Gênero|Ano ingresso|"
        "Instituição de ensino|Pedra 20|Pedra 21|Pedra 22|Pedra 23|INDE 22|INDE 23|Cg|Cf|Ct|Nº Av|Avaliador1|Rec Av1|"
        "Avaliador2|Rec Av2|Avaliador3|Rec Av3|Avaliador4|Rec Av4|IAA|IEG|IPS|IPP|Rec Psicologia|IDA|Mat|Por|Ing|"
        "Indicado|Atingiu PV|IPV|IAN|Fase Ideal|Defasagem|Destaque IEG|Destaque IDA|Destaque IPV|Destaque IPV"
    ),
    "PEDE2024": (
        "RA|Fase|INDE 2024|Pedra 2024|Turma|Nome Anonimizado|Data de Nasc|Idade|Gênero|Ano ingresso|"
        "Instituição de ensino|Pedra 20|Pedra 21|Pedra 22|Pedra 23|INDE 22|INDE 23|Cg|Cf|Ct|Nº Av|Avaliador1|Rec Av1|"
        "Avaliador2|Rec Av2|Avaliador3|Avaliador4|Avaliador5|Avaliador6|IAA|IEG|IPS|IPP|Rec Psicologia|IDA|Mat|Por|Ing|"
        "Indicado|Atingiu PV|IPV|IAN|Fase Ideal|Defasagem|Destaque IEG|Destaque IDA|Destaque IPV|Escola|Ativo/ Inativo|"
        "Ativo/ Inativo"
    ),
}
ROWS = {"PEDE2022": 860, "PEDE2023": 1014, "PEDE2024": 1156}
YEAR_NAMES = {  # this year's INDE, stone, ideal phase, lag, grades
    2022: ("INDE 22", "Pedra 22", "Fase ideal", "Defas", ("Matem", "Portug", "Inglês")),
    2023: ("INDE 2023", "Pedra 2023", "Fase Ideal", "Defasagem", ("Mat", "Por", "Ing")),
    2024: ("INDE 2024", "Pedra 2024", "Fase Ideal", "Defasagem", ("Mat", "Por", "Ing")),
}
WEIGHTS = {"IAN": 0.1, "IDA": 0.2, "IEG": 0.2, "IAA": 0.1, "IPS": 0.1, "IPP": 0.1, "IPV": 0.2}
WEIGHTS_2022 = {"IAN": 0.1, "IDA": 0.2, "IEG": 0.2, "IAA": 0.1, "IPS": 0.1, "IPV": 0.3}

SHARES_BEHIND = {
    2022: pytest.approx(0.7, abs=0.04),
    2023: pytest.approx(0.54, abs=0.05),
    2024: pytest.approx(0.47, abs=0.05),
}

Rows = list[dict[str, Any]]


class Book:
    """The sample as openpyxl reads it: per sheet the headers, and per pupil the first column of each header."""

    def __init__(self, path: Path) -> None:
        self.cells: dict[str, list[tuple[Any, ...]]] = {
            sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in load_workbook(path, data_only=True)
        }
        self.rows: dict[int, Rows] = {
            int(name[-4:]): [dict(reversed(list(zip(rows[0], row, strict=True)))) for row in rows[1:] if row[0]]
            for name, rows in self.cells.items()
        }

    def column(self, year: int, header: str) -> list[Any]:
        return [row[header] for row in self.rows[year]]


@pytest.fixture(scope="module")
def book(sample_workbook: Path) -> Book:
    return Book(sample_workbook)


def phase_of(cell: Any) -> int:
    return 0 if str(cell).startswith("ALFA") else int(re.findall(r"\d", str(cell))[0])


def number_of(cell: Any) -> float:
    return float(cell) if isinstance(cell, (int, float)) else float("nan")


def birth_year(cell: Any) -> int:
    return int(cell.split("/")[2]) if isinstance(cell, str) else int(cell.year)


def lag_of(row: dict[str, Any], year: int) -> int:
    return int(row[YEAR_NAMES[year][3]])


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "new" / "folder" / "a.xlsx", scale=0.1)
    second = write_sample(tmp_path / "b.xlsx", scale=0.1)
    other = write_sample(tmp_path / "c.xlsx", seed=1, scale=0.1)
    assert first == tmp_path / "new" / "folder" / "a.xlsx"
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_a_scale_too_small_for_the_quirks_is_refused(tmp_path: Path) -> None:
    for scale in (0.049, 0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"0\.05 or more"):
            write_sample(tmp_path / "x.xlsx", scale=scale)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", range(4))
def test_a_small_sample_is_a_sample_too(tmp_path: Path, seed: int) -> None:
    small = Book(write_sample(tmp_path / "x.xlsx", seed=seed, scale=SMALLEST_SCALE))
    assert {year: len(rows) for year, rows in small.rows.items()} == {2022: 43, 2023: 51, 2024: 58}
    assert "INCLUIR" in small.column(2024, "INDE 2024")


def test_sheets_and_headers_are_those_of_the_real_workbook(book: Book) -> None:
    assert {name: "|".join(rows[0]) for name, rows in book.cells.items()} == HEADERS
    assert {name: len(book.rows[int(name[-4:])]) for name in ROWS} == ROWS


def test_the_headers_here_are_the_real_ones(real_workbook: Path) -> None:
    real = CalamineWorkbook.from_path(real_workbook)
    assert {name: "|".join(map(str, real.get_sheet_by_name(name).to_python(nrows=1)[0])) for name in HEADERS} == HEADERS


def test_the_other_reader_agrees_on_size(sample_workbook: Path) -> None:
    sample = CalamineWorkbook.from_path(sample_workbook)
    sizes = {name: len(sample.get_sheet_by_name(name).to_python()) for name in sample.sheet_names}
    assert sizes == {name: rows + 1 for name, rows in ROWS.items()}


def test_2022_ends_in_a_blank_row(book: Book) -> None:
    rows = book.cells["PEDE2022"]
    assert len(rows) == 862
    assert set(rows[-1]) <= {None, ""}


def test_phases_are_written_as_each_year_wrote_them(book: Book) -> None:
    assert set(book.column(2022, "Fase")) == set("01234567")
    assert set(book.column(2023, "Fase")) == {"ALFA", *(f"FASE {phase}" for phase in range(1, 9))}
    written = Counter(book.column(2024, "Fase"))
    assert written.pop("ALFA") > 100
    assert 30 <= written.pop(9) <= 45
    assert all(re.fullmatch(r"[1-8][A-Z]", text) for text in written)
    assert 60 <= len(written) <= 75


def test_ages_of_2023_are_partly_dates_of_january_1900(book: Book) -> None:
    ages, births = book.column(2023, "Idade"), book.column(2023, "Data de Nasc")
    dressed = [isinstance(age, datetime) for age in ages]
    assert 370 <= sum(dressed) <= 430
    assert all((age.year, age.month) == (1900, 1) for age in ages if isinstance(age, datetime))
    assert sum(isinstance(birth, datetime) != as_date for birth, as_date in zip(births, dressed, strict=True)) == 1


def test_birth_dates_of_2023_are_swapped_as_spreadsheets_do(book: Book) -> None:
    later = {row["RA"]: row["Data de Nasc"].date() for row in book.rows[2024]}
    changed, checked = 0, {"text": 0, "date": 0}
    for row in book.rows[2023]:
        cell = row["Data de Nasc"]
        if isinstance(cell, str):
            month, day, year = map(int, cell.split("/"))
            assert day > 12
        else:
            year, month, day = cell.year, cell.day, cell.month
            assert cell.day <= 12
        born = later.get(row["RA"])
        if born == date(year, month, day):
            checked["text" if isinstance(cell, str) else "date"] += 1
        elif born:
            changed += 1
    assert changed == 4
    assert min(checked.values()) > 200


def test_error_cells_are_error_cells(sample_workbook: Path) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    with zipfile.ZipFile(sample_workbook) as archive:
        for number in (1, 2, 3):
            text = archive.read(f"xl/worksheets/sheet{number}.xml").decode()
            errors = re.findall(r'<c r="[A-Z]+\d+" t="e"><v>(.*?)</v></c>', text)
            counts.update((f"sheet{number}", error) for error in errors)
            if number == 3:
                assert text.count('t="inlineStr"/>') > 3000  # cells of empty text
    assert set(counts) == {(f"sheet{n}", error) for n in (2, 3) for error in ("#N/A", "#DIV/0!")}
    assert 300 <= counts["sheet2", "#N/A"] <= 450
    assert counts["sheet2", "#DIV/0!"] == 3


def test_overshoots_and_zeros_are_those_of_the_real_workbook(book: Book) -> None:
    assert book.column(2023, "IPV").count(10.01) == 26
    assert book.column(2024, "IAA").count(10.002) == 122
    assert [book.column(year, "IAA").count(0) for year in (2022, 2023, 2024)] == [39, 190, 20]
    for row in book.rows[2024]:
        assert (row["Nº Av"] == 0) == (row["IEG"] == 0)
    assert sum(row["IEG"] == 0 for row in book.rows[2024]) > 50
    include = [row for row in book.rows[2024] if row["INDE 2024"] == "INCLUIR"]
    assert len(include) > 30
    assert all(row["Pedra 2024"] == "INCLUIR" and row["Fase"] == 9 for row in include)


def test_english_is_mostly_empty_and_the_oldest_seldom_assessed(book: Book) -> None:
    for year, (*_, grades) in YEAR_NAMES.items():
        empty = sum(np.isnan(number_of(cell)) for cell in book.column(year, grades[2]))
        assert 0.5 < empty / len(book.rows[year]) < 0.7
        for row in book.rows[year]:
            if phase_of(row["Fase"]) >= 8:
                assert np.isnan([number_of(row[name]) for name in ("IAA", "IPS", "IPP", "IDA", "IPV", *grades)]).all()


def test_columns_nobody_filled_in_and_columns_written_twice(book: Book) -> None:
    empty = {
        name: sum(all(row[place] in (None, "") for row in rows[1:]) for place in range(len(rows[0])))
        for name, rows in book.cells.items()
    }
    assert empty == {"PEDE2022": 0, "PEDE2023": 16, "PEDE2024": 11}
    assert book.cells["PEDE2023"][0].count("Destaque IPV") == 2
    assert book.cells["PEDE2024"][0].count("Ativo/ Inativo") == 2


def test_words_vary_by_year(book: Book) -> None:
    assert set(book.column(2022, "Gênero")) == {"Menina", "Menino"}
    assert set(book.column(2024, "Gênero")) == {"Feminino", "Masculino"}
    assert "Ágata" in book.column(2022, "Pedra 22")
    assert "Agata" in book.column(2023, "Pedra 2023")
    assert any("º" in text and "  " in text for text in book.column(2022, "Fase ideal"))
    assert any("°" in text for text in book.column(2023, "Fase Ideal"))
    schools = Counter(text for year in (2022, 2023, 2024) for text in book.column(year, "Instituição de ensino"))
    assert any("*" in text for text in schools)
    assert len({text.casefold() for text in schools}) < len(schools)


@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_ian_says_the_lag_and_inde_sums_the_indicators(book: Book, year: int) -> None:
    inde_name, stone_name, *_ = YEAR_NAMES[year]
    summed = 0
    for row in book.rows[year]:
        lag = lag_of(row, year)
        assert row["IAN"] == (10 if lag >= 0 else 5 if lag >= -2 else 2.5)
        inde = number_of(row[inde_name])
        total = sum(w * number_of(row[name]) for name, w in (WEIGHTS if year > 2022 else WEIGHTS_2022).items())
        assert np.isnan(inde) == np.isnan(total)
        if not np.isnan(inde):
            summed += 1
            assert inde == pytest.approx(total, abs=1e-9)
            stone = str(row[stone_name]).replace("Á", "A")
            assert stone == ("Quartzo" if inde < 6 else "Agata" if inde < 7 else "Ametista" if inde < 8 else "Topázio")
    assert summed > 800


def test_the_lag_contradicts_the_phases_twice_and_only_in_2024(book: Book) -> None:
    wrong = {
        year: sum(
            lag_of(row, year) != phase_of(row["Fase"]) - phase_of(row[YEAR_NAMES[year][2]]) for row in book.rows[year]
        )
        for year in YEAR_NAMES
    }
    assert wrong == {2022: 0, 2023: 0, 2024: 2}


def test_the_ideal_phase_follows_the_age(book: Book) -> None:
    table = {7: 0, 8: 0, 9: 1, 10: 2, 11: 2, 12: 3, 13: 3, 14: 4, 15: 5, 16: 6, 17: 7}
    for year, header in ((2022, "Idade 22"), (2023, "Idade"), (2024, "Idade")):
        for row in book.rows[year]:
            age = row[header].day if isinstance(row[header], datetime) else row[header]
            moved = year == 2024 and age == 8  # what the words of 2023 said, the sheet of 2024 did
            assert phase_of(row[YEAR_NAMES[year][2]]) == (1 if moved else table.get(age, 8))


def test_the_age_is_taken_on_the_day_of_the_year(book: Book) -> None:
    births = np.array(["2010-06-30", "2010-07-01", "2010-10-26", "2010-10-27", "2010-12-31"], dtype="datetime64[D]")
    assert age_on(births, 2022).tolist() == [12, 12, 12, 12, 12]
    assert age_on(births, 2023).tolist() == [13, 13, 13, 12, 12]
    assert age_on(births, 2024).tolist() == [14, 13, 13, 13, 13]
    for row in book.rows[2024]:
        born = row["Data de Nasc"]
        assert row["Idade"] == 2024 - born.year - ((born.month, born.day) > (6, 30))


def test_pupils_stay_leave_and_return_as_many_as_in_the_real_one(book: Book) -> None:
    there = {year: {row["RA"]: row for row in rows} for year, rows in book.rows.items()}
    assert len(there[2022].keys() & there[2023].keys()) == 600
    assert len(there[2023].keys() & there[2024].keys()) == 765
    assert len((there[2022].keys() & there[2024].keys()) - there[2023].keys()) == 6
    for year in (2022, 2023):
        behind = {stay: [] for stay in (True, False)}  # type: dict[bool, list[bool]]
        for code, row in there[year].items():
            behind[code in there[year + 1]].append(lag_of(row, year) < 0)
        assert np.mean(behind[False]) > np.mean(behind[True]) + 0.02
    renewed = [(row, there[2023][code]) for code, row in there[2022].items() if code in there[2023]]
    words = {"Menina": "Feminino", "Menino": "Masculino"}
    assert sum(words[before["Gênero"]] != after["Gênero"] for before, after in renewed) == 12
    assert 0 < sum(before["Ano nasc"] != birth_year(after["Data de Nasc"]) for before, after in renewed) <= 4
    linked = [(there[2023][code], row) for code, row in there[2024].items() if code in there[2023]]
    assert all(before["Gênero"] == after["Gênero"] for before, after in linked)
    assert all(after["Ano ingresso"] >= 2021 for _, after in linked)
    assert sum(before["Ano ingresso"] != after["Ano ingresso"] for before, after in linked) > 100
    jumps = sum(phase_of(after["Fase"]) - phase_of(before["Fase"]) >= 2 for before, after in linked)
    assert 10 <= jumps <= 40


def test_prevalence_falls_as_it_did(book: Book) -> None:
    shares = {year: np.mean([lag_of(row, year) < 0 for row in rows]) for year, rows in book.rows.items()}
    assert shares == SHARES_BEHIND


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_seed_tells_the_same_story(seed: int) -> None:
    years = school_years(np.random.default_rng(seed), 1.0)
    assert {school.year: np.mean(school.lag < 0) for school in years} == SHARES_BEHIND


def test_next_year_can_be_foreseen_but_not_perfectly(book: Book) -> None:
    def features(row: dict[str, Any], year: int) -> list[float]:
        age = row["Idade 22" if year == 2022 else "Idade"]
        return [
            *(
                number_of(row.get(name))
                for name in ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", *YEAR_NAMES[year][4])
            ),
            phase_of(row["Fase"]),
            phase_of(row[YEAR_NAMES[year][2]]),
            float(age.day if isinstance(age, datetime) else age),
            year - row["Ano ingresso"],
            lag_of(row, year),
        ]

    def pair(year: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        later = {row["RA"]: lag_of(row, year + 1) < 0 for row in book.rows[year + 1]}
        rows = [row for row in book.rows[year] if row["RA"] in later]
        can_fall = np.array([lag_of(row, year) >= 0 and phase_of(row["Fase"]) < 8 for row in rows])
        return np.array([features(row, year) for row in rows]), np.array([later[row["RA"]] for row in rows]), can_fall

    train, train_label, _ = pair(2022)
    test, label, onset = pair(2023)
    model = XGBClassifier(n_estimators=100, learning_rate=0.05, max_leaves=6, max_depth=0, grow_policy="lossguide")
    probability = model.fit(train, train_label).predict_proba(test)[:, 1]
    assert 0.85 <= roc_auc(label, probability) <= 0.93
    assert 0.72 <= roc_auc(label[onset], probability[onset]) <= 0.92
    assert 0.7 <= np.mean(label == (test[:, -1] < 0)) <= 0.8  # "lagging stays lagging"


def roc_auc(label: np.ndarray[Any, Any], score: np.ndarray[Any, Any]) -> float:
    """The share of pairs in order, ties half: the definition itself."""
    above = score[label][:, None] - score[~label][None, :]
    return float(np.mean(above > 0) + np.mean(above == 0) / 2)


def test_text_is_written_so_that_xml_bears_it(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_bytes([("A & B", [["<&>", " a\x00b ", ErrorCell("#N/A"), None, 1.5, ""]])]))
    sheet = load_workbook(path)["A & B"]
    assert [cell.value for cell in sheet[1]] == ["<&>", " ab ", "#N/A", None, 1.5, None]
    assert sheet["C1"].data_type == "e"


def findings(path: Path) -> set[tuple[str, str, str | None]]:
    return {
        (finding.code, finding.sheet, finding.column) for finding in read_panel(path, load_profile("pede")).findings
    }


def test_the_sample_has_every_quirk_of_the_real_workbook(sample_workbook: Path) -> None:
    assert {code for code, *_ in findings(sample_workbook)} >= {
        "age_as_date",
        "blank_row",
        "class_as_phase",
        "duplicate_header",
        "empty_column",
        "error_cell",
        "history_column",
        "lag_contradiction",
        "missing_column",
        "not_assessed",
        "number_as_text",
        "rounded_to_range",
        "swapped_date",
        "text_date",
        "unlinked",
        "zero_not_answered",
    }


def test_the_sample_has_the_oddities_of_the_real_workbook(sample_workbook: Path, real_workbook: Path) -> None:
    assert findings(real_workbook) == findings(sample_workbook)


def test_a_small_sample_has_every_quirk_too(sample_workbook: Path, tmp_path: Path) -> None:
    small = write_sample(tmp_path / "x.xlsx", scale=SMALLEST_SCALE)
    assert {code for code, *_ in findings(small)} == {code for code, *_ in findings(sample_workbook)}
