"""A year later: what was forecast, what came true, and whether it is what the model's card promised.

The forecasts of a year are matched to the next year's sheet by the pupils' codes (`farol.store.outcomes` says which
forecast of a pupil counts) and measured as training measures its test rows, with the same functions and intervals.
What the figures cannot say by themselves is said beside them: a pupil who was pointed out may have been helped, and
pupils who left are in no figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import sqrt
from statistics import NormalDist

import numpy as np

from farol.evaluation.fairness import Division, fairness
from farol.evaluation.intervals import difference_of, share_of
from farol.evaluation.metrics import COVERAGE, Estimate, Evaluation, evaluate
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.outcomes.calibration import BandWorth, worth_of
from farol.outcomes.card_comparison import Comparison, Promise, as_figure, compare_with, promise_in
from farol.outcomes.estimate_vs_actual import Before, before_of
from farol.outcomes.matching import Counts, Mask, Matched, bundle_of, counts_of, matched_of
from farol.outcomes.recalibration import IsotonicCalibration
from farol.profile import Profile, Task
from farol.store.database import Store
from farol.store.outcomes import Forecast, Year, read_year

SEED = 0
"""Of the resamples of the intervals: the same outcomes give the same figures."""
FEWEST_OF_A_MEAN = 10
"""A mean of fewer pupils gets no interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The metrics of some of the pupils beside what the card promised for the like."""

    name: str
    evaluation: Evaluation
    promise: Promise | None
    comparisons: tuple[Comparison, ...]

    @property
    def prevalence(self) -> tuple[Estimate | None, Estimate]:
        """The share at risk that the card was measured with, and the one that came true."""
        before = None if self.promise is None else share_of(self.promise.positives, self.promise.n)
        return before, share_of(self.evaluation.positives, self.evaluation.n)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON."""
        before, came = self.prevalence
        return {
            "name": self.name,
            "n": self.evaluation.n,
            "positives": self.evaluation.positives,
            "confusion": dict(self.evaluation.confusion),
            "promised_n": None if self.promise is None else self.promise.n,
            "prevalence": {"promised": as_figure(before), "realised": as_figure(came)},
            "metrics": [one.as_dict(locale) for one in self.comparisons],
        }


@dataclass(frozen=True, slots=True)
class Leavers:
    """The mean probability that had been given to pupils who left, and to those who stayed; None: too few to say."""

    left_n: int
    stayed_n: int
    left: Estimate | None
    stayed: Estimate | None
    difference: Estimate | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "left_n": self.left_n,
            "stayed_n": self.stayed_n,
            "left": as_figure(self.left),
            "stayed": as_figure(self.stayed),
            "difference": as_figure(self.difference),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Realised:
    """What came true of a task's forecasts for one year.

    `version` is the one that gave most of the answers that count, and whose card `together` and `groups` are held
    against; `versions` holds each version's own last forecasts against its own card.
    """

    task: str
    year: int
    asked: int
    first: datetime
    changed: datetime
    counts: Counts
    version: str | None
    matched: Matched
    together: Part
    groups: tuple[Part, ...]
    versions: tuple[Part, ...]
    divisions: tuple[Division, ...]
    bands: tuple[BandWorth, ...]
    leavers: Leavers
    notes: tuple[Message, ...]
    learned: IsotonicCalibration | None = None

    @property
    def before(self) -> Before:
        """What the answers to the pupils of `version` let expect, beside what came true of them.

        `learned` is what its answers were worth in training.
        """
        mine = self.matched.version == self.version
        own = self.matched if mine.all() else self.matched.select(mine)
        least = float(own.threshold[0]) if mine.any() else 1.0
        return before_of(own.probability, least, _evaluation(own), self.learned)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON: counts and metrics, no pupil."""
        return {
            "task": self.task,
            "year": self.year,
            "forecast_year": self.asked,
            "first_recorded": self.first.astimezone(UTC).isoformat(timespec="seconds"),
            "last_changed": self.changed.astimezone(UTC).isoformat(timespec="seconds"),
            "counts": self.counts.as_dict(),
            "model_version": self.version,
            "together": self.together.as_dict(locale),
            "groups": [one.as_dict(locale) for one in self.groups],
            "versions": [one.as_dict(locale) for one in self.versions],
            "divisions": [_division_dict(one) for one in self.divisions],
            "calibration": [one.as_dict() for one in self.bands],
            "leavers": self.leavers.as_dict(),
            "expected_before": self.before.as_dict(locale),
            "notes": [note.render(locale) for note in self.notes],
        }


def realised(store: Store, registry: Registry, profile: Profile, task: str, year: int) -> Realised | None:
    """What came true in `year` of a task's forecasts; None where no sheet of that year was read.

    Raises StoreError.
    """
    known = read_year(store, task, year)
    if known is None:
        return None
    spec = profile.tasks[task]
    counting = {one.student: one for one in known.forecasts}  # they come in the order of storing
    last = {student: counting[student] for student in sorted(counting)}  # the order decides the resamples
    matched = matched_of(list(last.values()), known, profile, spec)
    answered = [str(version) for version in matched.version.tolist()]
    versions = sorted(set(answered), key=lambda version: (-answered.count(version), version))
    bundles = {version: bundle_of(registry, task, version) for version in versions}
    main = bundles[versions[0]] if versions else None
    groups = _groups(matched, profile, spec)
    return Realised(
        task=task,
        year=year,
        asked=year - spec.horizon,
        first=known.first,
        changed=known.changed,
        counts=counts_of(known, last, matched),
        version=versions[0] if versions else None,
        matched=matched,
        together=_part("all", matched, promise_of(main, "test")),
        groups=tuple(_part(name, matched.select(mask), promise_of(main, name)) for name, mask in groups.items()),
        versions=tuple(
            _part(version, own, promise_of(bundle_of(registry, task, version), "test"))
            for version, own in _by_version(known, profile, spec)
        ),
        divisions=fairness(matched.columns, matched.label, matched.probability, matched.threshold),
        bands=worth_of(None if main is None else main.report, matched.label, matched.probability),
        leavers=_leavers(known, last),
        notes=tuple(_notes(main, spec, year, len(versions))),
        learned=None if main is None else IsotonicCalibration.of(main.reference),
    )


def _groups(matched: Matched, profile: Profile, task: Task) -> dict[str, Mask]:
    """Those not behind when asked, those behind, and of the former those who can fall behind: as on the card."""
    if not task.horizon:
        return {}
    found = {"onset": matched.now == 0, "recovery": matched.now == 1}
    if profile.level is not None and profile.rule is not None:
        highest = max(level for dated in profile.rule.dated for _, level in dated.applied)
        found["onset_below_top"] = found["onset"] & (matched.columns[profile.level].astype(np.float64) < highest)
    return found


def _by_version(known: Year, profile: Profile, task: Task) -> Iterator[tuple[str, Matched]]:
    """Each version's own last forecast of each pupil, where more than one version answered."""
    versions = sorted({one.version for one in known.forecasts})
    for version in versions if len(versions) > 1 else ():
        own = sorted((one for one in known.forecasts if one.version == version), key=lambda one: one.student)
        yield version, matched_of(own, known, profile, task)


def _part(name: str, matched: Matched, promise: Promise | None) -> Part:
    found = _evaluation(matched)
    return Part(name, found, promise, compare_with(promise, found))


def _evaluation(matched: Matched) -> Evaluation:
    return _evaluated(matched.label.tobytes(), matched.probability.tobytes(), matched.threshold.tobytes())


@lru_cache(maxsize=64)
def _evaluated(label: bytes, probability: bytes, threshold: bytes) -> Evaluation:
    """The metrics of pupils given as the bytes of their arrays: a page that is read again draws no resample again."""
    labels, said, least = (np.frombuffer(side, dtype=np.float64) for side in (label, probability, threshold))
    return evaluate(labels, said, least, seed=SEED)


def promise_of(bundle: Bundle | None, name: str) -> Promise | None:
    """What a card promises of `test` or a group of it: of pupils who get an answer, where it tells them apart."""
    if bundle is None:
        return None
    report = bundle.report
    answered, groups = report.get("answered"), report.get("groups")
    if isinstance(answered, Mapping):
        return promise_in(answered.get(name))
    if name == "test":
        return promise_in(report.get("test"))
    return promise_in(groups.get(name)) if isinstance(groups, Mapping) else None


def _leavers(known: Year, last: Mapping[str, Forecast]) -> Leavers:
    sides: dict[bool, list[float]] = {True: [], False: []}
    for student, one in last.items():
        if one.probability is not None:
            sides[student in known.outcomes].append(one.probability)
    stayed, left = _mean(sides[True]), _mean(sides[False])
    difference = None if left is None or stayed is None else difference_of(left, stayed)
    return Leavers(len(sides[False]), len(sides[True]), left, stayed, difference)


def _mean(values: Sequence[float]) -> Estimate | None:
    """A mean with its normal interval; None of few."""
    n = len(values)
    if n < FEWEST_OF_A_MEAN:
        return None
    mean, half = (
        float(np.mean(values)),
        NormalDist().inv_cdf(0.5 + COVERAGE / 2) * float(np.std(values, ddof=1)) / sqrt(n),
    )
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half))


def _notes(main: Bundle | None, task: Task, year: int, versions: int) -> Iterator[Message]:
    """What the figures cannot say by themselves."""
    yield msg(
        "Pupils who were pointed out may have been helped. Where help worked, a right warning looks like a wrong one: "
        "precision comes out lower, and probabilities look too high. By how much, no figure can tell without pupils "
        "who were pointed out and not helped."
    )
    if task.horizon:
        yield msg("Pupils who left are in no figure, and those who leave are not a random choice.")
    yield msg(
        "Precision, average precision, F1 and the Brier score also move with the share of pupils at risk, which no "
        "model decides: compare the two shares first."
    )
    if versions > 1:
        yield msg("Several versions answered; together they are held against the card of the one that answered most.")
    if main is None:
        if versions:
            yield msg("The model that answered is gone, and its card with it: nothing was promised that can be read.")
    elif year - task.horizon in main.manifest.test_years:
        yield msg(
            "The card was measured on the sheets of these very years: that both agree proves that forecasts are stored "
            "and matched as they should be, and nothing about a year the card had not seen."
        )


def _division_dict(division: Division) -> dict[str, object]:
    return {
        "column": division.column,
        "groups": [
            {
                "name": group.name,
                "n": group.n,
                "positives": group.positives,
                "flagged": group.flagged,
                **{name: as_figure(figure) for name, figure in group.figures.items()},
            }
            for group in division.groups
        ],
        "gaps": [
            {
                "measure": gap.measure,
                "most": gap.most,
                "least": gap.least,
                "difference": as_figure(gap.difference),
                "shown": gap.shown,
            }
            for gap in division.gaps
        ],
    }
