"""A csv file's text is read whatever program wrote it."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from farol.errors import WorkbookError
from farol.workbook.csv_parquet import mostly_utf_8
from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, findings_of, only, pupils

COLUMNS = {"Gênero": ["Menina", "Menino", "Menina"], "Turma": ["Ágora", "São João", "C"]}
TEXT = "\n".join(";".join(map(str, row)) for row in pupils(3, COLUMNS)) + "\n"


def panel_of(folder: Path, content: bytes) -> Panel:
    path = folder / "PEDE2022.csv"
    path.write_bytes(content)
    return read_panel(path, PEDE)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "BOM utf-16-be", "BOM utf-32-be"],
)
def test_every_encoding_and_line_end_gives_the_same(tmp_path: Path, encoding: str, end: str) -> None:
    text = TEXT.replace("\n", end)
    if encoding.startswith("BOM"):
        text = "\ufeff" + text
    panel = panel_of(tmp_path, text.encode(encoding.removeprefix("BOM ")))
    assert panel.categories["class"].tolist() == ["Ágora", "São João", "C"]
    assert panel.categories["sex"].tolist() == ["F", "M", "F"]
    assert {finding.code for finding in panel.findings} == {"missing_column"}


def test_a_few_bytes_of_windows_do_not_change_the_rest(tmp_path: Path) -> None:
    content = TEXT.encode().replace("São João".encode(), b'"S\xe3o\nJo\xe3o"')
    panel = panel_of(tmp_path, content)
    assert panel.categories["class"].tolist() == ["Ágora", "São João", "C"]
    assert panel.categories["sex"].tolist() == ["F", "M", "F"]
    assert only(panel, "other_encoding").rows == (3,)


def test_a_file_of_windows_stays_one(tmp_path: Path) -> None:
    text = TEXT.replace("Ágora", "“CAFÉ”")  # its last two bytes would be one letter of UTF-8
    panel = panel_of(tmp_path, text.encode("cp1252"))
    assert panel.categories["class"].tolist()[0] == "“CAFÉ”"
    assert not findings_of(panel, "other_encoding")


@pytest.mark.parametrize("name", ["Ágora", "PÉ"])  # É of the console is no letter of Windows
def test_a_file_of_the_windows_console_is_known_by_its_headers(tmp_path: Path, name: str) -> None:
    panel = panel_of(tmp_path, TEXT.replace("Ágora", name).encode("cp850"))
    assert panel.categories["class"].tolist() == [name, "São João", "C"]
    assert panel.categories["sex"].tolist() == ["F", "M", "F"]
    told = only(panel, "console_encoding")
    assert (told.rows, told.severity) == ((1,), "info")
    assert not findings_of(panel, "unknown_column")


def test_what_headers_do_not_tell_is_windows(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, TEXT.replace("Gênero", "Genero").encode("cp1252"))
    assert panel.categories["class"].tolist() == ["Ágora", "São João", "C"]
    assert not findings_of(panel, "console_encoding")


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("cp1252") + b"\x81\x8d",
        TEXT.encode() + b"\0",
        codecs.BOM_UTF16_LE + b"a",
        codecs.BOM_UTF32_BE + b"a",
        TEXT.encode("utf-16-le") + b"\xd8",
    ],
)
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WorkbookError, match="not a workbook"):
        panel_of(tmp_path, content)


def test_a_byte_that_windows_does_not_know_is_a_sign(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, TEXT.encode().replace("Ágora".encode(), b"\x81gora"))
    assert panel.categories["class"].tolist()[0] == "\ufffdgora"
    assert only(panel, "other_encoding").rows == (2,)


@pytest.mark.parametrize(
    "start", ['[{"RA": "RA-1"}]', '{"RA": "RA-1"}', "<html><td>RA-1</td>", "\n <?xml?>", "%PDF-1.7"]
)
def test_a_text_of_another_format_is_no_csv_and_not_shown(tmp_path: Path, start: str) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_text(start, encoding="utf-8")
    with pytest.raises(WorkbookError, match="not a workbook") as error:
        read_panel(path, PEDE)
    assert "RA-1" not in str(error.value)


def test_an_empty_newest_file_of_a_folder_stops_nothing(tmp_path: Path) -> None:
    lines = [";".join(map(str, row)) for row in pupils(3)]
    (tmp_path / "PEDE2022.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "PEDE2023.csv").write_bytes(b"")
    panel = read_panel(tmp_path, PEDE)
    assert panel.years == (2022,)
    assert only(panel, "unread_sheet").sheet == "PEDE2023.csv"
    (tmp_path / "PEDE2022.csv").write_bytes(b"")
    with pytest.raises(WorkbookError, match="empty"):
        read_panel(tmp_path, PEDE)


def test_a_few_bytes_of_windows_in_utf_8_are_its_characters() -> None:
    assert mostly_utf_8("Inglês ".encode() + b"caf\xe9") == "Inglês café"
    assert mostly_utf_8(b"RA-1") == "RA-1"
