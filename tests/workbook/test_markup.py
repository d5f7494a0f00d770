"""Facts in the markup of a sheet that its reader does not give."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from farol.errors import WorkbookError
from farol.workbook.markup import odd_shared_strings, read_marks, read_ods_marks
from farol.workbook.panel import read_panel
from farol.workbook.raw import EMPTY_TEXT, CellError, Footnoted
from tests.workbook.making import PEDE, only, pupils, values, write_xlsx
from tests.workbook.test_sheets import write_ods

ENOUGH = 50_000_000
EMPTY_SEVENTH = {7: EMPTY_TEXT}


def sheet(*rows: str) -> bytes:
    """A sheet's markup around its rows."""
    return f"<worksheet><cols><col min='1'/></cols><sheetData>{''.join(rows)}</sheetData></worksheet>".encode()


SIMPLE = sheet(
    '<row r="1"><c r="A1" t="inlineStr"><is><t>RA</t></is></c><c r="B1" t="str"><f>"x"</f><v>x</v></c></row>',
    '<row r="2"><c r="A2" s="3" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="B2" t="e"><v>#N/A</v></c></row>',
    '<row r="3"><c r="A3" t="inlineStr" /><c r="B3" t="inlineStr"><is><t></t></is></c></row>',
    '<row r="4"><c r="A4" t="str"><f>""</f><v></v></c><c r="AB4" t="s"><v>7</v></c><c r="AC4" t="s"><v>8</v></c></row>',
    '<row r="5"><c r="A5" t="e"><v>a pupil</v></c><c r="B5" t="e"/><c r="C5"><v>1</v></c></row>',
    '<row r="6"><c r="A6" s="1" /></row><row r="7"></row>',
)
ODD = {
    (1, 0): CellError("#DIV/0!"),
    (1, 1): CellError("#N/A"),
    (2, 0): EMPTY_TEXT,
    (2, 1): EMPTY_TEXT,
    (3, 0): EMPTY_TEXT,
    (3, 27): EMPTY_TEXT,
    (4, 0): CellError("#ERROR"),
    (4, 1): CellError("#ERROR"),
}


def test_failed_cells_and_empty_texts_are_reported_with_places() -> None:
    marks = read_marks(SIMPLE, ENOUGH, EMPTY_SEVENTH)
    assert marks is not None
    assert marks.odd == ODD
    assert marks.rows == 6  # the sixth row is only formatted, the seventh has no cell at all


@pytest.mark.parametrize(
    "other",
    [
        SIMPLE.replace(b"<c ", b"<x:c ")
        .replace(b"</c>", b"</x:c>")
        .replace(b"<v>", b"<x:v>")
        .replace(b"<row", b"<x:row"),
        SIMPLE.replace(b'r="A', b"r='A").replace(b'1"', b"1'").replace(b"r='A1'", b"r = 'A1'").replace(b'"', b"'"),
        SIMPLE.replace(b"<c r=", b"<c  r="),
        SIMPLE.replace(b'<c r="A2" s="3" t="e">', b'<c t="e" s="3" r="A2">'),
    ],
    ids=["prefix", "quotes", "spaces", "order"],
)
def test_they_are_found_however_the_markup_is_written(other: bytes) -> None:
    marks = read_marks(other, ENOUGH, EMPTY_SEVENTH)
    assert marks is not None
    assert marks.odd == ODD
    assert (marks.rows, marks.span) == (6, 6 * 29)


def test_cells_without_a_place_follow_the_one_before() -> None:
    marks = read_marks(sheet("<row><c t='e'><v>#N/A</v></c></row><row><c/><c t='e'><v>#REF!</v></c></row>"), ENOUGH)
    assert marks is not None
    assert marks.odd == {(0, 0): CellError("#N/A"), (1, 1): CellError("#REF!")}
    assert marks.span == 4


def test_a_sheet_is_measured_exactly_where_it_might_be_too_large() -> None:
    marks = read_marks(SIMPLE, 1000, EMPTY_SEVENTH)
    assert marks is not None
    assert (marks.span, marks.odd) == (6 * 29, ODD)
    far = read_marks(sheet('<row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row>'), ENOUGH)
    assert far is not None
    assert far.span == 1_048_576 * 16_384


@pytest.mark.parametrize(
    "broken",
    [
        sheet('<row r="1"><c r="A99999999"/></row>'),
        sheet('<row r="1"><c r="A1048577"/></row>'),
        sheet('<row r="1"><c r="XFE1"/></row>'),
        sheet('<row r="1"><c r="A0"/></row>'),
        sheet('<row r="99999999"><c/></row>'),
        sheet('<row r="9x"><c/></row>'),
        sheet("<c><v>1</v></c>"),
        SIMPLE.decode().encode("utf-16"),
    ],
)
def test_markup_that_no_spreadsheet_writes_is_refused(broken: bytes) -> None:
    assert read_marks(broken, ENOUGH) is None


@pytest.mark.parametrize("text", [b"", b'<x t="e"', b'<x t="e"><c r="A1">', b'<c r="A1" t="e"', b'<c r="A1" t="e">'])
def test_markup_that_ends_early_does_no_harm(text: bytes) -> None:
    marks = read_marks(text, ENOUGH)
    assert marks is None or set(marks.odd.values()) <= {CellError("#ERROR")}


def test_empty_shared_strings_are_known_by_their_index() -> None:
    table = (
        b'<sst><si><t>a</t></si><si><t/></si><si><t xml:space="preserve"></t></si><si><r><t>b</t></r></si><si/></sst>'
    )
    assert odd_shared_strings(table) == dict.fromkeys((1, 2, 4), EMPTY_TEXT)
    assert odd_shared_strings(b"") == {}


RAISED = b'<rPr><vertAlign val="superscript"/></rPr>'


def test_footnotes_of_a_text_are_left_out() -> None:
    table = (
        b"<sst><si><r><t>7,5</t></r><r>" + RAISED + b"<t>1</t></r></si>"
        b"<si><x:r><x:t>RA-1 &amp; </x:t></x:r>"
        b"<x:r><x:rPr><x:vertAlign val='subscript'/></x:rPr><x:t>2</x:t></x:r></si>"
        b"<si><r>" + RAISED + b"<t>1</t></r></si><si><t>vertAlign superscript</t></si>"
        b"<si><r><rPr><vertAlign val='baseline'/></rPr><t>8</t></r></si></sst>"
    )
    odd = odd_shared_strings(table)
    assert odd == {0: "7,5", 1: "RA-1 & "}
    assert all(isinstance(text, Footnoted) for text in odd.values())


@pytest.mark.parametrize("shared", [True, False])
def test_a_footnote_is_no_digit_of_a_value_or_a_code(tmp_path: Path, shared: bool) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(3, {"RA": ["RA-1", "RA-2", "RA-9"]})})
    text = "<r><t>RA-1</t></r><r>" + RAISED.decode() + "<t>2</t></r>"
    change_sheet(path, text, shared=shared)
    panel = read_panel(path, PEDE)
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-9"]
    assert (only(panel, "footnote").rows, only(panel, "footnote").severity) == ((2,), "warning")


def odf(content: str, kind: str) -> bytes:
    """The markup of an ods sheet whose text style T1 has characters of this kind."""
    style = f'<style:style style:name="T1" style:family="text"><style:text-properties style:text-position="{kind}"/>'
    return (style + '</style:style><table:table table:name="PEDE2022">' + content).encode()


@pytest.mark.parametrize(("kind", "is_raised"), [("super 58%", True), ("-33% 58%", True), ("0% 100%", False)])
def test_footnotes_of_an_ods_text_are_left_out(kind: str, is_raised: bool) -> None:
    cell = '<table:table-cell office:value-type="string"{}>{}</table:table-cell>'
    span = '<text:span text:style-name="T1">{}</text:span>'
    row = "<table:table-row>{}</table:table-row>"
    content = row.format(cell.format("", "<text:p>7,5" + span.format("1") + "</text:p>")) + row.format(
        cell.format("", f"<text:p>{span.format('2')}</text:p>")
        + cell.format(' table:number-columns-repeated="2"', f"<office:annotation><text:p>n</text:p></office:annotation>"
                      f"<text:p>RA &amp; {span.format('9')}</text:p><text:p>b</text:p>")
    )  # fmt: skip
    marks = read_ods_marks(odf(content, kind))["PEDE2022"]
    assert marks.odd == ({(0, 0): "7,5", (1, 1): "RA & \nb", (1, 2): "RA & \nb"} if is_raised else {})


def test_a_footnote_in_ods_is_no_digit_of_a_code(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "book.ods", {"PEDE2022": pupils(3, {"RA": ["RA-1", "RA-2", "RA-9"]})})
    with ZipFile(path) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    style = '<style:style style:name="Up" style:family="text"><style:text-properties style:text-position="super 58%"/>'
    content = members["content.xml"].replace("RA-1<", 'RA-1<text:span text:style-name="Up">2</text:span><', 1)
    head, end, rest = content.partition("</office:automatic-styles>")
    if not end:
        head, end, rest = content.partition("<office:body")
        head += "<office:automatic-styles>" + style + "</style:style></office:automatic-styles>"
    else:
        head += style + "</style:style>"
    members["content.xml"] = head + end + rest
    with ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    panel = read_panel(path, PEDE)
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-9"]
    assert only(panel, "footnote").rows == (2,)


def change_sheet(path: Path, text: str, *, shared: bool) -> None:
    """Put a text with markup in the first pupil's code, as a shared string or in the cell."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet, strings = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    cell = re.compile(r'<c r="A2"[^<>]*>.*?</c>')
    assert cell.search(members[sheet])
    if shared:
        members[sheet] = cell.sub('<c r="A2" t="s"><v>0</v></c>', members[sheet])
        members[strings] = f'<sst xmlns="{MAIN}"><si>{text}</si></sst>'
        members["xl/_rels/workbook.xml.rels"] = members["xl/_rels/workbook.xml.rels"].replace(
            "</Relationships>",
            f"{RELATION}</Relationships>",
        )
        members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(
            "</Types>", f'<Override PartName="/{strings}" ContentType="{KIND}"/></Types>'
        )
    else:
        members[sheet] = cell.sub(f'<c r="A2" t="inlineStr"><is>{text}</is></c>', members[sheet])
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATION = f'<Relationship Id="strings" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def test_an_ods_sheet_tells_its_failed_cells_and_its_size() -> None:
    failed = 'office:value-type="string" calcext:value-type="error"'
    content = f"""
      <office:spreadsheet><table:table table:name="PEDE &amp; Co">
      <table:table-column table:number-columns-repeated="3"/>
      <table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="float" office:value="1"/>
        <table:table-cell {failed} table:number-columns-repeated="2"><text:p>#N/A</text:p></table:table-cell>
      </table:table-row>
      <table:table-row><table:covered-table-cell/><table:table-cell {failed}/></table:table-row>
      <table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/>
      </table:table-row></table:table>
      <table:table table:name='Big'><table:table-row table:number-rows-repeated="1000000">
        <table:table-cell {failed} table:number-columns-repeated="1000000"/></table:table-row></table:table>
      <table:table table:style="x"></table:table></office:spreadsheet>""".encode()
    marks = read_ods_marks(content)
    assert set(marks) == {"PEDE & Co", "Big"}
    error = CellError("#N/A")
    assert marks["PEDE & Co"].odd == {
        (0, 1): error, (0, 2): error, (1, 1): error, (1, 2): error, (2, 1): CellError("#ERROR")
    }  # fmt: skip
    assert (marks["PEDE & Co"].rows, marks["PEDE & Co"].span) == (3, 9)
    assert (marks["Big"].span, marks["Big"].odd) == (10**12, {})
    assert read_ods_marks(b"") == {}


@pytest.mark.parametrize("formula", ["", "<f>SEQUENCE(3)</f>", '<f t="array" ref="A2"/>'])
@pytest.mark.parametrize("kind", ["#SPILL!", "#GETTING_DATA", "#BUSY!", "#PYTHON!"])
def test_newer_errors_are_read_as_errors(tmp_path: Path, kind: str, formula: str) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(3), "PEDE2023": pupils(3)})
    with ZipFile(path) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    cell = re.compile(r'<c r="E2"[^<>]*>.*?</c>')
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet], count = cell.subn(f'<c r="E2" t="e">{formula}<v>{kind}</v></c>', members[sheet])
    assert count == 1
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    panel = read_panel(path, PEDE)
    assert len(panel.student) == 6
    finding = only(panel, "error_cell")
    assert (finding.rows, finding.column) == ((2,), "IAA")
    assert kind in str(finding.message)


def rewritten(path: Path, part: str, old: str, new: str) -> Path:
    """A workbook in which a pattern of a member is replaced once."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    members[part], count = re.subn(old, new, members[part], count=1, flags=re.DOTALL)
    assert count == 1
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"
DAMAGED = "damaged"


@pytest.mark.parametrize(
    ("cell", "markup", "wanted"),
    [
        ("E4", '<c r="E4"><v><![CDATA[7.25]]></v></c>', 7.25),
        ("E4", '<c r="E4"><v>7<![CDATA[.25]]></v></c>', 7.25),
        ("E4", '<c r="E4"><v>7<!-- 9 > 8 -->.25</v></c>', 7.25),
        ("E4", '<c r="E4"><v>7<?x y?>.25</v></c>', 7.25),
        ("E4", '<c r="E4"><v>&#55;.&#x32;&#0053;</v></c>', 7.25),
        ("E4", '<c r="E4"><!-- <v>9</v> --><v>7.25</v></c>', 7.25),
        ("A4", '<c r="A4" t="str"><v><![CDATA[M&F<3]]></v></c>', "M&F<3"),
        ("A4", '<c r="A4" t="str"><v>M&amp;F&lt;&#51;</v></c>', "M&F<3"),
        ("A4", '<c r="A4" t="inlineStr"><is><t>M<![CDATA[&]]><!-- --><![CDATA[F<3]]></t></is></c>', "M&F<3"),
        ("A4", '<c r="A4" t="str"><v>M&F<3<!-- </v></c>', DAMAGED),
        ("A4", '<!DOCTYPE x [<!ENTITY a "M">]><c r="A4" t="str"><v>&a;</v></c>', DAMAGED),
        ("E4", '<c r="E4"><v>7</v></c></row><row r="4"><c r="E4"><v>8</v></c>', DAMAGED),
    ],
)
def test_a_cell_of_xlsx_is_read_however_xml_writes_it(tmp_path: Path, cell: str, markup: str, wanted: object) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(4)})
    rewritten(path, SHEET, rf'<c r="{cell}"[^<>]*>.*?</c>', markup)
    if wanted == DAMAGED:
        with pytest.raises(WorkbookError, match=DAMAGED):
            read_panel(path, PEDE)
        return
    panel = read_panel(path, PEDE)
    assert (panel.student[2] if cell == "A4" else panel.numbers["IAA"][2]) == wanted


@pytest.mark.parametrize(
    ("cell", "markup"),
    [
        ("E4", '<c r="E4"><v>7</v></c><c r="E4"><v>8</v></c>'),
        ("E4", '<c r="E4"><v>7</v></c><c r="F4"><v>8</v></c><c r="E4"/>'),
        ("E3", '<c r="E3"><v>7</v></c>'),
        ("E44", '<c r="E44"><v>7</v></c>'),
        ("E4", '<c r="E4"><v>7</v></c></row><row><c r="E4"><v>8</v></c>'),
    ],
)
@pytest.mark.parametrize("is_simple", [True, False])
def test_a_cell_given_twice_is_said_with_its_place(tmp_path: Path, cell: str, markup: str, *, is_simple: bool) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(4)})
    rewritten(path, SHEET, r'<c r="E4"[^<>]*>.*?</c>(?:<c r="F4"[^<>]*>.*?</c>)?', markup)
    if not is_simple:
        rewritten(path, SHEET, '<c r="A1"', '<c  r="A1"')
    with pytest.raises(WorkbookError) as error:
        read_panel(path, PEDE)
    place = error.value.where
    assert (place.file, place.sheet, place.row) == ("book.xlsx", "PEDE2022", int(cell[1:]))
    assert cell in "".join(error.value.lines("pt_BR"))


def test_rows_of_xlsx_may_stand_in_any_order(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(4)})
    rewritten(path, SHEET, r'(<row r="3".*?</row>)(<row r="4".*?</row>)', r"\2\1")
    assert read_panel(path, PEDE).student.tolist() == ["RA-1", "RA-2", "RA-3", "RA-4"]


@pytest.mark.parametrize(
    ("markup", "wanted"),
    [
        ("<table:table-cell><text:p>7,25</text:p></table:table-cell>", 7.25),
        (
            '<table:table-cell table:style-name="x">\n <text:p>7,<text:span>25</text:span></text:p></table:table-cell>',
            7.25,
        ),
        ("<table:table-cell office:value-type='float'><text:p>7.25</text:p></table:table-cell>", 7.25),
        ('<table:table-cell office:value-type="float" office:value="7.25"/>', 7.25),
        ('<table:table-cell office:value-type="string"><text:p><![CDATA[7,25]]></text:p></table:table-cell>', 7.25),
        ('<table:table-cell office:value-type="string"><text:p>7<!-- , -->,25</text:p></table:table-cell>', 7.25),
        ("<table:table-cell/>", None),
        ("<table:table-cell></table:table-cell>", None),
        ('<table:table-cell office:value-type="float" office:value="&#55;.25"/>', 7.25),
        ("<!DOCTYPE x><table:table-cell/>", DAMAGED),
    ],
)
def test_a_cell_of_ods_is_read_however_it_is_written(tmp_path: Path, markup: str, wanted: object) -> None:
    path = write_ods(tmp_path / "book.ods", {"PEDE2022": pupils(4, {"IAA": [8.5, 8.5, 1.75, 8.5]})})
    rewritten(path, "content.xml", r'<table:table-cell[^<>]*"1\.75"[^<>]*(?:/>|>.*?</table:table-cell>)', markup)
    if wanted == DAMAGED:
        with pytest.raises(WorkbookError, match=DAMAGED):
            read_panel(path, PEDE)
        return
    assert values(read_panel(path, PEDE), "IAA") == [8.5, 8.5, wanted, 8.5]


ERRORS_OF_ODS = [
    'office:value-type="string" office:string-value=""><text:p>#DIV/0!</text:p>',
    'office:value-type="float" office:value="0"><text:p>#DIV/0!</text:p>',
    'table:formula="of:=1/0" office:value-type="float" office:value="0"><text:p>#DIV/0!</text:p>',
    'office:value-type="string"><text:p>#DIV/0!</text:p>',
    'table:formula="of:=1/0"><text:p>#DIV/0!</text:p>',
    'office:value-type="string" office:string-value="">\n <text:p text:style-name="P1">Err:502</text:p>\n',
    'office:value-type="float" office:value="0"><text:p>Erro:502</text:p>',
    'office:value-type="float" office:value="0"><text:p>#VALOR!</text:p>',
    'office:value-type="float" office:value="0"><text:p>#NÚM!</text:p>',
]


@pytest.mark.parametrize("cell", ERRORS_OF_ODS)
def test_an_error_of_ods_is_said_without_its_type(tmp_path: Path, cell: str) -> None:
    path = write_ods(tmp_path / "book.ods", {"PEDE2022": pupils(4, {"IAA": [8.5, 8.5, 1.75, 8.5]})})
    pattern = r'<table:table-cell[^<>]*"1\.75"[^<>]*(?:/>|>.*?</table:table-cell>)'
    panel = read_panel(
        rewritten(path, "content.xml", pattern, f"<table:table-cell {cell}</table:table-cell>".replace("\\", "\\\\")),
        PEDE,
    )
    assert values(panel, "IAA") == [8.5, 8.5, None, 8.5]
    finding = only(panel, "error_cell")
    assert (finding.rows, finding.column) == ((4,), "IAA")


def test_a_text_of_ods_that_begins_like_an_error_is_one(tmp_path: Path) -> None:
    codes = ["#1!", "#A12!", "ERRO:1", "#N"]
    path = write_ods(tmp_path / "book.ods", {"PEDE2022": pupils(4, {"RA": codes})})
    assert read_panel(path, PEDE).student.tolist() == codes


def test_an_ods_without_any_type_is_read(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "book.ods", {"PEDE2022": [[str(cell) for cell in row] for row in pupils(4)]})
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["content.xml"] = members["content.xml"].replace(b' office:value-type="string"', b"")
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    panel = read_panel(path, PEDE)
    assert (panel.student.tolist(), values(panel, "IAA")) == (["RA-1", "RA-2", "RA-3", "RA-4"], [8.5] * 4)


def test_a_table_within_a_cell_of_ods_is_refused(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "book.ods", {"Capa": [["x"]], "PEDE2022": pupils(4)})
    assert len(read_panel(path, PEDE).student) == 4
    inner = '<table:table table:name="in"><table:table-row><table:table-cell/></table:table-row></table:table>'
    with pytest.raises(WorkbookError, match=DAMAGED):
        read_panel(rewritten(path, "content.xml", r"(<text:p>RA-2</text:p>)", rf"\1{inner}"), PEDE)
    empty = '<table:table table:name="empty"/><table:table table:name="other"/>'
    rewritten(path, "content.xml", re.escape(inner), "")
    rewritten(path, "content.xml", "</office:spreadsheet>", f"{empty}</office:spreadsheet>")
    assert len(read_panel(path, PEDE).student) == 4
