"""What a worker of the service does by itself: it notices new versions, checks for drift when due, sends alerts.

Of several workers each asks the database every few seconds whether it is its turn; one gets it. All this blocks and
belongs in a thread, so that no request waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from farol.alerts.channel import SECONDS
from farol.alerts.check import CheckPlan, Schedule, check_all
from farol.alerts.delivery import deliver
from farol.alerts.events import notice_served
from farol.service import Service
from farol.store.alerts import AlertState, AlertStates, Outbox
from farol.store.database import Store
from farol.store.leases import Leases

JOB = "check"
LEASE = timedelta(minutes=2)
"""After how long others think the worker dead that has a check in hand; a check takes about a second."""

VERDICTS = {"insufficient_data": -1, "none": 0, "moderate": 1, "severe": 2}
"""Verdicts as numbers, for `/metrics`."""


class Watch(Collector):
    """The watching of one worker; as a collector it tells what was found last, by whichever worker."""

    def __init__(self, service: Service) -> None:
        self.plan = CheckPlan.of(service.settings)
        self._service = service
        self._noticed: dict[str, str] = {}
        self._leases: Leases | None = None
        self._states: list[AlertState] = []
        self._waiting: dict[str, int] = {}
        self._aside: dict[str, int] = {}
        self._stopping = threading.Event()
        self._looking, self._sending = threading.Lock(), threading.Lock()

    def stop(self) -> None:
        """Begin nothing more, and wait for what is in hand, so that the store can be closed. It blocks.

        Not for ever: a receiver may take longer than whoever wants to stop us has patience.
        """
        self._stopping.set()
        for busy in (self._looking, self._sending):
            if busy.acquire(timeout=SECONDS):
                busy.release()

    def look(self) -> None:
        """Notice, check if that is due and our turn, and read what `/metrics` tells."""
        with self._looking:
            if not self._going_on():
                return
            store = self._service.store
            self._notice(store)
            if self.plan.schedule is not None:
                self._check_in_turn(store, self.plan.schedule)
            self._states = AlertStates(store).all()
            self._waiting, self._aside = Outbox(store).depth()

    def send(self) -> None:
        """Send the alerts that are due; nothing happens where no channel is set up."""
        if self.plan.channels:
            with self._sending:
                locale = self.plan.messages.locale
                deliver(self._service.store, self.plan.channels, _now, locale, going_on=self._going_on)

    def _going_on(self) -> bool:
        return not self._stopping.is_set()

    def _notice(self, store: Store) -> None:
        for task, scorer in self._service.scorers.items():
            if self._noticed.get(task) != scorer.bundle.version:
                notice_served(store, self._service.registry, scorer.bundle, _now())
                self._noticed[task] = scorer.bundle.version

    def _check_in_turn(self, store: Store, schedule: Schedule) -> None:
        leases = self._leases = self._leases or Leases(store)
        lease, now = leases.find(JOB), _now()
        latest = schedule.after(now)
        if lease is None or lease.schedule != schedule.text:
            leases.plan(JOB, schedule.text, latest)
        elif lease.due > latest:  # it was planned while a clock was ahead
            leases.replan(lease, latest)
        elif lease.due <= now and leases.claim(lease, now, now + LEASE):
            try:
                bundles = [scorer.bundle for scorer in self._service.scorers.values()]
                check_all(
                    store, bundles, self.plan.window, now, self.plan.messages, multivariate=self.plan.multivariate
                )
            finally:
                # One that was missed while nobody ran is made up for once, not as often as it was missed.
                leases.done(lease, schedule.after(_now()))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The last check of each task, and the depth of the outbox."""
        verdict = _gauge(
            "farol_drift_verdict", "Last check: 2 severe, 1 moderate, 0 none, -1 insufficient data.", "task", "window"
        )
        psi = _gauge("farol_drift_psi", "PSI of a feature at the last check.", "task", "feature")
        alarm = _gauge("farol_drift_alarm", "1 for a feature in alarm at the last check.", "task", "feature")
        checked = _gauge("farol_drift_checked_timestamp_seconds", "When a task was last checked.", "task")
        state = _gauge("farol_alert_state", "The state of the last alert: 2 severe, 1 moderate, 0 none.", "task")
        for saved in self._states:
            figures: Any = saved.figures  # as `farol.alerts.messages` wrote them
            verdict.add_metric([saved.task, figures["window"]], VERDICTS[figures["verdict"]])
            checked.add_metric([saved.task], saved.checked.timestamp())
            state.add_metric([saved.task], VERDICTS[saved.verdict])
            for feature, value in figures["psi"].items():
                alarm.add_metric([saved.task, feature], int(feature in figures["alarms"]))
                if value is not None:
                    psi.add_metric([saved.task, feature], value)
        waiting = _gauge("farol_alerts_waiting", "Alerts not delivered yet.", "channel")
        aside = _gauge("farol_alerts_set_aside", "Alerts given up after a month of attempts.", "channel")
        for channel in sorted({*self.plan.messages.channels, *self._waiting, *self._aside}):
            waiting.add_metric([channel], self._waiting.get(channel, 0))
            aside.add_metric([channel], self._aside.get(channel, 0))
        yield from (verdict, psi, alarm, checked, state, waiting, aside)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)


def _now() -> datetime:
    return datetime.now(UTC)
