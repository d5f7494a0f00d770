"""In which slice of a window the alarm is: by level first, then by class, then by source.

Only the most changed figures in alarm for the whole window are tested again in the slices. All these tests share one
percent as a family of their own, so that chance does not produce findings among twenty slices.

Slices explain an alarm where they are in alarm and the rest of the window, compared with the rest of the training rows,
is not. A slice that is in alarm like all the others explains nothing; then the next kind of slice is searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from farol.drift.baseline import Baseline, BinCounts, all_rows, baseline_of_slice, slice_words, summed, without_slice
from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport, features_of, score_of
from farol.drift.verdicts import MIN_SAMPLES
from farol.i18n import Message
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, SHEET_SLICE, WHOLE
from farol.store.database import Store

MOST_OF_A_KIND = 10
"""Slices of a kind that are searched, the largest: each further slice makes every limit stricter."""

MOST_FEATURES = 3
"""Features that are searched for, the most changed first."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The figures, in a slice of `n` predictions, of features in alarm for the whole window.

    `baseline` says which training rows the slice is compared with, `reference_n` how many.
    """

    kind: str
    value: str
    words: Message
    n: int
    reference_n: int
    baseline: Message
    figures: Mapping[str, FeatureDrift]

    @property
    def name(self) -> str:
        """As `farol drift --slice` takes it."""
        return f"{self.kind}={self.value}"


def kinds_of(bundle: Bundle) -> tuple[str, ...]:
    """The kinds of slices, in the order in which they are searched."""
    level = bundle.profile.level
    return (*(() if level is None else (level,)), "class", "source")


@dataclass(frozen=True, slots=True)
class SliceSearch:
    """The slices that were searched, and for each feature the slice that explains its alarm best, if there is one."""

    slices: tuple[Slice, ...] = ()
    explaining: Mapping[str, Slice] = field(default_factory=dict)


def most_changed(report: DriftReport) -> tuple[FeatureDrift, ...]:
    """The features in alarm that changed most; the answers only where no feature is."""
    alarms = sorted(
        (figure for figure in report.figures if figure.alarm),
        key=lambda figure: (figure.verdict != "severe", -(figure.psi or 0.0)),
    )
    return tuple([figure for figure in alarms if figure.feature != SCORE][:MOST_FEATURES] or alarms)


def search_slices(store: Store, bundle: Bundle, report: DriftReport) -> SliceSearch:
    """Every slice of a report's window that has 30 predictions, for the figures in alarm. Raises StoreError."""
    alarms = frozenset(figure.feature for figure in most_changed(report))
    if not alarms:
        return SliceSearch()
    first, last = report.window.first or date.min, report.window.last
    sizes = store.slices(bundle.task, bundle.version, first, last)
    sizes.pop(SHEET_SLICE, None)  # it is no part of the window
    kinds = {kind: list(_largest(kind, sizes)) for kind in kinds_of(bundle)}
    counts = {
        name: store.counts(bundle.task, bundle.version, first, last, name)
        for name in (WHOLE, *(name for names in kinds.values() for name in names))
    }
    family = len(alarms) * (len(counts) - 1)
    searched, explaining = [], dict[str, Slice]()
    for kind, names in kinds.items():
        unexplained = alarms - explaining.keys()
        slices = []
        for name in names:
            baseline = baseline_of_slice(bundle, name)
            figures = {
                figure.feature: figure for figure in _figures(bundle, counts[name], baseline, unexplained, family)
            }
            value, words = name.partition("=")[2], slice_words(name, bundle.profile.level_name)
            slices.append(Slice(kind, value, words, sizes[name], round(baseline.n), baseline.description, figures))
        searched += slices
        for feature in unexplained:
            in_alarm = [part for part in slices if feature in part.figures and part.figures[feature].alarm]
            if in_alarm and _rest_has_no_alarm(bundle, counts, in_alarm, feature):
                explaining[feature] = max(in_alarm, key=lambda part: part.figures[feature].psi or 0.0)
    return SliceSearch(tuple(searched), explaining)


def _figures(
    bundle: Bundle, counts: BinCounts, baseline: Baseline, names: frozenset[str], family: int
) -> Iterator[FeatureDrift]:
    yield from features_of(bundle, counts, baseline, family, names)
    score = score_of(baseline, bundle, counts, family) if SCORE in names else None
    if score is not None:
        yield score


def _rest_has_no_alarm(
    bundle: Bundle, counts: Mapping[str, BinCounts], in_alarm: Sequence[Slice], feature: str
) -> bool:
    """Whether the window without these slices has no alarm, tested as the window was."""
    names = [part.name for part in in_alarm]
    removed = summed({name: counts[name] for name in names})
    rest = {
        name: {place: n - removed.get(name, {}).get(place, 0) for place, n in bins.items()}
        for name, bins in counts[WHOLE].items()
    }
    baseline, family = all_rows(bundle), len(bundle.reference.features) + 1
    for name in names:
        baseline = without_slice(bundle, baseline, name)
    figures = list(_figures(bundle, rest, baseline, frozenset((feature,)), family))
    return bool(figures) and all(figure.n >= MIN_SAMPLES and not figure.alarm for figure in figures)


def _largest(kind: str, sizes: Mapping[str, int]) -> Iterator[str]:
    names = [name for name, n in sizes.items() if name.startswith(f"{kind}=") and n >= MIN_SAMPLES]
    yield from sorted(names, key=lambda name: (-sizes[name], name))[:MOST_OF_A_KIND]
