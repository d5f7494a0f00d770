"""A year later: the forecasts beside what came true, and beside what the model's card promised.

The forecasts of a year are matched to the next year's sheet by the pupils' codes (`farol.store.outcomes` says which
forecast of a pupil counts) and measured as training measures its test rows, with the same functions and intervals.
`notes` say what the figures cannot: a pupil who was pointed out may have been helped, and pupils who left are in no
figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from farol.outcomes.calibration import BandCalibration, band_calibrations
from farol.outcomes.card_comparison import CardMetrics, MetricComparison, compare_with_card
from farol.outcomes.estimate_vs_actual import EstimateVsActual, estimate_vs_actual
from farol.outcomes.estimation import IsotonicCalibration
from farol.outcomes.matching import Mask, MatchedPupils, PupilCounts, bundle_of, match_forecasts, pupil_counts
from farol.profile import Profile, Task
from farol.store.database import Store
from farol.store.outcomes import Forecast, Year, read_year

SEED = 0
"""Of the resamples of the intervals: the same outcomes give the same figures."""
SHARES_FIRST = msg(
    "Precision, average precision, F1 and the Brier score also move with the share of pupils at risk, whatever the "
    "model does: compare the two shares first."
)
"""The note that is about the experts' figures alone."""
FEWEST_OF_A_MEAN = 10
"""A mean of fewer pupils gets no interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The metrics of some of the pupils, beside what the card promised for the same part."""

    name: str
    evaluation: Evaluation
    card: CardMetrics | None
    comparisons: tuple[MetricComparison, ...]

    @property
    def prevalence(self) -> tuple[Estimate | None, Estimate]:
        """The share at risk among the card's test pupils, and among these."""
        before = None if self.card is None else share_of(self.card.positives, self.card.n)
        return before, share_of(self.evaluation.positives, self.evaluation.n)


@dataclass(frozen=True, slots=True)
class Leavers:
    """The mean probability of pupils who left, and of those who stayed; None: too few pupils."""

    left_n: int
    stayed_n: int
    left: Estimate | None
    stayed: Estimate | None
    difference: Estimate | None


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeReport:
    """What came true of a task's forecasts for one year.

    `version` gave most of the answers that count, and its card is compared with `together` and `groups`; `versions`
    has each version's own last forecasts beside its own card.
    """

    task: str
    year: int
    forecast_year: int
    first: datetime
    changed: datetime
    counts: PupilCounts
    version: str | None
    matched: MatchedPupils
    together: Part
    groups: tuple[Part, ...]
    versions: tuple[Part, ...]
    divisions: tuple[Division, ...]
    bands: tuple[BandCalibration, ...]
    leavers: Leavers
    notes: tuple[Message, ...]
    calibration: IsotonicCalibration | None = None  # of `version`

    @property
    def expected_before(self) -> EstimateVsActual:
        """The estimate from the answers of `version` to its pupils, beside what came true of them."""
        answered = self.matched.version == self.version
        own = self.matched if answered.all() else self.matched.select(answered)
        threshold = float(own.threshold[0]) if answered.any() else 1.0
        return estimate_vs_actual(own.probability, threshold, _evaluation(own), self.calibration)


def outcome_report(store: Store, registry: Registry, profile: Profile, task: str, year: int) -> OutcomeReport | None:
    """What came true in `year` of a task's forecasts; None where no sheet of that year was read.

    Raises StoreError.
    """
    known = read_year(store, task, year)
    if known is None:
        return None
    spec = profile.tasks[task]
    counting = {forecast.student: forecast for forecast in known.forecasts}  # they come in the order of storing
    last = {student: counting[student] for student in sorted(counting)}  # the order decides the resamples
    matched = match_forecasts(list(last.values()), known, profile, spec)
    answered = [str(version) for version in matched.version.tolist()]
    versions = sorted(set(answered), key=lambda version: (-answered.count(version), version))
    main = bundle_of(registry, task, versions[0]) if versions else None
    groups = _groups(matched, profile, spec)
    return OutcomeReport(
        task=task,
        year=year,
        forecast_year=year - spec.horizon,
        first=known.first,
        changed=known.changed,
        counts=pupil_counts(known, last, matched),
        version=versions[0] if versions else None,
        matched=matched,
        together=_part("all", matched, CardMetrics.of(main)),
        groups=tuple(_part(name, matched.select(mask), CardMetrics.of(main, name)) for name, mask in groups.items()),
        versions=tuple(
            _part(version, own, CardMetrics.of(bundle_of(registry, task, version)))
            for version, own in _by_version(known, profile, spec)
        ),
        divisions=fairness(matched.columns, matched.label, matched.probability, matched.threshold),
        bands=band_calibrations(None if main is None else main.report, matched.label, matched.probability),
        leavers=_leavers(known, last),
        notes=tuple(_notes(main, spec, year, len(versions))),
        calibration=None if main is None else IsotonicCalibration.of(main.reference),
    )


def _groups(matched: MatchedPupils, profile: Profile, task: Task) -> dict[str, Mask]:
    """Pupils not behind and behind at the time of the forecast, and those who can fall behind: as on the card."""
    if not task.horizon:
        return {}
    groups = {"onset": matched.now == 0, "recovery": matched.now == 1}
    if profile.level is not None and profile.rule is not None:
        highest = max(level for dated in profile.rule.dated for _, level in dated.applied)
        groups["onset_below_top"] = groups["onset"] & (matched.columns[profile.level].astype(np.float64) < highest)
    return groups


def _by_version(known: Year, profile: Profile, task: Task) -> Iterator[tuple[str, MatchedPupils]]:
    """Each version's own last forecast of each pupil, where more than one version answered."""
    versions = sorted({forecast.version for forecast in known.forecasts})
    for version in versions if len(versions) > 1 else ():
        own = [forecast for forecast in known.forecasts if forecast.version == version]
        yield version, match_forecasts(sorted(own, key=lambda forecast: forecast.student), known, profile, task)


def _part(name: str, matched: MatchedPupils, card: CardMetrics | None) -> Part:
    evaluation = _evaluation(matched)
    return Part(name, evaluation, card, compare_with_card(card, evaluation))


def _evaluation(matched: MatchedPupils) -> Evaluation:
    return _evaluated(matched.label.tobytes(), matched.probability.tobytes(), matched.threshold.tobytes())


@lru_cache(maxsize=64)
def _evaluated(label: bytes, probability: bytes, threshold: bytes) -> Evaluation:
    """The metrics by the bytes of the pupils' arrays: a page that is read again draws no resample again."""
    labels, said, least = (np.frombuffer(side, dtype=np.float64) for side in (label, probability, threshold))
    return evaluate(labels, said, least, seed=SEED)


def _leavers(known: Year, last: Mapping[str, Forecast]) -> Leavers:
    sides: dict[bool, list[float]] = {True: [], False: []}
    for student, forecast in last.items():
        if forecast.probability is not None:
            sides[student in known.outcomes].append(forecast.probability)
    stayed, left = _mean(sides[True]), _mean(sides[False])
    difference = None if left is None or stayed is None else difference_of(left, stayed)
    return Leavers(len(sides[False]), len(sides[True]), left, stayed, difference)


def _mean(values: Sequence[float]) -> Estimate | None:
    """A mean with its normal interval; None for few values."""
    n = len(values)
    if n < FEWEST_OF_A_MEAN:
        return None
    mean = float(np.mean(values))
    half = NormalDist().inv_cdf(0.5 + COVERAGE / 2) * float(np.std(values, ddof=1)) / sqrt(n)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half))


def _notes(main: Bundle | None, task: Task, year: int, versions: int) -> Iterator[Message]:
    """What the figures cannot say by themselves."""
    yield msg(
        "Pupils who were pointed out may have been helped. Where help worked, a right warning looks like a wrong one: "
        "precision comes out lower, and probabilities look too high. No figure can say by how much, unless some pupils "
        "were pointed out and not helped."
    )
    if task.horizon:
        yield msg("Pupils who left are in no figure, and they may differ from those who stayed.")
    yield SHARES_FIRST
    if versions > 1:
        yield msg("Several versions answered. Together they are compared with the card of the one that answered most.")
    if main is None:
        if versions:
            yield msg(
                "The model that answered is no longer here, and neither is its card: there is no promise to "
                "compare with."
            )
    elif year - task.horizon in main.manifest.test_years:
        yield msg(
            "The card was measured on the sheets of these same years. If both agree, that proves only "
            "that forecasts are stored and matched correctly. It says nothing about a year that the card "
            "had not seen."
        )
