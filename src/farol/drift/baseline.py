"""What a window is compared with: all training rows, those of one level, or all of them with the window's levels.

"More older pupils this month" changes nearly every distribution and says nothing against the answers. So a slice of
one level is held against the training rows of that level; and a window may be held against training rows weighted to
have as many of each level as the window has (post-stratification, Holt and Smith 1979). Weighted rows tell less than
as many equal ones; they count as (Σ w)² / Σ w² (Kish, "Survey Sampling", 1965).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from farol.errors import InputError
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.counters import WHOLE
from farol.model.reference import Tally

Counts = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Counts to compare with, of `n` training rows, or as much as they tell; `words` say which rows."""

    n: float
    features: tuple[tuple[float, ...], ...]
    score: tuple[float, ...] | None
    predicted: tuple[float, ...] | None
    words: Message


def all_rows(bundle: Bundle) -> Baseline:
    """All training rows, as they are."""
    reference = bundle.reference
    counts = tuple(bins.counts for bins in reference.features)
    return Baseline(reference.n, counts, reference.score, reference.predicted, msg("all training rows"))


def parse_slice(bundle: Bundle, text: str) -> str:
    """A slice as it is asked for: empty for all, `source=api`, `class=8B`, or a level such as `phase=3`.

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
        )
    return f"{name}={value}"


def slice_words(part: str) -> Message:
    """A slice, given as `parse_slice` gives it, in words; all pupils where it is empty."""
    kind, _, value = part.partition("=")
    match kind:
        case "":
            return msg("all pupils")
        case "phase":
            return msg("phase {value}", value=value)
        case "class":
            return msg("class {value}", value=value)
        case "source":
            return msg("the source {value}", value=value)
        case _:
            return msg("{name} {value}", name=kind, value=value)


def level_of(bundle: Bundle, part: str) -> str | None:
    """The level that a slice such as `phase=3` is of; None for a slice by anything else."""
    name, _, value = part.partition("=")
    return value if name == bundle.profile.level and value else None


def basis_of_slice(bundle: Bundle, part: str) -> Baseline:
    """The training rows of the slice's own level; all of them where there are none, or by anything else."""
    level = level_of(bundle, part)
    tally = None if level is None else bundle.reference.by_level.get(level)
    if tally is None:
        return all_rows(bundle)
    words = msg("training rows of {slice}", slice=slice_words(part))
    return Baseline(_rows(tally), tally.features, tally.score, tally.predicted, words)


def without(bundle: Bundle, basis: Baseline, part: str) -> Baseline:
    """A basis of whole rows without those of a slice's level; itself for a slice by anything else."""
    level = level_of(bundle, part)
    tally = None if level is None else bundle.reference.by_level.get(level)
    if tally is None:
        return basis

    def less(counts: tuple[float, ...], taken: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(count - gone for count, gone in zip(counts, taken, strict=True))

    return Baseline(
        basis.n - _rows(tally),
        tuple(less(counts, taken) for counts, taken in zip(basis.features, tally.features, strict=True)),
        None if basis.score is None else less(basis.score, tally.score),
        None if basis.predicted is None else less(basis.predicted, tally.predicted),
        basis.words,
    )


def same_levels(bundle: Bundle, sizes: Mapping[str, int]) -> Baseline:
    """All training rows, weighted to have the levels of `sizes` (level → predictions).

    Raises InputError where no level is known on both sides.
    """
    by_level = bundle.reference.by_level
    shared = {level: n for level, n in sizes.items() if n and level in by_level}
    if not shared:
        raise InputError(
            msg("This window cannot be compared level by level."),
            expected=msg("predictions with a level that the model learned from"),
            fix=msg("Send the level with each pupil, or train again if the model is of an older Farol."),
        )
    rows = {level: _rows(by_level[level]) for level in shared}
    weights = {level: n / rows[level] for level, n in shared.items()}
    told = sum(shared.values()) ** 2 / sum(weight**2 * rows[level] for level, weight in weights.items())
    scale = told / sum(shared.values())

    def together(counts: Mapping[str, tuple[int, ...]]) -> tuple[float, ...]:
        total = np.sum([np.array(counts[level]) * weight for level, weight in weights.items()], axis=0) * scale
        return tuple(total.tolist())

    tallies = {level: by_level[level] for level in shared}
    features = tuple(
        together({level: tally.features[i] for level, tally in tallies.items()})
        for i in range(len(bundle.reference.features))
    )
    return Baseline(
        told,
        features,
        together({level: tally.score for level, tally in tallies.items()}),
        together({level: tally.predicted for level, tally in tallies.items()}),
        msg("training rows, weighted to the same levels"),
    )


def added(counts: Mapping[str, Counts]) -> dict[str, dict[int, int]]:
    """The counts of several slices together."""
    total: dict[str, dict[int, int]] = {}
    for one in counts.values():
        for name, bins in one.items():
            into = total.setdefault(name, {})
            for position, count in bins.items():
                into[position] = into.get(position, 0) + count
    return total


def _rows(tally: Tally) -> int:
    return sum(tally.features[0])
