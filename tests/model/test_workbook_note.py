"""The note about the workbook of training: counts and a digest, never a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.model.workbook_note import NAME, WorkbookNote, digest_of, read_note, write_note


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    note = WorkbookNote("/school/PEDE.xlsx", "ab", {2023: 1014, 2024: 562}, {"warning": 3})
    write_note(tmp_path, note)
    assert read_note(tmp_path) == note
    assert note.name == "PEDE.xlsx"


@pytest.mark.parametrize("text", [None, "no JSON", "[]", '{"path": "x"}', '{"path": 1, "sha256": "ab"}'])
def test_an_unreadable_note_is_ignored(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / NAME).write_text(text)
    assert read_note(tmp_path) is None


def test_a_digest_is_of_all_bytes_of_a_file_or_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"abc")
    # sha256sum of "abc"
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of(file) == digest_of(tmp_path) == abc
    (tmp_path / "folder").mkdir()
    assert digest_of(tmp_path) == abc
    (tmp_path / "b.csv").write_bytes(b"d")
    assert digest_of(tmp_path) not in (abc, digest_of(file))
