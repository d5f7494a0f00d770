"""How the models stand: what the store and the models say, gathered, and the advice that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from farol.advice.advise import advise
from farol.advice.inputs import TO_DO, Advice, Facts, Kind, gravest_of
from farol.drift.report import DriftReport, drift_report
from farol.drift.slices import SliceSearch, search_slices
from farol.drift.windows import Window, window_of
from farol.errors import BundleError, FarolError, InputError
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.outcomes.estimation import performance
from farol.outcomes.report import promise_of, realised
from farol.profile import Text
from farol.store.database import Store
from farol.store.outcomes import years_of

WINDOW = "30d"
"""The window that is looked at unless another is asked for."""
PAST = 120
"""Snapshots looked through for a drift that lasts: a daily check's four months."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A task's model and what to do about it; `drift` is None where the model could not be checked."""

    task: str
    title: Text | None
    version: str | None
    drift: DriftReport | None
    advice: tuple[Advice, ...]

    @property
    def lead(self) -> Kind:
        """The gravest advice."""
        return gravest_of(self.advice)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON, words in `locale`."""
        drift = self.drift
        return {
            "task": self.task,
            "title": self.task if self.title is None else self.title.in_locale(locale),
            "model_version": self.version,
            "window": None if drift is None else drift.window.as_dict(),
            "n": None if drift is None else drift.n,
            "lead": self.lead,
            "to_do": self.lead in TO_DO,
            "advice": [one.as_dict(locale) for one in self.advice],
        }


def standings(
    store: Store,
    registry: Registry,
    served: Iterable[Bundle],
    problems: Mapping[str, FarolError],
    *,
    window: str = WINDOW,
    now: datetime,
    deep: bool = True,
) -> tuple[Standing, ...]:
    """Each model in use; a task whose promoted model cannot be read (`problems`) is told as such, whatever answers.

    Slices are looked into only where it is to be `deep`: that takes seconds at first; the kinds of advice are the same.
    Raises StoreError; InputError for a window that is none.
    """
    found = [
        standing(store, registry, bundle, window_of(window, store=store, task=bundle.task, now=now), deep=deep)
        for bundle in served
        if bundle.task not in problems
    ]
    return (*found, *(broken(task, problem) for task, problem in problems.items()))


def broken(task: str, problem: FarolError) -> Standing:
    """The standing of a model that cannot be read, or whose database cannot."""
    return Standing(task, None, None, None, advise(Facts(task, problem=problem)))


def standing(store: Store, registry: Registry, bundle: Bundle, window: Window, *, deep: bool = True) -> Standing:
    """One model over a window. Raises StoreError."""
    facts = gather(store, registry, bundle, window, deep=deep)
    return Standing(bundle.task, bundle.task_spec.title, bundle.version, facts.drift, advise(facts))


def gather(store: Store, registry: Registry, bundle: Bundle, window: Window, *, deep: bool = True) -> Facts:
    """All that the advice is made of. Slices and levels are read only where there is an alarm. Raises StoreError."""
    drift = drift_report(store, bundle, window)
    years = years_of(store, bundle.task)
    return Facts(
        task=bundle.task,
        version=bundle.version,
        learned=bundle.served_years,
        horizon=bundle.task_spec.horizon,
        drift=drift,
        levels=_by_level(store, bundle, window) if drift.alarm else None,
        looked=search_slices(store, bundle, drift) if deep else SliceSearch(),
        estimation=performance(store, bundle, window),
        promise=promise_of(bundle, "test"),
        realised=realised(store, registry, bundle.profile, bundle.task, years[-1]) if years else None,
        outcome_year=years[-1] if years else None,
        snapshots=tuple(one for one in store.snapshots(bundle.task, PAST) if one.version == bundle.version),
    )


def promoted(registry: Registry) -> tuple[list[Bundle], dict[str, FarolError]]:
    """The promoted models, and the tasks whose promoted model cannot be read."""
    served, problems = [], dict[str, FarolError]()
    for task in registry.tasks():
        try:
            if registry.promoted(task) is not None:
                served.append(registry.load(task))
        except BundleError as error:
            problems[task] = error
    return sorted(served, key=lambda bundle: (-bundle.task_spec.horizon, bundle.task)), problems


def real_problems(registry: Registry, problems: Mapping[str, FarolError]) -> dict[str, FarolError]:
    """Of the problems of a service those of a promoted model: a question nobody trained for is no problem."""
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
