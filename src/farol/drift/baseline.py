"""Which training rows a window is compared with: all, those of one level, or all weighted to the window's levels.

"More older pupils this month" changes nearly every distribution and says nothing against the answers. So a slice of
one level is compared with the training rows of that level; and a window may be compared with training rows weighted
to have as many of each level as the window has (post-stratification, Holt and Smith 1979). Weighted rows hold less
information than as many unweighted rows; they count as (Σ w)² / Σ w² (Kish, "Survey Sampling", 1965).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from farol.errors import InputError
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.counters import FILE_SLICE, TRAINING_SHEET, WHOLE
from farol.model.reference import Tally
from farol.profile import LEVEL, Text

BinCounts = Mapping[str, Mapping[int, int]]
"""Counts of predictions by name (a feature, the score, the prediction) and bin, as `Store.counts` gives them."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Counts to compare with, of `n` training rows (where weighted: the effective number of rows).

    `features` are counts, one tuple a feature; `score` counts of the probability (101) and `predicted` of the
    prediction (3). `description` says which rows these are.
    """

    n: float
    features: tuple[tuple[float, ...], ...]
    score: tuple[float, ...]
    predicted: tuple[float, ...]
    description: Message


def all_rows(bundle: Bundle) -> Baseline:
    """All training rows, unweighted."""
    reference = bundle.reference
    counts = tuple(bins.counts for bins in reference.features)
    return Baseline(reference.n, counts, reference.score, reference.predicted, msg("all training rows"))


def parse_slice(bundle: Bundle, text: str) -> str:
    """The name of a slice: empty for all pupils, `source=api`, `class=8B`, or a level such as `phase=3`.

    Raises InputError.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    names = ("source", "class", *([] if bundle.profile.level is None else [bundle.profile.level]))
    if not text.strip():
        return WHOLE
    if not equals or not value or name not in names:
        raise InputError(
            msg("This is not a slice of the predictions."),
            expected=msg(
                "one of {names}, then = and a value, as in {example}", names=", ".join(names), example="source=api"
            ),
            fix=msg("Correct it, or leave it out for all pupils."),
        )
    return f"{name}={value}"


def slice_words(part: str, level: Text = LEVEL) -> Message:
    """A slice, given as `parse_slice` gives it, in words; all pupils where it is empty."""
    kind, _, value = part.partition("=")
    match kind:
        case "":
            return msg("all pupils")
        case "class":
            return msg("class {value}", value=value)
        case "source" if value == TRAINING_SHEET:
            return msg("the sheet that the model was trained with")
        case "source" if part == FILE_SLICE:
            return msg("answers to files by `farol score`")
        case "source":
            return msg("the source {value}", value=value)
        case _:
            return msg("{name} {value}", name=level, value=value)


def level_of(bundle: Bundle, part: str) -> str | None:
    """The level of a slice such as `phase=3`; None for a slice by anything else."""
    name, _, value = part.partition("=")
    return value if name == bundle.profile.level and value else None


def baseline_of_slice(bundle: Bundle, part: str) -> Baseline:
    """The training rows of the slice's own level; all rows for another slice, or for a level that training lacks."""
    level = level_of(bundle, part)
    tally = None if level is None else bundle.reference.by_level.get(level)
    if tally is None:
        return all_rows(bundle)
    description = msg("training rows of {slice}", slice=slice_words(part, bundle.profile.level_name))
    return Baseline(_rows(tally), tally.features, tally.score, tally.predicted, description)


def without_slice(bundle: Bundle, baseline: Baseline, part: str) -> Baseline:
    """A baseline of unweighted rows without those of a slice's level; unchanged for a slice by anything else."""
    level = level_of(bundle, part)
    tally = None if level is None else bundle.reference.by_level.get(level)
    if tally is None:
        return baseline

    def minus(counts: tuple[float, ...], removed: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(count - less for count, less in zip(counts, removed, strict=True))

    return Baseline(
        baseline.n - _rows(tally),
        tuple(minus(counts, removed) for counts, removed in zip(baseline.features, tally.features, strict=True)),
        minus(baseline.score, tally.score),
        minus(baseline.predicted, tally.predicted),
        baseline.description,
    )


def weighted_to_levels(bundle: Bundle, sizes: Mapping[str, int]) -> Baseline:
    """All training rows, weighted to have the levels of `sizes` (level → predictions).

    Raises InputError where no level is known on both sides.
    """
    by_level = bundle.reference.by_level
    shared = {level: n for level, n in sizes.items() if n and level in by_level}
    if not shared:
        raise InputError(
            msg("This window cannot be compared level by level."),
            expected=msg("predictions with a level that the model learned from"),
            fix=msg("Send the level with each pupil."),
        )
    rows = {level: _rows(by_level[level]) for level in shared}
    weights = {level: n / rows[level] for level, n in shared.items()}
    n = sum(shared.values())
    effective_n = n**2 / sum(weight**2 * rows[level] for level, weight in weights.items())

    def weighted(counts: Mapping[str, tuple[int, ...]]) -> tuple[float, ...]:
        total = np.sum([np.array(counts[level]) * weight for level, weight in weights.items()], axis=0)
        return tuple((total * (effective_n / n)).tolist())

    tallies = {level: by_level[level] for level in shared}
    features = tuple(
        weighted({level: tally.features[i] for level, tally in tallies.items()})
        for i in range(len(bundle.reference.features))
    )
    return Baseline(
        effective_n,
        features,
        weighted({level: tally.score for level, tally in tallies.items()}),
        weighted({level: tally.predicted for level, tally in tallies.items()}),
        msg("training rows, weighted to the same levels"),
    )


def summed(counts: Mapping[str, BinCounts]) -> dict[str, dict[int, int]]:
    """The counts of several slices together."""
    total: dict[str, dict[int, int]] = {}
    for counts_of_slice in counts.values():
        for name, bins in counts_of_slice.items():
            into = total.setdefault(name, {})
            for position, count in bins.items():
                into[position] = into.get(position, 0) + count
    return total


def _rows(tally: Tally) -> int:
    return sum(tally.features[0])
