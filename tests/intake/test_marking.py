"""The marked copy: faulty cells coloured, with a comment; every other cell as it was; no formula."""

from __future__ import annotations

import stat
from pathlib import Path

import openpyxl
import pytest

from farol.intake.marking import COLOURS, _title, write_marked
from tests.damaging import FORMATS, Book, good_rows, write
from tests.intake.sending import request_for
from tests.workbook.making import pupils, write_xlsx


def marked(path: Path, locale: str = "pt_BR") -> openpyxl.Workbook:
    target = path.parent / "marked.xlsx"
    write_marked(request_for(path), locale, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    return openpyxl.load_workbook(target)


@pytest.mark.parametrize("form", FORMATS)
def test_a_faulty_cell_is_coloured_in_every_format(tmp_path: Path, form: str) -> None:
    rows = good_rows()
    at = rows[0].index("IDA")
    rows[3][at] = 99.0
    book = marked(write(Book(rows), tmp_path, form))
    cell = book["PEDE2022"].cell(4, at + 1)
    assert cell.fill.fgColor.rgb == COLOURS["warning"]
    assert cell.comment is not None
    assert "Há valores fora do intervalo." in cell.comment.text or "fora" in cell.comment.text
    assert book["PEDE2022"].cell(5, at + 1).comment is None
    assert book["PEDE2022"].cell(5, 1).value == rows[4][0]
    assert [row[0].value for row in book["Farol"].iter_rows(min_row=2)].count("PEDE2022") >= 1


def test_texts_that_look_like_formulas_stay_texts(tmp_path: Path) -> None:
    rows = pupils(3)
    rows[0].append("Observação")
    for row, text in zip(rows[1:], ('=HYPERLINK("http://x","y")', "@SUM(1)", "a\x01b"), strict=True):
        row.append(text)
    path = tmp_path / "PEDE2022.csv"
    path.write_text("\n".join(";".join(str(c or "").replace('"', "'") for c in row) for row in rows), encoding="utf-8")
    cells = [row[-1] for row in marked(path)["PEDE2022"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells] == ["=HYPERLINK('http://x','y')", "@SUM(1)", "ab"]


def test_a_missing_header_marks_the_row_of_headers(tmp_path: Path) -> None:
    rows = pupils(3)
    rows[0][rows[0].index("RA")] = "Chamada"
    book = marked(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows}), "en")
    assert book["PEDE2022"].cell(2, 1).value == rows[1][0]


def test_titles_of_sheets_are_those_xlsx_takes() -> None:
    assert _title("a[1]:b" * 9, []) == ("a_1__b" * 9)[:28]
    assert _title("PEDE", ["pede", "PEDE_2"]) == "PEDE_3"
    assert _title("''", []) == "1"
