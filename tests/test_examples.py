"""The script of examples/ on an invented table of the same shape: no network, no real pupil."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from random import Random

PROJECT = Path(__file__).resolve().parents[1]
EXAMS = ("physics", "biology", "history", "language", "geography", "literature", "essay", "math", "chemistry")


def test_an_example_goes_from_file_to_forecast(tmp_path: Path) -> None:
    random = Random(1)
    lines = ["gender," + ",".join(EXAMS) + ",gpa"]
    for _ in range(400):
        ability = random.gauss(0, 1)
        exams = [f"{500 + 80 * ability + random.gauss(0, 60):.2f}" for _ in EXAMS]
        lines.append(f"{random.randint(0, 1)},{','.join(exams)},{int(ability + random.gauss(0, 0.7) > 0)}")
    (tmp_path / "ufrgs.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    script = [sys.executable, str(PROJECT / "examples" / "run.py"), str(tmp_path / "work"), "--data", str(tmp_path)]
    done = subprocess.run([*script, "--only", "ufrgs", "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not the published file" in done.stderr
    row = re.search(
        r"\| `ufrgs` \| entrance \| 300 / 100 \| (0\.\d+) \(.*\) \| (0\.\d+) \| (0\.\d+) \|.*\| 400 \|", done.stdout
    )
    assert row is not None, done.stdout
    served, boosted, logistic = map(float, row.groups())
    assert min(served, boosted, logistic) > 0.7
    assert (tmp_path / "work" / "ufrgs" / "artifacts" / "entrance").is_dir()


def test_examples_name_no_registry_and_hold_no_data() -> None:
    files = [path.name for path in (PROJECT / "examples").iterdir() if path.suffix not in (".toml", ".md", ".py")]
    assert [name for name in files if name != "__pycache__"] == []
    assert re.search(r"https?://", (PROJECT / "examples" / "run.py").read_text(encoding="utf-8")) is None
