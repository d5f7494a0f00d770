"""The worth of next year's forecast, and the attempts to improve it: every figure of docs/model.md.

    python benchmarks/model.py WORKBOOK [--rules] [--tried] [--seeds 5]

Without options, the goals' table: the served design trained on all pairs of years but the last, tested on the last.
With --rules also what the sheets say of the rule of ages. With --tried also every candidate, judged on training years
alone under every rule that the next year may bring (the criterion of `benchmarks.selection`), and then beside it
what each gives in the test year, which chose nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from benchmarks.selection import AcrossRules, Model, across_rules, better, out_of_fold_repeated
from farol.evaluation.metrics import Estimate, calibration_bins, evaluate
from farol.model.features import feature_matrix
from farol.profile import AgeRule, DatedRule, Profile, Task, load_profile
from farol.training import models
from farol.training.augmentation import Repetitions, repetitions_of
from farol.training.plan import Plan, plan_of
from farol.training.rows import LabelledRows, rows_of
from farol.workbook.derived import LookUp
from farol.workbook.labels import next_values
from farol.workbook.panel import Panel, read_panel

Floats = NDArray[np.float64]
TASK = "next-year"
GOALS: Mapping[str, tuple[str, float]] = {
    "roc_auc": ("ROC AUC", 0.90),
    "average_precision": ("average precision", 0.87),
    "brier": ("Brier score", 0.125),
    "ece": ("calibration error (10 bins)", 0.05),
    "onset": ("AUC, onset (highest level apart)", 0.88),
    "recovery": ("AUC, recovery", 0.92),
    "precision_top": ("precision, top 20%", 0.93),
}
LOWER_IS_BETTER = ("brier", "ece")


@dataclass(frozen=True, slots=True, eq=False)
class YearsRepetitions(Repetitions):
    """Repeats with two more features: years until the expected level passes the present one, and the one after."""

    years: tuple[int, int] = (0, 0)

    @property
    def varying(self) -> tuple[int, ...]:
        return (*(position for position, _ in self.chances), *self.years)

    def features(self, matrix: Floats) -> Floats:
        repeated = Repetitions.features(self, matrix)
        for promotions, position in enumerate(self.years):
            repeated[:, :, position] = years_of_slack(self, self.level, promotions)
        return repeated


def years_of_slack(repetitions: Repetitions, level: Floats, promotions: int) -> Floats:
    """Years (n, 12), from the mean age of next year, until the expected level is above `promotions` levels more."""
    dated = repetitions.ages.rule.dated[int(repetitions.ages.known_in(np.array([float(repetitions.known)]))[0])]
    ages = np.arange(100.0)
    passing = []
    for table in (dated.applied, dated.written):
        expected = np.array([next(result for bound, result in table if age <= bound) for age in ages])
        first = [
            float(ages[expected > known_level][0]) if (expected > known_level).any() else np.nan
            for known_level in np.arange(12.0)
        ]
        place = np.clip(np.nan_to_num(level + promotions), 0, 11).astype(np.int64)
        passing.append(np.where(np.isnan(level), np.nan, np.array(first)[place]))
    mean_age = repetitions.base + (12 - repetitions.state) / 12
    years: Floats = np.mean(passing, axis=0)[:, np.newaxis] - mean_age
    return years


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to forecast: what the model sees, what it is taught, how it grows and how it is calibrated."""

    name: str
    features: Callable[[Task], tuple[str, ...]] = lambda task: task.features
    repeated: bool = True
    written: bool = True
    years: bool = False
    forgets: bool = True
    rounds: int = models.ROUNDS
    settings: Mapping[str, object] = field(default_factory=dict)
    calibration: str = "none"


def without(*names: str) -> Callable[[Task], tuple[str, ...]]:
    return lambda task: tuple(name for name in task.features if name not in names)


CHANCES = ("p_pass", "p_pass_if_promoted")
DESIGN = Candidate("the design: repeated, chances")
CANDIDATES = (
    Candidate("as before: age, no chances, not repeated", lambda t: (*without(*CHANCES)(t), "age"), repeated=False),
    Candidate("chances, not repeated", repeated=False),
    Candidate("age in place of chances, repeated", lambda t: (*without(*CHANCES)(t), "age")),
    Candidate("repeated, the applied table alone", written=False),
    DESIGN,
    Candidate("… never without a birthday", forgets=False),
    Candidate("… and age", lambda t: (*t.features, "age")),
    Candidate("… without level and expected level", without("phase", "ideal_phase")),
    Candidate("… without years in the programme", without("years_in_programme")),
    Candidate("… and years of slack", years=True),
    Candidate("… years of slack in place of chances", without(*CHANCES), years=True),
    Candidate("… 50 rounds", rounds=50),
    Candidate("… 200 rounds", rounds=200),
    Candidate("… 400 rounds", rounds=400),
    Candidate("… 4 leaves", settings={"max_leaves": 4}),
    Candidate("… 10 leaves", settings={"max_leaves": 10}),
    Candidate("… 16 leaves", settings={"max_leaves": 16}),
    Candidate("… 5 pupils a leaf at least", settings={"min_child_weight": 5}),
    Candidate(
        "… half of rows and features a tree, 200", rounds=200, settings={"subsample": 0.5, "colsample_bytree": 0.5}
    ),
    Candidate("… Platt scaling", calibration="platt"),
    Candidate("… isotonic calibration", calibration="isotonic"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A candidate's view of the panel: the training rows, how they repeat, and the test rows' features."""

    task: Task
    rows: LabelledRows
    repetitions: Repetitions
    test: LabelledRows


def prepare(panel: Panel, plan: Plan, candidate: Candidate) -> Prepared:
    base = panel.profile.tasks[TASK]
    features = candidate.features(base)
    task = replace(base, features=features, monotone={n: s for n, s in base.monotone.items() if n in features})
    school = panel if candidate.written else replace(panel, profile=applied_only(panel.profile))
    known, year = plan.known, panel.year.astype(np.float64)
    matrix = feature_matrix(school.profile, task, panel.numbers, year, known)
    repetitions = repetitions_of(school, task, known)
    if repetitions is None:
        whole = repetitions_of(school, base, known)
        assert whole is not None, "the profile has no rule of ages"
        repetitions = replace(whole, chances=(), forgets=False)
    repetitions = replace(repetitions, forgets=repetitions.forgets and candidate.forgets)
    if candidate.years:
        matrix, repetitions, task = with_years(panel, task, matrix, repetitions)
    rows = rows_of(panel, plan, matrix, plan.train, repetitions)
    assert rows.repetitions is not None
    taught = rows if candidate.repeated else replace(rows, repetitions=None)
    return Prepared(task, taught, rows.repetitions, rows_of(panel, plan, matrix, plan.test))


def applied_only(profile: Profile) -> Profile:
    rule = profile.rule
    assert isinstance(rule, AgeRule)
    return replace(
        profile, rule=replace(rule, dated=tuple(replace(dated, written=dated.applied) for dated in rule.dated))
    )


def with_years(panel: Panel, task: Task, matrix: Floats, repetitions: Repetitions) -> tuple[Floats, Repetitions, Task]:
    births = repetitions.ages.possible(panel.numbers, panel.year.astype(np.float64))
    whole = replace(repetitions, base=births.base, state=births.state)
    columns = [years_of_slack(whole, repetitions.level, promotions).mean(axis=1) for promotions in (0, 1)]
    k = matrix.shape[1]
    names = ("years_of_slack", "years_of_slack_if_promoted")
    wider = replace(task, features=(*task.features, *names), monotone={**task.monotone, **dict.fromkeys(names, -1)})
    parts = {name: getattr(repetitions, name) for name in Repetitions.__dataclass_fields__}
    return np.column_stack((matrix, *columns)), YearsRepetitions(**parts, years=(k, k + 1)), wider


def fitted(candidate: Candidate, task: Task, rows: LabelledRows, repetitions: Repetitions, *, seed: int) -> Model:
    """A candidate's model of some rows, calibrated where it is to be by answers out of fold of those rows alone."""

    def plain(some: LabelledRows) -> Model:
        settings = {**models.SETTINGS, **candidate.settings}
        return models.fit_served(task, some, seed=seed, rounds=candidate.rounds, settings=settings).probability

    answer = plain(rows)
    if candidate.calibration == "none":
        return answer
    said, truth = (
        out_of_fold_repeated(plain, rows, repetitions, seed=seed).ravel(),
        repetitions.labels(rows.label).ravel(),
    )
    if candidate.calibration == "isotonic":
        steps = IsotonicRegression(out_of_bounds="clip", y_min=0.001, y_max=0.999).fit(said, truth)
        return lambda matrix: steps.predict(answer(matrix))
    both, labels = np.tile(said, 2), np.repeat([1.0, 0.0], said.size)
    line = LogisticRegression(C=1e6).fit(logit(both), labels, sample_weight=np.concatenate((truth, 1 - truth)))
    return lambda matrix: line.predict_proba(logit(answer(matrix)))[:, 1]


def logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(clipped / (1 - clipped))[:, np.newaxis]
    return odds


def judged(panel: Panel, plan: Plan, candidate: Candidate, seeds: int) -> tuple[AcrossRules, dict[str, float]]:
    """A candidate across rules, the mean over foldings, and in the test year."""
    ready = prepare(panel, plan, candidate)
    reference = prepare(panel, plan, DESIGN).repetitions
    foldings = []
    for seed in range(seeds):

        def fit(some: LabelledRows, seed: int = seed) -> Model:
            repetitions = ready.repetitions.select(np.isin(ready.rows.student, some.student))
            return fitted(candidate, ready.task, some, repetitions, seed=seed)

        said = out_of_fold_repeated(fit, ready.rows, ready.repetitions, seed=seed)
        foldings.append(across_rules(said, ready.rows, reference))
    mean = AcrossRules(
        *(np.mean([getattr(folding, name) for folding in foldings], axis=0) for name in AcrossRules.__slots__)
    )
    answer = fitted(candidate, ready.task, ready.rows, ready.repetitions, seed=0)
    return mean, dict(measured(panel, ready.test, answer(ready.test.matrix)))


def measured(panel: Panel, test: LabelledRows, said: Floats) -> Iterator[tuple[str, float]]:
    values = evaluate(test.label, said, 0.5, seed=0, resamples=1).values()
    yield from ((name, values[name]) for name in GOALS if name in values)
    for name, mask in groups(panel, test).items():
        yield name, evaluate(test.label[mask], said[mask], 0.5, seed=0, resamples=1).values()["roc_auc"]


def groups(panel: Panel, test: LabelledRows) -> dict[str, NDArray[np.bool_]]:
    """Who is not behind now, the highest level apart (it cannot fall behind), and who is."""
    place = {key: at for at, key in enumerate(zip(panel.student, panel.year.tolist(), strict=True))}
    rows = [place[key] for key in zip(test.student, test.year.tolist(), strict=True)]
    level = panel.numbers[str(panel.profile.level)][rows]
    derived = panel.profile.rule
    assert derived is not None
    highest = max(result for _, result in derived.dated[-1].applied)
    return {"onset": (test.now == 0) & (level < highest), "recovery": test.now == 1}


def perfect_ece(said: Floats, *, draws: int = 2_000) -> tuple[float, float]:
    """The calibration error that a model right about every probability would show: its mean, its 95% quantile."""
    labels = np.random.default_rng(0).random((draws, said.size)) < said
    bins = calibration_bins(said, 10)
    member = bins[:, np.newaxis] == np.arange(10)
    gaps = np.abs((said - labels) @ member).sum(axis=1) / said.size
    return float(gaps.mean()), float(np.quantile(gaps, 0.95))


def rules(panel: Panel) -> None:
    """What the sheets themselves say of the rule of ages, and of who falls behind."""
    rule = panel.profile.rule
    assert rule is not None
    tables = list(dict.fromkeys(table for dated in rule.dated for table in (dated.applied, dated.written)))
    names = [f"≤{table[0][0]:g} → {table[0][1]:g}" for table in tables]
    print("\nRows whose expected level is the table's for the age on a day:\n")
    print(f"| sheet | age | {' | '.join(names)} |\n|---" + "|---" * (len(names) + 1) + "|")
    (dates,) = panel.dates.values()
    for year in panel.years:
        rows = panel.year == year
        level = panel.numbers[rule.column][rows]
        ages = {"as written": panel.numbers[rule.age][rows]}
        ages |= {f"on {dated.month:02}-{dated.day:02}": age_on(dates[rows], year, dated) for dated in rule.dated}
        for title, age in ages.items():
            known = ~np.isnan(age) & ~np.isnan(level)
            if known.any():
                shares = [np.mean(LookUp.of(table)(age[known]) == level[known]) for table in tables]
                print(f"| {year} | {title} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    level = panel.numbers[str(panel.profile.level)]
    following = next_values(panel.profile, panel.student, panel.year, level)
    highest = max(result for _, result in rule.dated[-1].applied)
    print("\nOf pupils not behind, below the highest level, who are in the next sheet, those behind there:\n")
    for year in panel.years[:-1]:
        some = (panel.year == year) & (panel.label == 0) & (level < highest) & ~np.isnan(panel.next_label + following)
        for title, mask in (("kept in their level", following <= level), ("promoted", following > level)):
            chosen = some & mask
            print(f"- {year} → {year + 1}, {title}: {int(panel.next_label[chosen].sum())} of {int(chosen.sum())}")


def age_on(born: Floats, year: int, day: DatedRule) -> Floats:
    """Whole years (n,) on a day of a year, of birth dates in days since 1970-01-01."""
    ages = np.full(born.shape, np.nan)
    known = ~np.isnan(born)
    dates = [date(1970, 1, 1) + timedelta(days=int(day_of_birth)) for day_of_birth in born[known]]
    ages[known] = [
        year - day_of_birth.year - ((day_of_birth.month, day_of_birth.day) > (day.month, day.day))
        for day_of_birth in dates
    ]
    return ages


def goals(panel: Panel, plan: Plan) -> None:
    ready = prepare(panel, plan, DESIGN)
    answer = fitted(DESIGN, ready.task, ready.rows, ready.repetitions, seed=0)
    said, test = answer(ready.test.matrix), ready.test
    whole = evaluate(test.label, said, 0.5, seed=0).estimates
    parts = {
        name: evaluate(test.label[mask], said[mask], 0.5, seed=0).estimates["roc_auc"]
        for name, mask in groups(panel, test).items()
    }
    print(
        f"Trained on {[part.as_of for part in plan.train]}, tested on {plan.test[0].years}: ",
        end="",
    )
    print(f"{test.label.size} pupils, {int(test.label.sum())} behind\n")
    print("| | goal | measured | 95% interval | |\n|---|---|---|---|---|")
    for name, (title, goal) in GOALS.items():
        figure = {**whole, **parts}[name]
        if not isinstance(figure, Estimate):
            print(f"| {title} | | not defined for these rows: {figure.reason} | | |")
            continue
        lower = name in LOWER_IS_BETTER
        met = figure.value <= goal if lower else figure.value >= goal
        bound, verdict = f"{'≤' if lower else '≥'} {goal}", "met" if met else "missed"
        print(f"| {title} | {bound} | {figure.value:.3f} | {figure.low:.3f}–{figure.high:.3f} | {verdict} |")
    mean, high = perfect_ece(said)
    print(f"\nWere every probability right, the calibration error would be {mean:.3f} with these rows,", end=" ")
    print(f"and up to {high:.3f} in 19 of 20 tests.")
    sizes = {name: (int(mask.sum()), int(test.label[mask].sum())) for name, mask in groups(panel, test).items()}
    print("Onset and recovery: " + ", ".join(f"{name} {n} pupils, {k} behind" for name, (n, k) in sizes.items()))
    print(f"\nThe same model when less is known of the birthday (the rest as above):\n\n{HEAD_TEST}")
    for title, gone in (
        ("year and month of birth", ()),
        ("year of birth", ("birth_month",)),
        ("age", ("birth_month", "birth_year")),
        ("nothing", ("birth_month", "birth_year", "age")),
    ):
        blank = np.full(panel.year.shape, np.nan)
        less = replace(panel, numbers={**panel.numbers, **dict.fromkeys(gone, blank)})
        other = prepare(less, plan, DESIGN).test
        print(row(title, dict(measured(panel, other, answer(other.matrix)))))
    untaught = replace(DESIGN, forgets=False)
    never = prepare(panel, plan, untaught)
    answer = fitted(untaught, never.task, never.rows, never.repetitions, seed=0)
    print(row("nothing, had it never been taught so", dict(measured(panel, other, answer(other.matrix)))))


HEAD_TEST = "| | AUC | AP | Brier | ECE | onset | recovery | top 20% |\n|---|---|---|---|---|---|---|---|"


def row(title: str, values: Mapping[str, float]) -> str:
    return f"| {title} | " + " | ".join(f"{values[name]:.3f}" for name in GOALS) + " |"


def tried(panel: Panel, plan: Plan, seeds: int) -> None:
    print(f"\nCandidates across rules, out of fold in training years (mean of {seeds} foldings): the criterion.")
    print("Better: how much lower the log loss is than the design's, and its standard error over pupils.\n")
    print("| | log loss | better | ± | worst | Brier | AUC | worst | onset | ECE |")
    print("|---" * 10 + "|")
    tests, design = [], judged(panel, plan, DESIGN, seeds)[0]
    for candidate in CANDIDATES:
        across, test = judged(panel, plan, candidate, seeds)
        tests.append(row(candidate.name, test))
        names = ("worst_log_loss", "brier", "roc_auc", "worst_roc_auc", "onset_roc_auc", "ece")
        rest = " | ".join(f"{getattr(across, name):.3f}" for name in names)
        gain, error = better(across, design)
        print(f"| {candidate.name} | {across.log_loss:.4f} | {gain:+.4f} | {error:.4f} | {rest} |", flush=True)
    print(f"\nThe same candidates in the test year, which chose nothing:\n\n{HEAD_TEST}")
    print("\n".join(tests) + "\n")
    share = float(np.mean([cohort.as_of > min(panel.years) for cohort in plan.train]))
    print(f"History: {share:.0%} of the training pairs have a sheet of the year before.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workbook", type=Path)
    parser.add_argument("--profile", default="pede")
    parser.add_argument("--tried", action="store_true", help="also every candidate (some minutes)")
    parser.add_argument("--rules", action="store_true", help="also what the sheets say of the rule of ages")
    parser.add_argument("--seeds", type=int, default=5, help="foldings to average over")
    options = parser.parse_args()
    start = time.perf_counter()
    panel = read_panel(options.workbook, load_profile(options.profile))
    plan = plan_of(panel, panel.profile.tasks[TASK])
    goals(panel, plan)
    if options.rules:
        rules(panel)
    if options.tried:
        tried(panel, plan, options.seeds)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
