"""Whatever happens to a workbook, its values stay, or a finding names the place, or one error says how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farol.workbook.panel import Panel
from tests.damaging import FORMATS, KINDS, outcome, undamaged

EXAMPLES = {"xlsx": 40, "csv": 60, "parquet": 40, "xls": 10, "ods": 10}
"""xls and ods are read in a process of their own, which takes its time."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """The panel of the workbook before the damage."""
    return undamaged(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("form", FORMATS)
def test_no_damage_is_silent(form: str, good: Panel, tmp_path: Path) -> None:
    kinds = st.sampled_from(sorted(name for name, (_, formats) in KINDS.items() if form in formats))

    @settings(
        max_examples=EXAMPLES[form],
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(kinds, st.integers(0, 1_000_000))
    def check(name: str, seed: int) -> None:
        assert outcome(name, form, seed, tmp_path, good) in ("same", "named", "refused", "not asked")

    check()
