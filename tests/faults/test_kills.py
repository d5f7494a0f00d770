"""Any part may be killed, removed or replaced at any moment: an acknowledged prediction is stored once.

And the counters are what the rows say.

`benchmarks/faults.py` does the same for as many rounds as are asked for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.load import Notes, verdict
from tests.faults.rounds import kills, run_round
from tests.faults.service import Service


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_acknowledged_is_stored_once_whatever_is_killed(
    url: str, workers: int, trained: Path, tmp_path: Path
) -> None:
    notes = Notes()
    with Service(trained, tmp_path, url, workers) as service:
        for kill in kills(service):
            run_round(service, notes, kill)
            result = verdict(service, notes)
            assert result.kept, result
    assert notes.statuses[0] + notes.statuses[503] > 0, "nobody noticed the kill"
    assert notes.repeated > 0
