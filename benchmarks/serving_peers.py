"""The peers of `serving.py`: the same XGBoost model behind other servers, each in an environment of its own.

`python -m venv mlflow && mlflow/bin/pip install mlflow xgboost-cpu` and MLFLOW_PYTHON=mlflow/bin/python; the same with
`bentoml xgboost-cpu` and BENTOML_PYTHON. They are given the row as the model takes it: imputing and scaling, which
Farol does for each request, is spared them, and they store nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from benchmarks.serving_processes import Server, free_port, running
from farol.model.registry import Registry

Peer = tuple[Server, str, dict[str, object]]

_SAVE = """
import sys, mlflow.xgboost, xgboost
mlflow.xgboost.save_model(xgboost.Booster(model_file=sys.argv[1]), sys.argv[2])
"""

_SERVICE = """
import bentoml, numpy, xgboost

@bentoml.service
class Model:
    def __init__(self) -> None:
        self.booster = xgboost.Booster(model_file={model!r})
        self.booster.set_param({{"nthread": 1}})

    @bentoml.api
    def predict(self, row: list[float]) -> float:
        return float(self.booster.inplace_predict(numpy.array([row], dtype=numpy.float32))[0])
"""

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "True"}


def installed(artifacts: Path, folder: Path) -> list[AbstractContextManager[Peer]]:
    """The peers that are installed."""
    peers: list[AbstractContextManager[Peer]] = []
    for name, start in (("MLFLOW_PYTHON", mlflow), ("BENTOML_PYTHON", bentoml)):
        python = os.environ.get(name)
        if python:
            peers.append(start(Path(python).absolute(), artifacts, folder))
    return peers


@contextlib.contextmanager
def mlflow(python: Path, artifacts: Path, folder: Path) -> Iterator[Peer]:
    """`mlflow models serve`, asked at /invocations."""
    model, row = _model(artifacts, folder)
    saved = folder / "mlflow"
    subprocess.run([python, "-c", _SAVE, model, saved], check=True, env=os.environ | _QUIET, capture_output=True)
    port = free_port()
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", str(saved), "--env-manager", "local"]
    env = _QUIET | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    with running("MLflow", [*command, "--port", str(port)], port, "/ping", env=env) as server:
        yield server, "/invocations", {"inputs": [row]}


@contextlib.contextmanager
def bentoml(python: Path, artifacts: Path, folder: Path) -> Iterator[Peer]:
    """`bentoml serve`, one worker, asked at /predict."""
    model, row = _model(artifacts, folder)
    (folder / "peer_service.py").write_text(_SERVICE.format(model=str(model)))
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", "peer_service:Model", "--working-dir", str(folder)]
    with running("BentoML", [*command, "--port", str(port)], port, "/readyz", env=_QUIET) as server:
        yield server, "/predict", {"row": row}


def _model(artifacts: Path, folder: Path) -> tuple[Path, list[float]]:
    """The model in XGBoost's own format, and a row as it takes one."""
    bundle = Registry(artifacts).load("current")
    path = folder / "peer-model.json"
    path.write_bytes(bundle.files["model.json"])
    raw = np.full((1, len(bundle.task_spec.features)), 7.0)
    row: list[float] = bundle.preprocessing.transform(raw)[0].astype(np.float64).tolist()
    return path, row
