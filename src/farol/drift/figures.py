"""The figures of one feature: its distribution, whether it moved, what is missing, what training never had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from statistics import NormalDist

import numpy as np

from farol.drift import mann_whitney
from farol.drift.null_distribution import exact_critical_values, rounded
from farol.drift.proportions import ProportionDrift, proportion_drift
from farol.drift.psi import MODERATE, band, critical_value, interval, psi, used_bins
from farol.drift.verdicts import ALPHA_SHARES, MIN_SAMPLES, Band, Kind, Verdict, is_alarm, verdict_for, worst
from farol.i18n import Message, decimal, msg
from farol.model.bins import FeatureBins
from farol.model.counters import SCORE
from farol.profile import Text

_NEAR = 0.5
"""Theory is off by up to this factor where bins are rare (tests/drift/test_null_distribution.py); below it nothing
is near an alarm, and the exact value need not be drawn."""


@dataclass(frozen=True, slots=True)
class ProbabilityOfSuperiority:
    """How often a value of this period is above one of training: 0.5 without drift.

    `low` and `high` are the 95% interval of `value`; `critical` is the distance from 0.5 that chance alone seldom
    exceeds.
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
        """As a snapshot stores it."""
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
    """One feature's figures. `reference` and `current` are counts, one for each bin of `bins`, the last for missing.

    Where nothing was counted, `psi` is None, and `high` and `critical` are infinite. `low` and `high` are a 95%
    interval; `band` is that of the PSI alone, `distribution` the verdict on it. `superiority` is None where the bins
    have no order or a side has no value; `unseen` where training had no value, and for the score. The counts of a
    weighted reference are not whole. `meaning` is what people call the feature.
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
    superiority: ProbabilityOfSuperiority | None
    missing: ProportionDrift
    unseen: ProportionDrift | None

    @property
    def verdicts(self) -> Mapping[Kind, Verdict]:
        """The verdict on each figure."""
        verdicts: dict[Kind, Verdict] = {"distribution": self.distribution, "missing": self.missing.verdict}
        if self.superiority is not None:
            verdicts["superiority"] = self.superiority.verdict
        if self.unseen is not None:
            verdicts["unseen"] = self.unseen.verdict
        return verdicts

    @property
    def alarms(self) -> tuple[Kind, ...]:
        """Which figures raise the alarm."""
        return tuple(kind for kind, verdict in self.verdicts.items() if is_alarm(verdict))

    @property
    def verdict(self) -> Verdict:
        """The worst alarm; without an alarm, `none` only where it is the verdict on every figure."""
        return worst(self.verdicts.values())

    @property
    def alarm(self) -> bool:
        "Some figure is beyond a band and beyond chance."
        return is_alarm(self.verdict)

    def labels(self, locale: str) -> tuple[str, ...]:
        """The labels of the bins on an axis, one text a bin."""
        texts = self.bins.labels(locale)
        return (*texts[:-1], msg("no answer").render(locale)) if self.feature == SCORE else texts

    def alarm_reasons(self) -> Iterator[Message]:
        """A sentence for each figure that raises the alarm."""
        moved = self.superiority
        if moved is not None and moved.alarm:
            share = percent(moved.value)
            yield (
                msg(
                    "The values are lower: in only {share} of comparisons a pupil of this period has a higher "
                    "value than a training pupil; without drift it would be 50%.",
                    share=share,
                )
                if moved.value < 0.5
                else msg(
                    "The values are higher: in {share} of comparisons a pupil of this period has more than a training "
                    "pupil; without drift it would be 50%.",
                    share=share,
                )
            )
        if self.missing.alarm and self.missing.value is not None:
            yield msg(
                "{now} of the values are missing; in training it was {then}.",
                now=percent(self.missing.value),
                then=percent(self.missing.reference),
            )
        if self.unseen is not None and self.unseen.alarm and self.unseen.value is not None:
            yield msg("{now} of the values never occurred in training.", now=percent(self.unseen.value))
        if "distribution" in self.alarms and self.psi is not None:
            yield msg(
                "The values are spread differently: the distance from training (PSI) is {psi}; chance alone "
                "seldom gives more than {critical}.",
                psi=decimal(self.psi),
                critical=decimal(self.critical),
            )

    def as_dict(self) -> dict[str, object]:
        """The figures without the bins, as a snapshot stores them; None for what is not finite."""
        return {
            "feature": self.feature,
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
            "current": list(self.current),
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
    before, now = np.array(reference, dtype=np.float64), np.array(current, dtype=np.float64)
    n, m = int(now.sum()), float(before.sum())
    ordered = bins.ordered
    levels = {kind: spent / family for kind, spent in ALPHA_SHARES.items()}
    value = float(psi(before, now)) if m else 0.0
    critical = critical_value(n, m, int(used_bins(before, now)), levels["distribution"])
    superiority = float(mann_whitney.probability_of_superiority(before[:ordered], now[:ordered]))
    error = mann_whitney.standard_error(before[:ordered], now[:ordered])
    limit = NormalDist().inv_cdf(1 - levels["superiority"] / 2) * error
    changed = value >= MODERATE and value > _NEAR * critical
    moved = abs(superiority - 0.5) >= mann_whitney.MODERATE and abs(superiority - 0.5) > _NEAR * limit
    if n >= MIN_SAMPLES and (changed or moved):
        # Perhaps an alarm: approximate critical values are not good enough for that.
        exact = exact_critical_values(reference, ordered, rounded(n), levels["distribution"], levels["superiority"])
        critical, limit = exact.psi, exact.superiority
    low, high = interval(before, now) if m else (0.0, float("inf"))
    return FeatureDrift(
        feature=bins.feature,
        meaning=meaning,
        bins=bins,
        reference=reference,
        current=current,
        n=n,
        psi=value if n and m else None,
        low=low,
        high=high,
        critical=critical,
        band=band(value),
        distribution=verdict_for(n, band(value), significant=value > critical),
        superiority=_superiority(before[:ordered], now[:ordered], n, superiority, limit),
        missing=proportion_drift(current[-1], n, reference[-1], m, alpha=levels["missing"]),
        unseen=_unseen(bins, current, outside, trained, levels["unseen"]),
    )


def _superiority(
    reference: mann_whitney.Floats, current: mann_whitney.Floats, n: int, value: float, critical: float
) -> ProbabilityOfSuperiority | None:
    if reference.size < 2 or not reference.any() or not current.any():
        return None
    low, high = mann_whitney.interval(reference, current)
    its_band = mann_whitney.band(value)
    verdict = verdict_for(n, its_band, significant=abs(value - 0.5) > critical)
    return ProbabilityOfSuperiority(value, low, high, critical, its_band, verdict)


def _unseen(
    bins: FeatureBins, current: tuple[int, ...], outside: int, trained: int, alpha: float
) -> ProportionDrift | None:
    """The proportion of values that training never had; None where training had no value.

    The expected proportion follows from leaving out one training row after another: the rows that would then be new
    are those of the least and the greatest value, or of each value that only one row has.
    """
    if bins.values is not None:
        new, unique = current[len(bins.values)], sum(count == 1 for count in bins.counts[: len(bins.values)])
    elif bins.lowest is not None:
        new, unique = outside, min(2, trained)
    else:
        return None
    return proportion_drift(new, sum(current), unique, trained, alpha=alpha, rising=True)


def percent(share: float) -> str:
    """A share in whole percent, the same in both languages."""
    return f"{share:.0%}"
