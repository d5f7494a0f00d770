"""The model's own answers as one more feature: the probability in at most ten bins, like any other.

The counters and the reference have 100 equal bins and one for no answer (`farol.model.reference.score_index`).
Compared are tenths of the training pupils, whose answers are of models that had not seen them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from farol.i18n import msg
from farol.model.bins import MOST_BINS, FeatureBins
from farol.model.counters import SCORE
from farol.model.reference import SCORE_BINS
from farol.profile import Text


def score_bins(cells: Sequence[float]) -> FeatureBins:
    """At most ten bins of the probability with about equal counts, from reference counts (101); the last: no answer."""
    answered = np.array(cells[:SCORE_BINS], dtype=np.float64)
    reached = np.cumsum(answered)
    places = np.searchsorted(reached, reached[-1] * np.arange(1, MOST_BINS) / MOST_BINS, side="left")
    # The edge is the upper end of the bin in which a tenth is full; none after the last answer, which has no row above.
    ends = np.unique(places + 1)
    first, last = np.flatnonzero(answered)[[0, -1]] if reached[-1] else (0, 0)
    edges = tuple((ends[(ends > first) & (ends <= last)] / SCORE_BINS).tolist())
    empty = FeatureBins(SCORE, edges, None, (), None, None)
    return FeatureBins(SCORE, edges, None, tuple(round(count) for count in merged(empty, cells)), None, None)


def merged(bins: FeatureBins, cells: Sequence[float]) -> tuple[float, ...]:
    """Counts (101) added up in the bins of `score_bins`."""
    starts = [0, *(round(edge * SCORE_BINS) for edge in bins.edges or ()), SCORE_BINS]
    return tuple(np.add.reduceat(np.array(cells), starts).tolist())


def cells_of(counted: Mapping[int, int], size: int) -> tuple[int, ...]:
    """Counts by position as a tuple of `size`."""
    return tuple(counted.get(position, 0) for position in range(size))


def score_meaning() -> Text:
    """What the score is, for a reader."""
    words = msg("The risk that the model answers")
    return Text(pt=words.render("pt_BR"), en=words.render("en"))
