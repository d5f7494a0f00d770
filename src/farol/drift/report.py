"""Whether the pupils we answer for, and the answers, still look like those of training.

Verdicts are made so that they can be believed. The fixed bands (0.1, 0.25) say how large a drift is; whether there is
any is a question of chance, and at 30 predictions chance alone exceeds the bands nearly always. So:

- `insufficient_data`: fewer than 30 predictions, or a figure beyond the first band that chance alone may well give;
- `none`: within the first band;
- `moderate`, `severe`: in that band and beyond chance. Exactly these raise the alarm.

Tested are of every feature and of the model's answers: the distribution (PSI), whether values moved up or down, what
is missing; of features also what training never had; and the share of answers 1. All together are one family: without
drift, at most one check in a hundred raises any alarm (`farol.drift.verdicts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from farol.drift.baseline import Baseline, added, all_rows, basis_of_slice, level_of
from farol.drift.baseline import same_levels as weighted_rows
from farol.drift.figures import FeatureDrift, Moved, feature_drift
from farol.drift.proportions import ShareDrift, share_drift
from farol.drift.scores import cells_of, merged, score_bins, score_meaning
from farol.drift.verdicts import ALPHA, ALPHA_SHARES, MIN_SAMPLES, Verdict, is_alarm, verdict_label, worst
from farol.drift.windows import LONGEST_WINDOW, Window, parse_window, window_of
from farol.errors import InputError
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE, WHOLE
from farol.model.features import feature_matrix
from farol.model.reference import ANSWERS, SCORE_BINS
from farol.store.database import Store
from farol.store.records import Snapshot, uuid7

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

__all__ = [
    "LONGEST_WINDOW",
    "MIN_SAMPLES",
    "DriftReport",
    "FeatureDrift",
    "Moved",
    "ShareDrift",
    "Verdict",
    "Window",
    "check",
    "drift_of_panel",
    "drift_report",
    "parse_window",
    "take_snapshot",
    "verdict_label",
    "window_of",
]

Counts = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All features of a task over one window, and its answers, compared with training rows.

    `part` is the slice of the window ("" for all of it); `basis` says which training rows, `reference_n` how many,
    of `reference_years`. `score` and `rate` (the share of answers 1) are None where they were not counted: in
    bundles, and for predictions, of an older Farol.
    """

    task: str
    version: str
    window: Window
    part: str
    basis: Message
    reference_n: int
    reference_years: tuple[int, ...]
    features: tuple[FeatureDrift, ...]
    score: FeatureDrift | None
    rate: ShareDrift | None

    @property
    def n(self) -> int:
        """How many predictions the window has."""
        return max((feature.n for feature in self.features), default=0)

    @property
    def figures(self) -> tuple[FeatureDrift, ...]:
        """The features, then the score if it was counted."""
        return self.features if self.score is None else (*self.features, self.score)

    @property
    def alarm(self) -> bool:
        """Any figure raises it."""
        return is_alarm(self.verdict)

    @property
    def verdict(self) -> Verdict:
        """The gravest alarm; without one, `none` only where every figure allows saying so."""
        answers = [] if self.rate is None else [self.rate.verdict]
        return worst([*(figure.verdict for figure in self.figures), *answers])

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages, words in `locale`."""
        return {
            "task": self.task,
            "version": self.version,
            "window": self.window.as_dict(),
            "slice": self.part,
            "n": self.n,
            "reference": {
                "n": self.reference_n,
                "years": list(self.reference_years),
                "rows": self.basis.render(locale),
            },
            "verdict": self.verdict,
            "verdict_label": verdict_label(self.verdict, locale),
            "alarm": self.alarm,
            "alpha": ALPHA,
            "features": [feature.as_dict(locale) for feature in self.features],
            "score": None if self.score is None else self.score.as_dict(locale),
            "rate": None if self.rate is None else self.rate.as_dict(),
        }


def check(
    bundle: Bundle, counts: Counts, *, window: Window, part: str = "", against: Baseline | None = None
) -> DriftReport:
    """The report for counts by name and bin, as `Store.counts` gives them; a feature without any has n = 0.

    `against` is what to compare with; without it, all training rows.
    """
    basis = all_rows(bundle) if against is None else against
    family = len(bundle.reference.features) + 1  # the score is one more
    return DriftReport(
        task=bundle.task,
        version=bundle.version,
        window=window,
        part=part,
        basis=basis.words,
        reference_n=round(basis.n),
        reference_years=reference_years(bundle),
        features=features_of(bundle, counts, basis, family),
        score=score_of(basis, bundle, counts, family),
        rate=_rate(basis, counts),
    )


def features_of(
    bundle: Bundle, counts: Counts, basis: Baseline, family: int, only: frozenset[str] | None = None
) -> tuple[FeatureDrift, ...]:
    """The figures of the features, or of some of them, each one of `family` figures that share the one percent."""
    outside = counts.get(OUTSIDE, {})
    return tuple(
        feature_drift(
            bins,
            (bundle.profile.columns.get(bins.feature) or bundle.profile.derived[bins.feature]).meaning,
            was,
            cells_of(counts.get(bins.feature, {}), bins.size),
            outside=outside.get(position, 0),
            trained=bundle.reference.n,
            family=family,
        )
        for position, (bins, was) in enumerate(zip(bundle.reference.features, basis.features, strict=True))
        if only is None or bins.feature in only
    )


def score_of(basis: Baseline, bundle: Bundle, counts: Counts, family: int) -> FeatureDrift | None:
    """The model's answers as one of `family` figures; None where they were not counted."""
    counted = counts.get(SCORE)
    if basis.score is None or counted is None:
        return None
    bins = score_bins(bundle.reference.score)
    current = tuple(int(count) for count in merged(bins, cells_of(counted, SCORE_BINS + 1)))
    return feature_drift(
        bins,
        score_meaning(),
        merged(bins, basis.score),
        current,
        outside=0,
        trained=bundle.reference.n,
        family=family,
    )


def _rate(basis: Baseline, counts: Counts) -> ShareDrift | None:
    counted = counts.get(PREDICTION)
    if basis.predicted is None or counted is None:
        return None
    no, yes, _ = cells_of(counted, ANSWERS)
    was_no, was_yes, _ = basis.predicted
    return share_drift(yes, no + yes, was_yes, was_no + was_yes, alpha=ALPHA_SHARES["rate"])


def reference_years(bundle: Bundle) -> tuple[int, ...]:
    """The years of the rows whose bins were frozen: those the served model learned from, refit included."""
    return bundle.served_years


def drift_report(
    store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE, same_levels: bool = False
) -> DriftReport:
    """The report for what was predicted in a window, read from the counters. Changes nothing.

    `part` is a slice, such as `phase=3`, `class=8B` or `source=api`: one of a level is compared with the training rows
    of that level. `same_levels` compares the whole window with training rows weighted to have its levels, so that
    other pupils are told from other answers. Raises StoreError; InputError for `same_levels` of a slice, and where no
    level is known on both sides.
    """
    first = window.first or date.min
    if not same_levels:
        counts = store.counts(bundle.task, bundle.version, first, window.last, part)
        return check(bundle, counts, window=window, part=part, against=basis_of_slice(bundle, part))
    if part != WHOLE:
        raise InputError(msg("A slice is not compared level by level."), fix=msg("Leave out one of the two."))
    sizes = {
        level: n
        for slice_, n in store.slices(bundle.task, bundle.version, first, window.last).items()
        if (level := level_of(bundle, slice_)) is not None and level in bundle.reference.by_level
    }
    basis = weighted_rows(bundle, sizes)
    slices = [f"{bundle.profile.level}={level}" for level in sizes]
    counts = added({one: store.counts(bundle.task, bundle.version, first, window.last, one) for one in slices})
    return check(bundle, counts, window=window, against=basis)


def drift_of_panel(bundle: Bundle, panel: Panel) -> DriftReport:
    """The report for the last year of a workbook, through the same bins, whatever was predicted or stored.

    The model is not asked: of its answers the report says nothing.
    """
    year = panel.years[-1]
    rows = panel.select(panel.year == year)
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.numbers, rows.year.astype(np.float64))
    reference = bundle.reference
    counts = {
        bins.feature: dict(enumerate(counted))
        for bins, counted in zip(reference.features, reference.count(matrix), strict=True)
    }
    counts[OUTSIDE] = dict(enumerate(reference.outside(matrix).sum(axis=0).tolist()))
    return check(bundle, counts, window=Window(str(year), date(year, 1, 1), date(year, 12, 31)))


def take_snapshot(store: Store, bundle: Bundle, window: Window, *, at: datetime | None = None) -> Snapshot:
    """Keep the report of a window under the moment `at` (aware; now when None). Raises StoreError."""
    snapshot = snapshot_of(drift_report(store, bundle, window), datetime.now(UTC) if at is None else at)
    store.write_snapshot(snapshot)
    return snapshot


def snapshot_of(report: DriftReport, at: datetime) -> Snapshot:
    """What the history keeps of a report that was made at a moment (aware)."""
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
            "features": [_kept(feature) for feature in report.features],
            "score": None if report.score is None else _kept(report.score),
            "rate": None if report.rate is None else report.rate.as_dict(),
        },
    )


def _kept(figure: FeatureDrift) -> dict[str, object]:
    return {"feature": figure.feature, **figure.figures(), "current": list(figure.current)}
