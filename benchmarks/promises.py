"""How often a promise is called broken when nothing changed, and how often when the model got worse.

    python benchmarks/promises.py [YEARS]

Invented years (200 of each kind unless told): pupils get probabilities of a wide spread; with `noise` 0 they come true
just as often as said, on the card and a year later; with more noise the chances are drawn that much towards one half,
so that the order says less and the extremes are wrong. The rivals are two plain looks at the 95% intervals of every
metric: broken where the realised value lies outside the promised interval, as people read a card, and where the two
intervals do not overlap. The limit is 5% of years for all seven metrics together.
"""

from __future__ import annotations

import sys

import numpy as np

from farol.monitoring.promises import COMPARED, Promise, compare_with, promise_in
from farol.training.metrics import Estimate, Evaluation, evaluate
from farol.training.sections import evaluation as section_of

LIMIT = 0.05
CARD = 400


def year(rng: np.random.Generator, n: int, noise: float) -> Evaluation:
    """One year of `n` pupils."""
    probability = rng.beta(0.9, 0.9, n)
    chance = (1 - noise) * probability + noise * 0.5
    label = (rng.random(n) < chance).astype(np.float64)
    return evaluate(label, probability, 0.5, seed=int(rng.integers(1 << 31)), resamples=200)


def outside(promise: Promise, came: Evaluation) -> bool:
    """Whether any realised value lies outside its promised interval."""
    values = came.values()
    return any(name in values and not one.low <= values[name] <= one.high for name, one in promise.metrics.items())


def apart(promise: Promise, came: Evaluation) -> bool:
    """Whether any two intervals do not overlap."""
    for name, one in promise.metrics.items():
        other = came.estimates[name]
        if isinstance(other, Estimate) and (other.low > one.high or other.high < one.low):
            return True
    return False


def main(arguments: list[str]) -> None:
    """Simulate and print."""
    years = int(arguments[0]) if arguments else 200
    rng = np.random.default_rng(0)
    print(
        f"a card of {CARD} pupils, {years} years each, {len(COMPARED)} metrics together; share of years called broken"
    )
    print(f"{'pupils':>8}{'noise':>8}{'farol':>10}{'value outside':>16}{'no overlap':>13}")
    for n in (100, 340, 1000):
        for noise in (0.0, 0.25, 0.5):
            found = np.zeros(3)
            for _ in range(years):
                promise = promise_in(section_of(year(rng, CARD, 0.0)))
                came = year(rng, n, noise)
                if promise is None:
                    raise SystemExit("a section of a report was not read")
                verdicts = {one.verdict for one in compare_with(promise, came)}
                found += ("worse" in verdicts or "better" in verdicts, outside(promise, came), apart(promise, came))
            shares = found / years
            mark = "" if noise or shares[0] <= LIMIT else f"  above {LIMIT:.0%}"
            print(f"{n:>8}{noise:>8}{shares[0]:>10.1%}{shares[1]:>16.1%}{shares[2]:>13.1%}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
