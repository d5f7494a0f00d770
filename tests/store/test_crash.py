"""A process that is killed in the middle of writing loses nothing it acknowledged, and leaves nothing half written."""

from __future__ import annotations

import signal
import subprocess
import sys

from farol.store.database import Store
from tests.store.rows import NOON, counters, recounted

WRITE_FOREVER = """
import random, sys
from farol.store.database import Store
from tests.store.rows import row
with Store.open(sys.argv[1]) as store:
    while True:
        rows = [row({"IAA": random.uniform(0, 9), "IPP": None}) for _ in range(random.randint(1, 40))]
        store.write(rows)
        print(*(one.id for one in rows), flush=True)
"""


def test_a_killed_process_leaves_counters_equal_to_rows(url: str) -> None:
    acknowledged: set[str] = set()
    for groups in (3, 17, 41):
        command = [sys.executable, "-c", WRITE_FOREVER, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(groups):
                acknowledged.update(process.stdout.readline().split())
            process.send_signal(signal.SIGKILL)
            *whole, _ = process.stdout.read().split("\n")
            acknowledged.update(identifier for line in whole for identifier in line.split())
        with Store.open(url) as store:
            rows = list(store.stream())
            assert acknowledged <= {one.id for one in rows}
            assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(rows)
    assert len(acknowledged) >= 3 + 17 + 41
