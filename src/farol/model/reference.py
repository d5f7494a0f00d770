"""The reference of a model: its training rows counted in bins, with which later data is compared.

Frozen beside the bins of the features: the answers for training rows by models that had not seen the pupil, the counts
of each level of the programme, to tell other answers from other pupils, and how each two features went together
(`farol.model.pairwise_counts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter

from farol.files import canonical_json
from farol.model.bins import Binning, FeatureBins, check_counts
from farol.model.pairwise_counts import PairwiseCounts, PairwiseLines, groups_of
from farol.profile import Text

Floats = NDArray[np.float64]

SCORE_BINS = 100
"""Equal bins of the probability, from 0 to 1; behind them stands one more for no answer."""

ANSWERS = 3
"""Bins of the prediction: 0, 1, and 2 for no answer."""


def score_index(probability: Floats) -> NDArray[np.int64]:
    """The bin (n,) of each probability (n,): [0, 0.01), [0.01, 0.02) … [0.99, 1]; NaN, no answer, is in the last."""
    cells = np.minimum(probability * SCORE_BINS, SCORE_BINS - 1)
    index: NDArray[np.int64] = np.where(np.isnan(cells), SCORE_BINS, cells).astype(np.int64)
    return index


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows fell in each bin of every feature, of the probability (101) and of the prediction (3).

    `score` and `predicted` are of answers for rows that the model had not seen.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    features: tuple[tuple[int, ...], ...]
    score: tuple[int, ...]
    predicted: tuple[int, ...]

    def check(self, bins: Sequence[FeatureBins], n: int) -> None:
        """Raise ValueError unless these are counts of `n` rows, with a count for each bin."""
        if len(self.features) != len(bins):
            raise ValueError("each feature has its counts")
        for counts, feature in zip(self.features, bins, strict=True):
            check_counts(counts, feature.size, n)
        check_counts(self.score, SCORE_BINS + 1, n)
        check_counts(self.predicted, ANSWERS, n)


@dataclass(frozen=True, slots=True)
class _Content:
    """What reference.json holds. Every key is required."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    n: int
    features: tuple[FeatureBins, ...]
    score: tuple[int, ...]
    predicted: tuple[int, ...]
    at_risk: tuple[int, ...]
    by_level: Mapping[str, Tally]
    joint: PairwiseLines | None


_SHAPE = TypeAdapter(_Content)


@dataclass(frozen=True, slots=True)
class Reference:
    """The bins of all features of a task, in order, and the number of training rows.

    `score` are the counts of training rows by probability (100 equal bins, then no answer), and `predicted` by
    prediction (0, 1, no answer), from models that had not seen the pupil: those of a model for its own rows are more
    extreme than it will be for anybody else. `at_risk` are those of `score` whose label is 1. `by_level` has the counts
    of the rows of each level of the programme, under the level as text ("3"); it is empty where the profile has no
    levels. `joint` is how each two features went together; None where training had too few rows for that.
    """

    features: tuple[FeatureBins, ...]
    n: int
    score: tuple[int, ...]
    predicted: tuple[int, ...]
    by_level: Mapping[str, Tally]
    joint: PairwiseCounts | None
    at_risk: tuple[int, ...]
    _binning: Binning = field(init=False, repr=False, compare=False)
    _bounds: tuple[Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_binning", Binning.of(self.features))
        lowest = [-np.inf if bins.lowest is None else bins.lowest for bins in self.features]
        highest = [np.inf if bins.highest is None else bins.highest for bins in self.features]
        object.__setattr__(self, "_bounds", (np.array(lowest), np.array(highest)))

    @classmethod
    def fit(
        cls,
        matrix: Floats,
        names: Sequence[str],
        *,
        probability: Floats | None = None,
        threshold: float = 0.5,
        level: Floats | None = None,
        label: Floats | None = None,
        words: Mapping[str, Sequence[Text]] = MappingProxyType({}),
    ) -> Self:
        """Freeze the bins of raw training rows (n, k).

        `probability` (n,) are answers for these rows by models that had not seen the pupil, NaN for no answer;
        `threshold` makes predictions of them. `level` (n,) is each row's level in the programme, NaN unknown. `label`
        (n,) is 1 for rows at risk. `words` has those of each category among the features, in their places. Without
        `probability` no row has an answer, and without `label` none is at risk.
        """
        n = matrix.shape[0]
        answers = np.full(n, np.nan) if probability is None else probability
        cases = np.zeros(n, dtype=np.bool_) if label is None else label == 1
        columns = zip(matrix.T, names, strict=True)
        features = tuple(FeatureBins.fit(column, name, words.get(name)) for column, name in columns)
        bins = Binning.of(features).index(matrix)
        whole = _tally(features, bins, answers, threshold)
        levels = {} if level is None else {f"{stage:g}": level == stage for stage in np.unique(level[~np.isnan(level)])}
        return cls(
            features=features,
            n=n,
            score=whole.score,
            predicted=whole.predicted,
            at_risk=_counted(score_index(answers[cases]), SCORE_BINS + 1),
            by_level={name: _tally(features, bins[rows], answers[rows], threshold) for name, rows in levels.items()},
            joint=PairwiseCounts.fit([groups_of(of.counts, of.ordered) for of in features], bins, levels),
        )

    def index(self, matrix: Floats) -> NDArray[np.int64]:
        """The bin (n, k) of each raw value (n, k)."""
        return self._binning.index(matrix)

    def count(self, matrix: Floats) -> tuple[tuple[int, ...], ...]:
        """How many raw values (n, k) fall in each bin of each feature; fastest where each feature lies in one piece."""
        columns = zip(self.features, matrix.T, strict=True)
        return tuple(tuple(bins.count(column).tolist()) for bins, column in columns)

    def outside(self, matrix: Floats) -> NDArray[np.bool_]:
        """Whether each raw value (n, k) lies below the least or above the greatest of training; a gap never does."""
        lowest, highest = self._bounds
        outside: NDArray[np.bool_] = (matrix < lowest) | (matrix > highest)
        return outside

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` gives back an equal reference."""
        content = _Content(
            n=self.n,
            features=self.features,
            score=self.score,
            predicted=self.predicted,
            at_risk=self.at_risk,
            by_level=self.by_level,
            joint=None if self.joint is None else self.joint.to_lines(),
        )
        return canonical_json(asdict(content))

    @classmethod
    def from_json(cls, source: bytes) -> Self:
        """Read what `to_json` wrote; ValueError when it is something else."""
        content = _SHAPE.validate_json(source)
        for bins in content.features:
            bins.check(content.n)
        Tally(tuple(bins.counts for bins in content.features), content.score, content.predicted).check(
            content.features, content.n
        )
        for tally in content.by_level.values():
            tally.check(content.features, sum(tally.predicted))
        if len(content.at_risk) != len(content.score) or any(
            not 0 <= some <= every for some, every in zip(content.at_risk, content.score, strict=True)
        ):
            raise ValueError("of the rows of a bin, none to all are at risk")
        lines, sizes = content.joint, [bins.size for bins in content.features]
        return cls(
            features=content.features,
            n=content.n,
            score=content.score,
            predicted=content.predicted,
            at_risk=content.at_risk,
            by_level=content.by_level,
            joint=None if lines is None else PairwiseCounts.of_lines(lines, sizes),
        )


def _tally(features: Sequence[FeatureBins], bins: NDArray[np.int64], probability: Floats, threshold: float) -> Tally:
    predicted = np.where(np.isnan(probability), ANSWERS - 1, probability >= threshold).astype(np.int64)
    return Tally(
        tuple(_counted(column, feature.size) for feature, column in zip(features, bins.T, strict=True)),
        _counted(score_index(probability), SCORE_BINS + 1),
        _counted(predicted, ANSWERS),
    )


def _counted(bins: NDArray[np.int64], size: int) -> tuple[int, ...]:
    return tuple(np.bincount(bins, minlength=size).tolist())
