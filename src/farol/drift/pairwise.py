"""Whether pairs of features still correlate as they did in training, which no check of single features can see.

Each pair is compared with the same pair in training rows, by Spearman's rank correlation over groups of the frozen bins
(`farol.drift.rank_correlation`). Missing values take no part: a pupil counts for a pair where both values are known.
An alarm needs a change beyond the band and beyond chance. Without drift at most one such check in a hundred raises any
alarm, over all pairs: `ALPHA_SPENT` is divided equally among the pairs (Bonferroni). It is separate from the one
percent of the check of single features (`farol.drift.verdicts`).

This reads rows, because the counters hold each feature by itself: at most about `MOST_ROWS` of a window.
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
from farol.drift.rank_correlation import Table
from farol.drift.report import meaning_of
from farol.drift.verdicts import MIN_SAMPLES, Band, Verdict, is_alarm, verdict_for, worst
from farol.drift.windows import Window
from farol.errors import BundleError
from farol.i18n import Message, count, decimal, msg
from farol.model.bundle import Bundle
from farol.model.counters import WHOLE
from farol.model.features import Floats, feature_matrix
from farol.model.pairwise_counts import LEAST_ROWS, PairwiseCounts
from farol.profile import Text
from farol.store.database import Store
from farol.store.records import Prediction, day_of
from farol.store.sampling import sample

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

ALPHA = 0.01
"""Probability that a check without drift raises any alarm, over all pairs; besides that of the single features."""

ALPHA_SPENT = 0.005
"""The part of it that the tests get. The rest is a reserve: for references of 150 rows the Bayesian bootstrap gives a
null distribution that is somewhat too narrow: with all of ALPHA, 1.3 to 1.8% of 400 simulated checks raised an
alarm."""

MOST_ROWS = 10_000
"""Rows of a window that are compared; with more the correlations would hardly change."""

MOST_READ = 200_000
"""Rows that are read at most to find those of a slice."""

LOOSE = 0.2
"""Below this absolute correlation two features are said to have little to do with each other."""


@dataclass(frozen=True, slots=True)
class PairDrift:
    """The rank correlation of two features in this period and in training.

    `n` pupils of this period and `reference_n` training rows have both values. `value` and `reference` are Spearman's
    correlations, None where there are too few rows or all values are equal; `low` and `high` are the 95% interval of
    `value`. `change` is Cohen's q; `p_value` is None within the first band, where it is not computed. `meanings` are
    what people call the two features.
    """

    first: str
    second: str
    meanings: tuple[Text, Text]
    n: int
    reference_n: int
    value: float | None
    low: float | None
    high: float | None
    reference: float | None
    change: float | None
    p_value: float | None
    band: Band
    verdict: Verdict

    @property
    def compared(self) -> bool:
        """Whether both sides have a correlation."""
        return self.change is not None

    @property
    def alarm(self) -> bool:
        """Whether the change is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    def words(self, locale: str) -> str:
        """The change in one sentence."""
        first, second = (meaning.in_locale(locale) for meaning in self.meanings)
        if self.value is None or self.reference is None:
            return msg("“{first}” and “{second}” cannot be compared.", first=first, second=second).render(locale)
        sentence = _SENTENCES.get((_direction(self.reference), _direction(self.value)), _OTHER_CHANGE)
        values = {"first": first, "second": second, "then": decimal(self.reference), "now": decimal(self.value)}
        return Message(sentence.template, values).render(locale)


@dataclass(frozen=True, slots=True)
class PairwiseReport:
    """All pairs of features of a task over one window, compared with training rows.

    `part` is the slice of the window ("" for all of it); `baseline` says which training rows, `reference_n` how many,
    of `reference_years`, whose names are `reference_names`. The window has `answers`
    answers; `read` of them were read, from `n` pupils.
    """

    task: str
    version: str
    window: Window
    part: str
    baseline: Message
    reference_n: int
    reference_years: tuple[int, ...]
    reference_names: tuple[str, ...]
    answers: int
    read: int
    n: int
    alpha: float
    pairs: tuple[PairDrift, ...]

    @property
    def compared(self) -> int:
        """How many pairs had enough rows to be compared."""
        return sum(pair.compared for pair in self.pairs)

    @property
    def alarms(self) -> tuple[PairDrift, ...]:
        """The pairs in alarm, the most changed first."""
        return tuple(pair for pair in self.most_changed() if pair.alarm)

    @property
    def alarm(self) -> bool:
        """Any pair raises the alarm."""
        return is_alarm(self.verdict)

    @property
    def verdict(self) -> Verdict:
        """The worst alarm; without an alarm, `none` only where it is the verdict on every pair that was compared."""
        verdicts: list[Verdict] = [pair.verdict for pair in self.pairs if pair.compared]
        return worst(verdicts or ["insufficient_data"])

    def most_changed(self) -> tuple[PairDrift, ...]:
        """All pairs that could be compared: those in alarm, then the others, each by how far they changed."""
        compared = [pair for pair in self.pairs if pair.compared]
        return tuple(sorted(compared, key=lambda pair: (not pair.alarm, -abs(pair.change or 0.0))))


def pairwise_report(store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE) -> PairwiseReport:
    """The report for the predictions of a window, or of a slice of it as `parse_slice` gives it. Changes nothing.

    Of a pupil whose code is known, the last answer counts. A slice of a level is compared with the training rows of
    that level. Raises StoreError; BundleError where training had too few rows for pairs.
    """
    check_joint(bundle)
    answers = _answers(store, bundle, window, part)
    everything = answers if part == WHOLE else _answers(store, bundle, window, WHOLE)
    share = min(1.0, MOST_ROWS / max(answers, 1), MOST_READ / max(everything, 1))
    level = bundle.profile.level
    rows = sample(
        store, bundle.task, bundle.version, window.first, window.last, part=part, level=level, share=share
    ).rows
    read = len(rows)
    matrix = _features(bundle, _each_pupil_once(rows))
    # Rows are read after the counters; a row written in between must not make `read` greater than `answers`.
    return compare(bundle, matrix, window=window, part=part, answers=max(answers, read), read=read)


def pairwise_of_panel(bundle: Bundle, panel: Panel) -> PairwiseReport:
    """The report for the last year of a workbook; what was predicted plays no part. Raises BundleError as above."""
    year = panel.years[-1]
    rows = panel.select((panel.year == year) & panel.asked(bundle.task_spec))
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.columns, rows.year.astype(np.float64))
    n = matrix.shape[0]
    window = Window(str(year), date(year, 1, 1), date(year, 12, 31))
    return compare(bundle, matrix, window=window, answers=n, read=n)


def compare(
    bundle: Bundle, matrix: Floats, *, window: Window, part: str = WHOLE, answers: int, read: int
) -> PairwiseReport:
    """The report for raw features (n, k), a row a pupil. Raises BundleError as above."""
    joint = check_joint(bundle)
    level = level_of(bundle, part)
    tables = joint.of(level)
    tested = sum(table is not None for table in tables)
    names = [bins.feature for bins in bundle.reference.features]
    meanings = [meaning_of(bundle, name) for name in names]
    rows = bundle.reference.n if level is None else _rows_of(bundle, level)
    pairs = tuple(
        _pair(
            (names[first], names[second]), (meanings[first], meanings[second]), was, now, ALPHA_SPENT / max(tested, 1)
        )
        for (first, second), was, now in zip(
            joint.pairs, tables, joint.count(bundle.reference.index(matrix)), strict=True
        )
    )
    return PairwiseReport(
        task=bundle.task,
        version=bundle.version,
        window=window,
        part=part,
        baseline=msg("all training rows")
        if level is None
        else msg("training rows of {slice}", slice=slice_words(part, bundle.profile.level_name)),
        reference_n=rows,
        reference_years=bundle.served_years,
        reference_names=bundle.served_names,
        answers=answers,
        read=read,
        n=matrix.shape[0],
        alpha=ALPHA,
        pairs=pairs,
    )


def check_joint(bundle: Bundle) -> PairwiseCounts:
    """The pairwise counts of training. Raises BundleError where training had too few rows for them."""
    if bundle.reference.joint is None:
        raise BundleError(
            msg("This model was trained on too few pupils to compare pairs of features."),
            expected=msg("a model trained on at least {n} pupils", n=count(LEAST_ROWS)),
            got=msg("task {task}, version {version}", task=bundle.task, version=bundle.version),
            fix=msg("Train again: {command}.", command=msg("`farol train WORKBOOK`")),
        )
    return bundle.reference.joint


def _pair(
    names: tuple[str, str], meanings: tuple[Text, Text], was: Table | None, now: Table, alpha: float
) -> PairDrift:
    n = int(now.sum())
    reference = _known(rank_correlation.spearman(was)) if was is not None else None
    value = _known(rank_correlation.spearman(now)) if n >= MIN_SAMPLES else None
    low, high = (None, None) if value is None else rank_correlation.interval(value, n)
    change = p_value = None
    band: Band = "none"
    verdict: Verdict = "insufficient_data"
    if was is not None and reference is not None and value is not None:
        change = rank_correlation.change(reference, value)
        band = rank_correlation.band(change)
        p_value = None if band == "none" else rank_correlation.p_value(was, value, n, alpha)
        verdict = verdict_for(n, band, significant=p_value is not None and p_value <= alpha)
    reference_n = 0 if was is None else int(was.sum())
    return PairDrift(*names, meanings, n, reference_n, value, low, high, reference, change, p_value, band, verdict)


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
    columns = bundle.inputs.clean(bundle.inputs.stacked_rows([row.features for row in rows]))
    years = np.array([_year(row) for row in rows], dtype=np.float64)
    return bundle.inputs.plan.matrix(dict(zip(bundle.inputs.columns, columns, strict=True)), years)


def _direction(correlation: float) -> int:
    return 0 if abs(correlation) < LOOSE else (1 if correlation > 0 else -1)


_OTHER_CHANGE = msg(
    "“{first}” and “{second}” no longer go together as they did: correlation {then} in training, {now} in this period."
)
_SENTENCES = {
    (1, 0): msg("“{first}” and “{second}” used to rise together (correlation {then}); now they hardly do ({now})."),
    (1, -1): msg(
        "“{first}” and “{second}” used to rise together (correlation {then}); now one falls where the other rises "
        "({now})."
    ),
    (0, 1): msg(
        "“{first}” and “{second}” had little to do with each other (correlation {then}); now they rise together "
        "({now})."
    ),
    (0, -1): msg(
        "“{first}” and “{second}” had little to do with each other (correlation {then}); now one falls where the other "
        "rises ({now})."
    ),
    (-1, 1): msg(
        "One of “{first}” and “{second}” used to fall where the other rose (correlation {then}); now they rise "
        "together ({now})."
    ),
    (-1, 0): msg(
        "One of “{first}” and “{second}” used to fall where the other rose (correlation {then}); now they have little "
        "to do with each other ({now})."
    ),
}
