"""What a worker does again and again in the background, and how it is: nothing of it dies unseen.

Whatever goes wrong is logged and tried again, after longer and longer pauses. `/ready`, `/metrics` and the first page
say how long ago each job last went well, and what stopped it since. Each job has a thread of its own: one that
hangs holds up neither requests nor another job.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from farol.errors import FarolError, ServiceError
from farol.i18n import Message, msg

logger = logging.getLogger("farol.background")

LONGEST_PAUSE = 15.0
"""Seconds: a job that fails again and again is tried at least so often."""

PATIENCE = 30.0
"""Seconds beside its pause after which a job that says nothing is said to hang."""


@dataclass(slots=True, eq=False)
class PeriodicJob:
    """A job and how it went. `work` blocks and is called in a thread, `seconds` after it ended last."""

    name: str
    title: Message
    seconds: float
    work: Callable[[], object]
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    error: FarolError | None = None
    went_well: float = field(init=False)
    began: float | None = None

    def __post_init__(self) -> None:
        self.went_well = self.clock()

    @property
    def age(self) -> float:
        """Seconds since it last went well; since it was made, before."""
        return self.clock() - self.went_well

    @property
    def problem(self) -> FarolError | None:
        """What keeps it from going well; None while it does."""
        if self.error is None and self.began is not None and self.clock() - self.began > PATIENCE:
            return ServiceError(msg("It does not finish."), fix=msg("If this stays, start the service again."))
        return self.error

    @property
    def pause(self) -> float:
        """Seconds until it is tried again."""
        longest = max(self.seconds, LONGEST_PAUSE)
        return min(self.seconds * 2.0 ** min(self.failures, 16), longest)

    def run(self) -> None:
        """Do it once. Never raises: what goes wrong is kept and logged, once until it changes."""
        self.began = self.clock()
        try:
            self.work()
        except FarolError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001  not ours to foresee: the job must live on whatever it is, and say so
            kind = type(error).__name__
            fix = msg("The service's log says where.")
            self._failed(ServiceError(msg("Something unforeseen went wrong: {kind}.", kind=kind), fix=fix), error)
        else:
            if self.failures:
                logger.warning("%s: all is well again.", self.name)
            self.failures, self.error, self.went_well = 0, None, self.clock()
        finally:
            self.began = None

    def _failed(self, error: FarolError, unforeseen: Exception | None = None) -> None:
        if self.error is None or str(self.error) != str(error):
            logger.error("%s failed and is tried again. %s", self.name, error, exc_info=unforeseen)
        self.failures, self.error = self.failures + 1, error


class PeriodicJobs:
    """The jobs of one worker, each in a thread of its own, from `start` to `stop`."""

    def __init__(self, jobs: Sequence[PeriodicJob]) -> None:
        self.jobs = tuple(jobs)
        self._threads = ThreadPoolExecutor(max_workers=len(self.jobs), thread_name_prefix="farol-periodic")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._tasks = [asyncio.create_task(self._again_and_again(job), name=f"farol-{job.name}") for job in self.jobs]

    async def stop(self) -> None:
        """Begin nothing more. What is in hand goes on in its thread."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _again_and_again(self, job: PeriodicJob) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(job.pause)
            try:
                await loop.run_in_executor(self._threads, job.run)
            except RuntimeError:  # no thread can be started just now
                logger.exception("%s cannot be started now.", job.name)
