"""Oddities are described to people in their language and to machines in JSON."""

from __future__ import annotations

import json

import pytest

from farol.workbook.doctor import as_dict, render_text
from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, pupils, write_xlsx


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Two years with a few quirks."""
    failed = ["#N/A", "#N/A", "#N/A", 1.0, 1.0, 1.0, 1.0, 1.0]
    sheets = {
        "PEDE2023": pupils(2, {"RA": ["RA-1", None], "Defas": [-1, 0], "Cor": ["x", "y"], "Rua": ["x", "y"]}),
        "PEDE2022": pupils(8, {"IAA": failed, "IPS": failed, "Defas": [-1, 0, 0, 0, 0, 0, 0, 0]}),
        "PEDE2024": [*pupils(1, {"RA": ["RA-1"], "Defas": [None], "Fase": [None]})],
    }
    return read_panel(write_xlsx(tmp_path_factory.mktemp("doctor") / "book.xlsx", sheets), PEDE)


def test_the_text_goes_sheet_by_sheet_and_begins_with_the_worst(panel: Panel) -> None:
    lines = render_text(panel, "en", rows_shown=2).split("\n")
    sheets = [line for line in lines if line.startswith("PEDE")]
    assert sheets == ["PEDE2022", "PEDE2023", "PEDE2024"]
    after = lines[lines.index("PEDE2023") + 1 :]
    assert after[0] == "  ERROR: Rows have values, but no code for the pupil. The rows are left out."
    assert after[1] == "      RA: 1 row (3)"
    assert after[2].startswith("  WARNING: ")


def test_the_same_finding_in_several_columns_is_reported_once(panel: Panel) -> None:
    text = render_text(panel, "en", rows_shown=2)
    told = "  WARNING: Formulas in these cells show an error (#N/A). They are read as empty, not as zero."
    assert f"{told}\n      IAA: 3 rows (2, 3, …)\n      IPS: 3 rows (2, 3, …)\n" in text
    assert "      IAA: 3 rows (2, 3, 4)\n" in render_text(panel, "en", rows_shown=3)
    assert "The profile does not know this header. The column is not read.\n      Cor, Rua\n" in text
    assert "      7 rows (3, 4, …)\n" in text  # pupils of 2022 who left: of no column


def test_the_text_ends_with_what_the_panel_holds(panel: Panel) -> None:
    *_, first, second, third, total = render_text(panel, "en").split("\n")
    assert first == "2022: pupils: 8; at risk: 12.5%; found in the next year too: 1"
    assert second == "2023: pupils: 1; at risk: 100.0%; found in the next year too: 0"
    assert third == "2024: pupils: 1; at risk: —; found in the next year too: 0"
    assert total.startswith("Findings: errors: 1, ")


def test_the_text_speaks_portuguese(panel: Panel) -> None:
    text = render_text(panel, "pt_BR")
    assert "  ERRO: Há linhas com valores, mas sem o código do aluno." in text
    assert "2022: alunos: 8; em risco: 12,5%" in text


def test_the_json_has_everything(panel: Panel) -> None:
    body = json.loads(json.dumps(as_dict(panel, "en")))
    assert body["profile"] == "pede"
    assert body["fingerprint"] == panel.fingerprint
    assert [entry["severity"] for entry in body["findings"]].index("error") == 0
    assert sum(body["counts"].values()) == len(panel.findings) == len(body["findings"])
    (failed,) = [f for f in body["findings"] if f["code"] == "error_cell" and f["column"] == "IAA"]
    assert failed == {
        "code": "error_cell",
        "severity": "warning",
        "sheet": "PEDE2022",
        "column": "IAA",
        "count": 3,
        "rows": [2, 3, 4],
        "message": "Formulas in these cells show an error (#N/A).",
        "action": "They are read as empty, not as zero.",
    }
    assert body["years"][0] == {
        "year": 2022,
        "pupils": 8,
        "labelled": 8,
        "at_risk": 1,
        "at_risk_share": 0.125,
        "linked_to_next_year": 1,
    }
    assert body["years"][2]["at_risk_share"] is None
    assert as_dict(panel, "pt_BR")["findings"] != body["findings"]
