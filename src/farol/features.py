"""The one place features are computed: numpy functions of columns.

Training, the API and batches all come through here; a single pupil is a column of length one. What a feature needs
is resolved once, in a `FeaturePlan`, since at serving time looking it up anew would cost more than computing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.canonical import canonical_json, parse_json
from farol.errors import Place, ProfileError
from farol.i18n import msg
from farol.profile import Derived, Profile, Task

Floats = NDArray[np.float64]

YEAR = "year"
"""The name under which derived columns find the sheet's year."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One derived column, ready to be computed. A table is held as two arrays, a difference as two names."""

    name: str
    left: str
    right: str | None  # None: a table lookup on `left`
    bounds: Floats
    results: Floats
    minimum: float
    maximum: float
    fills: bool  # the sheets have this column too: only its gaps are filled

    @classmethod
    def of(cls, derived: Derived, *, fills: bool) -> Self:
        """The step of a derived column of the profile."""
        left, right = (derived.minuend, derived.subtrahend) if derived.kind == "difference" else (derived.source, None)
        return cls(
            name=derived.name,
            left=str(left),
            right=right,
            bounds=np.array([bound for bound, _ in derived.table], dtype=np.float64),
            results=np.array([value for _, value in derived.table] + [np.nan], dtype=np.float64),
            minimum=-np.inf if derived.minimum is None else derived.minimum,
            maximum=np.inf if derived.maximum is None else derived.maximum,
            fills=fills,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns this one is computed from."""
        return (self.left,) if self.right is None else (self.left, self.right)

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        """The derived values (n,); NaN where a source is missing or the result is out of range."""
        if self.right is not None:
            values = columns[self.left] - columns[self.right]
        else:
            # NaN sorts behind every bound and so finds the NaN that stands behind the table's last result.
            values = self.results[np.searchsorted(self.bounds, columns[self.left], side="left")]
        return np.where((values >= self.minimum) & (values <= self.maximum), values, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePlan:
    """How a task's features come from sheet columns: what is read, and what is derived, in dependency order."""

    features: tuple[str, ...]
    reads: tuple[str, ...]
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, profile: Profile, task: Task) -> Self:
        """The plan of a task. Raises ProfileError when a derived column needs itself, or a name nobody knows."""
        reads: dict[str, None] = {}
        steps: dict[str, Step] = {}
        for feature in task.features:
            _resolve(feature, profile, (), reads, steps)
        return cls(features=task.features, reads=tuple(reads), steps=tuple(steps.values()))

    def matrix(self, columns: Mapping[str, Floats], year: Floats) -> Floats:
        """The raw features (n, k) in the task's order, NaN where missing.

        `columns` are sheet columns (n,) by name; one that is absent is missing for everybody. `year` (n,) is the
        sheet's year. Raises ValueError when a column has another length than `year`.
        """
        values: dict[str, Floats] = {YEAR: year}
        for name in self.reads:
            column = columns.get(name)
            if column is None:
                column = np.full(year.shape, np.nan)
            elif column.shape != year.shape:
                raise ValueError(f"column {name} has shape {column.shape}, year has {year.shape}")
            values[name] = column
        for step in self.steps:
            computed = step.compute(values)
            if step.fills:
                given = values[step.name]
                computed = np.where(np.isnan(given), computed, given)
            values[step.name] = computed
        matrix = np.empty((year.shape[0], len(self.features)))
        for position, name in enumerate(self.features):
            matrix[:, position] = values[name]
        return matrix

    def needed(self, feature: str, given: frozenset[str]) -> tuple[str, ...]:
        """The columns to ask for so that `feature` can be computed, when `given` are known; empty when it can be.

        A feature that the sheets have is asked for by its own name, another one by what it is derived from.
        """
        if feature == YEAR or feature in given:
            return ()
        step = next((step for step in self.steps if step.name == feature), None)
        if step is None:
            return (feature,)
        missing = tuple(name for source in step.sources for name in self.needed(source, given))
        return (feature,) if missing and step.fills else missing


def _resolve(
    name: str, profile: Profile, path: tuple[str, ...], reads: dict[str, None], steps: dict[str, Step]
) -> None:
    """Add what `name` needs to `reads` and `steps`, sources before what is derived from them."""
    if name == YEAR or name in steps:
        return
    if name in path:
        raise ProfileError(
            msg("The derived column {name} is computed from itself.", name=name),
            got=msg("{chain}", chain=" → ".join((*path, name))),
            where=Place(field=f"derived.{name}"),
        )
    in_sheets = name in profile.columns
    derived = profile.derived.get(name)
    if in_sheets:
        reads[name] = None
    elif derived is None:
        raise ProfileError(
            msg("A feature needs {name}, which is neither a column nor derived from one.", name=name),
            where=Place(field=name),
        )
    if derived is not None:
        step = Step.of(derived, fills=in_sheets)
        for source in step.sources:
            _resolve(source, profile, (*path, name), reads, steps)
        steps[name] = step


def feature_matrix(profile: Profile, task: Task, columns: Mapping[str, Floats], year: Floats) -> Floats:
    """The raw features (n, k) of a task in `task.features` order; see `FeaturePlan.matrix`."""
    return FeaturePlan.of(profile, task).matrix(columns, year)


def sheet_inputs(profile: Profile, task: Task) -> tuple[str, ...]:
    """The sheet columns a caller may give: the features that are sheet columns, then the rest of the context."""
    features = [name for name in task.features if name in profile.columns]
    return (*features, *(name for name in task.context if name not in features))


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """From raw features to what the model takes.

    With imputation: medians in place of gaps, one missing flag a feature behind the values, all standardised; the
    same numbers as scikit-learn's SimpleImputer(strategy="median", keep_empty_features=True), with
    MissingIndicator(features="all"), then StandardScaler. Flags stand for all features, not only for those with gaps
    in training, because a gap may come later. Without imputation the features go through as they are.
    """

    features: tuple[str, ...]
    medians: Floats | None  # (k,)
    centres: Floats  # (m,)
    scales: Floats  # (m,)
    indicators: bool

    @classmethod
    def fit(cls, matrix: Floats, features: Sequence[str], *, impute: bool) -> Self:
        """Learn medians, means and deviations from training rows (n, k), n ≥ 1.

        A wholly empty column is imputed as 0; a constant one is scaled by 1.
        """
        k = len(features)
        if matrix.shape[1] != k or matrix.shape[0] < 1:
            raise ValueError(f"a matrix of shape {matrix.shape} for {k} features")
        if not impute:
            return cls(tuple(features), None, np.zeros(k), np.ones(k), indicators=False)
        medians = np.array(list(_medians(matrix)))
        filled = _filled(matrix, medians)
        centres = filled.mean(axis=0)
        variances = filled.var(axis=0)
        # scikit-learn's own test for a constant column: a variance within what rounding alone may give.
        n, epsilon = matrix.shape[0], np.finfo(np.float64).eps
        constant = variances <= n * epsilon * variances + (n * centres * epsilon) ** 2
        scales = np.where(constant, 1.0, np.sqrt(variances))
        return cls(tuple(features), medians, centres, scales, indicators=True)

    def transform(self, matrix: Floats) -> NDArray[np.float32]:
        """Model inputs (n, m) of raw features (n, k): m = 2k with imputation (values, then flags), else m = k."""
        if self.medians is None:
            return matrix.astype(np.float32)
        return ((_filled(matrix, self.medians) - self.centres) / self.scales).astype(np.float32)

    @property
    def width(self) -> int:
        """m, the number of model inputs."""
        return len(self.centres)

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` gives back the very same numbers."""
        return canonical_json(
            {
                "features": self.features,
                "medians": None if self.medians is None else self.medians.tolist(),
                "centres": self.centres.tolist(),
                "scales": self.scales.tolist(),
                "indicators": self.indicators,
            }
        )

    @classmethod
    def from_json(cls, source: bytes) -> Self:
        """Read what `to_json` wrote; ValueError when it is something else."""
        match parse_json(source):
            case {
                "features": list(features),
                "medians": list() | None as medians,
                "centres": list(centres),
                "scales": list(scales),
                "indicators": bool(indicators),
            }:
                read = cls(
                    tuple(str(name) for name in features),
                    None if medians is None else np.array(medians, dtype=np.float64),
                    np.array(centres, dtype=np.float64),
                    np.array(scales, dtype=np.float64),
                    indicators,
                )
            case _:
                raise ValueError("not a preprocessing")
        k, m = len(read.features), (2 if indicators else 1) * len(read.features)
        shapes_agree = read.centres.shape == (m,) == read.scales.shape and (
            read.medians is None or read.medians.shape == (k,)
        )
        if not shapes_agree or indicators != (read.medians is not None) or not (read.scales > 0).all():
            raise ValueError("the parts of a preprocessing do not fit together")
        return read


def _medians(matrix: Floats) -> Iterator[float]:
    for column in matrix.T:
        present = column[~np.isnan(column)]
        yield float(np.median(present)) if present.size else 0.0


def _filled(matrix: Floats, medians: Floats) -> Floats:
    """(n, 2k): the values with medians in the gaps, then 1 where there was a gap."""
    missing = np.isnan(matrix)
    return np.concatenate((np.where(missing, medians, matrix), missing), axis=1)
