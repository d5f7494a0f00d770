"""What `GET /metrics` counts, in the text format of Prometheus. One registry an application.

With several workers each keeps its figures in a file of its own, and whichever is asked adds all of them up: that is
the library's own way (https://prometheus.github.io/client_python/multiprocess/), begun by `farol serve`, which names
the folder. What a worker that died had counted stays counted, so that a counter never falls; what it had waiting goes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from farol.periodic import PeriodicJob

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder of the workers' files. It must be set before the library is loaded."""

_READINGS = 5
"""How often the files of the workers are read until all are whole."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = "499"
"""What others (nginx) call the status of a request whose caller did not wait."""

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LABELS = {None: "no_answer", 0: "not_at_risk", 1: "at_risk"}


class Metrics:
    """Counted as it happens; `waiting` (predictions to be stored) and `serving` (task → version) are asked by `tell`.

    Every label is of a set that callers cannot make larger: an address they invent counts as the route `-`.
    """

    def __init__(
        self,
        *,
        waiting: Callable[[], int],
        serving: Callable[[], Mapping[str, str]],
        background: Callable[[], Sequence[PeriodicJob]] = tuple,
    ) -> None:
        # Else each has a second series, for a question nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs lacks its annotation
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "farol_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # looked up faster than by labels
        self._seconds = Histogram(
            "farol_request_seconds",
            "From a request's first byte to its answer's last.",
            ["route"],
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._predictions = Counter(
            "farol_predictions", "Predictions stored and answered.", ["task", "label"], registry=self._registry
        )
        self._answers: dict[tuple[str, int | None], Counter] = {}
        self._commits = Histogram(
            "farol_commit_seconds",
            "Transactions of the journal, each of one or more predictions.",
            buckets=_COMMIT_SECONDS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "farol_journal_waiting",
            "Predictions waiting to be stored.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._bundles = Gauge(
            "farol_bundle_info",
            "Workers that serve this version.",
            ["task", "version"],
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._went_well = Gauge(
            "farol_background_age_seconds",
            "Since a job of the background last went well, in the worker where that is longest ago.",
            ["job"],
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._failures = Gauge(
            "farol_background_failures",
            "Failures of a job in a row, in the worker that has most; 0 while it goes well.",
            ["job"],
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._background = background
        self._waiting = waiting
        self._serving = serving
        self._added: list[Collector] = []
        self._told: set[tuple[str, str]] = set()
        self._folder = os.environ.get(FOLDER)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request; a status of 0 says that its caller had gone."""
        series = self._known.get((method, route, status))
        if series is None:
            name = method if method in _METHODS else "other"
            counter = self._requests.labels(name, route, str(status) if status else _GONE)
            series = counter, self._seconds.labels(route)
            if name == method:
                self._known[method, route, status] = series
        series[0].inc()
        series[1].observe(seconds)

    def predicted(self, task: str, prediction: int | None) -> None:
        """A prediction that was stored."""
        counter = self._answers.get((task, prediction))
        if counter is None:
            counter = self._answers[task, prediction] = self._predictions.labels(task, _LABELS[prediction])
        counter.inc()

    def committed(self, seconds: float) -> None:
        """A transaction of the journal."""
        self._commits.observe(seconds)

    def tell(self) -> None:
        """Notes what is not counted but so at this moment, for whichever worker is asked next."""
        self._queue.set(self._waiting())
        for job in self._background():
            self._went_well.labels(job.name).set(round(job.age, 1))
            self._failures.labels(job.name).set(job.failures if job.problem else 0)
        now = set(self._serving().items())
        for task, version in self._told - now:
            self._bundles.labels(task, version).set(0)
        for task, version in now - self._told:
            self._bundles.labels(task, version).set(1)
        if not self._folder:  # else the others still have it, and a gauge of ours at 0 adds nothing
            for gone in self._told - now:
                self._bundles.remove(*gone)
        self._told = now

    def add(self, collector: Collector) -> None:
        """Tell what another part knows, too; it is asked at every reading, so it must know it already."""
        self._added.append(collector)

    def text(self) -> bytes:
        """All of it, as CONTENT_TYPE says."""
        self.tell()
        known = CollectorRegistry()  # apart: every worker knows the same
        for collector in self._added:
            known.register(collector)
        return (
            self._of_all_workers(self._folder) if self._folder else generate_latest(self._registry)
        ) + generate_latest(known)

    @staticmethod
    def _of_all_workers(folder: str) -> bytes:
        """What all workers counted. A file that one of them is just making cannot be read: it is read once more."""
        for _ in range(_READINGS - 1):
            with suppress(struct.error, OSError, ValueError):
                return _read_together(folder)
        return _read_together(folder)


def _read_together(folder: str) -> bytes:
    counted = CollectorRegistry()
    MultiProcessCollector(counted, folder)  # type: ignore[no-untyped-call]  # theirs lacks its annotation
    return generate_latest(counted)
