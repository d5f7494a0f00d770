"""Files made to cost more than their bytes: each is a function of how many units it has.

Shared by the tests of growth and by `benchmarks/growth.py`, which prints what each costs.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

import pyarrow as pa
from pyarrow import parquet

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def _relations(inside: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}">{inside}</Relationships>'


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _book(inside: str) -> str:
    return f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{inside}</sheets></workbook>'


_HEAD = f"<worksheet {_MAIN}><sheetData>"
_END = "</sheetData></worksheet>"
_ROWS = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>RA</t></is></c><c r="B1" t="inlineStr"><is><t>IAA</t></is></c></row>'
    '<row r="2"><c r="A2" t="inlineStr"><is><t>RA-1</t></is></c><c r="B2"><v>5</v></c></row>'
)
_PARTS = _relation(1, "worksheet", "worksheets/sheet1.xml") + _relation(2, "sharedStrings", "sharedStrings.xml")
_SHEET = '<sheet name="PEDE2022" sheetId="1" r:id="rId1"/>'


def xlsx(
    sheet: str = _HEAD + _ROWS + _END,
    *,
    book: str = _SHEET,
    relations: str = _PARTS + _relation(3, "styles", "styles.xml"),
    more: Mapping[str, str] | None = None,
) -> bytes:
    """An xlsx workbook of one sheet, of which each part can be another one."""
    buffer = io.BytesIO()
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _relations(_relation(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": _book(book),
        "xl/_rels/workbook.xml.rels": _relations(relations),
        "xl/worksheets/sheet1.xml": sheet,
        **(more or {}),
    }
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _below(cells: Callable[[int], str], count: int) -> str:
    """The sheet with rows below its own."""
    return _HEAD + _ROWS + "".join(f'<row r="{3 + i}">{cells(i)}</row>' for i in range(count)) + _END


def _text(text: str) -> bytes:
    """The sheet with a text in place of its one value."""
    return xlsx((_HEAD + _ROWS + _END).replace('<c r="B2"><v>5</v>', f'<c r="B2" t="inlineStr"><is><t>{text}</t></is>'))


def _open_row(inside: str, end: str = "") -> bytes:
    return xlsx(f'{_HEAD}{_ROWS}<row r="3">{inside}{end}')


def _merged(block: Callable[[int], str], n: int, rows: str = _ROWS) -> bytes:
    blocks = "".join(f'<mergeCell ref="{block(i)}"/>' for i in range(n))
    return xlsx(f"{_HEAD}{rows}</sheetData><mergeCells>{blocks}</mergeCells></worksheet>")


def _several_sheets(n: int) -> bytes:
    names = "".join(f'<sheet name="S{i}" sheetId="{i + 1}" r:id="rId{i + 1}"/>' for i in range(n))
    parts = "".join(_relation(i + 1, "worksheet", f"worksheets/s{i}.xml") for i in range(n))
    return xlsx(book=names, relations=parts, more={f"xl/worksheets/s{i}.xml": _HEAD + _ROWS + _END for i in range(n)})


_STYLES = f"<styleSheet {_MAIN}>"


def ods(content: str) -> bytes:
    """An ods workbook with this markup of its one sheet."""
    buffer = io.BytesIO()
    spaces = 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    spaces += 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    spaces += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    spaces += 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>{content}"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return buffer.getvalue()


_TABLE = '<table:table table:name="PEDE2022"><table:table-row>'
_ODS_STRING = '<table:table-cell office:value-type="string">'
_RAISED_STYLE = '<style:style style:name="T1"><style:text-properties style:text-position="super 58%"/></style:style>'
_ODS_FAILED = '<table:table-cell office:value-type="string" calcext:value-type="error"'


def parquet_of(columns: Mapping[str, object]) -> bytes:
    """A parquet file."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()


MARKS = "\u0301\u0323"


def _letters(number: int) -> bytes:
    """A word of its own for each number."""
    return bytes(97 + int(digit) for digit in str(number))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "error cells without an end.xlsx": lambda n: _open_row('<c r="A3" t="e">' * n, "</row>" + _END),
    "types without an end.xlsx": lambda n: _open_row('<c r="A3"' + ' t="e"' * n),
    "texts without an end.xlsx": lambda n: _open_row('<c r="A3"' + ' t="str"' * n),
    "tags without an end.xlsx": lambda n: _open_row('<c r="A3" ' * n),
    "prefixed tags without an end.xlsx": lambda n: xlsx(_HEAD.replace("<", "<x:") + "<x:c " * n),
    "values without an end.xlsx": lambda n: xlsx(_HEAD.replace("<", "<x:") + '<x:row><x:c t="e">' + "<x:v " * n),
    "errors outside cells.xlsx": lambda n: _open_row('<x t="e">' * n, "</row>" + _END),
    "ends of formulas.xlsx": lambda n: _open_row("<f/></c>" * n, "</row>" + _END),
    "comments.xlsx": lambda n: _open_row("<!-- -->" * n, "</row>" + _END),
    "comments without an end.xlsx": lambda n: _open_row("<!--" * n, "</row>" + _END),
    "texts written in full.xlsx": lambda n: _open_row("<![CDATA[&]]>" * n, "</row>" + _END),
    "characters by number.xlsx": lambda n: _open_row("&#0" * n, "</row>" + _END),
    "rows by number.xlsx": lambda n: _open_row('<row r="0' * n, "</row>" + _END),
    "types of a cell.ods": lambda n: ods(_TABLE + "<table:table-cell" + ' office:value-type="float"' * n + "><text:p>"),
    "cells without a type.ods": lambda n: ods(_TABLE + "<table:table-cell>" * n),
    "nested tags.xlsx": lambda n: xlsx(_HEAD + "<a>" * n),
    "empty shared texts.xlsx": lambda n: xlsx(
        _below(lambda i: f'<c r="A{3 + i}" t="s"><v>{i}</v></c>', min(n, 9_000)),
        more={"xl/sharedStrings.xml": f"<sst {_MAIN}>" + "<si><t/></si>" * n + "</sst>"},
    ),
    "shared texts without an end.xlsx": lambda n: xlsx(more={"xl/sharedStrings.xml": f"<sst {_MAIN}>" + "<si " * n}),
    "formats of percentages.xlsx": lambda n: xlsx(
        _below(lambda i: f'<c r="A{3 + i}" s="{i}"><v>{i}</v></c>', min(n, 9_000)),
        more={"xl/styles.xml": _STYLES + "<cellXfs>" + '<xf numFmtId="9"/>' * n + "</cellXfs></styleSheet>"},
    ),
    "formats without an end.xlsx": lambda n: xlsx(more={"xl/styles.xml": _STYLES + "<cellXfs " * n}),
    "number formats without an end.xlsx": lambda n: xlsx(more={"xl/styles.xml": _STYLES + "<numFmt " * n}),
    "empty rows.xlsx": lambda n: xlsx(_below(lambda _: "", n)),
    "empty cells.xlsx": lambda n: xlsx(_below(lambda i: f'<c r="A{3 + i}"/>', n)),
    "headers.xlsx": lambda n: xlsx(
        _HEAD + '<row r="1">' + '<c t="inlineStr"><is><t>IAA</t></is></c>' * min(n, 16_000) + "</row>" + _END
    ),
    "merged cells.xlsx": lambda n: _merged(lambda _: "A2:B2", n),
    "the whole sheet merged.xlsx": lambda n: _merged(lambda _: "A1:XFD1048576", n),
    "merged cells of a wide row.xlsx": lambda n: _merged(
        lambda _: "A3:B3", n, _ROWS + '<row r="3"><c r="A3"><v>5</v></c><c r="XFD3"/></row>'
    ),
    "names of sheets.xlsx": lambda n: xlsx(
        book="".join(f'<sheet name="S{i}" sheetId="{i + 1}" r:id="rId1"/>' for i in range(n))
    ),
    "sheets.xlsx": lambda n: _several_sheets(n // 40),
    "a long name.xlsx": lambda n: xlsx(book=f'<sheet name="PEDE{"2" * n}" sheetId="1" r:id="rId1"/>'),
    "relations.xlsx": lambda n: xlsx(relations=_PARTS * (n // 2)),
    "attributes of a relation.xlsx": lambda n: xlsx(relations=_PARTS + "<Relationship " + "a " * n + ">"),
    "a word in a relation.xlsx": lambda n: xlsx(relations=_PARTS + "<Relationship " + "a" * n + ">"),
    "members.xlsx": lambda n: xlsx(more={f"m{i}": "" for i in range(n)}),
    "a header with marks.xlsx": lambda n: xlsx((_HEAD + _ROWS + _END).replace("IAA", "a" + MARKS * n)),
    "a header of words.xlsx": lambda n: xlsx((_HEAD + _ROWS + _END).replace("IAA", "nota abcd " * (n // 10))),
    "a code with marks.xlsx": lambda n: xlsx((_HEAD + _ROWS + _END).replace("RA-1", "a" + MARKS * n)),
    "a text with marks.xlsx": lambda n: _text("a" + MARKS * n),
    "a number of digits.xlsx": lambda n: _text("5" * n),
    "a text of spaces.xlsx": lambda n: _text("5" + " " * n + "x"),
    "a text of signs.xlsx": lambda n: _text("5" + ".,/-:" * (n // 5)),
    "tables without an end.ods": lambda n: ods("<table:table " * n),
    "names of tables.ods": lambda n: ods('<table:table table:name="a">' * n),
    "cells without an end.ods": lambda n: ods(_TABLE + "<table:table-cell " * n),
    "failed cells.ods": lambda n: ods(_TABLE + (_ODS_FAILED + "/>") * n),
    "failed texts without an end.ods": lambda n: ods(_TABLE + (_ODS_FAILED + "><text:p ") * n),
    "raised texts without an end.ods": lambda n: ods(
        _RAISED_STYLE + _TABLE + _ODS_STRING + "<text:span text:style-name='T1'>1" * n
    ),
    "styles of text without an end.ods": lambda n: ods("<style:style style:name='T1' " * n + _TABLE),
    "names of a style.ods": lambda n: ods("<style:style" + " style:name='T1'" * n),
    "spanned cells.ods": lambda n: ods(
        _TABLE + '<table:table-cell table:number-rows-spanned="999999999" table:number-columns-spanned="999"/>' * n
    ),
    "newlines.csv": lambda n: b"RA;IAA\n1;5\n" + b"\n" * n,
    "returns.csv": lambda n: b"RA;IAA\n1;5\n" + b"\r" * n,
    "one line.csv": lambda n: b"RA;IAA\n" + b"1" * n,
    "separators.csv": lambda n: b"RA;IAA\n1;5" + b";" * n,
    "quotation marks.csv": lambda n: b"RA;IAA\n" + b'"1;5\n' * n,
    "quotation marks in a line.csv": lambda n: b"RA;IAA\n" + b'"' * n,
    "apostrophes.csv": lambda n: b"RA;IAA\n1;" + b"'" * n + b"\n",
    "marks.csv": lambda n: b"RA;IAA\n1;a" + MARKS.encode() * n,
    "bytes of another encoding.csv": lambda n: "RA;IAA\né;é\n".encode() * 3 + b"\xe9\n" * n + "é".encode() * n,
    "headers.csv": lambda n: b";".join([b"IAA"] * n) + b"\n" + b"1;" * n,
    "unknown headers.csv": lambda n: b"RA;IAA;" + b";".join(b"h%d" % i for i in range(n // 4)) + b"\n1;5\n",
    "headers again.csv": lambda n: b"RA;IAA\n" * n,
    "other tables.csv": lambda n: (
        b"RA;Turma\n" + b"RA-1;a\n" * n + b"".join(b";\nAluno;%s\n" % _letters(i) for i in range(n // 2))
    ),
    "odd dates.csv": lambda n: b"RA;Data de Nasc\n" + b"".join(b"%d;1/2/3/4\n" % i for i in range(n)),
    "one code.csv": lambda n: b"RA;IAA\n" + b"1;5\n" * n,
    "columns.parquet": lambda n: parquet_of({"RA": ["1"], **{f"c{i}": [1] for i in range(n // 40)}}),
    "one text many times.parquet": lambda n: parquet_of({"RA": [str(i) for i in range(n)], "IAA": ["x" * 200] * n}),
    "lists.parquet": lambda n: parquet_of({"RA": ["1"], "IAA": [[1] * n]}),
    "keys.json": lambda n: b'{"a":' * n,
}
"""By a file's name; `keys.json` is of no format that is read."""
