"""No text in a file that people open is run as a formula, whichever separator their spreadsheet takes."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.batch.arrow import rewritten
from farol.batch.writing import write_refused, writer_to
from farol.csv_form import MAY_RUN, Audience, CsvForm, guarded, unguarded
from farol.web.casework import files as case_files
from farol.web.locale import Reader
from farol.web.school import list_files
from tests.conftest import PROJECT

SIGNS = "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
SEPARATORS = (",", ";", "\t", "|")
BEFORE = (
    "",
    "x;",
    "x,",
    "x|",
    "x\t",
    "x\n",
    "x\r",
    "x;'",
    'x;"',
    "x; ",
    '"',
    "'",
    " ",
    "\N{NO-BREAK SPACE}",
    "\t",
    "\r\n",
)
HOSTILE = [f"{before}{sign}1+1" for before in BEFORE for sign in SIGNS]


def runs(text: str) -> list[str]:
    """The cells that a spreadsheet with any separator, with quotes or without, would take for a formula."""
    cells: list[str] = []
    for separator in SEPARATORS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting)
            cells += [cell for row in reader for cell in row]
    return [cell for cell in cells if cell.strip("\"' \t\N{NO-BREAK SPACE}") and cell.lstrip(' "')[:1] in SIGNS]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize(
    "form", [CsvForm(Audience(a), locale) for a in Audience for locale in ("pt_BR", "en")], ids=str
)
def test_no_text_begins_a_formula_in_any_locale(form: CsvForm, text: str) -> None:
    assert not runs(form.lines([[text]]))
    assert unguarded(guarded(text)) == text


def test_refused_rows_of_a_batch_are_guarded(tmp_path: Any) -> None:
    write_refused(tmp_path / "refused.csv", [(text, 1, text, text) for text in HOSTILE])
    assert not runs((tmp_path / "refused.csv").read_text("utf-8"))


def test_answers_as_csv_are_guarded_and_read_back(tmp_path: Path) -> None:
    texts = pa.array([*HOSTILE, "-1.5", "-0,25", None, "D'Avila", "-01", "+1"])
    columns = {"=code": texts, "bytes": texts.cast(pa.binary()), "number": pa.array([-1.5] * len(texts))}
    batch = pa.record_batch({**columns, "words": texts.dictionary_encode()})
    path = tmp_path / "answers.csv"
    with writer_to(path, "csv", batch.schema) as writer:
        writer.write(writer.encode(batch))
    written = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert written[0] == ["'=code", "bytes", "number", "words"]
    for row, text in zip(written[1:], texts.to_pylist(), strict=True):
        assert row == [guarded(text or "")] * 2 + ["-1.5", guarded(text or "")]
    assert [row[0] for row in written[-6:]] == ["-1.5", "-0,25", "", "D'Avila", "'-01", "'+1"]
    assert not [cell for row in written for cell in row if runs(cell) and cell not in ("-1.5", "-0,25")]


@given(st.text(alphabet=[*SIGNS, *"'\" ;,\t|\r\nx1.\x1c\x85\u2003\u3000"], max_size=6))
def test_the_guard_of_whole_columns_is_that_of_a_text(text: str) -> None:
    assert rewritten(pa.array([text]), MAY_RUN, guarded).to_pylist() == [guarded(text)]
    assert unguarded(guarded(text)) == text


@pytest.fixture
def reader() -> Reader:
    return cast(Reader, SimpleNamespace(locale="pt_BR", gettext=lambda text, **_: text))


def test_lists_and_cases_hold_no_formula(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def table(*_: object) -> Iterator[list[str]]:
        yield from ([text] for text in HOSTILE if text.isprintable())

    monkeypatch.setattr(list_files, "table_of", table)
    words = cast(Any, SimpleNamespace(reader=reader, text=str))
    for content in (
        list_files.csv_of(cast(Any, ()), cast(Any, None), reader),
        case_files.csv_file(words, cast(Any, table())),
    ):
        assert not runs(content.decode("utf-8-sig"))
    for content in (
        list_files.xlsx_of(cast(Any, ()), cast(Any, None), reader),
        case_files.xlsx_file(words, cast(Any, table())),
    ):
        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        kinds = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None}
        assert kinds == {"s"}


def test_csv_is_written_in_guarded_places_alone() -> None:
    """Whoever writes csv in another file adds it here and guards it. What `pyarrow` writes is read by programs."""
    writers = set()
    for file in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("csv.writer", "csv.DictWriter"):
                writers.add(file.relative_to(PROJECT / "src" / "farol").as_posix())
    assert writers == {"csv_form.py", "batch/writing.py"}
