"""A model in use, and the route by which it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from farol.api.schemas import InputForm
from farol.model.bundle import Bundle
from farol.model.risk_bands import Band, bands_of
from farol.model.scoring import Scorer

ROUTES: Mapping[str, str] = {"current": "/predict", "next-year": "/forecast"}
"""The tasks that are served, and the route that answers each."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """One model in use."""

    bundle: Bundle
    scorer: Scorer
    form: InputForm
    bands: tuple[Band, ...]

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """A bundle, ready to answer. BundleError when its model cannot be run."""
        form = InputForm.of(bundle.profile, bundle.task_spec)
        return cls(bundle, Scorer(bundle), form, bands_of(bundle.report))
