"""What a running Farol holds: settings, profile, registry, served models, store, journal. One for each app."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

from farol.advice.status import ModelStatus
from farol.errors import BundleError, FarolError, StoreError
from farol.i18n import Message, msg
from farol.metrics import Metrics
from farol.model.bundle import Bundle
from farol.model.inputs import Inputs
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.model.tasks import NEXT_YEAR, THIS_YEAR, Tasks
from farol.periodic import PeriodicJob
from farol.profile import Profile, load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.store.health import caution, probe, software
from farol.store.journal import Journal, writer_for
from farol.store.privacy import finish_erasing

logger = logging.getLogger("farol.service")

ROUTE = "/tasks/{task}/predict"
"""The route of each task."""

SHORT_ROUTES: Mapping[str, int] = {"/predict": THIS_YEAR, "/forecast": NEXT_YEAR}
"""Routes that answer the first task of the profile about this year, and about the next."""

CHECK_SECONDS = 1.0
"""How long an answer to whether the store can be written holds."""

MET_SECONDS = 3.0
"""How long `/ready` tells what predictions met last, if it was no success."""

WAIT_SECONDS = 3.0
"""How long `/ready` waits for another one that tries the database; then it does not answer."""

GROUPS_AT_ONCE = 2
"""Groups of rows that batches of one worker may score and store at once: single pupils must not wait for batches."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """One model in use."""

    bundle: Bundle
    scorer: Scorer

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """A bundle, ready to answer. BundleError when its model cannot be run."""
        return cls(bundle, Scorer(bundle))


class Service:
    """The state of a running service. `refresh` blocks and belongs in a thread; what it finds replaces what was."""

    def __init__(self, settings: Settings, opened: Callable[[Store], None] = lambda _store: None) -> None:
        """`opened` is called with the store once it is open."""
        self.settings = settings
        self._opened = opened
        self.started = datetime.now(UTC)
        self.timezone = ZoneInfo(settings.timezone)
        self._default_profile = load_profile(settings.profile)
        self.tasks = Tasks.of(self._default_profile, (), is_chosen=settings.is_profile_chosen)
        self.registry = Registry(settings.artifacts)
        unread = BundleError(msg("The models are still being read."), fix=msg("Try again in a moment."))
        self.problems: dict[str, FarolError] = dict.fromkeys(self.tasks.specs, unread)
        self.unused: dict[str, FarolError] = {}
        self.store_problem: FarolError | None = None
        self._loaded: dict[str, ServedModel] = {}
        self._served: dict[str, ServedModel] = {}
        self._store: Store | None = None
        self._is_noted = False
        self._journal: Journal | None = None
        self._refreshing = threading.Lock()
        self._chosen: dict[str, tuple[int, int]] = {}
        self._checking = threading.Lock()
        self._checked = float("-inf")
        self._met: tuple[FarolError, float] | None = None
        self.groups = asyncio.Semaphore(GROUPS_AT_ONCE)
        self.erasing = False
        self.background: Sequence[PeriodicJob] = ()
        self.statuses: Sequence[ModelStatus] = ()  # as `farol.web.advice` saw them last
        self.metrics = Metrics(waiting=self._waiting, serving=self._versions, background=lambda: self.background)
        self._default_inputs = _inputs_of(self.profile)

    @property
    def profile(self) -> Profile:
        """The profile in force: see `farol.model.tasks`."""
        return self.tasks.profile

    @property
    def scorers(self) -> Mapping[str, Scorer]:
        """Task → what scores it, for the tasks that are served."""
        return {task: served.scorer for task, served in self._served.items()}

    @property
    def bundles(self) -> list[Bundle]:
        """The bundles in use, the question that looks furthest ahead first."""
        bundles = [served.bundle for served in self._served.values()]
        return sorted(bundles, key=lambda bundle: -bundle.task_spec.horizon)

    def routes(self, task: str) -> tuple[str, ...]:
        """The routes for one pupil that ask a task, its own first."""
        short = (route for route, horizon in SHORT_ROUTES.items() if self.tasks.first(horizon) == task)
        return (ROUTE.format(task=task), *short)

    def all_routes(self, task: str) -> list[str]:
        """Every route that asks a task: for one pupil, for many, and of the Open Inference Protocol."""
        routes = self.routes(task)
        return [*routes, *(f"{route}/batch" for route in routes), f"/v2/models/{task}/infer"]

    def profile_of(self, task: str) -> Profile:
        """The profile of a task: that of the model served, else the one in force."""
        served = self._served.get(task)
        return self.profile if served is None else served.bundle.profile

    def task_names(self) -> list[str]:
        """The tasks that are answered, or would be if they had a model, in the profile's order."""
        return list(self.tasks.specs)

    def served(self, task: str) -> ServedModel:
        """The model that answers for `task`, one of `task_names`; BundleError when no model answers."""
        served = self._served.get(task)
        if served is None:
            problem = self.problems.get(task) or BundleError(
                msg("The models are still being read."), fix=msg("Try again in a moment.")
            )
            raise BundleError(
                msg("No model answers {route} yet: {problem}", route=self.routes(task)[-1], problem=problem.problem),
                fix=problem.fix,
            )
        return served

    def former(self, task: str, version: str) -> ServedModel:
        """A version that was served once, read now: it blocks. BundleError when it is gone."""
        return ServedModel.of(self.registry.load(task, version))

    def serving(self, task: str) -> str | None:
        """The version that answers for `task`."""
        served = self._served.get(task)
        return None if served is None else served.bundle.version

    def unanswered(self) -> tuple[str, ...]:
        """The tasks for which a model should answer and none does. Reads the disk.

        A school may use one route alone: where a task is served, one of which no version was ever promoted is not
        missed. Where none is served, all are.
        """
        names = self.task_names()
        missing = tuple(task for task in names if self.serving(task) is None)
        return missing if len(missing) == len(names) else tuple(filter(self._is_promoted, missing))

    def _is_promoted(self, task: str) -> bool:
        try:
            return self.registry.promoted(task) is not None
        except BundleError:  # a choice that cannot be read is one
            return True

    def inputs(self, task: str) -> Inputs | None:
        """The inputs of `task`: of the model served, else of the default profile, if it has the task."""
        served = self._served.get(task)
        return self._default_inputs.get(task) if served is None else served.bundle.inputs

    @property
    def log_profile(self) -> Profile:
        """The profile whose columns the exported log has: that of the models served, else the default one."""
        return next((served.bundle.profile for served in self._served.values()), self.profile)

    @property
    def store(self) -> Store:
        """The store; StoreError while it cannot be opened."""
        if self._store is None:
            problem = self.store_problem or _opening()
            raise StoreError(problem.problem, fix=problem.fix)
        return self._store

    @property
    def store_caution(self) -> Message | None:
        """Known faults of this SQLite version with several workers; None when there are none."""
        return None if self._store is None else caution(self._store, self.settings.workers)

    @property
    def store_software(self) -> str | None:
        """The database in use and its version; None while it cannot be opened."""
        return None if self._store is None else software(self._store)

    @property
    def journal(self) -> Journal:
        """The journal of the store; StoreError while that cannot be opened."""
        if self._journal is None:
            size, writer = self.settings.journal_queue, writer_for(self.store)
            self._journal = Journal(writer, queue_size=size, committed=self.stored, failed=self.not_stored)
        return self._journal

    def refresh(self) -> None:
        """Open the store if that is still to be done, and serve the models that are promoted now."""
        with self._refreshing:
            if self._store is None:
                self._open_store()
            elif self.store_problem is not None:
                self.check_store()
            else:  # also where nobody asks: a log that was taken away is saved while that can be done
                self._look_at_store(self._store)
            self._refresh_models()
            if self._store is not None and not self._is_noted:  # the folder of the models may have come only now
                self._is_noted = self._store.note(self.settings)

    def is_another_chosen(self) -> bool:
        """Whether another version of a task may have been promoted since this was asked last. Costs a `stat` a task."""
        now = self.registry.stamps()
        before, self._chosen = self._chosen, now
        return now != before

    def follow(self) -> None:
        """Tell the figures of this moment, and serve another version where one was promoted."""
        self.metrics.tell()
        if self.is_another_chosen():
            self.refresh()

    def stored(self, seconds: float) -> None:
        """Predictions were stored in a transaction that took so long."""
        self._met = None
        self.metrics.committed(seconds)

    def not_stored(self, error: Exception) -> None:
        """Predictions could not be stored: so it will go with the next ones, until one is or the database is tried."""
        problem = (
            error
            if isinstance(error, FarolError)
            else StoreError(msg("The database cannot be used."), fix=_READ_THE_LOG)
        )
        self._met, self._checked = (problem, time.monotonic()), float("-inf")

    def check_store(self) -> FarolError | None:
        """Why a prediction would not be stored now; None when it would be. Tries it, once a second at most.

        A database may be readable and yet take no row: its disk is full, its file may not be written. What predictions
        met counts for MET_SECONDS, whatever the trial says.
        """
        if not self._checking.acquire(timeout=WAIT_SECONDS):
            return self.store_problem or StoreError(msg("The database does not answer."), fix=_CHECK_THAT_IT_RUNS)
        try:
            if self._store is None:
                return self.store_problem or _opening()
            if time.monotonic() - self._checked >= CHECK_SECONDS:
                try:
                    probe(self._store)
                except StoreError as error:
                    self._cannot_store(error)
                else:
                    self.store_problem = None
                self._checked = time.monotonic()
        finally:
            self._checking.release()
        met = self._met
        if met is not None and time.monotonic() - met[1] < MET_SECONDS:
            return met[0]
        return self.store_problem

    def finish_erasing(self) -> None:
        """Remove the bytes of what was erased, if any are left; `erasing` says so."""
        self.erasing = not finish_erasing(self.store)

    async def close(self) -> None:
        """Store and answer what is waiting, then let go of the database."""
        if self._journal is not None:
            await self._journal.close()
        if self._store is not None:
            self._store.close()

    def _waiting(self) -> int:
        return 0 if self._journal is None else self._journal.waiting

    def _versions(self) -> dict[str, str]:
        return {task: served.bundle.version for task, served in self._served.items()}

    def _open_store(self) -> None:
        try:
            store = Store.of(self.settings)
        except FarolError as error:
            self._cannot_store(error)
        else:
            self._opened(store)
            self._store = store
            self.store_problem = None
            caution = self.store_caution
            if caution is not None:
                logger.warning("%s", caution)

    def _look_at_store(self, store: Store) -> None:
        try:
            store.ping()
        except StoreError as error:
            self._cannot_store(error)

    def _cannot_store(self, error: FarolError) -> None:
        if str(error) != str(self.store_problem):
            logger.warning("The store cannot be used. %s", error)
        self.store_problem = error

    def _refresh_models(self) -> None:
        """Serve the promoted versions of the profile in force, in its order."""
        promoted = list(self.registry.stamps())
        problems = self._load(promoted)
        # What was loaded and is promoted no longer, as when a folder went away, keeps answering.
        models = [
            self._loaded[task].bundle for task in dict.fromkeys([*promoted, *self._loaded]) if task in self._loaded
        ]
        tasks = Tasks.of(self._default_profile, models, is_chosen=self.settings.is_profile_chosen)
        problems |= self._load(task for task in tasks.specs if task not in promoted)
        refused = {model.task: tasks.refusal(model) for model in models if not tasks.answers(model)}
        self.problems = {task: error for task, error in (problems | refused).items() if task in tasks.specs}
        unused = {task: error for task, error in (problems | refused).items() if task not in tasks.specs}
        for task in refused.keys() - self.unused.keys() - self._served.keys():
            logger.warning("The promoted version of %s is not served. %s", task, refused[task])
        self._default_inputs = _inputs_of(tasks.profile)
        answering = [task for task in tasks.specs if task in self._loaded and task not in refused]
        self._served = {task: self._loaded[task] for task in answering}
        self.tasks, self.unused = tasks, unused

    def _load(self, tasks: Iterable[str]) -> dict[str, FarolError]:
        """Load the promoted versions. Of those that cannot be read, the reason; the one before keeps answering."""
        problems: dict[str, FarolError] = {}
        for task in tasks:
            loaded = self._loaded.get(task)
            try:
                version = self.registry.promoted(task)
                if loaded is None or version is None or version != loaded.bundle.version:
                    self._loaded[task] = ServedModel.of(self.registry.load(task, version))
                    logger.info("Serving %s %s.", task, version)
            except FarolError as error:
                if str(error) != str(self.problems.get(task, self.unused.get(task))):
                    logger.warning("The promoted version of %s is not served. %s", task, error)
                problems[task] = error
            except (
                Exception
            ) as error:  # whatever a folder holds, the other tasks are served and this one is said to fail
                kind = type(error).__name__
                problem = BundleError(msg("The model cannot be used: {kind}.", kind=kind), fix=_READ_THE_LOG)
                if str(problem) != str(self.problems.get(task, self.unused.get(task))):
                    logger.exception("The promoted version of %s is not served.", task)
                problems[task] = problem
        return problems


def _inputs_of(profile: Profile) -> dict[str, Inputs]:
    return {name: Inputs.of(profile, task) for name, task in profile.tasks.items()}


_CHECK_THAT_IT_RUNS = msg("Check that it is running.")
_READ_THE_LOG = msg("The service's log says where.")


def _opening() -> StoreError:
    return StoreError(msg("The database is still being opened."), fix=msg("Try again in a moment."))
