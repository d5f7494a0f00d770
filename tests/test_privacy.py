"""No telemetry, no call home: the libraries leave no identifier behind and are kept silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.bundles import make_bundle

SCORE = """
import sys
from pathlib import Path
from farol.model.bundle import read_bundle
from farol.model.scoring import Scorer
answer = Scorer(read_bundle(Path(sys.argv[1]))).score_one({"IAA": 8.0}, 2024)
print(answer.prediction)
"""


def test_scoring_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "artifacts")
    home = tmp_path / "home"
    home.mkdir()
    hidden = {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", SCORE, bundle], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() in {"0", "1"}, done.stderr
    assert list(home.rglob("*")) == [], "ONNX Runtime kept a device id: its telemetry is on"
