"""Small models made in well under a second, for tests that need a bundle and not a good one.

They are trained on invented pupils by the same libraries and stored by the same code as real ones; only the pipeline
between is short. `trained_model` gives the bytes, `make_bundle` the folder.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from farol.bundle import write_bundle
from farol.canonical import canonical_json
from farol.features import FeaturePlan, Floats, Preprocessing, sheet_inputs
from farol.profile import Profile, Task, load_profile
from farol.reference import Reference
from farol.training.result import TrainedModel


def invented_columns(profile: Profile, task: Task, *, n: int, seed: int) -> dict[str, Floats]:
    """Sheet columns (n,) of invented pupils: in range, a tenth missing, IAN one of its three values."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Floats] = {}
    for name in sheet_inputs(profile, task):
        column = profile.columns[name]
        low, high = column.minimum or 0.0, column.maximum or 0.0
        if name == "year_joined":
            low, high = 2016.0, 2024.0
        values = rng.uniform(low, high, n)
        if column.usual:
            values = rng.choice(np.array(column.usual), n)
        if column.integer:
            values = np.floor(values)
        columns[name] = np.where(rng.random(n) < 0.1, np.nan, values)
    return columns


def make_bundle(artifacts: Path, task: str = "current", *, seed: int = 0, last_year: int = 2024) -> Path:
    """The folder of a small verified bundle under `artifacts`; another `seed` gives another version."""
    return write_bundle(artifacts, trained_model(task, seed=seed, last_year=last_year))


@lru_cache
def trained_model(
    task: str = "current", *, seed: int = 0, last_year: int = 2024, profile: str = "pede"
) -> TrainedModel:
    """A small model of the built-in profile's `task`, as training would return it."""
    import xgboost

    school = load_profile(profile)
    spec = school.tasks[task]
    n = 400
    columns = invented_columns(school, spec, n=n, seed=seed)
    matrix = FeaturePlan.of(school, spec).matrix(columns, np.full(n, float(last_year)))
    noise = np.random.default_rng(seed + 1).normal(0, 1, n)
    label = (np.nansum(matrix[:, :7], axis=1) / 7 + noise < 5).astype(np.int64)
    preprocessing = Preprocessing.fit(matrix, spec.features, impute=spec.impute)
    settings = {"objective": "binary:logistic", "max_depth": 3, "seed": seed, "nthread": 1}
    model = xgboost.train(settings, xgboost.DMatrix(preprocessing.transform(matrix), label=label), 8)
    report = {
        "task": task,
        "train_years": [2022, 2023],
        "test_years": [last_year],
        "n_train": n,
        "n_test": 0,
        "test": {},
    }
    return TrainedModel(
        task=task,
        files={
            "profile.toml": school.source,
            "model.json": bytes(model.save_raw("json")),
            "model.onnx": onnx_bytes(model, preprocessing.width),
            "preprocessing.json": preprocessing.to_json(),
            "reference.json": Reference.fit(matrix, spec.features).to_json(),
            "report.json": canonical_json(report),
            "card.html": b"<!doctype html><title>card</title>",
        },
        train_years=(2022, 2023),
        test_years=(last_year,),
        last_year=last_year,
        seed=seed,
        threshold=0.5,
        features=spec.features,
        data_fingerprint="0" * 64,
        profile_fingerprint=school.fingerprint,
        libraries={"numpy": np.__version__},
        headline={"roc_auc": 0.75},
    )


def onnx_bytes(model: object, width: int) -> bytes:
    """A booster of `width` inputs as ONNX: input `x`, outputs `label` and `probabilities`."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    graph = convert_xgboost(model, name="farol", initial_types=[("x", FloatTensorType([None, width]))])
    return bytes(graph.SerializeToString(deterministic=True))


def one_row(**values: float | None) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of length one; None is missing."""
    return {name: np.array([np.nan if value is None else value]) for name, value in values.items()}
