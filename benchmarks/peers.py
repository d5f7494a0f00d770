"""The answers of the peers for given samples. Run by the benchmarks, under the Python of an environment that has them.

    PYTHON benchmarks/peers.py alarms SAMPLES.npz FEATURE … [--evidently=40] [--nannyml=100]
    PYTHON benchmarks/peers.py together SAMPLES.npz FEATURE … [--nannyml=100]
    PYTHON benchmarks/peers.py psi ROWS.npz FEATURE …
    PYTHON benchmarks/peers.py cbpe ROWS.npz

One line of JSON for each peer that is installed. Needs numpy and pandas besides; imports nothing of Farol.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

Alarms = Callable[[Any, Any], bool]


def frame(values: Any, names: list[str]) -> Any:
    """A pandas frame."""
    return import_module("pandas").DataFrame(values, columns=names)


def evidently_report(method: str | None) -> Callable[[Any, Any], dict[str, Any]]:
    """Evidently's preset of data drift, all columns numerical."""
    evidently = import_module("evidently")
    preset = import_module("evidently.presets").DataDriftPreset
    chosen = {} if method is None else {"method": method}

    def run(reference: Any, current: Any) -> dict[str, Any]:
        definition = evidently.DataDefinition(numerical_columns=list(reference.columns))
        before, now = (evidently.Dataset.from_pandas(rows, data_definition=definition) for rows in (reference, current))
        done = evidently.Report([preset(**chosen)], include_tests=True).run(now, before)
        result: dict[str, Any] = done.dict()
        return result

    return run


def evidently_alarms(method: str | None) -> Alarms:
    """Whether Evidently's own test of any column fails."""
    run = evidently_report(method)

    def raised(reference: Any, current: Any) -> bool:
        tests = run(reference, current)["tests"]
        return any(test["name"].startswith("Value Drift") and test["status"].value == "FAIL" for test in tests)

    return raised


def nannyml_alarms() -> Alarms:
    """Whether NannyML's univariate drift, as it comes, alerts for any column; the window is one chunk."""
    nannyml = import_module("nannyml")

    def raised(reference: Any, current: Any) -> bool:
        names = list(reference.columns)
        calculator = nannyml.UnivariateDriftCalculator(column_names=names, chunk_size=len(current))
        table = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
        alerts = [column for column in table.columns if column[-1] == "alert"]
        return bool(table[alerts].to_numpy().any())

    return raised


def nannyml_reconstruction() -> Alarms:
    """Whether NannyML's reconstruction error, as it comes, alerts: missing values imputed, principal components that
    explain 65%, thresholds from reference chunks of the window's size; the window is one chunk."""
    nannyml = import_module("nannyml")

    def raised(reference: Any, current: Any) -> bool:
        calculator = nannyml.DataReconstructionDriftCalculator(
            column_names=list(reference.columns), chunk_size=len(current)
        )
        table = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
        return bool(table[("reconstruction_error", "alert")].to_numpy().any())

    return raised


Peers = list[tuple[str, str, Callable[[], Alarms]]]

UNIVARIATE: Peers = [
    ("evidently", "Evidently, its default tests", lambda: evidently_alarms(None)),
    ("evidently", "Evidently, PSI preset", lambda: evidently_alarms("psi")),
    ("nannyml", "NannyML, univariate drift", nannyml_alarms),
]
MULTIVARIATE: Peers = [("nannyml", "NannyML, reconstruction error", nannyml_reconstruction)]


def alarms(peers: Peers, file: str, names: list[str], simulations: dict[str, int]) -> None:
    """Prints how many samples of each kind each peer raises an alarm for."""
    samples = np.load(file)
    kinds = list(dict.fromkeys(name.split("/")[0] for name in samples.files if not name.startswith("reference")))
    for module, title, make in peers:
        if find_spec(module) is None:
            continue
        raised, times = make(), simulations[module]
        counts = dict.fromkeys(kinds, 0)
        for i in range(times):
            reference = frame(samples[f"reference/{i}"], names)
            for kind in kinds:
                counts[kind] += raised(reference, frame(samples[f"{kind}/{i}"], names))
        version = import_module(module).__version__
        print(json.dumps({"peer": f"{title} ({version})", "simulations": times, "raised": counts}), flush=True)


def psi(file: str, names: list[str]) -> None:
    """Prints how long Evidently's PSI preset takes for the rows of a file, frames already made."""
    if find_spec("evidently") is None:
        return
    rows = np.load(file)
    reference, current = frame(rows["reference"], names), frame(rows["current"], names)
    run = evidently_report("psi")
    run(reference.head(100), current.head(100))
    start = time.perf_counter()
    result = run(reference, current)
    seconds = time.perf_counter() - start
    values = {
        metric["config"]["column"]: float(metric["value"])
        for metric in result["metrics"]
        if "column" in metric["config"]
    }
    version = import_module("evidently").__version__
    print(json.dumps({"peer": f"Evidently, PSI preset ({version})", "seconds": seconds, "psi": values}))


def cbpe(file: str) -> None:
    """Prints NannyML's estimated performance of answers, all of them one chunk: as it comes, and uncalibrated."""
    if find_spec("nannyml") is None:
        return
    nannyml, rows = import_module("nannyml"), np.load(file)
    pandas, calibration = import_module("pandas"), import_module("nannyml.calibration")
    metrics = ["roc_auc", "precision", "recall", "f1", "accuracy"]
    before = pandas.DataFrame({name: rows[f"reference_{name}"] for name in ("probability", "prediction", "label")})
    now = pandas.DataFrame({name: rows[name] for name in ("probability", "prediction")})
    for how, calibrator in (("as it comes", None), ("uncalibrated", calibration.NoopCalibrator())):
        estimator = nannyml.CBPE(
            y_pred_proba="probability",
            y_pred="prediction",
            y_true="label",
            problem_type="classification_binary",
            metrics=metrics,
            chunk_size=len(now),
            calibrator=calibrator,
        )
        start = time.perf_counter()
        estimator.fit(before)
        fitted = time.perf_counter() - start
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            estimated = estimator.estimate(now)
            seconds.append(time.perf_counter() - start)
        table = estimated.filter(period="analysis").to_df()
        columns = {"value": "value", "low": "lower_confidence_boundary", "high": "upper_confidence_boundary"}
        figures = {
            metric: {name: float(table[(metric, column)].iloc[0]) for name, column in columns.items()}
            for metric in metrics
        }
        print(
            json.dumps(
                {
                    "peer": f"NannyML {nannyml.__version__}",
                    "how": how,
                    "calibrates": bool(estimator.needs_calibration) and calibrator is None,
                    "estimated": figures,
                    "fit_seconds": fitted,
                    "seconds": min(seconds),
                }
            ),
            flush=True,
        )


def main(arguments: list[str]) -> None:
    """One of the four."""
    question, file, *rest = arguments
    names = [argument for argument in rest if not argument.startswith("--")]
    options = dict(argument.removeprefix("--").split("=") for argument in rest if argument.startswith("--"))
    if question in ("alarms", "together"):
        alarms(
            UNIVARIATE if question == "alarms" else MULTIVARIATE,
            file,
            names,
            {name: int(count) for name, count in options.items()},
        )
    elif question == "psi":
        psi(file, names)
    else:
        cbpe(file)


if __name__ == "__main__":
    main(sys.argv[1:])
