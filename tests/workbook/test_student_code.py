"""One pupil has one code, however the sheets and programs of the years write it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import WorkbookError
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample import sheet_2022, sheet_2023, sheet_2024
from farol.workbook.sample_pupils import school_years
from farol.workbook.sample_xlsx import Cell, workbook_bytes
from farol.workbook.student_code import LONGEST_CODE, class_name, student_code
from tests.workbook.making import PEDE, findings_of, only, pupils, write_xlsx

LINKED = {2022: 600, 2023: 765}
INVISIBLE = ("\u200b", "\u200d", "\u200e", "\u2060", "\ufeff", "\u00ad", "\u034f", "\ufe0f")
HYPHENS = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\ufe63", "\uff0d")
SPACES = ("\u00a0", "\u2007", "\u202f", "\u3000", "\t", "\n", "  ")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("RA-1", "RA-1"),
        ("  RA-1\n", "RA-1"),
        ("ra-1", "RA-1"),
        ("RA - 1", "RA-1"),
        *((f"RA{mark}-1{mark}", "RA-1") for mark in INVISIBLE),
        *((f"RA{hyphen}1", "RA-1") for hyphen in HYPHENS),
        *((f"{space}RA{space}1{space}", "RA 1") for space in SPACES),
        *((f"RA{space}-{space}1", "RA-1") for space in SPACES),
        ("ＲＡ－１", "RA-1"),
        ("\ufb01-1", "FI-1"),
        ("R\u0410-1", "RA-1"),
        ("\u0391B\u0421-1", "ABC-1"),
        ("\u0431-1", "\u0411-1"),
        ("RA\u20271\u2800", "RA-1"),
        ("Jo\u0061\u0303o", "JO\u00c3O"),
        ("stra\u00dfe", "STRASSE"),
        ("RA-1²", "RA-1²"),
        ("RA-1①", "RA-1①"),
        ("001", "1"),
        ("'001", "1"),
        ("\u2019RA-1", "RA-1"),
        ('"RA-1" ', "RA-1"),
        ("\u201c ra-1\u201d", "RA-1"),
        ("D'AVILA-1", "D'AVILA-1"),
        ("''", None),
        ("1.0", "1"),
        ("1,00", "1"),
        ("000", "0"),
        ("100", "100"),
        ("1.5", "1.5"),
        ("1.000", "1.000"),
        ("2,000", "2,000"),
        ("RA-01", "RA-01"),
        ("x" * 64, "X" * 64),
        ("x" * 65, None),
        ("", None),
        ("   ", None),
        ("\u200b", None),
        ("a\0b", None),
        ("\ud800", None),
        (5.0, None),
        (True, None),
        (None, None),
        (["RA-1"], None),
    ],
)
def test_a_code_has_one_form(written: object, code: str | None) -> None:
    assert student_code(written) == code


@given(st.text(max_size=80) | st.text("0123456789.,- \u00adrRaA\u0303\u200b\u2011\u00a0", max_size=12))
def test_the_form_of_a_form_is_itself(written: str) -> None:
    code = student_code(written)
    if code is not None:
        assert student_code(code) == code
        assert 1 <= len(code) <= LONGEST_CODE
        code.encode()


@given(st.text(max_size=20))
def test_case_and_composition_never_make_two_pupils(written: str) -> None:
    code = student_code(written)
    variants = [written.upper(), written.lower(), *(unicodedata.normalize(form, written) for form in ("NFC", "NFD"))]
    assert {student_code(variant) for variant in variants} == {code}


@given(st.text("AB12", min_size=1, max_size=5), st.integers(0, 5), st.sampled_from(INVISIBLE))
def test_invisible_marks_never_make_two_pupils(written: str, position: int, mark: str) -> None:
    assert student_code(written[:position] + mark + written[position:]) == student_code(written)


@given(st.integers(0, 10**15), st.integers(0, 10), st.sampled_from(["", ".0", ",0", ".00"]))
def test_a_number_is_one_code_as_number_or_text(number: int, zeros: int, decimals: str) -> None:
    assert student_code("0" * zeros + str(number) + decimals) == str(number)


def test_a_long_text_is_refused_before_it_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    def normalize(form: str, text: str) -> str:
        nonlocal longest
        longest = max(longest, len(text))
        return text

    monkeypatch.setattr("unicodedata.normalize", normalize)
    for read in (student_code, class_name):
        assert read("a" + "\u0300\u0316" * 120_000) is None
        assert read("a" + "\u0300\u0316" * 100) is None
    assert 0 < longest <= 4 * LONGEST_CODE


def test_the_name_of_a_class_stays_as_written() -> None:
    assert [class_name(name) for name in (" 8b ", "Alfa C - G0/G1", "01", "Jo\u0061\u0303o")] == [
        "8b", "Alfa C - G0/G1", "01", "Jo\u00e3o",
    ]  # fmt: skip
    assert [class_name(name) for name in ("", "x" * 65, "a\0b", 8, None)] == [None] * 5


def damaged_sample(path: Path, damage: Callable[[str], Cell], before: Callable[[str], Cell] = str) -> Panel:
    """The sample workbook with two of three codes of the last sheet damaged; `before` writes those of the others."""
    rng = np.random.default_rng(2024)
    first, second, third = school_years(rng, 1.0)
    sheets = {
        "PEDE2022": sheet_2022(rng, first),
        "PEDE2023": sheet_2023(rng, first, second),
        "PEDE2024": sheet_2024(rng, first, second, third, 1.0),
    }
    for name, rows in sheets.items():
        for position, row in enumerate(rows[1:]):
            if row[0]:
                spoilt = name == "PEDE2024" and position % 3 != 0
                rows[position + 1] = [(damage if spoilt else before)(str(row[0])), *row[1:]]
    path.write_bytes(workbook_bytes(list(sheets.items())))
    return read_panel(path, PEDE)


def links(panel: Panel) -> dict[int, int]:
    """How many pupils of each year but the last are in the next one too."""
    return {year: int((~np.isnan(panel.next_label[panel.year == year])).sum()) for year in panel.years[:-1]}


def digits(code: str) -> str:
    """The number of an invented code."""
    return code.removeprefix("RA-")


@pytest.mark.parametrize(
    "damage",
    [
        *((lambda code, mark=mark: code + mark) for mark in INVISIBLE),
        *((lambda code, hyphen=hyphen: code.replace("-", hyphen)) for hyphen in HYPHENS),
        lambda code: f"\u00a0{code}",
        lambda code: code.replace("-", " - "),
        str.lower,
    ],
)
def test_damaged_codes_link_as_before_and_are_reported(tmp_path: Path, damage: Callable[[str], str]) -> None:
    panel = damaged_sample(tmp_path / "damaged.xlsx", damage)
    assert links(panel) == LINKED
    folded = only(panel, "folded_code")
    assert (folded.sheet, folded.column, folded.severity) == ("PEDE2024", "RA", "info")
    assert folded.rows == tuple(row for row in range(2, 1158) if (row - 2) % 3 != 0)
    assert findings_of(panel, "few_linked") == []


@pytest.mark.parametrize(
    ("before", "damage"),
    [
        (lambda code: digits(code).zfill(5), lambda code: float(digits(code))),
        (lambda code: float(digits(code)), lambda code: f"{digits(code)}.0"),
        (lambda code: "Jo\u00e3o-" + digits(code), lambda code: "Joa\u0303o-" + digits(code)),
    ],
)
def test_codes_that_a_program_rewrote_link_as_before(
    tmp_path: Path, before: Callable[[str], Cell], damage: Callable[[str], Cell]
) -> None:
    assert links(damaged_sample(tmp_path / "damaged.xlsx", damage, before)) == LINKED


def test_few_links_are_a_warning_that_says_why(tmp_path: Path) -> None:
    panel = damaged_sample(tmp_path / "damaged.xlsx", digits)
    assert links(panel)[2023] < LINKED[2023] / 2
    warning = only(panel, "few_linked")
    assert (warning.sheet, warning.column, warning.severity) == ("PEDE2023", "RA", "warning")
    assert "like A-9" in str(warning.message)
    assert "like 9 in PEDE2024" in str(warning.message)


def test_two_spellings_in_one_sheet_are_one_pupil_twice(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(3, {"RA": ["RA-1", "ra\u20111", "RA-2"]})})
    with pytest.raises(WorkbookError, match="rows 2, 3") as caught:
        read_panel(book, PEDE)
    assert "kinds of hyphen" in str(caught.value.fix)


def test_a_row_whose_code_cannot_be_used_is_named(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(3, {"RA": ["RA-1", "x" * 65, None]})})
    panel = read_panel(book, PEDE)
    assert panel.student.tolist() == ["RA-1"]
    unusable = only(panel, "unusable_code")
    assert (unusable.severity, unusable.rows) == ("error", (3,))
    assert only(panel, "missing_student").rows == (4,)


@pytest.mark.parametrize("word", ["-", "N/A", "s/n", "null", " – ", "SEM RA", "Não se aplica"])
def test_a_word_for_nothing_is_nobodys_code(tmp_path: Path, word: str) -> None:
    codes = ["RA-1", word, "RA-3", word, "RA-5"]
    sheets = {name: pupils(5, {"RA": codes}) for name in ("PEDE2022", "PEDE2023")}
    panel = read_panel(write_xlsx(tmp_path / "book.xlsx", sheets), PEDE)
    assert panel.student.tolist() == ["RA-1", "RA-3", "RA-5"] * 2
    assert [finding.rows for finding in findings_of(panel, "missing_student")] == [(3, 5)] * 2
