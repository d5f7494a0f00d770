"""Small rows, tasks and plans made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from farol.profile import Task, Text, load_profile
from farol.training.rows import LabelledRows

Floats = NDArray[np.float64]
PEDE = load_profile("pede")


def task(features: tuple[str, ...] = ("a", "b"), **changes: object) -> Task:
    """A same-year task of no school."""
    words = Text("x", "x")
    plain = replace(
        PEDE.tasks["current"],
        name="plain",
        title=words,
        question=words,
        limits=words,
        features=features,
        hidden=(),
        impute=False,
        monotone={},
        context=(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # whatever field a test needs


def rows(matrix: Floats, label: Floats, **parts: NDArray[np.generic]) -> LabelledRows:
    """Rows of as many pupils, all of one year; now and column are the label unless given."""
    n = label.size
    made: dict[str, NDArray[np.generic]] = {
        "place": np.arange(n),
        "student": np.array([f"s{i}" for i in range(n)], dtype=np.object_),
        "unit": parts.get("student", np.array([f"s{i}" for i in range(n)], dtype=np.object_)),
        "year": np.full(n, 2020, dtype=np.int64),
        "matrix": matrix,
        "label": label,
        "now": label,
        "column": label,
        **parts,
    }
    return LabelledRows(**made)  # type: ignore[arg-type] # the dict holds each field's own type


def noisy(n: int, k: int = 2, seed: int = 0) -> tuple[Floats, Floats]:
    """Features (n, k) on 0–10 whose first one lowers the risk, and labels that mostly follow it."""
    generator = np.random.default_rng(seed)
    matrix = generator.uniform(0, 10, (n, k))
    label = (matrix[:, 0] + generator.normal(0, 2, n) < 5).astype(np.float64)
    return matrix, label
