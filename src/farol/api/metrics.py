"""What `GET /metrics` counts, in the text format of Prometheus. One registry an application, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = "499"
"""What others (nginx) call the status of a request whose caller did not wait."""

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LABELS = {None: "no_answer", 0: "not_at_risk", 1: "at_risk"}


class Metrics:
    """Counted as it happens; `waiting` (predictions to be stored) and `serving` (task → version) are asked when read.

    Every label is of a set that callers cannot make larger: an address they invent counts as the route `-`.
    """

    def __init__(self, *, waiting: Callable[[], int], serving: Callable[[], Mapping[str, str]]) -> None:
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
        self._registry.register(_State(waiting, serving))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request; a status of 0 says that its caller had gone."""
        found = self._known.get((method, route, status))
        if found is None:
            name = method if method in _METHODS else "other"
            counter = self._requests.labels(name, route, str(status) if status else _GONE)
            found = counter, self._seconds.labels(route)
            if name == method:
                self._known[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def predicted(self, task: str, prediction: int | None) -> None:
        """A prediction that was stored."""
        counter = self._answers.get((task, prediction))
        if counter is None:
            counter = self._answers[task, prediction] = self._predictions.labels(task, _LABELS[prediction])
        counter.inc()

    def committed(self, seconds: float) -> None:
        """A transaction of the journal."""
        self._commits.observe(seconds)

    def add(self, collector: Collector) -> None:
        """Tell what another part knows, too; it is asked at every reading, so it must know it already."""
        self._registry.register(collector)

    def text(self) -> bytes:
        """All of it, as CONTENT_TYPE says."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is not counted but so at the moment it is read."""

    def __init__(self, waiting: Callable[[], int], serving: Callable[[], Mapping[str, str]]) -> None:
        self._waiting = waiting
        self._serving = serving

    def collect(self) -> Iterator[GaugeMetricFamily]:
        queue = GaugeMetricFamily("farol_journal_waiting", "Predictions waiting to be stored.")
        queue.add_metric([], self._waiting())
        yield queue
        served = GaugeMetricFamily("farol_bundle_info", "1 for the version served.", labels=["task", "version"])
        for task, version in self._serving().items():
            served.add_metric([task, version], 1)
        yield served
