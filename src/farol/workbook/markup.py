"""What the reader leaves out of the markup of xlsx and ods sheets: formula errors, empty texts, the size of a sheet.

The reader we use (calamine) gives an empty cell for `#N/A`, so a failed formula would look like a missing value. It
also makes room for every cell between the first and the last one, so that a tiny sheet with one cell in its last
corner would ask for more memory than there is: we measure before it does.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from farol.workbook.hidden import hidden_in_ods
from farol.workbook.raw import EMPTY_TEXT, NOTHING_HIDDEN, UNCALCULATED, Block, Cell, CellError, Footnoted, Hidden
from farol.workbook.texts import error_kind

_NO_STRINGS: Mapping[int, Cell] = {}

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384

_SIMPLE_SPAN = 9_999 * 702
_NOT_SIMPLE = re.compile(rb'<c(?! r="[A-Z]{1,2}[1-9][0-9]{0,3}"[ />])(?![a-zA-Z])')
"""A cell that does not begin as nearly all do, `<c r="AB1234"`, in a row and column of few letters and digits."""

_SIMPLE_VALUE = re.compile(rb"(?:<f[^<>]*>[^<]*</f>|<f[^<>]*/>)?<v[^<>]*>([^<]*)<")
_CELL = b'<c r="'
_ROW = b"<row"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SIMPLE_CELL = re.compile(rb'<c r="([A-Z]{1,2}[0-9]{1,4})"')
_SIMPLE_STYLED = re.compile(rb'<c r="([A-Z]{1,2})([0-9]{1,4})"[^<>]*? s="([0-9]{1,9})"')
_SIMPLE_REFERENCE = re.compile(rb"([A-Z]{1,2})([0-9]{1,4})")
_ODD = re.compile(
    rb' t="(?:(e)"'
    rb'|str"[^<>]{0,200}>(?:<f[^<>]*>[^<]*</f>|<f[^<>]*/>)?<v(?: ?/>|></v>)'
    rb'|inlineStr"(?: ?/>|><is ?/>|><is><t(?: [^<>]*)?(?:/>|></t>)))'
)
"""The type of a cell that failed (group 1), or of one that holds a text without characters.

Nothing here may look further than the next tag, or a sheet without an end would cost the square of its length.
"""

_NO_VALUE = re.compile(rb"(?:</f>|<f(?: [^<>]*)?/>)(?:<v(?: ?/>|></v>))?</c>")
"""The end of a cell with a formula and no value."""

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_TAG = re.compile(rb"<(?:\w+:)?(row|c)(?=[\s/>])([^<>]*)>")
_SHARED = re.compile(rb' t="s"[^<>]{0,200}><v>([0-9]{1,9})</v>')
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{0,7})[\"']")
_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s(?:[^<>]*?\s)?r\s*=\s*[\"']0*([0-9]{1,7})[\"']")
_HAS_REFERENCE = re.compile(rb"\sr\s*=")
_TYPE = re.compile(rb"\st\s*=\s*[\"'](e|s|str|inlineStr)[\"']")
_STYLE = re.compile(rb"\ss\s*=\s*[\"']([0-9]{1,9})[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v[^<>]*>([^<]*)<")
_CELL_BOUND = re.compile(rb"<(/?)(?:\w+:)?(?:c|row|sheetData)[\s/>]")
_SHARED_ITEM = re.compile(rb"<(?:\w+:)?si(?=[\s/>])")
_RUN = re.compile(rb"<(?:\w+:)?r(?=[\s/>])")
_RAISED = re.compile(rb"<(?:\w+:)?vertAlign\s[^<>]*\b(?:superscript|subscript)\b")
_RUN_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^<>]*)?>([^<]*)<")
_NO_TEXT = re.compile(rb"(?:<[^<>]*>|\s)*+")

_ODS_TEXT_STYLE = re.compile(rb"<style:style\s([^<>]*)>\s*<style:text-properties\s([^<>]*)")
_ODS_STYLE_NAME = re.compile(rb"\sstyle:name=[\"']([^\"'<>]*)[\"']")
_ODS_RAISED = re.compile(rb"style:text-position=[\"'](?!0%)")
_ODS_SPAN = re.compile(rb"<text:span\s([^<>]*)>([^<]*)")
_ODS_SPAN_STYLE = re.compile(rb"text:style-name=[\"']([^\"'<>]*)[\"']")
_ODS_WORDS = re.compile(rb"<text:p(?=[\s>])|>([^<]+)")
_ODS_SHEET = re.compile(rb"<table:table\s([^<>]*)>")
_ODS_TABLE = re.compile(rb"<(/?)table:table(?=[\s>])[^<>]*>")
_ODS_NAME = re.compile(rb"\btable:name=(?:\"([^\"]*)\"|'([^']*)')")
_ODS_TAG = re.compile(rb"<table:(table-row|table-cell|covered-table-cell)(?=[\s/>])([^<>]*)>")
_ODS_REPEATED = re.compile(rb"\stable:number-(?:rows|columns)-repeated=[\"']([0-9]{1,9})[\"']")
_ODS_SPANNED = tuple(
    re.compile(rb"\stable:number-%b-spanned=[\"']([0-9]{1,9})[\"']" % way) for way in (b"rows", b"columns")
)
_ODS_FAILED = re.compile(rb"\scalcext:value-type=[\"']error[\"']")
_ODS_STRING = re.compile(rb"\soffice:value-type=[\"']string[\"']")
_ODS_PERCENT = re.compile(rb"\soffice:value-type=[\"']percentage[\"']")
_ODS_ERROR = re.compile(rb"\s*(?:#|[Ee]rro?:)[^<>]{2,12}")
"""How the text begins of a cell that failed."""

_ODS_TEXT = re.compile(rb"\s*<text:p(?:\s[^<>]*)?>([^<]*)<")
_ODS_UNTYPED = re.compile(
    rb"<table:table-cell(?=[\s>])(?![^<>]*\soffice:value-type=)([^<>]*)(?<!/)>(?=\s*<text:p[\s>])"
)
_ODS_WITHOUT_NUMBER = re.compile(
    rb"(<table:table-cell(?![^<>]*\soffice:value=)(?=[^<>]*(?<!/)>\s*<text:p[\s>])[^<>]*?\soffice:value-type=)"
    rb"([\"'])(?:float|percentage|currency)\2"
)

_CDATA = b"<![CDATA["
_ENDS: Mapping[bytes, bytes] = {b"<!--": b"-->", _CDATA: b"]]>", b"<?": b"?>"}
_DECLARATION = re.compile(rb"<!--|<!\[CDATA\[|<\?|<!")
_CHARACTER = re.compile(rb"&#(?:0*([0-9]{2,3})|x0*([0-9a-fA-F]{2}));")
_ODS_MOST_REPEATED = 10_000
"""A failed cell repeated more often than this is no pupil's."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the markup of a sheet says beside its values.

    `rows` is the number of the last row (1-based) that has a cell, with a value or only with a format. `span` is no
    less than the number of cells in the rectangle around all of them. `odd` has what to read in place of the reader's
    cells by (row, column), 0-based: failed ones, empty texts, texts without their footnotes. `merged` has the merged
    cells of an ods sheet; of xlsx the reader itself knows them. `percent` has the cells that are shown as percentages.
    `hidden` has the hidden rows and columns of an ods sheet. `misplaced` is the row and column of the first cell that
    an xlsx sheet gives twice, or in another row than its own: the reader gives one of the two.
    """

    rows: int
    span: int
    odd: Mapping[tuple[int, int], Cell]
    merged: Sequence[Block] = ()
    percent: Sequence[tuple[int, int]] = ()
    hidden: Hidden = NOTHING_HIDDEN
    misplaced: tuple[int, int] | None = None


def read_marks(
    sheet: bytes, max_cells: int, strings: Mapping[int, Cell] = _NO_STRINGS, percent_styles: Collection[int] = ()
) -> Marks | None:
    """The marks of a sheet's markup; None when it cannot be what it says it is.

    `span` is only exact where it might exceed `max_cells`. `strings` are the odd ones of the workbook's shared strings
    by their indices, as `odd_shared_strings` gives them; `percent_styles` are the cell formats that show percentages.
    """
    if b"\0" in sheet[:4]:  # in another encoding than UTF-8, cells would pass unseen
        return None
    if _repeats_rows(sheet):  # of two rows of one number the reader gives one
        return None
    simple = b":c" not in sheet and b"vertAlign" not in sheet and not _NOT_SIMPLE.search(sheet)
    if simple and max_cells >= _SIMPLE_SPAN:
        return _simple_marks(sheet, strings, percent_styles)
    return _any_marks(sheet, strings, percent_styles)


def _repeats_rows(sheet: bytes) -> bool:
    """Whether two rows have the same number."""
    last = 0
    for row in _ROW_NUMBER.finditer(sheet):
        number = int(row[1])
        if number <= last:
            numbers = _ROW_NUMBER.findall(sheet)
            return len(set(numbers)) < len(numbers)
        last = number
    return False


def _simple_misplaced(sheet: bytes) -> tuple[int, int] | None:
    """The first cell that is given twice, or in another row than its own."""
    before: set[bytes] = set()
    start = sheet.find(_ROW)
    while start >= 0:
        end = sheet.find(_ROW, start + 1)
        cells = _SIMPLE_CELL.findall(sheet, start, end if end >= 0 else len(sheet))
        number = _ROW_NUMBER.match(sheet, start)
        digits = number[1] if number else cells[0].translate(None, _LETTERS) if cells else b""
        strays = b" ".join(cells).translate(None, _LETTERS) != b" ".join([digits] * len(cells))
        again = digits in before
        if cells and (again or strays or len(set(cells)) < len(cells)):
            odd = (
                at for at, cell in enumerate(cells) if again or cell.lstrip(_LETTERS) != digits or cell in cells[:at]
            )
            cell = cells[next(odd, 0)]
            return int(cell.lstrip(_LETTERS)) - 1, _column(cell.rstrip(b"0123456789"))
        before.add(digits)
        start = end
    return None


def odd_shared_strings(table: bytes) -> dict[int, Cell]:
    """The cells to read in place of shared strings, by index: of those without characters, and those with a footnote.

    A footnote is raised or lowered characters: "7,5" with a raised 1 is not 7,51.
    """
    return {index: text for index, text in enumerate(map(_odd_text, _shared_items(table))) if text is not None}


def _shared_items(table: bytes) -> Iterator[bytes]:
    """The markup of each shared string, one after the other: there may be millions."""
    begin = -1
    for item in _SHARED_ITEM.finditer(table):
        if begin >= 0:
            yield table[_tag_end(table, begin) : item.start()]
        begin = item.end()
    if begin >= 0:
        yield table[_tag_end(table, begin) :]


def _odd_text(markup: bytes) -> Cell:
    """The cell to read in place of a text; None where the text itself is read."""
    if _has_no_text(markup):
        return EMPTY_TEXT
    text = _without_footnotes(markup) if _RAISED.search(markup) else ""
    return Footnoted(text) if text else None


def _without_footnotes(markup: bytes) -> str:
    """The text of the runs of a string that are neither raised nor lowered."""
    runs = [run for run in _RUN.split(markup) if not _RAISED.search(run)]
    return html.unescape(b"".join(text for run in runs for text in _RUN_TEXT.findall(run)).decode("utf-8", "replace"))


def plain_markup(markup: bytes) -> bytes | None:
    """XML without comments and processing instructions, and with its text written plainly; None with a document type.

    Of a cell the reader takes only what stands before these, and nothing of CDATA; it would be another value, unsaid. A
    document type may name texts that stand for others: no spreadsheet program writes one.
    """
    if b"&#" in markup:
        markup = _CHARACTER.sub(_plain_character, markup)
    if b"<!" not in markup and markup.find(b"<?", 1) < 0:
        return markup
    parts, at = [], 0
    for begin in _DECLARATION.finditer(markup):
        if begin.start() < at or markup.startswith(b"<?xml", begin.start()):
            continue
        end = markup.find(_ENDS[begin[0]], begin.end()) if begin[0] in _ENDS else -1
        if end < 0:
            return None
        parts.append(markup[at : begin.start()])
        if begin[0] == _CDATA:
            parts.append(html.escape(markup[begin.end() : end].decode("latin-1"), quote=False).encode("latin-1"))
        at = end + len(_ENDS[begin[0]])
    return b"".join([*parts, markup[at:]])


def _plain_character(reference: re.Match[bytes]) -> bytes:
    number = int(reference[1]) if reference[1] else int(reference[2], 16)
    character = chr(number)
    return (
        character.encode()
        if character.isascii() and character.isprintable() and character not in "<>&\"'"
        else reference[0]
    )


def with_types(content: bytes) -> bytes:
    """The content.xml of an ods workbook whose cells with a text have a type: other programs than LibreOffice leave it
    out, or the number that belongs to it, and the reader would take the cell as empty.
    """
    content = _ODS_UNTYPED.sub(rb'<table:table-cell office:value-type="string"\1>', content)
    return _ODS_WITHOUT_NUMBER.sub(rb'\1"string"', content)


def has_tables_in_cells(content: bytes) -> bool:
    """Whether a cell of an ods workbook has a table of its own, of whose rows the reader would make the sheet's."""
    depth = 0
    for table in _ODS_TABLE.finditer(content):
        depth += -1 if table[1] else not table[0].endswith(b"/>")
        if depth > 1:
            return True
    return False


def read_ods_marks(content: bytes) -> dict[str, Marks]:
    """The marks of each sheet by its name, from the content.xml of an ods workbook; `span` is exact."""
    raised = _raised_styles(content)
    parts = list(_ODS_SHEET.finditer(content))
    ends = [*(part.start() for part in parts), len(content)][1:]
    marks = {}
    for part, end in zip(parts, ends, strict=False):
        name = _ODS_NAME.search(part[1])
        if name is not None:
            text = (name[1] or name[2] or b"").decode("utf-8", "replace")
            marks[html.unescape(text)] = _ods_sheet_marks(content[part.end() : end], raised)
    return marks


def _simple_marks(sheet: bytes, strings: Mapping[int, Cell], percent_styles: Collection[int]) -> Marks:
    """As `_any_marks`, by searching for the odd cells alone."""
    odd: dict[tuple[int, int], Cell] = {}
    if b"<f" in sheet:  # first: a text without characters is a value
        odd |= _simple_places(sheet, ((match.start(), UNCALCULATED) for match in _NO_VALUE.finditer(sheet)))
    odd |= _simple_places(sheet, _simple_odd(sheet))
    if strings:
        shared = ((match.start(), int(match[1])) for match in _SHARED.finditer(sheet))
        odd |= _simple_places(sheet, ((at, strings[index]) for at, index in shared if index in strings))
    last = _simple_place(sheet, sheet.rfind(_CELL))
    percent = _simple_percent(sheet, percent_styles)
    return Marks(last[0] + 1 if last else 0, _SIMPLE_SPAN, odd, percent=percent, misplaced=_simple_misplaced(sheet))


def _simple_odd(sheet: bytes) -> Iterator[tuple[int, CellError]]:
    """Where the types of failed cells and of empty texts stand, one a tag."""
    end = 0
    for match in _ODD.finditer(sheet):
        if match.start() >= end:
            end = _tag_end(sheet, match.start())
            value = _SIMPLE_VALUE.match(sheet, end) if match[1] else None
            yield match.start(), _failure_of(value[1] if value else b"") if match[1] else EMPTY_TEXT


def _simple_percent(sheet: bytes, percent_styles: Collection[int]) -> list[tuple[int, int]]:
    if not percent_styles:
        return []
    cells = _SIMPLE_STYLED.finditer(sheet)
    return [(int(cell[2]) - 1, _column(cell[1])) for cell in cells if int(cell[3]) in percent_styles]


def _simple_places(sheet: bytes, odd: Iterable[tuple[int, Cell]]) -> Iterator[tuple[tuple[int, int], Cell]]:
    """The places of what stands, in this order, behind the beginnings of cells' tags."""
    start = before = 0
    for at, error in odd:
        # From where the search before ended: together they pass the sheet once.
        start = max(start, sheet.rfind(_CELL, max(before - len(_CELL), 0), at))
        before = at
        place = _simple_place(sheet, start)
        if place is not None:
            yield place, error


def _simple_place(sheet: bytes, start: int) -> tuple[int, int] | None:
    """The place of the cell whose tag begins at `start`."""
    reference = _SIMPLE_REFERENCE.match(sheet, start + len(_CELL)) if start >= 0 else None
    return (int(reference[2]) - 1, _column(reference[1])) if reference else None


def _tag_end(sheet: bytes, position: int) -> int:
    end = sheet.find(b">", position)
    return end + 1 if end >= 0 else len(sheet)


def _any_marks(sheet: bytes, strings: Mapping[int, Cell], percent_styles: Collection[int]) -> Marks | None:
    """The marks of a sheet written in any way that XML allows, cell by cell."""
    odd: dict[tuple[int, int], Cell] = {}
    percent: list[tuple[int, int]] = []
    rows, columns = [0], [0]
    row = column = -1
    misplaced: tuple[int, int] | None = None
    here: set[int] = set()  # the columns of the row
    before: set[int] = set()  # the rows above
    numbered = False
    for tag in _TAG.finditer(sheet):
        name, attributes = tag.groups()
        reference = _REFERENCE.search(attributes)
        if reference is None and _HAS_REFERENCE.search(attributes):
            return None
        letters, digits = reference.groups() if reference else (b"", b"")
        if name == b"row":
            before |= {row} if here else set()
            row, column = int(digits) - 1 if digits else row + 1, -1
            here.clear()
            numbered = bool(digits)
            continue
        strays = bool(digits) and (numbered or bool(here)) and int(digits) - 1 != row
        row = int(digits) - 1 if digits else row
        column = _column(letters) if letters else column + 1
        if misplaced is None and (strays or row in before or column in here):
            misplaced = row, column
        here.add(column)
        if not (0 <= row < MAX_ROWS and 0 <= column < MAX_COLUMNS):
            return None
        rows.append(row + 1)
        columns.append(column + 1)
        error = _odd_cell(sheet, tag, strings)
        if error is not None:
            odd[row, column] = error
        style = _STYLE.search(attributes) if percent_styles else None
        if style and int(style[1]) in percent_styles:
            percent.append((row, column))
    return Marks(max(rows), max(rows) * max(columns), odd, percent=percent, misplaced=misplaced)


def _odd_cell(sheet: bytes, tag: re.Match[bytes], strings: Mapping[int, Cell]) -> Cell:
    kind = _TYPE.search(tag[2])
    inside = _inside(sheet, tag.end())
    if kind is None:
        value = _VALUE.search(inside)
        return UNCALCULATED if _FORMULA.search(inside) and not (value and value[1]) else None
    if kind[1] == b"e":
        return _failure(inside)
    if kind[1] == b"s":
        value = _VALUE.search(inside)
        return strings.get(int(value[1])) if value and value[1].isdigit() else None
    text = re.sub(rb"<(?:\w+:)?f(?=[\s>])[^<>]*>[^<]*<", b"<", inside)
    return _odd_text(text)


def _inside(sheet: bytes, start: int) -> bytes:
    """The markup between a cell's opening tag, which ends at `start`, and its closing tag."""
    if sheet[start - 2 : start] == b"/>":
        return b""
    end = _CELL_BOUND.search(sheet, start)
    return sheet[start : end.start()] if end and end[1] else b""


def _failure(inside: bytes) -> CellError:
    value = _VALUE.search(inside)
    return _failure_of(value[1] if value else b"")


def _failure_of(text: bytes) -> CellError:
    # Findings show the text, so only known kinds of error pass: other text could be a pupil's.
    return CellError(error_kind(text.decode("utf-8", "replace")) or "#ERROR")


def _has_no_text(markup: bytes) -> bool:
    return _NO_TEXT.fullmatch(markup) is not None


def _column(letters: bytes) -> int:
    """The 0-based position of the column that a spreadsheet names so."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _raised_styles(content: bytes) -> frozenset[bytes]:
    """The names of the styles that raise or lower characters."""
    styles = (style for style in _ODS_TEXT_STYLE.finditer(content) if _ODS_RAISED.search(style[2]))
    return frozenset(name[1] for style in styles if (name := _ODS_STYLE_NAME.search(b" " + style[1])))


def _ods_footnoted(inside: bytes, raised: Collection[bytes]) -> Cell:
    """The text of a cell without its raised and lowered characters; None where it has none, or nothing else."""

    def kept(span: re.Match[bytes]) -> bytes:
        style = _ODS_SPAN_STYLE.search(span[1])
        return b"<text:span>" if style and style[1] in raised else span[0]

    inside = inside.rpartition(b"</office:annotation>")[2]
    without = _ODS_SPAN.sub(kept, inside)
    if without == inside:
        return None
    paragraphs = b"".join(b"\n" if words[1] is None else words[1] for words in _ODS_WORDS.finditer(without))
    text = html.unescape(paragraphs.decode("utf-8", "replace")).strip()
    return Footnoted(text) if text else None


def _ods_sheet_marks(sheet: bytes, raised: Collection[bytes] = ()) -> Marks:
    odd: dict[tuple[int, int], Cell] = {}
    merged: list[Block] = []
    percent: list[tuple[int, int]] = []
    rows = columns = 0
    row = column = row_repeated = 0
    texts: list[tuple[int, list[tuple[int, int]]]] = []  # where the content of a cell with text begins, and its places
    ends: list[int] = []
    for tag in _ODS_TAG.finditer(sheet):
        if len(ends) < len(texts):
            ends.append(tag.start())
        repeated = _ODS_REPEATED.search(tag[2])
        times = int(repeated[1]) if repeated else 1
        if tag[1] == b"table-row":
            row, column, row_repeated = row + row_repeated, 0, times
            continue
        if b"office:value-type=" in tag[2]:
            rows, columns = row + row_repeated, max(columns, column + times)
            if _ODS_PERCENT.search(tag[2]) and row_repeated * times <= _ODS_MOST_REPEATED:
                percent += [(row + i, column + j) for i in range(row_repeated) for j in range(times)]
            if raised and _ODS_STRING.search(tag[2]) and row_repeated * times <= _ODS_MOST_REPEATED:
                places = [(row + i, column + j) for i in range(row_repeated) for j in range(times)]
                texts.append((tag.end(), places))
            # Not all programs say of a cell that it failed. Beside the error's name may stand 0, or an empty text.
            text = _ODS_TEXT.match(sheet, tag.end())
            is_error = (
                text is not None and _ODS_ERROR.fullmatch(text[1]) and error_kind(text[1].decode("utf-8", "replace"))
            )
            if (is_error or _ODS_FAILED.search(tag[2])) and row_repeated * times <= _ODS_MOST_REPEATED:
                error = _failure_of(text[1] if text else b"")
                odd |= {(row + i, column + j): error for i in range(row_repeated) for j in range(times)}
        elif b"table:formula=" in tag[2] and row_repeated * times <= _ODS_MOST_REPEATED:
            rows, columns = row + row_repeated, max(columns, column + times)
            odd |= {(row + i, column + j): UNCALCULATED for i in range(row_repeated) for j in range(times)}
        if b"-spanned=" in tag[2]:
            down, right = (int(span[1]) if (span := pattern.search(tag[2])) else 1 for pattern in _ODS_SPANNED)
            merged.append(Block(row, column, row + down - 1, column + right - 1))
        column += times
    for (begin, places), end in zip(texts, [*ends, len(sheet)], strict=False):
        footnoted = _ods_footnoted(sheet[begin:end], raised)
        if footnoted is not None:
            odd |= dict.fromkeys(places, footnoted)
    return Marks(rows, rows * columns, odd, merged, percent, hidden_in_ods(sheet))
