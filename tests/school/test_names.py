"""Names are kept only where the school wants them, and are gone from the file when they are erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from farol.errors import WorkbookError
from farol.profile import load_profile, parse_profile
from farol.school.names import (
    LONGEST_NAME,
    KeptNames,
    count_names,
    erase_names,
    keep_names,
    names_are_on,
    names_in,
    names_of,
    turn_names,
)
from farol.store.database import Store
from farol.store.privacy import finish_erasing
from tests.school.invented import NOW, answer, fill

PROFILE = load_profile("pede")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as opened:
        fill(opened, [answer("RA-1"), answer("RA-2")])
        yield opened


def test_names_are_off_until_somebody_turns_them_on(store: Store) -> None:
    assert not names_are_on(store)
    turn_names(store, on=True, at=NOW)
    assert names_are_on(store)
    turn_names(store, on=False, at=NOW)
    assert not names_are_on(store)


def test_the_newest_sheet_of_a_workbook_gives_the_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for year, rows in (
        (2023, [("RA-1", "Ana Souza"), ("RA-2", "Bia")]),
        (2024, [("ra - 1", " Ana  Souza\u200b Lima ")]),
    ):
        sheet = book.create_sheet(f"PEDE{year}")
        for row in [("RA", "Nome Anonimizado", "Fase", "Defasagem"), *((*row, 3, 0) for row in rows)]:
            sheet.append(row)
    book.remove(book.worksheets[0])
    book.save(tmp_path / "book.xlsx")
    assert names_in(tmp_path / "book.xlsx", PROFILE) == {"RA-1": "Ana Souza Lima", "RA-2": "Bia"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_of_two_columns_gives_names(tmp_path: Path, separator: str) -> None:
    rows = ["Nome{s}RA", "João Ávila{s}RA-1", "{s}RA-2", "Sem Código{s}", f"{'x' * 999}{{s}}RA-3"]
    (tmp_path / "names.csv").write_bytes("\n".join(rows).format(s=separator).encode("cp1252"))
    names = names_in(tmp_path / "names.csv", PROFILE, year=2024)
    assert names == {"RA-1": "João Ávila", "RA-3": "x" * LONGEST_NAME}


def test_a_file_without_names_says_which_columns_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("RA;Fase\nRA-1;3\n")
    with pytest.raises(WorkbookError, match="RA, Nome"):
        names_in(tmp_path / "names.csv", PROFILE, year=2024)


def test_a_profile_without_a_column_of_names_says_so(tmp_path: Path) -> None:
    source = PROFILE.source.decode().replace("[columns.name]", "[columns.label_of_pupil]")
    with pytest.raises(WorkbookError, match="no column of names"):
        names_in(tmp_path / "names.csv", parse_profile(source.encode(), "ours.toml"))


def test_names_of_strangers_are_not_kept(store: Store) -> None:
    assert keep_names(store, {"RA-1": "Ana", "RA-77": "Ninguém"}) == KeptNames(1, 1)
    assert keep_names(store, {"RA-1": "Ana Souza", "RA-2": "Bia"}) == KeptNames(2, 0)
    assert count_names(store) == 2
    with store.snapshot() as connection:
        assert names_of(connection, ["RA-1", "RA-2", "RA-3"]) == {"RA-1": "Ana Souza", "RA-2": "Bia"}


def test_erased_names_are_in_no_byte_of_the_database(store: Store, tmp_path: Path) -> None:
    def whole() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    keep_names(store, {"RA-1": "Anastácia", "RA-2": "Bia"})
    assert "Anastácia".encode() in whole()
    assert b"anastacia" in whole()
    assert erase_names(store) == 2
    assert finish_erasing(store)
    assert not [name for name in ("Anastácia", "anastacia") if name.encode() in whole()]
    assert (count_names(store), erase_names(store)) == (0, 0)
