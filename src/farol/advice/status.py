"""The status of each model in use: the facts of the store and the bundles, and the advice that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median_low

from farol.advice.advise import advise
from farol.advice.inputs import TO_DO, Advice, Facts, Kind, gravest_of
from farol.drift.report import DriftReport, drift_report
from farol.drift.slices import SliceSearch, search_slices
from farol.drift.verdicts import MIN_SAMPLES
from farol.drift.windows import Window, window_of
from farol.errors import BundleError, FarolError, InputError
from farol.model.bundle import Bundle
from farol.model.counters import SHEET_SLICE
from farol.model.registry import Registry
from farol.model.tasks import Tasks
from farol.outcomes.card_comparison import CardMetrics
from farol.outcomes.estimation import expected_performance
from farol.outcomes.report import outcome_report
from farol.profile import Text
from farol.store.database import Store
from farol.store.outcomes import years_of

WINDOW = "30d"
"""The default window."""
LATEST = 100
"""Predictions that say of which year the pupils are whom a model is asked about."""
PAST = 120
"""Snapshots that are read to see whether a drift lasts: four months of daily checks."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelStatus:
    """A task's model and what to do about it; `drift` is None where the model could not be checked."""

    task: str
    title: Text | None
    version: str | None
    drift: DriftReport | None
    advice: tuple[Advice, ...]

    @property
    def lead(self) -> Kind:
        "The most serious advice."
        return gravest_of(self.advice)

    @property
    def to_do(self) -> bool:
        """Whether somebody has something to do."""
        return self.lead in TO_DO


def model_statuses(
    store: Store,
    registry: Registry,
    served: Iterable[Bundle],
    problems: Mapping[str, FarolError],
    *,
    window: str = WINDOW,
    now: datetime,
    deep: bool = True,
) -> tuple[ModelStatus, ...]:
    """The status of each model in use; a task in `problems`, whose promoted model cannot be read, has that as its
    status, whichever version still answers.

    With `deep` the slices are searched too: that takes seconds at first, and the kinds of advice are the same without.
    Raises StoreError; InputError for a window that cannot be read.
    """
    statuses = [
        model_status(store, registry, bundle, window_of(window, store=store, task=bundle.task, now=now), deep=deep)
        for bundle in served
        if bundle.task not in problems
    ]
    return (*statuses, *(unreadable(task, problem) for task, problem in problems.items()))


def unreadable(task: str, problem: FarolError) -> ModelStatus:
    """The status of a model that cannot be read, or whose database cannot."""
    return ModelStatus(task, None, None, None, advise(Facts(task, problem=problem)))


def model_status(store: Store, registry: Registry, bundle: Bundle, window: Window, *, deep: bool = True) -> ModelStatus:
    """The status of one model over a window. Raises StoreError."""
    facts = gather(store, registry, bundle, window, deep=deep)
    return ModelStatus(bundle.task, bundle.task_spec.title, bundle.version, facts.drift, advise(facts))


def gather(store: Store, registry: Registry, bundle: Bundle, window: Window, *, deep: bool = True) -> Facts:
    """The facts for the advice. Slices and levels are read only where there is an alarm. Raises StoreError."""
    drift = drift_report(store, bundle, window)
    years = years_of(store, bundle.task)
    first, last = window.first or date.min, window.last
    return Facts(
        task=bundle.task,
        version=bundle.version,
        learned=bundle.served_years,
        horizon=bundle.task_spec.horizon,
        drift=drift,
        levels=_by_level(store, bundle, window) if drift.alarm else None,
        looked=search_slices(store, bundle, drift) if deep else SliceSearch(),
        estimation=expected_performance(store, bundle, window),
        card=CardMetrics.of(bundle),
        outcomes=outcome_report(store, registry, bundle.profile, bundle.task, years[-1]) if years else None,
        outcome_year=years[-1] if years else None,
        asked=_asked(store, bundle) if drift.n >= MIN_SAMPLES else None,
        of_sheet=store.slices(bundle.task, bundle.version, first, last).get(SHEET_SLICE, 0),
        snapshots=tuple(kept for kept in store.snapshots(bundle.task, PAST) if kept.version == bundle.version),
    )


def _asked(store: Store, bundle: Bundle) -> int | None:
    """The year of the pupils in the middle of the latest predictions, so that no single request decides it."""
    years = [row.year for row in store.latest(LATEST, bundle.task)]
    return median_low(years) if years else None


def promoted(registry: Registry, tasks: Tasks) -> tuple[list[Bundle], dict[str, FarolError]]:
    """The promoted models of the profile in force, and the tasks whose promoted model cannot be read."""
    served, problems = dict[str, Bundle](), dict[str, FarolError]()
    for task in registry.stamps():
        try:
            bundle = registry.load(task)
        except BundleError as error:
            problems[task] = error
        else:
            if tasks.answers(bundle):
                served[task] = bundle
    ordered = [served[task] for task in tasks.specs if task in served]
    if ordered:  # other folders may well be copies and remains
        problems = {task: problem for task, problem in problems.items() if task in tasks.specs}
    return sorted(ordered, key=lambda bundle: -bundle.task_spec.horizon), problems


def real_problems(registry: Registry, problems: Mapping[str, FarolError]) -> dict[str, FarolError]:
    """The problems of promoted models, among those of a service: a task that nobody trained for is no problem."""
    return {task: problem for task, problem in problems.items() if _is_promoted(registry, task)}


def _is_promoted(registry: Registry, task: str) -> bool:
    try:
        return registry.promoted(task) is not None
    except BundleError:
        return True


def _by_level(store: Store, bundle: Bundle, window: Window) -> DriftReport | None:
    try:
        return drift_report(store, bundle, window, same_levels=True)
    except InputError:  # no level is known on both sides
        return None
