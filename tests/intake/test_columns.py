"""Headers that the site taught are kept for the years to come, and can be revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.accounts.site import read_setting
from farol.intake.columns import (
    MOST,
    SETTING,
    KeptColumn,
    forget_column,
    general_header,
    headers_of,
    keep_columns,
    kept_columns,
)
from farol.store.database import Store
from farol.workbook.panel import read_panel
from tests.intake.sending import NOW, PEDE
from tests.workbook.making import pupils, write_xlsx

MATHS = KeptColumn("pede", "Nota Mat {year}", "MATEMATICA", "2026-11-26")


@pytest.mark.parametrize(
    ("header", "general"),
    [
        ("Nota  Mat 2024", "Nota Mat {year}"),
        ("Mat 24", "Mat {yy}"),
        ("Mat 124", "Mat 124"),
        ("Mat {x} 2023", "Mat x 2023"),
    ],
)
def test_the_sheets_own_year_stands_for_every_year(header: str, general: str) -> None:
    assert general_header(header, 2024) == general


def test_the_last_choice_of_a_header_counts(store: Store) -> None:
    keep_columns(store, [MATHS], NOW)
    keep_columns(store, [KeptColumn("pede", "nota MAT {year}", "PORTUGUES", "2026-11-27")], NOW)
    assert headers_of(store, PEDE) == {"PORTUGUES": ["nota MAT {year}"]}


def test_a_revoked_header_is_gone(store: Store) -> None:
    keep_columns(store, [MATHS], NOW)
    assert forget_column(store, "pede", MATHS.header, NOW)
    assert not forget_column(store, "pede", MATHS.header, NOW)
    assert kept_columns(store) == []


def test_columns_of_another_profile_and_unused_ones_add_nothing(store: Store) -> None:
    keep_columns(
        store, [KeptColumn("other", "x", "MATEMATICA", "2026-11-26"), KeptColumn("pede", "y", "", "2026-11-26")], NOW
    )
    assert headers_of(store, PEDE) == {}
    assert len(read_setting(store, SETTING, [])) == 2


def test_a_site_keeps_a_limited_number_of_headers(store: Store) -> None:
    keep_columns(store, [KeptColumn("pede", f"h{n}", "MATEMATICA", "2026-11-26") for n in range(MOST + 5)], NOW)
    assert [kept.header for kept in kept_columns(store)][:1] == ["h5"]


def test_next_years_sheet_is_read_by_a_kept_header(tmp_path: Path) -> None:
    rows = pupils(5)
    at = rows[0].index("Matem")
    rows[0][at] = "Nota Mat 2023"
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2023": rows})
    taught = PEDE.with_headers({"MATEMATICA": ["Nota Mat {year}"], "unheard of": ["x"]})
    assert read_panel(path, taught).numbers["MATEMATICA"].tolist() == [row[at] for row in rows[1:]]
    assert taught.fingerprint == PEDE.fingerprint
