"""How often a promise is called broken when nothing changed, and how often when the model got worse.

    python benchmarks/promises.py [YEARS [A B]]

Invented years (200 of each kind unless told): pupils get probabilities of a wide spread (beta-distributed with A and
B, 0.9 each unless told); with `noise` 0 they come true
just as often as said, on the card and a year later; with more noise the chances are drawn that much towards one half,
so that the order says less and the extremes are wrong. The rivals are two plain looks at the 95% intervals of every
metric: broken where the realised value lies outside the promised interval, as people read a card, and where the two
intervals do not overlap. The limit is 5% of years for all seven metrics together, and for all bands of probability.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.drift.proportions import wilson
from farol.evaluation.bands import Unseen, calibration_bands
from farol.evaluation.metrics import Estimate, Evaluation, evaluate
from farol.outcomes.calibration import band_calibrations
from farol.outcomes.card_comparison import COMPARED, CardMetrics, compare_with_card
from farol.training import sections

Floats = NDArray[np.float64]

LIMIT = 0.05
CARD = 400


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """The forecasts for the pupils of a year, and the outcomes."""

    label: Floats
    probability: Floats
    evaluation: Evaluation


def year(rng: np.random.Generator, n: int, noise: float, shape: tuple[float, float]) -> Year:
    """One year of `n` pupils."""
    probability = rng.beta(*shape, n)
    chance = (1 - noise) * probability + noise * 0.5
    label = (rng.random(n) < chance).astype(np.float64)
    measured = evaluate(label, probability, 0.5, seed=int(rng.integers(1 << 31)), resamples=200)
    return Year(label, probability, measured)


def band_missed(card: Year, came: Year) -> bool:
    """Whether any band of the card is said not to have been kept."""
    known = Unseen(card.label, card.probability, np.zeros(card.label.size, dtype=np.int64))
    bands = sections.bands(calibration_bands(known, card.label, card.probability))
    return any(band.kept is False for band in band_calibrations({"bands": bands}, came.label, came.probability))


def outside(promise: CardMetrics, came: Evaluation) -> bool:
    """Whether any realised value lies outside its promised interval."""
    values = came.values()
    return any(
        name in values and not promised.low <= values[name] <= promised.high
        for name, promised in promise.metrics.items()
    )


def apart(promise: CardMetrics, came: Evaluation) -> bool:
    """Whether any two intervals do not overlap."""
    for name, promised in promise.metrics.items():
        other = came.estimates[name]
        if isinstance(other, Estimate) and (other.low > promised.high or other.high < promised.low):
            return True
    return False


def main(arguments: list[str]) -> None:
    """Simulate and print."""
    years = int(arguments[0]) if arguments else 200
    shape = (float(arguments[1]), float(arguments[2])) if len(arguments) > 2 else (0.9, 0.9)
    rng = np.random.default_rng(0)
    print(
        f"a card of {CARD} pupils, {years} years each, {len(COMPARED)} metrics together; share of years called broken"
    )
    print(f"{'pupils':>8}{'noise':>8}{'farol':>24}{'its bands':>12}{'value outside':>16}{'no overlap':>13}")
    for n in (100, 340, 1000):
        for noise in (0.0, 0.25, 0.5):
            broken_years = np.zeros(4)
            for _ in range(years):
                card, then = year(rng, CARD, 0.0, shape), year(rng, n, noise, shape)
                promise, came = CardMetrics.read(sections.evaluation(card.evaluation)), then.evaluation
                if promise is None:
                    raise SystemExit("a section of a report was not read")
                verdicts = {comparison.verdict for comparison in compare_with_card(promise, came)}
                broken = "worse" in verdicts or "better" in verdicts
                broken_years += (broken, band_missed(card, then), outside(promise, came), apart(promise, came))
            shares = broken_years / years
            low, high = wilson(int(broken_years[0]), years)
            mark = "" if noise or shares[:2].max() <= LIMIT else f"  above {LIMIT:.0%}"
            told = f"{shares[0]:.1%} ({low:.1%}–{high:.1%})"
            print(f"{n:>8}{noise:>8}{told:>24}{shares[1]:>12.1%}{shares[2]:>16.1%}{shares[3]:>13.1%}{mark}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
