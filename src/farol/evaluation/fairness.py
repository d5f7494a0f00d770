"""Does the model serve every group of pupils alike? Errors and calibration by group, with what the rows can carry.

Groups are those of the profile's audit columns, which no model ever sees, and of the pupils' level. A figure from few
pupils is called insufficient evidence, and a difference that is not shown is not a pass: absence of evidence is no
evidence of absence. There is one threshold for all; one for each group would treat equal pupils unequally.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.intervals import difference_of, share_of
from farol.evaluation.metrics import COVERAGE, Estimate
from farol.i18n import Message, msg

Floats = NDArray[np.float64]
Values = NDArray[np.object_] | Floats
Mask = NDArray[np.bool_]

FEWEST_ROWS = 30
FEWEST_CASES = 10
"""Fewest pupils for a share: at risk (recall), not at risk (false alarms), or pointed out (precision)."""

MEASURES: Mapping[str, Message] = {
    "recall": msg("Recall"),
    "false_positive_rate": msg("False alarms"),
    "precision": msg("Precision"),
    "calibration": msg("Mean probability minus share that came true"),
}


@dataclass(frozen=True, slots=True)
class PupilGroup:
    """The test rows of one group. A figure is None where there are too few pupils."""

    name: str
    n: int
    positives: int
    flagged: int
    figures: Mapping[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class Gap:
    """The greatest difference of a measure between two groups of a column, `most` minus `least`.

    Its interval is widened for as many pairs as there are to choose the greatest from. `shown`: it excludes zero.
    """

    measure: str
    most: str
    least: str
    difference: Estimate
    shown: bool


@dataclass(frozen=True, slots=True)
class Division:
    """The pupils divided by one column: its groups, and the gap of every measure that two groups have."""

    column: str
    groups: tuple[PupilGroup, ...]
    gaps: tuple[Gap, ...]


def fairness(
    columns: Mapping[str, Values], label: Floats, probability: Floats, threshold: float | Floats
) -> tuple[Division, ...]:
    """The audit of test rows (n,) by each column (n,); a row without a value in a column is in no group of it.

    The threshold is one for all, or, where several models answered, one a row (n,).
    """
    flagged = probability >= threshold
    return tuple(_division(name, values, label, probability, flagged) for name, values in columns.items())


def _division(column: str, values: Values, label: Floats, probability: Floats, flagged: Mask) -> Division:
    masks = dict(_groups(values))
    groups = tuple(_group(name, label[m], probability[m], flagged[m], COVERAGE) for name, m in masks.items())
    return Division(column, groups, tuple(_gaps(masks, groups, label, probability, flagged)))


def _groups(values: Values) -> Iterator[tuple[str, Mask]]:
    if values.dtype == np.object_:
        for name in sorted({str(value) for value in values if value is not None}):
            yield name, values == name
    else:
        numbers = values.astype(np.float64)
        for number in np.unique(numbers[~np.isnan(numbers)]).tolist():
            yield f"{number:g}", numbers == number


def _group(name: str, label: Floats, probability: Floats, flagged: Mask, coverage: float) -> PupilGroup:
    at_risk = label == 1
    n, positives, pointed = int(label.size), int(at_risk.sum()), int(flagged.sum())
    hits = int((at_risk & flagged).sum())
    came = share_of(positives, n, coverage=coverage)
    said = float(probability.mean())
    sides = {
        "recall": (hits, positives),
        "false_positive_rate": (pointed - hits, n - positives),
        "precision": (hits, pointed),
    }
    figures: dict[str, Estimate | None] = {
        measure: share_of(part, whole, coverage=coverage) if n >= FEWEST_ROWS and whole >= FEWEST_CASES else None
        for measure, (part, whole) in sides.items()
    }
    figures["calibration"] = (
        Estimate(said - came.value, said - came.high, said - came.low) if n >= FEWEST_ROWS else None
    )
    return PupilGroup(name, n, positives, pointed, figures)


def _gaps(
    masks: Mapping[str, Mask],
    groups: Sequence[PupilGroup],
    label: Floats,
    probability: Floats,
    flagged: Mask,
) -> Iterator[Gap]:
    for measure in MEASURES:
        shown = [group.name for group in groups if group.figures[measure] is not None]
        pairs = list(combinations(shown, 2))
        if not pairs:
            continue
        coverage = 1 - (1 - COVERAGE) / len(pairs)  # Bonferroni: the greatest of all pairs was picked
        wide = {
            name: figure
            for name in shown
            if (
                figure := _group(
                    name, label[masks[name]], probability[masks[name]], flagged[masks[name]], coverage
                ).figures[measure]
            )
        }
        first, second = max(pairs, key=lambda pair: abs(wide[pair[0]].value - wide[pair[1]].value))
        most, least = (first, second) if wide[first].value >= wide[second].value else (second, first)
        difference = difference_of(wide[most], wide[least])
        yield Gap(measure, most, least, difference, shown=difference.low > 0)
