"""In which part of a window the alarm is: by level first, then by class, then by source.

Only the figures that changed most of those in alarm for the whole window are looked at again, and all of them in all
slices share one percent as one family of their own: who looks into twenty slices must not find what chance puts there.

Slices explain an alarm where they are in alarm and the rest of the window, held against the rest of the training
rows, is not: a slice in alarm as all others would be, were they larger, explains nothing. Then the next kind is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from farol.drift.baseline import Baseline, Counts, added, all_rows, basis_of_slice, without
from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport, features_of, score_of
from farol.drift.verdicts import MIN_SAMPLES
from farol.i18n import Message
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, WHOLE
from farol.store.database import Store

MOST_OF_A_KIND = 10
"""Slices of a kind that are looked into, those of most predictions: each more makes every limit stricter."""


MOST_LOOKS = 3
"""Figures that are looked at, the most changed first."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The figures of a slice of `n` predictions that are in alarm for the whole window; `basis` says against whom."""

    kind: str
    value: str
    n: int
    reference_n: int
    basis: Message
    figures: Mapping[str, FeatureDrift]

    @property
    def name(self) -> str:
        """As `farol drift --slice` takes it."""
        return f"{self.kind}={self.value}"


def kinds_of(bundle: Bundle) -> tuple[str, ...]:
    """The kinds of slices, the one that says most first."""
    level = bundle.profile.level
    return (*(() if level is None else (level,)), "class", "source")


@dataclass(frozen=True, slots=True)
class Looked:
    """All slices that were looked into, and by feature the one that explains its alarm best, where one does."""

    slices: tuple[Slice, ...] = ()
    explaining: Mapping[str, Slice] = field(default_factory=dict)


def most_changed(report: DriftReport) -> tuple[FeatureDrift, ...]:
    """The features in alarm that changed most; the answers only where no feature is."""
    alarms = sorted((one for one in report.figures if one.alarm), key=lambda one: (one.verdict != "severe", -_psi(one)))
    return tuple([one for one in alarms if one.feature != SCORE][:MOST_LOOKS] or alarms)


def _psi(one: FeatureDrift) -> float:
    return one.psi or 0.0


def look_into(store: Store, bundle: Bundle, report: DriftReport) -> Looked:
    """Every slice of a report's window that has 30 predictions, for the figures in alarm. Raises StoreError."""
    alarms = frozenset(figure.feature for figure in most_changed(report))
    if not alarms:
        return Looked()
    first, last = report.window.first or date.min, report.window.last
    sizes = store.slices(bundle.task, bundle.version, first, last)
    kinds = {kind: list(_largest(kind, sizes)) for kind in kinds_of(bundle)}
    counts = {
        name: store.counts(bundle.task, bundle.version, first, last, name)
        for name in (WHOLE, *(name for names in kinds.values() for name in names))
    }
    family = len(alarms) * (len(counts) - 1)
    found, explaining = [], dict[str, Slice]()
    for kind, names in kinds.items():
        left = alarms - explaining.keys()
        mine = []
        for name in names:
            basis = basis_of_slice(bundle, name)
            figures = {one.feature: one for one in _figures(bundle, counts[name], basis, left, family)}
            value = name.partition("=")[2]
            mine.append(Slice(kind, value, sizes[name], round(basis.n), basis.words, figures))
        found += mine
        for feature in left:
            wrong = [one for one in mine if feature in one.figures and one.figures[feature].alarm]
            if wrong and _rest_is_calm(bundle, counts, wrong, feature):
                explaining[feature] = max(wrong, key=lambda one: _psi(one.figures[feature]))
    return Looked(tuple(found), explaining)


def _figures(
    bundle: Bundle, counts: Counts, basis: Baseline, names: frozenset[str], family: int
) -> Iterator[FeatureDrift]:
    yield from features_of(bundle, counts, basis, family, names)
    score = score_of(basis, bundle, counts, family) if SCORE in names else None
    if score is not None:
        yield score


def _rest_is_calm(bundle: Bundle, counts: Mapping[str, Counts], wrong: Sequence[Slice], feature: str) -> bool:
    """Whether the window without these slices is no alarm, tested as the window was."""
    names = [one.name for one in wrong]
    taken = added({name: counts[name] for name in names})
    rest = {
        name: {place: n - taken.get(name, {}).get(place, 0) for place, n in bins.items()}
        for name, bins in counts[WHOLE].items()
    }
    basis, family = all_rows(bundle), len(bundle.reference.features) + 1
    for name in names:
        basis = without(bundle, basis, name)
    figures = list(_figures(bundle, rest, basis, frozenset((feature,)), family))
    return bool(figures) and all(one.n >= MIN_SAMPLES and not one.alarm for one in figures)


def _largest(kind: str, sizes: Mapping[str, int]) -> Iterator[str]:
    mine = [name for name, n in sizes.items() if name.startswith(f"{kind}=") and n >= MIN_SAMPLES]
    yield from sorted(mine, key=lambda name: (-sizes[name], name))[:MOST_OF_A_KIND]
