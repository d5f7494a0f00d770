"""What is said of one feature: its distribution, whether it moved, what is missing, what was never seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from statistics import NormalDist

import numpy as np

from farol.drift import mann_whitney as moves
from farol.drift.null_distribution import exact_criticals, rounded
from farol.drift.proportions import ShareDrift, share_drift
from farol.drift.psi import MODERATE, band, critical_value, interval, psi, used_bins
from farol.drift.verdicts import (
    ALPHA_SHARES,
    MIN_SAMPLES,
    Band,
    Kind,
    Verdict,
    is_alarm,
    verdict_for,
    verdict_label,
    worst,
)
from farol.i18n import msg
from farol.model.bins import FeatureBins
from farol.model.counters import SCORE
from farol.profile import Text

_NEAR = 0.5
"""Theory is off by up to this factor where bins are rare (tests/drift/test_null_distribution.py); below it nothing
is near an alarm, and the exact value need not be drawn."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The chance that a value of now is above one of training: 0.5 where nothing moved.

    `low` and `high` are its 95% interval, `critical` how far from one half chance alone seldom takes it.
    """

    value: float
    low: float
    high: float
    critical: float
    band: Band
    verdict: Verdict

    @property
    def alarm(self) -> bool:
        """It is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "critical": self.critical if isfinite(self.critical) else None,
            "band": self.band,
            "verdict": self.verdict,
            "alarm": self.alarm,
        }


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature's figures. `reference` and `current` are counts, one a bin of `bins`, the last for missing.

    Where nothing was counted, `psi` is None and `high` and `critical` infinite. `low` and `high` are a 95% interval;
    `band` is that of the PSI alone, `distribution` what can be said of it. `superiority` is None where there is no
    order or nothing present, `unseen` where it was not counted. A weighted reference has counts that are not whole.
    """

    feature: str
    meaning: Text
    bins: FeatureBins
    reference: tuple[float, ...]
    current: tuple[int, ...]
    n: int
    psi: float | None
    low: float
    high: float
    critical: float
    band: Band
    distribution: Verdict
    superiority: Moved | None
    missing: ShareDrift
    unseen: ShareDrift | None

    @property
    def verdicts(self) -> Mapping[Kind, Verdict]:
        """What can be said of each figure."""
        found: dict[Kind, Verdict] = {"distribution": self.distribution, "missing": self.missing.verdict}
        if self.superiority is not None:
            found["superiority"] = self.superiority.verdict
        if self.unseen is not None:
            found["unseen"] = self.unseen.verdict
        return found

    @property
    def alarms(self) -> tuple[Kind, ...]:
        """Which figures raise the alarm."""
        return tuple(kind for kind, verdict in self.verdicts.items() if is_alarm(verdict))

    @property
    def verdict(self) -> Verdict:
        """The gravest alarm of any figure; without one, `none` only where every figure allows saying so."""
        return worst(self.verdicts.values())

    @property
    def alarm(self) -> bool:
        """Any figure is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    @property
    def missing_share(self) -> float | None:
        """The share of predictions without the feature."""
        return self.missing.value

    @property
    def reference_missing_share(self) -> float:
        """The share of training rows without it."""
        return self.missing.reference

    def labels(self, locale: str) -> tuple[str, ...]:
        """What a reader sees on an axis, one text a bin."""
        texts = self.bins.labels(locale)
        return (*texts[:-1], msg("no answer").render(locale)) if self.feature == SCORE else texts

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages: every field, the verdict and the bins in words too; null for what is not finite."""
        return {
            "feature": self.feature,
            "meaning": self.meaning.in_locale(locale),
            **self.figures(),
            "verdict_label": verdict_label(self.verdict, locale),
            "missing_share": self.missing_share,
            "reference_missing_share": self.reference_missing_share,
            "bins": list(self.labels(locale)),
            "reference": [round(count, 1) for count in self.reference],
            "current": list(self.current),
        }

    def figures(self) -> dict[str, object]:
        """What a snapshot keeps of a feature, besides its name and counts."""
        return {
            "psi": self.psi,
            "low": self.low,
            "high": self.high if isfinite(self.high) else None,
            "critical": self.critical if isfinite(self.critical) else None,
            "n": self.n,
            "verdict": self.verdict,
            "band": self.band,
            "alarm": self.alarm,
            "alarms": list(self.alarms),
            "superiority": None if self.superiority is None else self.superiority.as_dict(),
            "missing": self.missing.as_dict(),
            "unseen": None if self.unseen is None else self.unseen.as_dict(),
        }


def feature_drift(
    bins: FeatureBins,
    meaning: Text,
    reference: tuple[float, ...],
    current: tuple[int, ...],
    *,
    outside: int,
    trained: int,
    family: int,
) -> FeatureDrift:
    """The figures of one of `family` features.

    `reference` and `current` are counts (bins,); `outside` predictions lie beyond the range of the `trained` rows
    that the bins were frozen on, of which the reference may be a part.
    """
    was, seen = np.array(reference, dtype=np.float64), np.array(current, dtype=np.float64)
    n, m = int(seen.sum()), float(was.sum())
    ordered = bins.ordered
    levels = {kind: spent / family for kind, spent in ALPHA_SHARES.items()}
    figure = float(psi(was, seen)) if m else 0.0
    critical = critical_value(n, m, int(used_bins(was, seen)), levels["distribution"])
    middle = float(moves.superiority(was[:ordered], seen[:ordered]))
    limit = NormalDist().inv_cdf(1 - levels["superiority"] / 2) * moves.standard_error(was[:ordered], seen[:ordered])
    changed = figure >= MODERATE and figure > _NEAR * critical
    moved = abs(middle - 0.5) >= moves.MODERATE and abs(middle - 0.5) > _NEAR * limit
    if n >= MIN_SAMPLES and (changed or moved):
        # Perhaps an alarm: approximate critical values are not good enough for that.
        exact = exact_criticals(reference, ordered, rounded(n), levels["distribution"], levels["superiority"])
        critical, limit = exact.psi, exact.distance
    low, high = interval(was, seen) if m else (0.0, float("inf"))
    return FeatureDrift(
        feature=bins.feature,
        meaning=meaning,
        bins=bins,
        reference=reference,
        current=current,
        n=n,
        psi=figure if n and m else None,
        low=low,
        high=high,
        critical=critical,
        band=band(figure),
        distribution=verdict_for(n, band(figure), significant=figure > critical),
        superiority=_moved(was[:ordered], seen[:ordered], n, middle, limit),
        missing=share_drift(current[-1], n, reference[-1], m, alpha=levels["missing"]),
        unseen=_unseen(bins, current, outside, trained, levels["unseen"]),
    )


def _moved(was: moves.Floats, seen: moves.Floats, n: int, middle: float, limit: float) -> Moved | None:
    if was.size < 2 or not was.any() or not seen.any():
        return None
    low, high = moves.interval(was, seen)
    found = moves.band(middle)
    return Moved(middle, low, high, limit, found, verdict_for(n, found, significant=abs(middle - 0.5) > limit))


def _unseen(bins: FeatureBins, current: tuple[int, ...], outside: int, trained: int, alpha: float) -> ShareDrift | None:
    """The share of values that training never had; None for older bundles, which do not say the range.

    What is to be expected is found by leaving out one training row after another: those that would then be new are
    the least and the greatest value, or each value that only one row has.
    """
    if bins.values is not None:
        new, alone = current[len(bins.values)], sum(_alone(bins.counts[: len(bins.values)]))
    elif bins.lowest is not None:
        new, alone = outside, min(2, trained)
    else:
        return None
    return share_drift(new, sum(current), alone, trained, alpha=alpha, rising=True)


def _alone(counts: tuple[int, ...]) -> Iterator[int]:
    return (1 for count in counts if count == 1)
