"""Small models made in well under a second, for tests that need a bundle and not a good one.

They are trained on invented pupils by the same libraries and stored by the same code as real ones; only the pipeline
between is short. `trained_model` gives the bytes, `make_bundle` the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from farol.files import canonical_json
from farol.model.bundle import Bundle, write_bundle
from farol.model.features import FeaturePlan, Floats, Preprocessing, sheet_inputs
from farol.model.reference import Reference
from farol.model.registry import Registry
from farol.model.risk_bands import Support, patterns_of
from farol.model.trained import TrainedModel
from farol.profile import Profile, Task, load_profile


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


def make_bundle(
    artifacts: Path,
    task: str = "current",
    *,
    seed: int = 0,
    last_year: int = 2024,
    profile: str = "pede",
    report: Mapping[str, object] | None = None,
) -> Path:
    """The folder of a small verified bundle under `artifacts`; another `seed` gives another version.

    `report` replaces keys of its report.
    """
    trained = trained_model(task, seed=seed, last_year=last_year, profile=profile)
    if report is not None:
        whole = {**json.loads(trained.files["report.json"]), **report}
        trained = replace(trained, files={**trained.files, "report.json": canonical_json(whole)})
    return write_bundle(artifacts, trained)


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
    # Of other pupils, drawn alike: what the model says of its own would be too sure, as training knows too.
    others = invented_columns(school, spec, n=n, seed=seed + 100)
    unseen = preprocessing.transform(FeaturePlan.of(school, spec).matrix(others, np.full(n, float(last_year))))
    reference = Reference.fit(
        matrix,
        spec.features,
        probability=model.inplace_predict(unseen).astype(np.float64),
        threshold=0.5,
        level=columns.get(str(school.level), np.random.default_rng(seed + 2).integers(0, 9, n).astype(np.float64)),
    )
    report = {
        "task": task,
        "train_years": [2022, 2023],
        "test_years": [last_year],
        "n_train": n,
        "n_test": 0,
        "test": {},
        "promotable": True,
        "served": {"years": [2022, 2023], "n": n},
        "prevalence": {"train": 0.61, "test": 0.4},
        "bands": invented_bands(),
        "support": invented_support(spec),
        "standing": {
            "level": "phase",
            "medians": {str(level): {name: 6.2 for name in spec.features if name != "IAA"} for level in range(9)},
        },
    }
    return TrainedModel(
        task=task,
        files={
            "profile.toml": school.source,
            "model.json": bytes(model.save_raw("json")),
            "model.onnx": onnx_bytes(model, preprocessing.width),
            "preprocessing.json": preprocessing.to_json(),
            "reference.json": reference.to_json(),
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


def support_from(task: str, least: int) -> dict[str, object]:
    """`invented_support` of one of the built-in profile's tasks."""
    return invented_support(load_profile("pede").tasks[task], least)


def answering_from(bundle: Bundle, least: int) -> Bundle:
    """A bundle that answers from `least` known features on."""
    task = bundle.task_spec
    return replace(bundle, support=Support.of(invented_support(task, least), task.features, task.hidden))


def invented_support(task: Task, least: int = 1) -> dict[str, object]:
    """What answers are worth as a report has it: there is one from `least` known features on, hidden ones included."""
    others = len(task.features) - len(task.hidden)

    def group(without: tuple[str, ...], known: int) -> dict[str, object]:
        answered = known + len(task.hidden) - len(without) >= least
        bands = [{**band, "answered": answered} for band in cast(list[dict[str, object]], invented_bands()["bands"])]
        return {"without": without, "known": [known], "share": 0.6, "threshold": 0.5, "bands": bands}

    groups = [group(without, known) for without in patterns_of(task.hidden) for known in range(others + 1)]
    return {"edges": invented_bands()["edges"], "usual": [], "groups": groups}


def invented_bands() -> dict[str, object]:
    """Bands of probability as a report has them."""
    edges = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    return {
        "edges": edges,
        "bands": [
            {
                "low": low,
                "high": high,
                "n_train": 60,
                "expected": {"value": (low + high) / 2, "low": round(low + 0.01, 2), "high": round(high - 0.01, 2)},
                "n_test": 30,
                "observed": {"value": (low + high) / 2, "low": low, "high": high},
                "covered": True,
            }
            for low, high in pairwise(edges)
        ],
        "coverage": 1.0,
    }


def onnx_bytes(model: object, width: int) -> bytes:
    """A booster of `width` inputs as ONNX: input `x`, outputs `label` and `probabilities`."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    graph = convert_xgboost(model, name="farol", initial_types=[("x", FloatTensorType([None, width]))])
    return bytes(graph.SerializeToString(deterministic=True))


def one_row(**values: float | None) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of length one; None is missing."""
    return {name: np.array([np.nan if value is None else value]) for name, value in values.items()}


def put_into_use(artifacts: Path, *tasks: str) -> Path:
    """A small model of each of these tasks, or of both, in use; the folder."""
    for task in tasks or ("current", "next-year"):
        Registry(artifacts).promote(task, make_bundle(artifacts, task).name)
    return artifacts
