"""How often a check raises an alarm without drift, and how often it finds a drift: Farol and its peers.

    python -m benchmarks.false_alarms [WORKBOOK] [--simulations 2000] [--powers 500] [--peers PYTHON …] [--only …]
    python -m benchmarks.false_alarms [WORKBOOK] --multivariate [--simulations 2000] [--peers PYTHON …]

Without a workbook the sample is used. The population is all training rows of the question `current`: ten features,
the model's out-of-fold answer. Every simulation draws a reference from it, as many rows as training had, with
replacement, freezes bins anew on it, and draws the rows to be checked from the same population: so the reference is
the finite sample that it is in life, and both sides share what features have in common. Any alarm of any figure
(features, score, rate of answers 1) counts against Farol. Rows are drawn one by one; that pupils of one month may
resemble each other more than that is not simulated.

Shifts move one feature by half a standard deviation of its known values, down in even simulations and up in odd ones,
cut to the profile's range; a feature of few values is reweighted until its mean has moved as far. Missing: a feature
of which nothing was missing (its gaps are filled with others of its values) loses 15% of its values. `--peers` names
the Pythons of environments that have Evidently or NannyML; they check samples drawn alike, fewer of them
(docs/monitoring.md says how to install them). `--only` runs some parts: `none`, `shift`, `best`, `missing`, `peers`.

`best` asks what could be found at all: the shift of each feature at n = 200 by one test that has the whole percent for
that feature alone, nothing being left for any other feature or figure, and by one that has its tenth. The test is that
of Mann and Whitney; beside it stands the bound of Neyman and Pearson for two normal distributions of known spread and
a shift of known size, half of the level for either direction: no test finds both directions more often.

`--multivariate` makes the check of how each two features go together instead, for references of all rows and of fewer,
as levels have. What changes there is one feature turned round: its values are handed out again among the rows that have
it, the greatest to whoever had the least. So its own distribution stays to the last value, and so does every gap, while
all that it had to do with the others turns round. Found is a check whose alarm names the two features looked at. The
peer is NannyML's reconstruction error by principal components.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from benchmarks.monitoring import answers_of_peers, usual_psi
from farol.drift.pairwise import PairwiseReport, compare
from farol.drift.proportions import wilson
from farol.drift.report import DriftReport, check
from farol.drift.windows import Window
from farol.model.bundle import Bundle, read_bundle, write_bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE
from farol.model.features import Floats, feature_matrix
from farol.model.reference import ANSWERS, SCORE_BINS, Reference, score_index
from farol.profile import Column, load_profile
from farol.training import models
from farol.training.plan import plan_of
from farol.training.rows import rows_of
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample import write_sample

TASK = "current"
SIZES = (10, 30, 50, 100, 500, 5_000)
LIMIT = 0.01
SHIFT, LOST = 0.5, 0.15
SHIFT_AT, LOST_AT = 200, 100
FEWER_ROWS = (150,)
TURNED_AT = (30, 50, 100, 200)
TURNED = (("IDA", "MATEMATICA"), ("IEG", "IDA"), ("IAA", "IPV"))
PEER_SIMULATIONS = {"evidently": 100, "nannyml": 100}
PARTS = ("none", "shift", "best", "missing", "peers")
ALL = Window("all", None, date(2024, 12, 31))


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The rows that everything is drawn from, with the model's answers for them."""

    bundle: Bundle
    matrix: Floats  # (n, k) raw features
    probability: Floats  # (n,) out of fold; NaN for no answer

    @property
    def n(self) -> int:
        """How many rows, and of how many a reference is drawn."""
        return int(self.probability.size)

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return self.bundle.task_spec.features


def population(panel: Panel, folder: Path) -> Population:
    """The training rows of the task, and a bundle of it."""
    task = panel.profile.tasks[TASK]
    bundle = read_bundle(write_bundle(folder, train(panel, TASK, quick=True)))
    plan = plan_of(panel, task)
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64))
    rows = rows_of(panel, plan, matrix, plan.serve)
    probability = models.folded(task, rows, seed=0).by_pupil(rows.matrix)
    answered = bundle.support.judge(rows.matrix, probability).answered
    return Population(bundle, rows.matrix, np.where(answered, probability, np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A reference, and its rows as indices of the population."""

    bundle: Bundle
    rows: NDArray[np.int64]


def trial(of: Population, rng: np.random.Generator) -> Trial:
    """A reference of as many rows as training had, drawn with replacement, and its bins frozen anew."""
    rows = rng.integers(0, of.n, of.n)
    threshold = of.bundle.manifest.threshold
    reference = Reference.fit(of.matrix[rows], of.names, probability=of.probability[rows], threshold=threshold)
    return Trial(replace(of.bundle, reference=reference), rows)


def report(bundle: Bundle, matrix: Floats, probability: Floats) -> DriftReport:
    """The check of some rows, counted as the store counts them."""
    reference, threshold = bundle.reference, bundle.manifest.threshold
    answers = np.where(np.isnan(probability), ANSWERS - 1, probability >= threshold).astype(np.int64)
    bins = reference.index(matrix)
    counts = {each.feature: counted(bins[:, i], each.size) for i, each in enumerate(reference.features)}
    counts[SCORE] = counted(score_index(probability), SCORE_BINS + 1)
    counts[PREDICTION] = counted(answers, ANSWERS)
    counts[OUTSIDE] = dict(enumerate(reference.outside(matrix).sum(axis=0).tolist()))
    return check(bundle, counts, window=ALL)


def counted(bins: NDArray[np.int64], size: int) -> dict[int, int]:
    """Counts by bin."""
    return dict(enumerate(np.bincount(bins, minlength=size).tolist()))


def greatest_psi(reference: Floats, current: Floats) -> float:
    """The greatest PSI of any feature, as usual: known values, ten bins at reference quantiles."""
    sides = zip(reference.T, current.T, strict=True)
    return max(usual_psi((before[~np.isnan(before)], now[~np.isnan(now)]) for before, now in sides))


def shifted(column: Column, values: Floats, drawn: Floats, sign: float, rng: np.random.Generator) -> Floats:
    """`drawn` values (n,) moved by half a standard deviation of all `values`; gaps stay gaps."""
    known = values[~np.isnan(values)]
    present = ~np.isnan(drawn)
    moved = drawn.copy()
    if np.unique(known).size > 10:
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        moved[present] = np.clip(drawn[present] + sign * SHIFT * known.std(), low, high)
        return moved
    points, counts = np.unique(known, return_counts=True)
    target = known.mean() + sign * SHIFT * known.std()
    low, high = -50.0, 50.0
    for _ in range(80):
        tilt = (low + high) / 2
        weights = counts * np.exp(tilt * (points - points.mean()) / known.std())
        if float(points @ weights / weights.sum()) > target:
            high = tilt
        else:
            low = tilt
    moved[present] = rng.choice(points, int(present.sum()), p=weights / weights.sum())
    return moved


def share(count: int, of: int) -> str:
    """A share with its 95% interval."""
    low, high = wilson(count, of)
    return f"{count / of:7.2%} ({low:.2%} to {high:.2%})"


def false_alarms(of: Population, simulations: int, seed: int) -> bool:
    """Prints how often nothing raised an alarm; whether Farol keeps its promise within the noise of the simulation."""
    raised = dict.fromkeys(SIZES, 0)
    moderate, severe = dict.fromkeys(SIZES, 0), dict.fromkeys(SIZES, 0)
    by_kind: dict[str, int] = {}
    rng = np.random.default_rng(seed)
    for _ in range(simulations):
        drawn = trial(of, rng)
        for n in SIZES:
            rows = rng.integers(0, of.n, n)
            checked = report(drawn.bundle, of.matrix[rows], of.probability[rows])
            raised[n] += checked.alarm
            for kind in kinds(checked):
                by_kind[kind] = by_kind.get(kind, 0) + 1
            psi = greatest_psi(of.matrix[drawn.rows], of.matrix[rows])
            moderate[n] += psi >= 0.1
            severe[n] += psi >= 0.25
    print(f"\nNo drift: share of checks with any alarm, {simulations} simulations each (95% interval)")
    print(f"{'n':>6}  {'Farol':34}{'PSI ≥ 0.1, ten bins':34}{'PSI ≥ 0.25, ten bins':34}")
    for n in SIZES:
        row = (share(counts[n], simulations) for counts in (raised, moderate, severe))
        print(f"{n:>6}  " + "".join(f"{cell:34}" for cell in row))
    print("by kind, of all checks: " + ", ".join(f"{kind} {count}" for kind, count in sorted(by_kind.items())))
    return all(wilson(count, simulations)[0] <= LIMIT for count in raised.values())


def kinds(checked: DriftReport) -> Iterator[str]:
    """Which figures raised the alarm."""
    for figure in checked.features:
        yield from figure.alarms
    if checked.score is not None:
        yield from (f"score {kind}" for kind in checked.score.alarms)
    if checked.rate is not None and checked.rate.alarm:
        yield "rate"


def power(of: Population, simulations: int, seed: int) -> None:
    """Prints how often each shift is found, by any figure and by the PSI with the bands alone."""
    columns = of.bundle.profile.columns
    print(
        f"\nShift of {SHIFT} sd in one feature, n = {SHIFT_AT}, {simulations} simulations: share of checks that find it"
    )
    print(f"{'feature':14}{'known':>7}  {'Farol, that feature':34}{'PSI ≥ 0.1, any feature':34}")
    for position, name in enumerate(of.names):
        rng = np.random.default_rng([seed, position])
        hits = bands = 0
        for i in range(simulations):
            drawn = trial(of, rng)
            rows = rng.integers(0, of.n, SHIFT_AT)
            matrix = of.matrix[rows]
            values = of.matrix[:, position]
            matrix[:, position] = shifted(columns[name], values, matrix[:, position], (-1.0) ** (i + 1), rng)
            hits += report(drawn.bundle, matrix, of.probability[rows]).features[position].alarm
            bands += greatest_psi(of.matrix[drawn.rows], matrix) >= 0.1
        known = 1 - float(np.isnan(of.matrix[:, position]).mean())
        print(f"{name:14}{known:>7.0%}  {share(hits, simulations):34}{share(bands, simulations):34}")


def best(of: Population, simulations: int, seed: int) -> None:
    """Prints how often the shift of each feature is found by one test that has the whole percent, or a tenth."""
    columns = of.bundle.profile.columns
    levels = {f"all of {LIMIT:.0%}": LIMIT, f"a tenth of {LIMIT:.0%}": LIMIT / len(of.names)}
    print(
        f"\nThe same shift, n = {SHIFT_AT}, {simulations} simulations: found by one test of the feature with a level of"
    )
    print(f"{'':23}" + "".join(f"{title:42}" for title in levels))
    print(f"{'feature':14}{'values':>7}  " + f"{'Mann and Whitney':34}{'bound':8}" * len(levels))
    for position, name in enumerate(of.names):
        rng = np.random.default_rng([seed, 50, position])
        values = of.matrix[:, position]
        hits, bound = dict.fromkeys(levels, 0), dict.fromkeys(levels, 0.0)
        counted = 0
        for i in range(simulations):
            before = values[rng.integers(0, of.n, of.n)]
            now = values[rng.integers(0, of.n, SHIFT_AT)]
            moved = shifted(columns[name], values, now, (-1.0) ** (i + 1), rng)
            before, moved = before[~np.isnan(before)], moved[~np.isnan(moved)]
            chance = float(mannwhitneyu(moved, before).pvalue)
            distance = SHIFT / np.sqrt(1 / moved.size + 1 / before.size)
            counted += moved.size
            for title, level in levels.items():
                hits[title] += chance <= level
                bound[title] += float(norm.cdf(distance - norm.isf(level / 2)))
        cells = (f"{share(hits[title], simulations):34}{bound[title] / simulations:<8.1%}" for title in levels)
        print(f"{name:14}{counted / simulations:>7.0f}  " + "".join(cells), flush=True)


def lost(of: Population, simulations: int, seed: int) -> None:
    """Prints how often a missing share that goes from 0 to 15% is found, for each feature."""
    print(
        f"\nMissing 0 → {LOST:.0%} in one feature, n = {LOST_AT}, {simulations} simulations: share of checks that find"
    )
    for position, name in enumerate(of.names):
        rng = np.random.default_rng([seed, 99, position])
        whole = replace(of, matrix=of.matrix.copy())
        column = whole.matrix[:, position]
        gaps = np.isnan(column)
        column[gaps] = rng.choice(column[~gaps], int(gaps.sum()))
        hits = 0
        for _ in range(simulations):
            drawn = trial(whole, rng)
            rows = rng.integers(0, of.n, LOST_AT)
            matrix = whole.matrix[rows]
            matrix[rng.random(LOST_AT) < LOST, position] = np.nan
            hits += report(drawn.bundle, matrix, of.probability[rows]).features[position].alarm
        print(f"{name:14}{share(hits, simulations)}", flush=True)


def pairwise(bundle: Bundle, matrix: Floats) -> PairwiseReport:
    """The multivariate check of some rows."""
    return compare(bundle, matrix, window=ALL, answers=matrix.shape[0], read=matrix.shape[0])


def smaller(of: Population, rows: int, rng: np.random.Generator) -> Bundle:
    """A bundle whose reference is of this many rows."""
    return replace(of.bundle, reference=Reference.fit(of.matrix[rng.integers(0, of.n, rows)], of.names))


def false_pairs(of: Population, simulations: int, seed: int) -> bool:
    """Prints how often nothing raised an alarm of how features go together; whether the promise is kept."""
    rng = np.random.default_rng([seed, 11])
    references = (of.n, *FEWER_ROWS)
    raised = {(rows, n): 0 for rows in references for n in SIZES}
    compared = dict.fromkeys(SIZES, 0)
    for _ in range(simulations):
        bundles = {rows: smaller(of, rows, rng) for rows in references}
        for n in SIZES:
            matrix = of.matrix[rng.integers(0, of.n, n)]
            for rows, bundle in bundles.items():
                checked = pairwise(bundle, matrix)
                raised[rows, n] += checked.alarm
                compared[n] += checked.compared if rows == of.n else 0
    print(f"\nNo drift: share of multivariate checks with any alarm, {simulations} simulations each (95% interval)")
    print(f"{'n':>6}{'pairs':>7}  " + "".join(f"{f'reference of {rows} rows':34}" for rows in references))
    for n in SIZES:
        row = (share(raised[rows, n], simulations) for rows in references)
        print(f"{n:>6}{compared[n] / simulations:>7.1f}  " + "".join(f"{cell:34}" for cell in row))
    return all(wilson(count, simulations)[0] <= LIMIT for count in raised.values())


def turned(matrix: Floats, position: int) -> Floats:
    """The rows with one feature turned round: the same values and gaps, the greatest where the least was."""
    result = matrix.copy()
    known = np.flatnonzero(~np.isnan(matrix[:, position]))
    order = known[np.argsort(matrix[known, position], kind="stable")]
    result[order, position] = matrix[order[::-1], position]
    return result


def turned_pairs(of: Population, simulations: int, seed: int) -> None:
    """Prints how often a correlation that turned round is found, and what the check of each feature says of it."""
    print(f"\nOne feature turned round, {simulations} simulations: share of checks that name the two features")
    print(
        f"{'features':20}{'ρ':>6}  "
        + "".join(f"{f'n = {n}':12}" for n in TURNED_AT)
        + f"any single feature, n = {TURNED_AT[-1]}"
    )
    for number, (first, second) in enumerate(TURNED):
        rng = np.random.default_rng([seed, 12, number])
        hits, alone = dict.fromkeys(TURNED_AT, 0), 0
        then = []
        for _ in range(simulations):
            drawn = trial(of, rng)
            for n in TURNED_AT:
                rows = rng.integers(0, of.n, n)
                matrix = turned(of.matrix[rows], of.names.index(second))
                # The verdict on two features does not depend on the others: without them it only comes sooner.
                both = np.where(np.isin(of.names, (first, second)), matrix, np.nan)
                pairs = {(pair.first, pair.second): pair for pair in pairwise(drawn.bundle, both).pairs}
                pair = pairs.get((first, second)) or pairs[second, first]
                hits[n] += pair.alarm
                then.append(pair.reference or 0.0)
            alone += report(drawn.bundle, matrix, of.probability[rows]).alarm
        cells = "".join(f"{f'{hits[n] / simulations:.1%}':12}" for n in TURNED_AT)
        print(f"{f'{first}, {second}':20}{np.mean(then):>6.2f}  {cells}{share(alone, simulations)}")


def moved_pairs(of: Population, simulations: int, seed: int) -> None:
    """Prints how often a shift of one feature, and of nothing else, raises an alarm of pairs."""
    columns = of.bundle.profile.columns
    raised = dict.fromkeys(TURNED_AT, 0)
    rng = np.random.default_rng([seed, 13])
    for i in range(simulations):
        drawn = trial(of, rng)
        position = i % len(of.names)
        sign = (-1.0) ** (i // len(of.names))
        for n in TURNED_AT:
            matrix = of.matrix[rng.integers(0, of.n, n)]
            values = of.matrix[:, position]
            matrix[:, position] = shifted(columns[of.names[position]], values, matrix[:, position], sign, rng)
            raised[n] += pairwise(drawn.bundle, matrix).alarm
    print(f"\nShift of {SHIFT} sd in one feature, each in its turn, {simulations} simulations: multivariate alarms")
    for n in TURNED_AT:
        print(f"{n:>6}  {share(raised[n], simulations)}")


def peers_together(of: Population, pythons: list[str], times: int, seed: int) -> None:
    """What the peer says of samples drawn alike, without drift and with IDA turned round."""
    rng = np.random.default_rng([seed, 14])
    samples: dict[str, NDArray[np.float64]] = {}
    for i in range(times):
        samples[f"reference/{i}"] = of.matrix[rng.integers(0, of.n, of.n)]
        for n in (*TURNED_AT, 5_000):
            samples[f"none {n}/{i}"] = of.matrix[rng.integers(0, of.n, n)]
        for n in TURNED_AT:
            rows = rng.integers(0, of.n, n)
            samples[f"IDA turned {n}/{i}"] = turned(of.matrix[rows], of.names.index("IDA"))
    print_peers(of, pythons, samples, "together", {"nannyml": times})


def peers(of: Population, pythons: list[str], times: dict[str, int], sizes: list[int], seed: int) -> None:
    """Runs every peer found in the given Pythons on samples drawn alike, and prints the same tables."""
    rng = np.random.default_rng([seed, 7])
    simulations = max(times.values())
    samples: dict[str, NDArray[np.float64]] = {}
    for i in range(simulations):
        samples[f"reference/{i}"] = of.matrix[rng.integers(0, of.n, of.n)]
        for n in sizes:
            samples[f"none {n}/{i}"] = of.matrix[rng.integers(0, of.n, n)]
        moved = of.matrix[rng.integers(0, of.n, SHIFT_AT)]
        position = i % len(of.names)
        column = of.bundle.profile.columns[of.names[position]]
        sign = (-1.0) ** (i // len(of.names))
        moved[:, position] = shifted(column, of.matrix[:, position], moved[:, position], sign, rng)
        samples[f"shift {SHIFT_AT}/{i}"] = moved
        gone = of.matrix[rng.integers(0, of.n, LOST_AT)]
        gone[rng.random(LOST_AT) < LOST, of.names.index("IEG")] = np.nan
        samples[f"missing {LOST_AT}/{i}"] = gone
    print_peers(of, pythons, samples, "alarms", times)


def print_peers(
    of: Population, pythons: list[str], samples: dict[str, NDArray[np.float64]], task: str, times: dict[str, int]
) -> None:
    """Prints what each peer says of the samples."""
    options = [f"--{name}={count}" for name, count in times.items()]
    for answer in answers_of_peers(pythons, task, samples, of.names, *options):
        print(f"\n{answer['peer']}, {answer['simulations']} simulations each: any alarm")
        for name, count in answer["raised"].items():
            print(f"  {name:14}{share(count, answer['simulations'])}")


def multivariate(of: Population, given: argparse.Namespace) -> None:
    """All of the check of how features go together."""
    kept = false_pairs(of, given.simulations, given.seed)
    turned_pairs(of, max(1, given.simulations // 10), given.seed)
    moved_pairs(of, max(1, given.simulations // 4), given.seed)
    if given.peers:
        peers_together(of, given.peers, given.nannyml, given.seed)
    print(f"\nat most {LIMIT:.0%} of checks without drift raise an alarm: {'yes' if kept else 'NO'}")


def main(arguments: list[str]) -> None:
    """Everything in one run."""
    parser = argparse.ArgumentParser(description="False alarms and power of drift checks.")
    parser.add_argument("workbook", nargs="?", type=Path)
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--powers", type=int, default=500, help="simulations of each feature that moves or is missing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON")
    parser.add_argument("--multivariate", action="store_true")
    parser.add_argument("--peer-sizes", nargs="*", type=int, default=list(SIZES), metavar="N")
    for peer, usual in PEER_SIMULATIONS.items():
        parser.add_argument(f"--{peer}", type=int, default=usual, metavar="SIMULATIONS")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workbook = given.workbook or write_sample(Path(folder) / "sample.xlsx")
        of = population(read_panel(workbook, load_profile("pede")), Path(folder))
    print(f"{of.n} rows, {len(of.names)} features; seed {given.seed}")
    if given.multivariate:
        multivariate(of, given)
        return
    kept = false_alarms(of, given.simulations, given.seed) if "none" in given.only else None
    if "shift" in given.only:
        power(of, given.powers, given.seed)
    if "best" in given.only:
        best(of, given.powers, given.seed)
    if "missing" in given.only:
        lost(of, given.powers, given.seed)
    if given.peers and "peers" in given.only:
        times = {name: getattr(given, name) for name in PEER_SIMULATIONS}
        peers(of, given.peers, times, given.peer_sizes, given.seed)
    if kept is not None:
        print(f"\nat most {LIMIT:.0%} of checks without drift raise an alarm: {'yes' if kept else 'NO'}")


if __name__ == "__main__":
    main(sys.argv[1:])
