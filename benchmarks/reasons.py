"""Which library gives the contributions of many rows: Farol's tabulated trees, XGBoost's own, or woodelf-explainer.

Run: `python -m benchmarks.reasons [--rows N] [--rounds N] [--woodelf PYTHON]`; PYTHON is that of an environment with
woodelf-explainer and xgboost-cpu. The model is trained on the sample workbook. All on one thread, in turns, on the same
rows, from the inputs of the model to the contributions of each input. Rows a second are medians of the rounds. A
ratio is the median of the rounds' own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
XGBOOST_ROWS = 20_000


def peer(folder: Path) -> None:
    """In an environment of its own: seconds that woodelf-explainer takes, and its contributions."""
    import pandas as pd
    import woodelf
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(folder / "model.json")
    rows = np.load(folder / "rows.npy")
    booster.feature_names = [f"input_{place}" for place in range(rows.shape[1])]
    frame = pd.DataFrame(rows, columns=booster.feature_names)
    began = time.perf_counter()
    explainer = woodelf.WoodelfExplainer(booster, feature_perturbation="tree_path_dependent")
    given = explainer.shap_values(frame)
    seconds = time.perf_counter() - began
    np.save(folder / "woodelf.npy", np.asarray(given))
    (folder / "seconds").write_text(str(seconds), encoding="ascii")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--woodelf", metavar="PYTHON")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer(options.peer)
        return
    with tempfile.TemporaryDirectory(prefix="farol-reasons-") as name:
        compare(Path(name), options.rows, options.rounds, options.woodelf)


def compare(folder: Path, size: int, rounds: int, woodelf: str | None) -> None:
    """Each in turn, round by round."""
    import xgboost

    from benchmarks.batch import TASK, Bench
    from farol.model.registry import Registry
    from farol.model.tree_shap import Contributions

    bench = Bench(folder, 1, rounds)
    bench.train()
    bundle = Registry(bench.artifacts).load(TASK)
    rng = np.random.default_rng(0)
    preprocessing, features = bundle.preprocessing, rng.uniform(0, 10, (size, len(bundle.task_spec.features)))
    features[rng.random(features.shape) < 0.1] = np.nan
    rows = preprocessing.transform(features).astype(np.float32)
    (folder / "model.json").write_bytes(bundle.files["model.json"])
    np.save(folder / "rows.npy", rows)
    booster = xgboost.Booster()
    booster.load_model(bytearray(bundle.files["model.json"]))
    booster.set_param({"nthread": 1})
    ours = Contributions.of(bundle.files["model.json"], preprocessing)
    taken: dict[str, list[float]] = {"Farol": [], "XGBoost": [], "woodelf-explainer": []}
    exact, given = np.empty(0), {}
    for _ in range(rounds):
        began = time.perf_counter()
        given["Farol"] = ours(features)
        taken["Farol"].append((time.perf_counter() - began) / size)
        few = rows[:XGBOOST_ROWS]
        began = time.perf_counter()
        exact = booster.predict(xgboost.DMatrix(few, nthread=1), pred_contribs=True)[:, :-1]
        taken["XGBoost"].append((time.perf_counter() - began) / len(few))
        if woodelf is not None:
            command = [woodelf, str(Path(__file__)), "--peer", str(folder)]
            subprocess.run(command, env={**os.environ, **ONE}, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)
            taken["woodelf-explainer"].append(float((folder / "seconds").read_text("ascii")) / size)
            given["woodelf-explainer"] = np.load(folder / "woodelf.npy")
    parts = np.array([[name == of for name in preprocessing.features] for of in preprocessing.input_features], float)
    print(f"{size:,} rows, one thread, {len(rows[0])} inputs\n")
    for name, seconds in taken.items():
        if seconds:
            ratio = statistics.median(first / own for first, own in zip(taken["Farol"], seconds, strict=True))
            print(f"{name:20} {1 / statistics.median(seconds):11,.0f} rows/s   {ratio:5.2f} of Farol's")
    for name, contributions in given.items():
        of_features = contributions if name == "Farol" else contributions @ parts
        far = float(np.abs(of_features[:XGBOOST_ROWS] - exact @ parts).max())
        print(f"{name:20} differs from XGBoost by at most {far:.1e} log-odds; goal 1e-5")


if __name__ == "__main__":
    main()
