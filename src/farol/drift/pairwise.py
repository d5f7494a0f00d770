"""Whether features still go together as they did in training: what no check of single features can see.

Each two features are held against the same two in training rows, by Spearman's rank correlation over groups of the
frozen bins (`farol.drift.rank_correlation`). Missing values take no part: a pupil counts for two features where both
are known. An alarm needs a change beyond the band and beyond chance, as everywhere; and without drift at most one such
check in a hundred raises any alarm, over all pairs: `ALPHA_SPENT` is shared equally among them (Bonferroni), and is
apart from the one percent of the check of single features (`farol.drift.verdicts`).

Rows are read for this, since the counters hold each feature by itself: at most about `MOST_ROWS` of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from farol.drift import rank_correlation
from farol.drift.baseline import level_of, slice_words
from farol.drift.rank_correlation import Counts
from farol.drift.report import reference_years
from farol.drift.verdicts import MIN_SAMPLES, Band, Verdict, is_alarm, verdict_for, verdict_label, worst
from farol.drift.windows import Window
from farol.errors import BundleError
from farol.i18n import Message, decimal, msg
from farol.model.bundle import Bundle
from farol.model.counters import WHOLE
from farol.model.features import Floats, feature_matrix
from farol.model.pairwise_counts import LEAST_ROWS, PairwiseCounts
from farol.store.database import Store
from farol.store.records import Prediction, day_of
from farol.store.sampling import sample

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

ALPHA = 0.01
"""Chance that a check without drift raises any alarm, over all pairs; besides that of the single features."""

ALPHA_SPENT = 0.005
"""What the tests get of it. The rest is kept back: of references of 150 rows the Bayesian bootstrap makes what chance
gives somewhat too narrow, so that with all of it 1.3 to 1.8% of 400 simulated checks raised an alarm."""

MOST_ROWS = 10_000
"""Rows of a window that are compared: of more, the correlations would not tell anything else."""

MOST_READ = 200_000
"""Rows that are read at most to find those of a slice."""

LOOSE = 0.2
"""Below this, either way, people would say that two features have little to do with each other."""


@dataclass(frozen=True, slots=True)
class PairDrift:
    """How two features go together now, and how they did in training.

    `n` pupils of now and `reference_n` training rows have both. `value` and `reference` are Spearman's correlations,
    None where there is none (too few rows, or all alike); `low` and `high` the 95% interval of `value`. `change` is
    Cohen's q; `chance` how often chance gives one as large, None within the first band, where nobody asks.
    """

    first: str
    second: str
    n: int
    reference_n: int
    value: float | None
    low: float | None
    high: float | None
    reference: float | None
    change: float | None
    chance: float | None
    band: Band
    verdict: Verdict

    @property
    def compared(self) -> bool:
        """Whether there is anything to judge on both sides."""
        return self.change is not None

    @property
    def alarm(self) -> bool:
        """Whether the change is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    def words(self) -> Message:
        """What changed, as one would say it."""
        if self.value is None or self.reference is None:
            return msg("{first} and {second} cannot be compared.", first=self.first, second=self.second)
        values = {
            "first": self.first,
            "second": self.second,
            "then": decimal(self.reference),
            "now": decimal(self.value),
        }
        return Message(_WORDS.get((_course(self.reference), _course(self.value)), _OTHERWISE).template, values)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON, words in `locale`."""
        return {
            "first": self.first,
            "second": self.second,
            "n": self.n,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "reference": {"n": self.reference_n, "value": self.reference},
            "change": self.change,
            "chance": self.chance,
            "band": self.band,
            "verdict": self.verdict,
            "verdict_label": verdict_label(self.verdict, locale),
            "alarm": self.alarm,
            "text": self.words().render(locale),
        }


@dataclass(frozen=True, slots=True)
class MultivariateReport:
    """Each two features of a task over one window, compared with training rows.

    `part` is the slice of the window ("" for all of it); `basis` says which training rows, `reference_n` how many, of
    `reference_years`. The window has `answers`; `read` of them were read, and tell of `n` pupils.
    """

    task: str
    version: str
    window: Window
    part: str
    basis: Message
    reference_n: int
    reference_years: tuple[int, ...]
    answers: int
    read: int
    n: int
    alpha: float
    pairs: tuple[PairDrift, ...]

    @property
    def compared(self) -> int:
        """How many pairs there was enough of to judge."""
        return sum(pair.compared for pair in self.pairs)

    @property
    def alarms(self) -> tuple[PairDrift, ...]:
        """The pairs in alarm, those that changed most first."""
        return tuple(pair for pair in self.most_changed() if pair.alarm)

    @property
    def alarm(self) -> bool:
        """Any pair raises it."""
        return is_alarm(self.verdict)

    @property
    def verdict(self) -> Verdict:
        """The gravest alarm; without one, `none` only where every pair that could be compared allows saying so."""
        found: list[Verdict] = [pair.verdict for pair in self.pairs if pair.compared]
        return worst(found or ["insufficient_data"])

    def most_changed(self) -> tuple[PairDrift, ...]:
        """All pairs that could be compared: those in alarm, then the others, each by how far they changed."""
        compared = [pair for pair in self.pairs if pair.compared]
        return tuple(sorted(compared, key=lambda pair: (not pair.alarm, -abs(pair.change or 0.0))))

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON, words in `locale`."""
        return {
            "task": self.task,
            "version": self.version,
            "window": self.window.as_dict(),
            "slice": self.part,
            "answers": self.answers,
            "read": self.read,
            "n": self.n,
            "reference": {
                "n": self.reference_n,
                "years": list(self.reference_years),
                "rows": self.basis.render(locale),
            },
            "verdict": self.verdict,
            "verdict_label": verdict_label(self.verdict, locale),
            "alarm": self.alarm,
            "alpha": self.alpha,
            "compared": self.compared,
            "pairs": [pair.as_dict(locale) for pair in self.pairs],
        }


def multivariate_report(store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE) -> MultivariateReport:
    """The report for what was predicted in a window, or in a slice of it as `parse_slice` gives it. Changes nothing.

    Of a pupil whose code is known, the last answer counts. A slice of a level is compared with the training rows of
    that level. Raises StoreError; BundleError for a model that does not know how features went together.
    """
    check_joint(bundle)
    answers = _answers(store, bundle, window, part)
    everything = answers if part == WHOLE else _answers(store, bundle, window, WHOLE)
    share = min(1.0, MOST_ROWS / max(answers, 1), MOST_READ / max(everything, 1))
    level = bundle.profile.level
    found = sample(store, bundle.task, bundle.version, window.first, window.last, part=part, level=level, share=share)
    read = len(found.rows)
    matrix = _features(bundle, _each_pupil_once(found.rows))
    # Counters and rows are read one after the other: whoever wrote meanwhile makes no more read than there are.
    return compare(bundle, matrix, window=window, part=part, answers=max(answers, read), read=read)


def multivariate_of_panel(bundle: Bundle, panel: Panel) -> MultivariateReport:
    """The report for the last year of a workbook, whatever was predicted or stored. Raises BundleError as above."""
    year = panel.years[-1]
    rows = panel.select(panel.year == year)
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.numbers, rows.year.astype(np.float64))
    n = matrix.shape[0]
    window = Window(str(year), date(year, 1, 1), date(year, 12, 31))
    return compare(bundle, matrix, window=window, answers=n, read=n)


def compare(
    bundle: Bundle, matrix: Floats, *, window: Window, part: str = WHOLE, answers: int, read: int
) -> MultivariateReport:
    """The report for raw features (n, k), a row a pupil. Raises BundleError as above."""
    joint = check_joint(bundle)
    level = level_of(bundle, part)
    tables = joint.of(level)
    tested = sum(table is not None for table in tables)
    names = [bins.feature for bins in bundle.reference.features]
    rows = bundle.reference.n if level is None else _rows_of(bundle, level)
    pairs = tuple(
        _pair(names[first], names[second], was, now, ALPHA_SPENT / max(tested, 1))
        for (first, second), was, now in zip(
            joint.pairs, tables, joint.count(bundle.reference.index(matrix)), strict=True
        )
    )
    return MultivariateReport(
        task=bundle.task,
        version=bundle.version,
        window=window,
        part=part,
        basis=msg("all training rows") if level is None else msg("training rows of {slice}", slice=slice_words(part)),
        reference_n=rows,
        reference_years=reference_years(bundle),
        answers=answers,
        read=read,
        n=matrix.shape[0],
        alpha=ALPHA,
        pairs=pairs,
    )


def check_joint(bundle: Bundle) -> PairwiseCounts:
    """How features went together in training. Raises BundleError for a model that does not know."""
    if bundle.reference.joint is None:
        raise BundleError(
            msg("This model does not know how its features went together in training."),
            expected=msg("a model that this Farol trained on at least {n} rows", n=LEAST_ROWS),
            got=msg("task {task}, version {version}", task=bundle.task, version=bundle.version),
            fix=msg("Train again: {command}.", command="`farol train WORKBOOK`"),
        )
    return bundle.reference.joint


def _pair(first: str, second: str, was: Counts | None, now: Counts, alpha: float) -> PairDrift:
    n = int(now.sum())
    reference = _known(rank_correlation.spearman(was)) if was is not None else None
    value = _known(rank_correlation.spearman(now)) if n >= MIN_SAMPLES else None
    low, high = (None, None) if value is None else rank_correlation.interval(value, n)
    change = chance = None
    band: Band = "none"
    verdict: Verdict = "insufficient_data"
    if was is not None and reference is not None and value is not None:
        change = rank_correlation.change(reference, value)
        band = rank_correlation.band(change)
        chance = None if band == "none" else rank_correlation.chance(was, value, n, alpha)
        verdict = verdict_for(n, band, significant=chance is not None and chance <= alpha)
    known = 0 if was is None else int(was.sum())
    return PairDrift(first, second, n, known, value, low, high, reference, change, chance, band, verdict)


def _known(correlation: NDArray[np.float64]) -> float | None:
    value = float(correlation)
    return None if np.isnan(value) else value


def _answers(store: Store, bundle: Bundle, window: Window, part: str) -> int:
    counts = store.counts(bundle.task, bundle.version, window.first or date.min, window.last, part)
    return sum(counts.get(bundle.reference.features[0].feature, {}).values())


def _rows_of(bundle: Bundle, level: str) -> int:
    tally = bundle.reference.by_level.get(level)
    return 0 if tally is None else sum(tally.features[0])


def _each_pupil_once(rows: Sequence[Prediction]) -> list[Prediction]:
    """The last of the rows of each pupil and year, and all rows of which nobody knows whose they are."""
    last = {(row.student, _year(row)): row for row in rows if row.student is not None}
    return [row for row in rows if row.student is None or last[row.student, _year(row)] is row]


def _year(row: Prediction) -> int:
    return day_of(row.at).year if row.year is None else row.year


def _features(bundle: Bundle, rows: Sequence[Prediction]) -> Floats:
    """Raw features (n, k) of stored rows, as they were scored."""
    given = [[row.features.get(name) for row in rows] for name in bundle.inputs.columns]
    columns = bundle.inputs.clean(np.array(given, dtype=np.float64).reshape(len(given), len(rows)))
    years = np.array([_year(row) for row in rows], dtype=np.float64)
    return bundle.inputs.plan.matrix(dict(zip(bundle.inputs.columns, columns, strict=True)), years)


def _course(correlation: float) -> int:
    return 0 if abs(correlation) < LOOSE else (1 if correlation > 0 else -1)


_OTHERWISE = msg("{first} and {second} do not go together as they used to: {then} in training, {now} now.")
_WORDS = {
    (1, 0): msg("{first} and {second} used to rise together ({then}); now they hardly do ({now})."),
    (1, -1): msg("{first} and {second} used to rise together ({then}); now one falls where the other rises ({now})."),
    (0, 1): msg("{first} and {second} had little to do with each other ({then}); now they rise together ({now})."),
    (0, -1): msg(
        "{first} and {second} had little to do with each other ({then}); now one falls where the other rises ({now})."
    ),
    (-1, 1): msg(
        "Of {first} and {second} one used to fall where the other rose ({then}); now they rise together ({now})."
    ),
    (-1, 0): msg(
        "Of {first} and {second} one used to fall where the other rose ({then}); now they have little to do with each "
        "other ({now})."
    ),
}
