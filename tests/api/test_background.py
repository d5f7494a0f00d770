"""The background work of a service: on both databases, with real processes and a real receiver."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from farol import app as application
from farol.alerts.delivery import make_secret
from farol.alerts.prometheus_rules import RULES
from farol.api import background
from farol.api.background import JOB, Watch
from farol.app import create_app
from farol.errors import InputError, StoreError
from farol.i18n import msg
from farol.model.registry import Registry
from farol.periodic import PeriodicJob
from farol.service import Service
from farol.settings import Settings
from farol.store.alerts import AlertStates, Outbox
from farol.store.database import Store
from farol.store.history import SERVED, Events
from farol.store.leases import Leases
from farol.store.records import microseconds
from farol.store.tables import leases
from tests.alerts.receiver import web_receiver
from tests.api.client import Client, running
from tests.api.test_metrics import figures, value
from tests.counted import answered
from tests.postgresql import postgresql_server, postgresql_url, url
from tests.waiting import eventually

__all__ = ["postgresql_server", "postgresql_url", "url"]

SECRET = make_secret()


@pytest.fixture
def configured(trained: Path, url: str, tmp_path: Path) -> Settings:
    return Settings(artifacts=trained, data=tmp_path, database_url=url, check_schedule="1m", check_window="7d")


@contextmanager
def worker(settings: Settings) -> Iterator[tuple[Watch, Store]]:
    """A worker whose models are read and whose database is open."""
    service = Service(settings)
    service.refresh()
    watch = Watch(service)
    service.metrics.add(watch)
    try:
        yield watch, service.store
    finally:
        asyncio.run(service.close())


def make_due(store: Store) -> None:
    lease = Leases(store).find(JOB)
    assert lease is not None
    Leases(store).plan(JOB, "due now", datetime.now(UTC) - timedelta(hours=9))
    # The schedule keeps its name, so that the worker does not plan anew.
    Leases(store).plan(JOB, lease.schedule, datetime.now(UTC) - timedelta(hours=9))


def drifted(store: Store, settings: Settings) -> None:
    answered(store, Registry(settings.artifacts).load("current"), at=datetime.now(UTC), n=500, moved=True)


def test_the_first_look_notices_the_versions_and_plans_the_check(configured: Settings) -> None:
    with worker(configured) as (watch, store):
        watch.look()
        lease = Leases(store).find(JOB)
        assert lease is not None
        assert (lease.schedule, lease.holder) == ("1m", None)
        assert timedelta(0) < lease.due - datetime.now(UTC) <= timedelta(minutes=1)
        assert len(Events(store).latest(9, None, SERVED)) == 2
        assert AlertStates(store).all() == [], "nothing was due"
        watch.look()
        assert len(Events(store).latest(9, None, SERVED)) == 2


def test_a_due_check_is_made_by_one_worker_and_its_alert_sent(configured: Settings) -> None:
    with web_receiver() as received:
        hook = {"alert_webhook_url": received.url, "alert_webhook_secret": SECRET}
        settings = Settings(**{**configured.model_dump(), **hook})
        with worker(settings) as (first, store), worker(settings) as (second, _):
            first.look()
            drifted(store, settings)
            make_due(store)
            for watch in (first, second, first):
                watch.look()
                watch.send()
            lease = Leases(store).find(JOB)
            assert lease is not None
            assert lease.due > datetime.now(UTC), "one that was missed is made up for once"
            assert [state.verdict for state in AlertStates(store).all()] == ["severe", "none"]
            assert len(store.snapshots("current", 9)) == 1
            text = second._service.metrics.text().decode()
    assert len(received.requests) == 1
    assert value(text, "farol_drift_verdict", task="current", window="7d") == 2
    assert value(text, "farol_drift_verdict", task="next-year", window="7d") == -1
    assert value(text, "farol_alert_state", task="current") == 2
    first_feature = Registry(settings.artifacts).load("current").reference.features[0].feature
    assert value(text, "farol_drift_alarm", task="current", feature=first_feature) == 1
    assert (value(text, "farol_drift_psi", task="current", feature=first_feature) or 0) > 0.25
    assert value(text, "farol_drift_psi", task="next-year", feature=first_feature) is None, "nothing was counted"
    assert value(text, "farol_alerts_waiting", channel="webhook") == 0
    assert value(text, "farol_alerts_set_aside", channel="webhook") == 0
    assert abs((value(text, "farol_drift_checked_timestamp_seconds", task="current") or 0) - time.time()) < 600


def test_every_metric_that_the_rules_name_is_reported(configured: Settings) -> None:
    hook = {"alert_webhook_url": "http://127.0.0.1:9/", "alert_webhook_secret": SECRET}
    with running(create_app(Settings(**{**configured.model_dump(), **hook}))) as client:
        client.get("/health")
        service = client_service(client)
        make_due_now(service)
        told = {name for name, _ in figures(client.get("/metrics").text)}
    named = {name for rule in RULES for name in re.findall(r"farol_\w+", rule.expression)}
    assert named <= told
    assert len(named) >= 5


def test_without_a_schedule_nothing_is_checked(configured: Settings) -> None:
    settings = configured.model_copy(update={"check_schedule": ""})
    with worker(settings) as (watch, store):
        watch.look()
        assert Leases(store).find(JOB) is None
        assert AlertStates(store).all() == []
        watch.send()
        assert Outbox(store).latest(9) == []


@pytest.mark.parametrize("wanted", [True, False])
def test_the_schedule_checks_features_together_where_set(configured: Settings, wanted: bool) -> None:
    with worker(configured.model_copy(update={"check_multivariate": wanted})) as (watch, store):
        watch.look()
        make_due(store)
        watch.look()
        assert ["multivariate" in state.figures for state in AlertStates(store).all()] == [wanted, wanted]


def test_a_check_that_fails_is_due_again_at_its_next_time(
    configured: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError(msg("The disk is full."))

    with worker(configured) as (watch, store):
        watch.look()
        make_due(store)
        monkeypatch.setattr(background, "check_all", fail)
        PeriodicJob("watch", msg("Checking for drift"), 1, watch.look).run()
        assert "The disk is full." in caplog.text
        lease = Leases(store).find(JOB)
        assert lease is not None
        assert (lease.holder, lease.due > datetime.now(UTC)) == (None, True)


def test_an_unusable_store_is_logged_once_until_it_changes(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    service = Service(Settings(artifacts=trained, data=tmp_path / "file"))
    watch = Watch(service)
    job = PeriodicJob("watch", msg("Checking for drift"), 1, watch.look)
    for _ in range(3):
        job.run()
    assert sum("watch failed and is tried again." in line for line in caplog.messages) == 1


def test_a_clock_that_was_ahead_plans_nothing_for_later(configured: Settings) -> None:
    ahead = datetime.now(UTC) + timedelta(days=4_000)
    with worker(configured) as (watch, store):
        leases = Leases(store)
        leases.plan(JOB, "1m", ahead)
        watch.look()
        lease = leases.find(JOB)
        assert lease is not None
        assert lease.due - datetime.now(UTC) <= timedelta(minutes=1)
        make_due(store)
        lease = leases.find(JOB)
        assert lease is not None
        assert leases.claim(lease, ahead, ahead + timedelta(minutes=2)), "held until then by a worker whose clock was"
        watch.look()
        assert AlertStates(store).all() != [], "another worker takes over"


def test_a_worker_that_stops_begins_no_check(configured: Settings) -> None:
    with worker(configured) as (watch, store):
        watch.look()
        make_due(store)
        watch.stop()
        watch.look()
        assert AlertStates(store).all() == []


def test_settings_that_cannot_work_are_refused_at_the_start(configured: Settings) -> None:
    for wrong in ({"check_schedule": "soon"}, {"check_window": "soon"}, {"alert_email_to": "ana@example.org"}):
        with pytest.raises(InputError):
            create_app(configured.model_copy(update=wrong))


def test_a_mistake_in_watching_does_not_end_it(
    configured: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(application, "WATCH_SECONDS", 0.01)
    looked = []

    def look(watch: Watch) -> None:
        looked.append(watch)
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Watch, "look", look)
    with running(create_app(configured)) as client:
        eventually(lambda: len(looked) > 2)
        assert client.get("/health").status_code == 200
        assert "RuntimeError" in client.get("/ready?lang=en").json()["background"]["watch"]["problem"]
        assert (value(client.get("/metrics").text, "farol_background_failures", job="watch") or 0) > 2
    assert "watch failed and is tried again." in caplog.text


def test_a_running_service_checks_and_sends_by_itself(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "WATCH_SECONDS", 0.05)
    with web_receiver() as received:
        hook = {"alert_webhook_url": received.url, "alert_webhook_secret": SECRET}
        settings = Settings(**{**configured.model_dump(), **hook})
        with Store.open(settings.store_url) as store:
            drifted(store, settings)
            Leases(store).plan(JOB, "1m", datetime.now(UTC) - timedelta(minutes=1))
        with running(create_app(settings)) as client:
            eventually(lambda: len(received.requests) == 1)
            eventually(lambda: value(client.get("/metrics").text, "farol_alert_state", task="current") == 2)


WORKER = """
import asyncio, os, sys
from farol.api import background
from farol.service import Service
from farol.settings import Settings

service = Service(Settings())
service.refresh()
watch = background.Watch(service)
if sys.argv[1] == "dies":
    def check_all(*_, **__):
        print("checking", flush=True)
        sys.stdin.read()
    background.check_all = check_all
else:
    check_all = background.check_all
    def told(*given, **more):
        found = check_all(*given, **more)
        print("checked", flush=True)
        return found
    background.check_all = told
print("ready", flush=True)
for line in sys.stdin:
    watch.look()
    print("looked", flush=True)
"""


@contextmanager
def process(settings: Settings, how: str) -> Iterator[subprocess.Popen[str]]:
    environ = {
        **os.environ,
        "FAROL_ARTIFACTS": str(settings.artifacts),
        "FAROL_DATABASE_URL": settings.store_url,
        "FAROL_CHECK_SCHEDULE": "1h",
        "FAROL_CHECK_WINDOW": "7d",
    }
    started = subprocess.Popen(
        [sys.executable, "-c", WORKER, how], env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def test_another_process_takes_over_from_a_killed_checker(configured: Settings) -> None:
    with Store.open(configured.store_url) as store:
        drifted(store, configured)
        Leases(store).plan(JOB, "1h", datetime.now(UTC) - timedelta(minutes=1))
        with process(configured, "dies") as leader:
            assert leader.stdout is not None
            assert leader.stdout.readline() == "ready\n"
            assert look(leader) == "checking\n"
            held = Leases(store).find(JOB)
            assert held is not None
            assert held.holder is not None
            with process(configured, "lives") as follower:
                assert follower.stdout is not None
                assert follower.stdout.readline() == "ready\n"
                assert look(follower) == "looked\n"
                assert AlertStates(store).all() == [], "while the leader has its time, nobody else begins"
                leader.kill()
                end_lease(store)
                assert look(follower) == "checked\n"
                assert follower.stdout.readline() == "looked\n"
                lease = Leases(store).find(JOB)
                assert lease is not None
                assert lease.holder is None
        assert [state.verdict for state in AlertStates(store).all()] == ["severe", "none"]
        assert len(store.snapshots("current", 9)) == 1


def look(worker: subprocess.Popen[str]) -> str:
    """One look of the process; the first line that it prints then."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("look\n")
    worker.stdin.flush()
    return worker.stdout.readline()


def end_lease(store: Store) -> None:
    """The time of whoever has the check in hand is over."""
    with store.engine.begin() as connection:
        connection.execute(update(leases).values(until=microseconds(datetime.now(UTC) - timedelta(seconds=1))))


def client_service(client: Client) -> Service:
    service: Service = client._http._transport.app.state.service  # type: ignore[attr-defined]  # the ASGI transport's
    return service


def make_due_now(service: Service) -> None:
    watch = next(added for added in service.metrics._added if isinstance(added, Watch))
    watch.look()
    make_due(service.store)
    watch.look()
