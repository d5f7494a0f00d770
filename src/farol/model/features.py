"""Features: the raw numbers a model sees, computed from sheet columns.

Training and scoring compute them here, in columns. A `FeaturePlan` resolves once what each feature needs, because
looking it up costs more than computing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from farol.errors import Place, ProfileError
from farol.files import canonical_json, parse_json
from farol.i18n import msg
from farol.model.ages import Ages
from farol.model.vocabulary import Objects, Vocabulary, vocabularies
from farol.profile import Derived, Profile, Task, Text
from farol.workbook.derived import LookUp

Floats = NDArray[np.float64]

YEAR = "year"
"""The name under which derived columns find the year or term of a row."""

KNOWN = " known"
"""The name under which derived columns find the year up to which the rule of ages is known."""

_START = " start"  # what is known of birthdays and rules, computed once for all features that use it

Columns = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class DerivedStep:
    """One derived column, ready to be computed."""

    name: str
    needs: tuple[tuple[str, ...], ...]  # of each group of columns one is enough, and the last the likeliest known
    sources: tuple[str, ...]  # every column that is of use
    function: Callable[[Columns], Floats]
    minimum: float
    maximum: float
    fills: bool  # the sheets have this column too: only its gaps are filled

    @classmethod
    def of(cls, derived: Derived, profile: Profile, *, fills: bool) -> Self:
        """The step of a derived column of the profile."""
        needs, sources, function = _computing(derived, profile)
        return cls(
            name=derived.name,
            needs=needs,
            sources=sources,
            function=function,
            minimum=-np.inf if derived.minimum is None else derived.minimum,
            maximum=np.inf if derived.maximum is None else derived.maximum,
            fills=fills,
        )

    def compute(self, columns: Columns) -> Floats:
        """The derived values (n,); NaN where what it needs is missing or the result is out of range."""
        values = self.function(columns)
        return np.where((values >= self.minimum) & (values <= self.maximum), values, np.nan)


_Computing = tuple[tuple[tuple[str, ...], ...], tuple[str, ...], Callable[[Columns], Floats]]


def _computing(derived: Derived, profile: Profile) -> _Computing:
    """What a derived column needs, what it reads, and how it comes from that."""
    if derived.kind == "difference":
        left, right = str(derived.minuend), str(derived.subtrahend)
        return ((left,), (right,)), (left, right), lambda columns: columns[left] - columns[right]
    if derived.kind == "table":
        source, table = str(derived.source), LookUp.of(derived.table)
        return ((source,),), (source,), lambda columns: table(columns[source])
    ages = Ages.of(profile)
    if ages is None:
        raise ProfileError(
            msg("The derived column {name} needs the rule of ages.", name=derived.name),
            expected=msg("a profile with a [rule] of ages"),
            where=Place(field=f"derived.{derived.name}.rule"),
            fix=msg("Describe the ages in [rule], or remove the derived column."),
        )
    rule = ages.rule
    if derived.kind == "expected":
        return ((rule.age,),), (rule.age, YEAR), lambda columns: ages.expected(columns[rule.age], columns[YEAR])
    level, promotions = str(profile.level), derived.promotions

    def chance(columns: Columns) -> Floats:
        return ages.chance_from(columns[_START], columns[level], promotions)

    born = () if rule.birth_year is None else (rule.birth_year,)
    return ((level,), (*born, rule.age)), (level, *ages.sources, YEAR), chance


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePlan:
    """How a task's features come from sheet columns: what is read, and what is derived, in dependency order."""

    features: tuple[str, ...]
    reads: tuple[str, ...]
    steps: tuple[DerivedStep, ...]
    ages: Ages | None  # where a step asks for the chances of the rule of ages
    vocabularies: Mapping[str, Vocabulary]  # of the categories among the columns read

    @classmethod
    def of(cls, profile: Profile, task: Task) -> Self:
        """The plan of a task. Raises ProfileError when a derived column needs itself, or an unknown name."""
        reads: dict[str, None] = {}
        steps: dict[str, DerivedStep] = {}
        for feature in task.features:
            _resolve(feature, profile, (), reads, steps)
        by_age = any(profile.derived[name].kind == "chance" for name in steps)
        return cls(
            features=task.features,
            reads=tuple(reads),
            steps=tuple(steps.values()),
            ages=Ages.of(profile) if by_age else None,
            vocabularies=vocabularies(profile, reads),
        )

    @property
    def needs_year(self) -> bool:
        """Whether any feature depends on the sheet's year."""
        return any(YEAR in step.sources for step in self.steps)

    def matrix(self, columns: Mapping[str, Floats | Objects], year: Floats, known: int | None = None) -> Floats:
        """The raw features (n, k) in the task's order, NaN where missing.

        `columns` are sheet columns (n,) by name; one that is absent is missing for everybody. Of a category they are
        words, or already the places of words in its vocabulary, which the features hold. `year` (n,) is the
        sheet's year. What the rule of ages makes of next year is by the rules known in `known`, else in `year`: rows
        of years past teach what next year may bring under the rule of the moment of prediction.
        Raises ValueError when a column has another length than `year`.
        """
        values: dict[str, Floats] = {YEAR: year, KNOWN: year if known is None else np.full(year.shape, float(known))}
        for name in self.reads:
            column: Any = columns.get(name)  # numbers, or words that become numbers below
            if column is None:
                column = np.full(year.shape, np.nan)
            elif column.shape != year.shape:
                raise ValueError(f"column {name} has shape {column.shape}, year has {year.shape}")
            values[name] = column
        for name, vocabulary in self.vocabularies.items():
            values[name] = vocabulary.encode(values[name])
        if self.ages is not None:
            values[_START] = self.ages.start(self.ages.births(values, year), values[KNOWN])
        for step in self.steps:
            computed = step.compute(values)
            if step.fills:
                given = values[step.name]
                computed = np.where(np.isnan(given), computed, given)
            values[step.name] = computed
        # Column by column: each is worked on by itself, here and in what follows.
        matrix = np.empty((year.shape[0], len(self.features)), order="F")
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
        missing = tuple(name for group in step.needs for name in self._needed_of(group, given))
        return (feature,) if missing and step.fills else missing

    def _needed_of(self, group: tuple[str, ...], given: frozenset[str]) -> tuple[str, ...]:
        asked: tuple[str, ...] = ()
        for name in group:
            asked = self.needed(name, given)
            if not asked:
                break
        return asked


def _resolve(
    name: str, profile: Profile, path: tuple[str, ...], reads: dict[str, None], steps: dict[str, DerivedStep]
) -> None:
    """Add what `name` needs to `reads` and `steps`, sources before what is derived from them."""
    if name == YEAR or name in steps:
        return
    if name in path:
        raise ProfileError(
            msg("The derived column {name} is computed from itself.", name=name),
            got=msg("{chain}", chain=" → ".join((*path, name))),
            where=Place(field=f"derived.{name}"),
            fix=msg("Compute it from columns that do not depend on it."),
        )
    in_sheets = name in profile.columns
    derived = profile.derived.get(name)
    if in_sheets:
        reads[name] = None
    elif derived is None:
        raise ProfileError(
            msg("A feature needs {name}, which is neither a column nor derived from one.", name=name),
            where=Place(field=name),
            fix=msg("Correct the name, or describe the column in [columns] or [derived]."),
        )
    if derived is not None:
        step = DerivedStep.of(derived, profile, fills=in_sheets)
        for source in step.sources:
            _resolve(source, profile, (*path, name), reads, steps)
        steps[name] = step


def feature_matrix(
    profile: Profile, task: Task, columns: Mapping[str, Floats | Objects], year: Floats, known: int | None = None
) -> Floats:
    """The raw features (n, k) of a task in `task.features` order; see `FeaturePlan.matrix`."""
    return FeaturePlan.of(profile, task).matrix(columns, year, known)


def meanings_of(profile: Profile) -> Mapping[str, Text]:
    """What each column of a profile means, derived ones included, for a reader."""
    derived = {name: column.meaning for name, column in profile.derived.items()}
    return {**derived, **{name: column.meaning for name, column in profile.columns.items()}}


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

    In place of a category stands an indicator for each of its `words`, 1 for the pupil's own and 0 for the others; all
    are 0 where it is missing and imputed, else missing.
    """

    features: tuple[str, ...]
    medians: Floats | None  # (e,) of the features, with indicators in place of categories
    centres: Floats  # (m,)
    scales: Floats  # (m,)
    indicators: bool
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of each feature that is a category

    @classmethod
    def fit(
        cls,
        matrix: Floats,
        features: Sequence[str],
        *,
        impute: bool,
        words: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> Self:
        """Learn medians, means and deviations from training rows (n, k), n ≥ 1.

        `words` are the vocabularies of the features that are categories. A wholly empty column is imputed as 0; a
        constant one is scaled by 1.
        """
        k = len(features)
        if matrix.shape[1] != k or matrix.shape[0] < 1:
            raise ValueError(f"a matrix of shape {matrix.shape} for {k} features")
        nominal = {name: tuple(words[name]) for name in features if name in words}
        empty = cls(tuple(features), None, np.zeros(0), np.ones(0), indicators=False, words=nominal)
        expanded = empty.expanded(matrix)
        if not impute:
            width = expanded.shape[1]
            return replace(empty, centres=np.zeros(width), scales=np.ones(width))
        of_category = np.array([name in nominal for name in empty.value_features], dtype=np.bool_)
        medians = np.where(of_category, 0.0, np.array(list(_medians(expanded))))
        filled = _filled(expanded, medians, np.isnan(matrix))
        centres = filled.mean(axis=0)
        variances = filled.var(axis=0)
        # scikit-learn's own test for a constant column: a variance within what rounding alone may give.
        n, epsilon = matrix.shape[0], np.finfo(np.float64).eps
        constant = variances <= n * epsilon * variances + (n * centres * epsilon) ** 2
        scales = np.where(constant, 1.0, np.sqrt(variances))
        return cls(tuple(features), medians, centres, scales, indicators=True, words=nominal)

    @property
    def value_features(self) -> tuple[str, ...]:
        """The feature of each value (e,), before the flags: a category has one for each of its words."""
        return tuple(name for name in self.features for _ in self.words.get(name, ("",)))

    @property
    def input_features(self) -> tuple[str, ...]:
        """The feature of each model input (m,)."""
        return (*self.value_features, *(self.features if self.indicators else ()))

    def expanded(self, matrix: Floats) -> Floats:
        """The values (n, e) of raw features (n, k): the very same where no feature is a category."""
        if not self.words:
            return matrix
        parts = []
        for name, column in zip(self.features, matrix.T, strict=True):
            if name not in self.words:
                parts.append(column[:, np.newaxis])
                continue
            own = column[:, np.newaxis] == np.arange(len(self.words[name]))
            parts.append(np.where(np.isnan(column)[:, np.newaxis], np.nan, own))
        return np.concatenate(parts, axis=1)

    def transform(self, matrix: Floats) -> NDArray[np.float32]:
        """Model inputs (n, m) of raw features (n, k): m = e + k with imputation (values, then flags), else m = e.

        e is k, and for each category as many more as it has words but one.
        """
        expanded = self.expanded(matrix)
        if self.medians is None:
            return expanded.astype(np.float32)
        filled = _filled(expanded, self.medians, np.isnan(matrix))
        return ((filled - self.centres) / self.scales).astype(np.float32)

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
                "words": {name: list(words) for name, words in self.words.items()},
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
                "words": dict(words),
            }:
                read = cls(
                    tuple(str(name) for name in features),
                    None if medians is None else np.array(medians, dtype=np.float64),
                    np.array(centres, dtype=np.float64),
                    np.array(scales, dtype=np.float64),
                    indicators,
                    {str(name): tuple(map(str, some)) for name, some in words.items()},
                )
            case _:
                raise ValueError("not a preprocessing")
        e, m = len(read.value_features), len(read.input_features)
        shapes_agree = read.centres.shape == (m,) == read.scales.shape and (
            read.medians is None or read.medians.shape == (e,)
        )
        if not shapes_agree or indicators != (read.medians is not None) or not (read.scales > 0).all():
            raise ValueError("the parts of a preprocessing do not fit together")
        return read


def _medians(matrix: Floats) -> Iterator[float]:
    for column in matrix.T:
        present = column[~np.isnan(column)]
        yield float(np.median(present)) if present.size else 0.0


def _filled(expanded: Floats, medians: Floats, missing: NDArray[np.bool_]) -> Floats:
    """(n, e + k): the values (n, e) with medians in the gaps, then 1 where a feature (n, k) was missing."""
    gaps = missing if missing.shape == expanded.shape else np.isnan(expanded)
    return np.concatenate((np.where(gaps, medians, expanded), missing), axis=1)
