"""A trained model as bytes and facts, so that writing a bundle needs no training library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model before it is a bundle. Training returns it, `farol.model.bundle.write_bundle` stores it.

    `files` are the bundle's files by name, without the manifest: profile.toml, model.json, model.onnx,
    preprocessing.json, reference.json, report.json, card.html. `headline` are the few metrics a list shows.
    """

    task: str
    files: Mapping[str, bytes]
    train_years: tuple[int, ...]
    test_years: tuple[int, ...]
    last_year: int
    seed: int
    threshold: float
    features: tuple[str, ...]
    data_fingerprint: str
    profile_fingerprint: str
    libraries: Mapping[str, str]
    headline: Mapping[str, float]
