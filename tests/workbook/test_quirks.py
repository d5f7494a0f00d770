"""Every quirk that we know of the real sheets is a finding, in the sample workbook and in the real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, findings_of

QUIRKS = {
    "age_as_date",
    "blank_row",
    "changed_between_years",
    "class_as_phase",
    "duplicate_header",
    "empty_column",
    "empty_text",
    "error_cell",
    "filled_from_date",
    "history_column",
    "jump_between_years",
    "lag_contradiction",
    "missing_column",
    "mostly_missing",
    "not_assessed",
    "number_as_text",
    "percent_format",
    "personal_column",
    "renamed_column",
    "respelled",
    "respelled_between_years",
    "rounded_to_range",
    "swapped_date",
    "text_date",
    "unlinked",
    "unused_column",
    "zero_not_answered",
}


def counts(panel: Panel, code: str, sheet: str) -> dict[str | None, int]:
    """Counts by column."""
    return {finding.column: finding.count for finding in findings_of(panel, code, sheet)}


def test_the_sample_carries_every_quirk(sample_workbook: Path) -> None:
    panel = read_panel(sample_workbook, PEDE)
    assert QUIRKS - {finding.code for finding in panel.findings} == set()
    assert [finding for finding in panel.findings if finding.severity == "error"] == []
    assert findings_of(panel, "unknown_column") == []
    assert findings_of(panel, "unreadable_text") == []


@pytest.fixture(scope="module")
def real(real_workbook: Path) -> Panel:
    """The panel of the real workbook."""
    return read_panel(real_workbook, PEDE)


@pytest.mark.real
def test_the_real_workbook_is_read_whole(real: Panel) -> None:
    assert Counter(real.year.tolist()) == {2022: 860, 2023: 1014, 2024: 562}
    assert not any(finding.severity == "error" for finding in real.findings)
    assert {finding.code for finding in real.findings} == QUIRKS
    linked = {year: int((real.next_label[real.year == year] >= 0).sum()) for year in real.years}
    assert linked == {2022: 600, 2023: 378, 2024: 0}


@pytest.mark.real
def test_the_quirks_of_2022_are_reported_with_their_counts(real: Panel) -> None:
    assert [f.rows for f in findings_of(real, "blank_row")] == [(862,)]
    assert counts(real, "number_as_text", "PEDE2022") == {"Fase": 860}
    assert "IPP" in counts(real, "missing_column", "PEDE2022")
    assert counts(real, "zero_not_answered", "PEDE2022") == {"IAA": 39}
    assert counts(real, "mostly_missing", "PEDE2022") == {"Inglês": 577}


@pytest.mark.real
def test_the_quirks_of_2023_are_reported_with_their_counts(real: Panel) -> None:
    assert counts(real, "age_as_date", "PEDE2023") == {"Idade": 398}
    assert counts(real, "text_date", "PEDE2023") == {"Data de Nasc": 615}
    assert counts(real, "swapped_date", "PEDE2023") == {"Data de Nasc": 399}
    assert sum(counts(real, "error_cell", "PEDE2023").values()) == 388
    assert counts(real, "rounded_to_range", "PEDE2023") == {"IPV": 26}
    assert len(findings_of(real, "empty_column", "PEDE2023")) == 16
    assert counts(real, "duplicate_header", "PEDE2023") == {"Destaque IPV": 2, "INDE 2023": 2, "Pedra 2023": 2}
    assert counts(real, "zero_not_answered", "PEDE2023") == {"IAA": 190}
    assert counts(real, "changed_between_years", "PEDE2023")["Gênero"] == 12


@pytest.mark.real
def test_the_quirks_of_2024_are_reported_with_their_counts(real: Panel) -> None:
    assert counts(real, "class_as_phase", "PEDE2024") == {"Fase": 439}
    assert counts(real, "not_assessed", "PEDE2024") == {"INDE 2024": 22, "Pedra 2024": 22}
    assert sum(counts(real, "error_cell", "PEDE2024").values()) == 329
    assert counts(real, "empty_text", "PEDE2024")["IAA"] == 49
    assert counts(real, "rounded_to_range", "PEDE2024") == {"IAA": 61}
    assert counts(real, "zero_not_answered", "PEDE2024") == {"IAA": 10, "IEG": 54}
    assert counts(real, "lag_contradiction", "PEDE2024") == {"Defasagem": 1}
    assert counts(real, "duplicate_header", "PEDE2024") == {"Ativo/ Inativo": 2}
    assert counts(real, "changed_between_years", "PEDE2024")["Ano ingresso"] == 102
    assert findings_of(real, "swapped_date", "PEDE2024") == []


@pytest.mark.real
def test_ages_agree_with_the_birth_dates_that_were_swapped_back(real: Panel) -> None:
    # On the day on which the sheet of 2023 counts ages nearly everybody is as old as the sheet says: unless swapped.
    here = (real.year == 2023) & (real.dates["birth_date"] > 0)
    day = 19_656.0  # 26 October 2023, in days since 1970-01-01
    age = (day - real.dates["birth_date"][here]) // 365.2425
    assert (age == real.numbers["age"][here]).mean() > 0.99


@pytest.mark.real
def test_words_in_other_spellings_are_reported(real: Panel) -> None:
    assert counts(real, "respelled", "PEDE2023") == {"Instituição de ensino": 1}
    # Girls and boys, every level, a stone with and without its accent: of the levels, the words changed meaning too.
    assert counts(real, "respelled_between_years", "PEDE2023") == {
        "Fase": 951,
        "Fase Ideal": 936,
        "Gênero": 1014,
        "Instituição de ensino": 1005,
        "Pedra 2023": 246,
    }
