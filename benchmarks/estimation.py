"""Expected performance before outcomes (CBPE): Farol's and NannyML's of the same answers, and what came true.

    python -m benchmarks.estimation [WORKBOOK] [--peers PYTHON …]

Without a workbook the sample is used. Three questions: next year's; this year's; and this year's with the columns
hidden that give the label away. Of each, the reference is what the model answered for its training rows out of fold,
with their labels; the answers to be judged are those for the later sheet that tests it, whose labels are known here
and told to neither. Pupils of whom too little is known for an answer are left out of both.

Farol gets, as in life, the counts of the answers by hundredth, and those of the reference with how many were at risk.
NannyML (`--peers`: the Python of an environment that has it; docs/monitoring.md says how to install it) gets
probabilities, predictions, and the reference row by row, the later sheet as one chunk; its intervals are three standard
errors wide, not 95%. Both are asked a second time to take probabilities as they are; those figures must agree, as must
NannyML's with Farol's formula given the isotonic map of its rows, so that the rest of the difference shows.

Then, without any drift, each estimate is held against the truth: what answers are worth is learned from a random half
of the reference's rows, and a half of the others, chosen so that high or low answers are more frequent, is judged:
the mean error, and in what share of the draws the truth lay in Farol's interval, which should be 95%.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from farol.evaluation.capacity import USUAL
from farol.model.reference import SCORE_BINS, score_index
from farol.model.risk_bands import Support
from farol.outcomes.estimation import DRAWS as ESTIMATED
from farol.outcomes.estimation import MEASURES, IsotonicCalibration, estimate, estimate_rows, measures, resampled_shares
from farol.profile import load_profile
from farol.training import models, sections
from farol.training.plan import plan_of
from farol.training.rows import split_rows
from farol.training.support import measured_support
from farol.training.threshold import choose_threshold, guarded
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample import write_sample

Floats = NDArray[np.float64]
Figures = Mapping[str, Mapping[str, float]]

DRAWS = 100
TIMES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A question: the reference (m,) with its labels, the later answers (n,) with theirs, and the threshold."""

    title: str
    reference: Floats
    reference_label: Floats
    probability: Floats
    label: Floats
    threshold: float


def questions(panel: Panel) -> Iterator[Answers]:
    """What the models of a panel answer, out of fold and for the year that tests them."""
    for name in ("next-year", "current"):
        task = panel.profile.tasks[name]
        split = split_rows(panel, task, plan_of(panel, task), seed=0)
        train, test = split.train, split.test
        served = models.fit_served(task, train, seed=0)
        folded = models.folded(task, train, seed=0)
        unseen = folded.by_pupil(train.matrix)
        threshold = guarded(choose_threshold(train.label, unseen, seed=0), unseen, USUAL).threshold.value
        said = served.probability(test.matrix)
        measured = sections.support(measured_support(task, train, folded, threshold=threshold, seed=0))
        support = Support.of(measured, task.features, task.hidden)
        enough, later = (
            support.judge(rows.matrix, answers).answered for rows, answers in ((train, unseen), (test, said))
        )
        yield Answers(name, unseen[enough], train.label[enough], said[later], test.label[later], threshold)
        if task.hidden:
            blind = folded.by_pupil(models.without(task, train.matrix))
            said = served.probability(models.without(task, test.matrix))
            title = f"{name} without {', '.join(task.hidden)}"
            yield Answers(title, blind[enough], train.label[enough], said[later], test.label[later], threshold)


def came_true(label: Floats, probability: Floats, threshold: float) -> dict[str, float]:
    """The figures of answers whose labels are known, by scikit-learn."""
    predicted = probability >= threshold
    return {
        "roc_auc": float(roc_auc_score(label, probability)),
        "precision": float(precision_score(label, predicted)),
        "recall": float(recall_score(label, predicted)),
        "f1": float(f1_score(label, predicted)),
        "accuracy": float(accuracy_score(label, predicted)),
        "brier_score": float(brier_score_loss(label, probability)),
    }


def cells_of(probability: Floats) -> tuple[int, ...]:
    """The counts that the store would have."""
    return tuple(np.bincount(score_index(probability), minlength=SCORE_BINS + 1).tolist())


def ours(answers: Answers, learned: IsotonicCalibration | None) -> tuple[Figures, float]:
    """Farol's estimate from counts with its interval, and the seconds it takes for one more window: best of five."""
    cells, seconds = cells_of(answers.probability), []
    for _ in range(TIMES):
        estimate.cache_clear()
        start = time.perf_counter()
        estimation = estimate(cells, answers.threshold, learned)
        seconds.append(time.perf_counter() - start)
    figures = {
        name: {key: float(str(value)) for key, value in asdict(measure).items()}
        for name, measure in estimation.measures.items()
    }
    return figures, min(seconds)


def learned_from(probability: Floats, label: Floats) -> IsotonicCalibration:
    """What a bundle's reference would know of these answers."""
    return IsotonicCalibration(cells_of(probability)[:SCORE_BINS], cells_of(probability[label == 1])[:SCORE_BINS])


def mapped(answers: Answers) -> dict[str, float]:
    """Farol's formula for the very rows, with an isotonic map of the reference's rows for what they are worth."""
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(answers.reference, answers.reference_label)
    values, counts = np.unique(answers.probability, return_counts=True)
    weights = counts.astype(np.float64)
    expected = measures(weights, weights * isotonic.predict(values), values >= answers.threshold, values)
    return {name: float(value) for name, value in expected.items()}


def theirs(answers: Answers, python: str) -> list[dict[str, Any]]:
    """NannyML's estimates of the same answers."""
    quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.npz"
        np.savez(
            file,
            probability=answers.probability,
            prediction=(answers.probability >= answers.threshold).astype(np.int64),
            reference_probability=answers.reference,
            reference_prediction=(answers.reference >= answers.threshold).astype(np.int64),
            reference_label=answers.reference_label.astype(np.int64),
        )
        command = [python, str(Path(__file__).with_name("peers.py")), "cbpe", str(file)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **quiet})
    return [json.loads(line) for line in answer.stdout.splitlines()]


def halves(answers: Answers) -> None:
    """Prints how far off the estimates are, and how often the truth is in the interval, when nothing has changed."""
    rng = np.random.default_rng(0)
    errors: dict[str, list[list[float]]] = {"recalibrated": [], "as they are": []}
    inside = dict.fromkeys(MEASURES, 0)
    for i in range(DRAWS):
        half = rng.random(answers.reference.size) < 0.5
        others = np.flatnonzero(~half)
        weights = answers.reference[others] + 0.2 if i % 2 else 1.2 - answers.reference[others]
        rows = rng.choice(others, others.size // 2, replace=False, p=weights / weights.sum())
        said, label = answers.reference[rows], answers.reference_label[rows]
        real = came_true(label, said, answers.threshold)
        learned = learned_from(answers.reference[half], answers.reference_label[half])
        for name, known in (("recalibrated", learned), ("as they are", None)):
            estimated = estimate(cells_of(said), answers.threshold, known).measures
            errors[name].append([abs(float(estimated[measure].value or 0) - real[measure]) for measure in MEASURES])
            if known is not None:
                for measure in MEASURES:
                    inside[measure] += (estimated[measure].low or 0) <= real[measure] <= (estimated[measure].high or 0)
    print(f"  without drift, {DRAWS} halves of the reference: mean error; share of truths in Farol's interval")
    means = {name: np.mean(draws, axis=0) for name, draws in errors.items()}
    for at, name in enumerate(MEASURES):
        off = "   ".join(f"{how} {mean[at]:.3f}" for how, mean in means.items())
        print(f"    {name:12}{off}   {inside[name] / DRAWS:.0%}")


def figure(interval: Mapping[str, float]) -> str:
    """A figure with its interval."""
    return f"{interval['value']:.3f} ({interval['low']:.3f}–{interval['high']:.3f})"


def told(answers: Answers, pythons: list[str]) -> None:
    """Prints the table of a question."""
    learned = learned_from(answers.reference, answers.reference_label)
    resampled_shares(learned, ESTIMATED)  # once a model
    (mine, seconds), (plain, _) = ours(answers, learned), ours(answers, None)
    real = came_true(*_known(answers))
    peers = [peer for python in pythons for peer in theirs(answers, python)]
    sides = {"Farol": mine, "as they are": plain} | {f"NannyML, {peer['how']}": peer["estimated"] for peer in peers}
    n, m = answers.probability.size, answers.reference.size
    print(f"\n{answers.title}: {n} answers at {answers.threshold:g}, {m} of reference")
    print(f"  said on average {answers.probability.mean():.3f}, came true {answers.label.mean():.3f}")
    said, came = answers.reference.mean(), answers.reference_label.mean()
    print(f"  in the reference {said:.3f}, came true {came:.3f}")
    print(f"  {'':13}{'came true':11}" + "".join(f"{title:25}" for title in sides))
    for name in MEASURES:
        cells = (_marked(side[name], real[name]) if name in side else "–" for side in sides.values())
        print(f"  {name:13}{real[name]:<11.3f}" + "".join(f"{cell:25}" for cell in cells))
    print("  * what came true lies outside of the interval")
    for peer in peers:
        compared = {"Farol": mine if peer["how"] == "as it comes" else plain}
        if peer["calibrates"]:
            compared["Farol's formula with the map of its rows"] = _figures(mapped(answers))
        elif peer["how"] == "as it comes":
            compared["Farol as they are"] = plain
        compared["Farol's formula from rows"] = _figures(estimate_rows(answers.probability, answers.threshold))
        differences = (f"{who} {_apart(peer['estimated'], figures):.6f}" for who, figures in compared.items())
        print(
            f"  {peer['peer']}, {peer['how']}: calibrates {peer['calibrates']}; at most from " + ", ".join(differences)
        )
        print(
            f"    {peer['seconds'] * 1e3:.1f} ms, Farol {seconds * 1e3:.1f} ms: {peer['seconds'] / seconds:.1f} times"
        )
    halves(answers)


def _apart(figures: Figures, other: Figures) -> float:
    return max(abs(figures[name]["value"] - other[name]["value"]) for name in figures)


def _figures(values: Mapping[str, float]) -> Figures:
    return {name: {"value": value} for name, value in values.items()}


def _known(answers: Answers) -> tuple[Floats, Floats, float]:
    return answers.label, answers.probability, answers.threshold


def _marked(interval: Mapping[str, float], real: float) -> str:
    return figure(interval) + ("" if interval["low"] <= real <= interval["high"] else " *")


def main(arguments: list[str]) -> None:
    """Every question in one run."""
    parser = argparse.ArgumentParser(description="Expected performance, beside NannyML's and what came true.")
    parser.add_argument("workbook", nargs="?", type=Path)
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workbook = given.workbook or write_sample(Path(folder) / "sample.xlsx")
        panel = read_panel(workbook, load_profile("pede"))
    for answers in questions(panel):
        told(answers, given.peers)


if __name__ == "__main__":
    main(sys.argv[1:])
