"""A good workbook, every kind of damage that people and programs do to one, and what reading makes of it.

Used by the property test and by `benchmarks/damage.py`, which counts. Damage that nobody could see is not here: a byte
changed within a number, or the last rows of a csv file cut off between two lines.
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from pyarrow import parquet

from farol.errors import FarolError
from farol.profile import fold
from farol.workbook.panel import Panel, read_panel
from farol.workbook.raw import Block
from tests.workbook.making import PEDE, pupils
from tests.workbook.test_merged import merged_ods, merged_xls
from tests.workbook.test_sheets import write_ods, write_xls

FORMATS = ("xlsx", "xls", "ods", "csv", "parquet")
SHEETS = ("xlsx", "xls", "ods")
YEAR = 2022
NAME, NEXT = "PEDE2022", "PEDE2023"
PUPILS = 30
GRADES = ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "Portug", "Matem", "Inglês")

Rows = list[list[object]]


@dataclass
class Book:
    """A workbook of one year about to be written: its sheets by name, merged cells, and changes to the file's bytes."""

    rows: Rows
    name: str = NAME
    others: dict[str, Rows] = field(default_factory=dict)
    merged: list[Block] = field(default_factory=list)
    nested: str | None = None
    binary: str | None = None
    change: Callable[[bytes], bytes] = bytes
    blind: bool = False  # no reader could tell: only that there is no traceback is asked

    def column(self, header: str) -> int:
        return self.rows[0].index(header)


Damage = Callable[[Book, random.Random], None]
KINDS: dict[str, tuple[Damage, tuple[str, ...]]] = {}


def kind(*formats: str) -> Callable[[Damage], Damage]:
    """Register a kind of damage, for some formats or for all."""

    def register(damage: Damage) -> Damage:
        KINDS[damage.__name__] = damage, formats or FORMATS
        return damage

    return register


def good_rows() -> Rows:
    """Thirty pupils whose values differ."""
    chance = random.Random(1)
    columns: dict[str, list[object]] = {
        header: [round(chance.uniform(2, 10), 2) for _ in range(PUPILS)] for header in GRADES
    }
    columns["Defas"] = [-(at % 3) for at in range(PUPILS)]
    columns["Fase"] = [at % 7 for at in range(PUPILS)]
    columns["Fase ideal"] = [f"Fase {at % 7 + at % 3}" for at in range(PUPILS)]
    columns["Turma"] = [f"Turma {'ABC'[at // 10]}" for at in range(PUPILS)]
    columns["Gênero"] = [("Menina", "Menino")[at % 2] for at in range(PUPILS)]
    columns["Data de Nasc"] = [dt.date(2012, at % 12 + 1, at % 28 + 1) for at in range(PUPILS)]
    return pupils(PUPILS, columns)


def _place(book: Book, chance: random.Random) -> tuple[int, int]:
    return chance.randint(1, len(book.rows) - 1), book.column(chance.choice(GRADES))


def _any_column(book: Book, chance: random.Random) -> int:
    return book.column(chance.choice([*GRADES, "Turma", "Gênero", "Fase", "Data de Nasc"]))


@kind()
def header_of_other_signs(book: Book, chance: random.Random) -> None:
    at = chance.randrange(len(book.rows[0]))
    header = str(book.rows[0][at])
    ways = [
        f"{header}\u200b",
        f"\u00a0{header} ",
        f"{header}.",
        header.replace(" ", "_"),
        f"({header})",
        header.upper(),
    ]
    book.rows[0][at] = chance.choice(ways)


@kind()
def header_of_other_words(book: Book, chance: random.Random) -> None:
    at = _any_column(book, chance)
    book.rows[0][at] = chance.choice(["Nota {}", "{} (nota)", "{} final 2022", "X{}"]).format(book.rows[0][at])


@kind("xlsx", "xls", "ods", "csv")
def header_lost(book: Book, chance: random.Random) -> None:
    book.rows[0][_any_column(book, chance)] = None


@kind()
def column_twice_with_other_values(book: Book, chance: random.Random) -> None:
    at = book.column(chance.choice(["Matem", "Portug"]))
    other = {"Matem": "Mat", "Portug": "Por"}[str(book.rows[0][at])]
    for number, row in enumerate(book.rows):
        row.insert(at, other if number == 0 else 5.0)


@kind()
def columns_in_another_order(book: Book, chance: random.Random) -> None:
    order = list(range(len(book.rows[0])))
    chance.shuffle(order)
    book.rows = [[row[at] for at in order] for row in book.rows]


@kind()
def column_emptied(book: Book, chance: random.Random) -> None:
    at = _any_column(book, chance)
    for row in book.rows[1:]:
        row[at] = None


@kind()
def column_removed(book: Book, chance: random.Random) -> None:
    at = _any_column(book, chance)
    book.rows = [row[:at] + row[at + 1 :] for row in book.rows]


@kind()
def formula_failed(book: Book, chance: random.Random) -> None:
    row, column = _place(book, chance)
    book.rows[row][column] = chance.choice(["#N/A", "#DIV/0!", "#VALOR!"])


@kind("xlsx", "ods")
def formula_never_calculated(book: Book, chance: random.Random) -> None:
    row, column = _place(book, chance)
    book.rows[row][column] = "=1+1"


@kind()
def word_for_a_number(book: Book, chance: random.Random) -> None:
    row, column = _place(book, chance)
    book.rows[row][column] = chance.choice(["faltou", "7 ou 8", "-", "sete"])


@kind()
def numbers_with_decimal_comma(book: Book, chance: random.Random) -> None:
    _, column = _place(book, chance)
    for row in book.rows[1:]:
        row[column] = str(row[column]).replace(".", ",")


@kind()
def number_out_of_range(book: Book, chance: random.Random) -> None:
    row, column = _place(book, chance)
    book.rows[row][column] = chance.choice([99.0, -3.0, 1e300])


@kind()
def grades_of_another_scale(book: Book, chance: random.Random) -> None:
    _, column = _place(book, chance)
    factor = chance.choice([10.0, 0.1])
    for row in book.rows[1:]:
        row[column] = float(str(row[column])) * factor


@kind()
def percentages_as_text(book: Book, chance: random.Random) -> None:
    _, column = _place(book, chance)
    for row in book.rows[1:]:
        row[column] = f"{float(str(row[column])) * 10:.1f}%"


@kind()
def codes_written_otherwise(book: Book, chance: random.Random) -> None:
    ways = ["{}\u200b", " {} ", "\u00a0{}", "{}"]
    for row in book.rows[1:]:
        code = chance.choice(ways).format(row[0])
        row[0] = chance.choice([code, code.lower(), code.replace("-", "\u2011"), code.replace("-", " - ")])


@kind()
def code_lost(book: Book, chance: random.Random) -> None:
    book.rows[_place(book, chance)[0]][0] = None


@kind()
def code_too_long(book: Book, chance: random.Random) -> None:
    book.rows[_place(book, chance)[0]][0] = "RA-" + "9" * 80


@kind()
def pupil_twice(book: Book, chance: random.Random) -> None:
    first, second = chance.sample(range(1, len(book.rows)), 2)
    book.rows[first][0] = book.rows[second][0]


@kind()
def rows_that_are_no_pupils(book: Book, chance: random.Random) -> None:
    width = len(book.rows[0])
    odd: list[list[object]] = [
        ["Total", *[None] * (width - 1)],
        ["Fonte: PEDE", *[None] * (width - 1)],
        [None] * width,
        ["Média", *[5.0 if header in GRADES else None for header in book.rows[0][1:]]],
    ]
    book.rows.insert(chance.randint(1, len(book.rows)), chance.choice(odd))


@kind("xlsx", "xls", "ods", "csv")
def headers_again(book: Book, chance: random.Random) -> None:
    book.rows.insert(chance.randint(2, len(book.rows)), list(book.rows[0]))


@kind("xlsx", "xls", "ods", "csv")
def title_above(book: Book, chance: random.Random) -> None:
    width = len(book.rows[0])
    book.rows[:0] = [["Notas de 2022", *[None] * (width - 1)] for _ in range(chance.randint(1, 3))]


@kind()
def rows_in_another_order(book: Book, chance: random.Random) -> None:
    header, *rows = book.rows
    chance.shuffle(rows)
    book.rows = [header, *rows]


@kind("xlsx", "xls", "ods", "csv")
def headers_sorted_among_the_pupils(book: Book, chance: random.Random) -> None:
    book.rows.insert(chance.randint(2, 10), book.rows.pop(0))


@kind()
def name_of_the_year_written_otherwise(book: Book, chance: random.Random) -> None:
    book.name = chance.choice(["PEDE 2022", "pede_2022 (2)", "PEDE2022\u200b", "PEDE22", "Dados 2022"])


@kind()
def name_without_a_year(book: Book, chance: random.Random) -> None:
    book.name = chance.choice(["Alunos", "PEDE", "PEDE 2021 e 2022"])


@kind(*SHEETS)
def sheet_that_is_no_years(book: Book, chance: random.Random) -> None:
    book.others[chance.choice(["Resumo", "PEDE2022 cópia", "Resumo 2022"])] = [["a", "b"], ["c", 1.0]]


@kind()
def birthdays_as_text(book: Book, chance: random.Random) -> None:
    way = chance.choice(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y"])
    column = book.column("Data de Nasc")
    for row in book.rows[1:]:
        date = row[column]
        assert isinstance(date, dt.date)
        row[column] = date.strftime(way)


@kind(*SHEETS)
def class_merged_over_its_pupils(book: Book, chance: random.Random) -> None:
    column, first = book.column("Turma"), chance.choice([1, 11, 21])
    book.merged = [Block(first, column, first + 9, column)]
    for row in book.rows[first + 1 : first + 10]:
        row[column] = None


@kind("csv")
def quotation_mark_too_many(book: Book, chance: random.Random) -> None:
    row = chance.randint(1, len(book.rows) - 1)
    book.rows[row][book.column("Turma")] = "\ue000Turma"  # becomes a bare mark in the file
    book.change = lambda content: content.replace("\ue000".encode(), b'"')


@kind("csv")
def row_cut_short(book: Book, chance: random.Random) -> None:
    row = chance.randint(1, len(book.rows) - 1)
    book.rows[row] = book.rows[row][: chance.randint(2, len(book.rows[0]) - 1)]


@kind("csv")
def cell_too_many(book: Book, chance: random.Random) -> None:
    book.rows[chance.randint(1, len(book.rows) - 1)].insert(3, "5")


@kind("csv")
def byte_of_windows(book: Book, chance: random.Random) -> None:
    book.rows[chance.randint(1, len(book.rows) - 1)][book.column("Turma")] = "\ue000gora"
    book.change = lambda content: content.replace("\ue000".encode(), b"\xc1")


@kind("csv")
def encoding_and_line_ends(book: Book, chance: random.Random) -> None:
    encoding = chance.choice(["utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    end = chance.choice(["\n", "\r\n", "\r"])
    book.change = lambda content: content.decode().replace("\n", end).encode(encoding)


@kind("parquet")
def codes_in_bytes(book: Book, chance: random.Random) -> None:
    book.binary = "RA"


@kind("parquet")
def list_in_a_column(book: Book, chance: random.Random) -> None:
    book.nested = chance.choice([*GRADES, "Turma", "RA"])


@kind()
def file_cut_off(book: Book, chance: random.Random) -> None:
    share = chance.random()
    book.change = lambda content: content[: int(len(content) * share)]
    book.blind = True


@kind()
def bytes_changed(book: Book, chance: random.Random) -> None:
    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)

    book.change, book.blind = change, True


def damaged(name: str, seed: int) -> Book:
    """The good workbook with a kind of damage done to it at random."""
    book = Book(good_rows())
    KINDS[name][0](book, random.Random(seed))
    return book


def write(book: Book, folder: Path, form: str) -> Path:
    """The file of a workbook, or the folder of its files, with a good sheet of the next year beside the damaged one."""
    place = Path(tempfile.mkdtemp(dir=folder))
    if form in SHEETS:
        book.others[NEXT] = good_rows()
        path = place / f"book.{form}"
    else:
        _WRITERS[form](Book(good_rows()), place / f"{NEXT}.{form}")
        path = place / f"{book.name}.{form}"
    _WRITERS[form](book, path)
    path.write_bytes(book.change(path.read_bytes()))
    return path if form in SHEETS else place


def _write_xlsx(book: Book, path: Path) -> None:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in {book.name: book.rows, **book.others}.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for block in book.merged if name == book.name else ():
            letter = get_column_letter(block.left + 1)
            sheet.merge_cells(f"{letter}{block.top + 1}:{letter}{block.bottom + 1}")
    workbook.save(path)


def _write_xls(book: Book, path: Path) -> None:
    if book.merged:
        merged_xls(path, _dates_as_text(book.rows), book.merged)
    else:
        write_xls(path, {book.name: book.rows, **book.others})


def _write_ods(book: Book, path: Path) -> None:
    if book.merged:
        merged_ods(path, _dates_as_text(book.rows), book.merged)
    else:
        write_ods(path, {book.name: book.rows, **book.others})


def _dates_as_text(rows: Rows) -> Rows:
    return [[cell.isoformat() if isinstance(cell, dt.date) else cell for cell in row] for row in rows]


def _write_csv(book: Book, path: Path) -> None:
    lines = [";".join("" if cell is None else str(cell) for cell in row) for row in book.rows]
    path.write_bytes(("\n".join(lines) + "\n").encode())


def _write_parquet(book: Book, path: Path) -> None:
    header, *rows = book.rows
    columns = []
    for at, name in enumerate(header):
        cells = [row[at] for row in rows]
        if len({type(cell) for cell in cells if cell is not None}) > 1:
            cells = [None if cell is None else str(cell) for cell in cells]
        if name == book.binary:
            cells = [str(cell).encode() for cell in cells]
        columns.append(pa.array([[cell] for cell in cells] if name == book.nested else cells))
    parquet.write_table(pa.Table.from_arrays(columns, [str(name) for name in header]), path)


_WRITERS: Mapping[str, Callable[[Book, Path], None]] = {
    "xlsx": _write_xlsx,
    "xls": _write_xls,
    "ods": _write_ods,
    "csv": _write_csv,
    "parquet": _write_parquet,
}


def undamaged(folder: Path) -> Panel:
    """The panel of the good workbook's year."""
    panel = read_panel(write(Book(good_rows()), folder, "xlsx"), PEDE)
    return panel.select(panel.year == YEAR)


def outcome(name: str, form: str, seed: int, folder: Path, good: Panel) -> str:
    """What reading makes of the damage: "same", "named" or "refused"; AssertionError for a change that is not named."""
    book = damaged(name, seed)
    path = write(book, folder, form)
    try:
        panel = read_panel(path, PEDE)
    except FarolError:
        return "refused"
    panel = panel.select(panel.year == YEAR)
    if book.blind:
        return "not asked"
    silent = list(_silent_changes(book, panel, good))
    assert not silent, (name, form, seed, silent)
    return "same" if not list(_changes(panel, good)) else "named"


def _changes(panel: Panel, good: Panel) -> Iterator[tuple[str, str | None]]:
    """The pupils whose values differ, with the column; without one where the pupil is gone or nobody."""
    place = {code: at for at, code in enumerate(panel.student)}
    for code in set(place) - set(good.student):
        yield code, None
    for at, code in enumerate(good.student):
        if code not in place:
            yield code, None
            continue
        for name in {**good.numbers, **good.dates}:
            before = {**good.numbers, **good.dates}[name][at]
            after = {**panel.numbers, **panel.dates}[name][place[code]]
            if not np.isclose(before, after, atol=0.006, equal_nan=True):
                yield code, name
        for name, texts in good.categories.items():
            if texts[at] != panel.categories[name][place[code]]:
                yield code, name


def _silent_changes(book: Book, panel: Panel, good: Panel) -> Iterator[tuple[str, str | None]]:
    """The changes of which no finding names the column, nor the row, nor what stands in its place."""
    usual = {(finding.code, finding.column, finding.count) for finding in good.findings}
    findings = [
        finding
        for finding in panel.findings
        if finding.sheet.startswith(book.name) and (finding.code, finding.column, finding.count) not in usual
    ]
    named = {fold(finding.column) for finding in findings if finding.column}
    rows = {row for finding in findings for row in finding.rows if finding.column in (None, "RA")}
    unread = any(finding.code == "unread_sheet" for finding in findings)
    row_of = {str(row[0]): number for number, row in enumerate(book.rows, start=1) if row}
    filled = {"birth_year": "birth_date", "birth_month": "birth_date"}
    for code, name in _changes(panel, good):
        column = PEDE.columns.get(filled.get(name or "", name or ""))
        headers = {fold(alias) for alias in column.aliases} if column else set()
        if unread or headers & named or any(header in text for header in headers for text in named):
            continue
        if row_of.get(code) in rows or (name is None and code not in row_of and rows):
            continue
        yield code, name
