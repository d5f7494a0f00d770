"""The drift report of a window: whether pupils, and the model's answers, still look like those of training.

The fixed bands (0.1, 0.25) say how large a drift is. Whether there is any drift is a question of chance: at 30
predictions chance alone nearly always exceeds the bands. So the verdicts are:

- `insufficient_data`: fewer than 30 predictions, or a figure beyond the first band that chance alone may well give;
- `none`: within the first band;
- `moderate`, `severe`: in that band and beyond chance. Only these raise the alarm.

Tested are, for every feature and for the model's answers, the distribution (PSI), whether values moved up or down, and
missing values; for features also values that training never had; and the share of answers 1. All tests are one family:
without drift, at most one check in a hundred raises any alarm (`farol.drift.verdicts`).

The model's answers are treated as one more feature. Counters and reference have 100 equal bins of the probability and
one for no answer (`farol.model.reference.score_index`); they are merged to tenths of the training pupils, whose answers
come from models that had not seen them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from farol.drift.baseline import Baseline, BinCounts, all_rows, baseline_of_slice, level_of, summed, weighted_to_levels
from farol.drift.figures import FeatureDrift, feature_drift
from farol.drift.proportions import ProportionDrift, proportion_drift
from farol.drift.verdicts import ALPHA_SHARES, Verdict, is_alarm, worst
from farol.drift.windows import Window
from farol.errors import InputError
from farol.i18n import Message, count, msg
from farol.model.bins import MOST_BINS, FeatureBins
from farol.model.bundle import Bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE, WHOLE
from farol.model.features import feature_matrix
from farol.model.reference import ANSWERS, SCORE_BINS
from farol.profile import Text
from farol.store.database import Store
from farol.store.records import Snapshot, uuid7

if TYPE_CHECKING:
    from farol.workbook.panel import Panel


def of_years(rows: int, names: Sequence[str]) -> Message:
    """How many rows, and of which years or terms, where they have any."""
    return msg("{n}, of {years}", n=count(rows), years=", ".join(names)) if names else msg("{n}", n=count(rows))


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All features of a task over one window, and its answers, compared with training rows.

    `part` is the slice of the window ("" for all of it); `baseline` says which training rows, `reference_n` how many,
    of `reference_years`, whose names are `reference_names`. `score` and `rate` (the share of answers 1) are None where
    no answers were counted, as for a workbook.
    """

    task: str
    version: str
    window: Window
    part: str
    baseline: Message
    reference_n: int
    reference_years: tuple[int, ...]
    reference_names: tuple[str, ...]
    features: tuple[FeatureDrift, ...]
    score: FeatureDrift | None
    rate: ProportionDrift | None

    @property
    def n(self) -> int:
        """How many predictions the window has."""
        return max((feature.n for feature in self.features), default=0)

    @property
    def figures(self) -> tuple[FeatureDrift, ...]:
        """The features, then the score if answers were counted."""
        return self.features if self.score is None else (*self.features, self.score)

    @property
    def alarm(self) -> bool:
        """Any figure raises the alarm."""
        return is_alarm(self.verdict)

    @property
    def verdict(self) -> Verdict:
        """The worst alarm; without an alarm, `none` only where it is the verdict on every figure."""
        answers = [] if self.rate is None else [self.rate.verdict]
        return worst([*(figure.verdict for figure in self.figures), *answers])


def check(
    bundle: Bundle, counts: BinCounts, *, window: Window, part: str = "", against: Baseline | None = None
) -> DriftReport:
    """The report for counts by name and bin, as `Store.counts` gives them; a feature without any has n = 0.

    `against` is what to compare with; without it, all training rows.
    """
    baseline = all_rows(bundle) if against is None else against
    family = len(bundle.reference.features) + 1  # the score is one more
    return DriftReport(
        task=bundle.task,
        version=bundle.version,
        window=window,
        part=part,
        baseline=baseline.description,
        reference_n=round(baseline.n),
        reference_years=bundle.served_years,
        reference_names=bundle.served_names,
        features=features_of(bundle, counts, baseline, family),
        score=score_of(baseline, bundle, counts, family),
        rate=_rate(baseline, counts),
    )


def features_of(
    bundle: Bundle, counts: BinCounts, baseline: Baseline, family: int, only: frozenset[str] | None = None
) -> tuple[FeatureDrift, ...]:
    """The figures of the features, or of some of them, each one of `family` figures that share the one percent."""
    outside = counts.get(OUTSIDE, {})
    return tuple(
        feature_drift(
            bins,
            meaning_of(bundle, bins.feature),
            was,
            cells_of(counts.get(bins.feature, {}), bins.size),
            outside=outside.get(position, 0),
            trained=bundle.reference.n,
            family=family,
        )
        for position, (bins, was) in enumerate(zip(bundle.reference.features, baseline.features, strict=True))
        if only is None or bins.feature in only
    )


def meaning_of(bundle: Bundle, feature: str) -> Text:
    """What people call a feature, as the profile says."""
    return (bundle.profile.columns.get(feature) or bundle.profile.derived[feature]).meaning


def score_of(baseline: Baseline, bundle: Bundle, counts: BinCounts, family: int) -> FeatureDrift | None:
    """The model's answers as one of `family` figures; None where they were not counted."""
    counted = counts.get(SCORE)
    if counted is None:
        return None
    bins = score_bins(bundle.reference.score)
    current = tuple(int(count) for count in merged(bins, cells_of(counted, SCORE_BINS + 1)))
    return feature_drift(
        bins,
        score_meaning(),
        merged(bins, baseline.score),
        current,
        outside=0,
        trained=bundle.reference.n,
        family=family,
    )


def _rate(baseline: Baseline, counts: BinCounts) -> ProportionDrift | None:
    counted = counts.get(PREDICTION)
    if counted is None:
        return None
    no, yes, _ = cells_of(counted, ANSWERS)
    was_no, was_yes, _ = baseline.predicted
    return proportion_drift(yes, no + yes, was_yes, was_no + was_yes, alpha=ALPHA_SHARES["rate"])


def drift_report(
    store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE, same_levels: bool = False
) -> DriftReport:
    """The report for the predictions of a window, read from the counters. Changes nothing.

    `part` is a slice, such as `phase=3`, `class=8B` or `source=api`: one of a level is compared with the training rows
    of that level. `same_levels` compares the whole window with training rows weighted to have its levels, which
    separates other pupils from other answers. Raises StoreError; InputError for `same_levels` of a slice, and where no
    level is known on both sides.
    """
    first = window.first or date.min
    if not same_levels:
        counts = store.counts(bundle.task, bundle.version, first, window.last, part)
        return check(bundle, counts, window=window, part=part, against=baseline_of_slice(bundle, part))
    if part != WHOLE:
        raise InputError(msg("A slice is not compared level by level."), fix=msg("Leave out one of the two."))
    sizes = {
        level: n
        for slice_, n in store.slices(bundle.task, bundle.version, first, window.last).items()
        if (level := level_of(bundle, slice_)) is not None and level in bundle.reference.by_level
    }
    baseline = weighted_to_levels(bundle, sizes)
    slices = [f"{bundle.profile.level}={level}" for level in sizes]
    counts = summed({name: store.counts(bundle.task, bundle.version, first, window.last, name) for name in slices})
    return check(bundle, counts, window=window, against=baseline)


def drift_of_panel(bundle: Bundle, panel: Panel) -> DriftReport:
    """The report for the last year of a workbook, through the same bins; what was predicted plays no part.

    The model is not asked, so the report has no score and no rate.
    """
    year = panel.years[-1]
    rows = panel.select((panel.year == year) & panel.asked(bundle.task_spec))
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.columns, rows.year.astype(np.float64))
    reference = bundle.reference
    counts = {
        bins.feature: dict(enumerate(counted))
        for bins, counted in zip(reference.features, reference.count(matrix), strict=True)
    }
    counts[OUTSIDE] = dict(enumerate(reference.outside(matrix).sum(axis=0).tolist()))
    return check(bundle, counts, window=Window(str(year), date(year, 1, 1), date(year, 12, 31)))


def take_snapshot(store: Store, bundle: Bundle, window: Window, *, at: datetime | None = None) -> Snapshot:
    """Store a snapshot of the drift of a window, of the moment `at` (aware; now when None). Raises StoreError."""
    snapshot = snapshot_of(drift_report(store, bundle, window), datetime.now(UTC) if at is None else at)
    store.write_snapshot(snapshot)
    return snapshot


def snapshot_of(report: DriftReport, at: datetime) -> Snapshot:
    """The snapshot of a report that was made at a moment (aware)."""
    return Snapshot(
        id=uuid7(at),
        at=at,
        task=report.task,
        version=report.version,
        first=report.window.first,
        last=report.window.last,
        payload={
            "n": report.n,
            "reference_n": report.reference_n,
            "verdict": report.verdict,
            "alarm": report.alarm,
            "features": [feature.as_dict() for feature in report.features],
            "score": None if report.score is None else report.score.as_dict(),
            "rate": None if report.rate is None else report.rate.as_dict(),
        },
    )


def score_bins(cells: Sequence[float]) -> FeatureBins:
    """At most ten bins of the probability with about equal counts, from reference counts (101); the last: no answer."""
    answered = np.array(cells[:SCORE_BINS], dtype=np.float64)
    reached = np.cumsum(answered)
    places = np.searchsorted(reached, reached[-1] * np.arange(1, MOST_BINS) / MOST_BINS, side="left")
    # An edge is the upper end of the bin in which a tenth is full. No edge after the last answer: no row is above it.
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
    """What people call the score."""
    words = msg("Risk in the model's answers")
    return Text(pt=words.render("pt_BR"), en=words.render("en"))
