"""Nothing in the background dies unseen: every job is killed in every way seen, and says so until it goes well."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farol import app as application
from farol.app import create_app
from farol.errors import StoreError
from farol.files import canonical_json
from farol.i18n import msg
from farol.model.bundle import MANIFEST, _version
from farol.model.registry import PROMOTED, Registry
from farol.periodic import LONGEST_PAUSE, PATIENCE, PeriodicJob, PeriodicJobs
from farol.settings import Settings
from tests.api.client import Client, running
from tests.api.conftest import artifacts, settings, trained
from tests.api.test_metrics import value
from tests.waiting import eventually

__all__ = ["artifacts", "settings", "trained"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def job_of(work: Callable[[], object], clock: Clock) -> PeriodicJob:
    return PeriodicJob("job", msg("The job"), 1.0, work, clock)


def test_what_fails_is_tried_after_longer_and_longer_pauses(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [StoreError(msg("The disk is full.")), OverflowError(), MemoryError(), OSError(24, "")]

    def work() -> None:
        if errors:
            raise errors.pop()

    clock = Clock()
    job = job_of(work, clock)
    pauses = []
    for number in range(4):
        clock.now += 10
        job.run()
        pauses.append(job.pause)
        assert (job.failures, job.problem is None, job.age) == (number + 1, False, clock.now)
    assert pauses == [2.0, 4.0, 8.0, LONGEST_PAUSE]
    assert len(caplog.messages) == 4, "each is logged"
    clock.now += 10
    job.run()
    assert (job.failures, job.problem, job.age, job.pause) == (0, None, 0.0, 1.0)
    assert "well again" in caplog.text


def test_what_hangs_is_said_to_hang() -> None:
    clock = Clock()

    def work() -> None:
        assert job.problem is None
        clock.now += PATIENCE + 1
        assert job.problem is not None

    job = job_of(work, clock)
    job.run()
    assert job.problem is None


def test_a_job_that_hangs_holds_up_no_other() -> None:
    async def run() -> None:
        release, done = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def hang() -> None:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

        jobs = PeriodicJobs(
            [
                PeriodicJob("hangs", msg("The job"), 0, hang),
                PeriodicJob("goes", msg("The job"), 0, lambda: loop.call_soon_threadsafe(done.set)),
            ]
        )
        jobs.start()
        await asyncio.wait_for(done.wait(), 10)
        release.set()
        await jobs.stop()

    asyncio.run(run())


@pytest.fixture
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name in ("REFRESH_SECONDS", "FOLLOW_SECONDS", "WATCH_SECONDS"):
        monkeypatch.setattr(application, name, 0.02)
    with running(create_app(settings)) as client:
        yield client


def other_version(artifacts: Path) -> tuple[str, str]:
    """The versions of `current`: the promoted one, and the other."""
    registry = Registry(artifacts)
    now = registry.promoted("current")
    assert now is not None
    return now, next(entry.version for entry in registry.versions("current") if entry.version != now)


@contextmanager
def unreadable_artifacts(artifacts: Path) -> Iterator[None]:
    """A file where the folder was: what root meets, too."""
    away = artifacts.with_name("away")
    artifacts.rename(away)
    artifacts.symlink_to(artifacts)  # a link to itself: ELOOP for whoever looks
    try:
        yield
    finally:
        artifacts.unlink()
        away.rename(artifacts)


@contextmanager
def no_descriptors_left(_artifacts: Path) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def a_bundle_of_any_size(artifacts: Path) -> Iterator[None]:
    """A manifest, signed, that says a file has 10**30 bytes, of the version that is promoted now."""
    manifest = artifacts / "current" / other_version(artifacts)[1] / MANIFEST
    before = manifest.read_bytes()
    content = json.loads(before)
    content.pop("version")
    content["files"]["report.json"]["size"] = 10**30
    version = _version(content["last_year"], content)
    manifest.write_bytes(canonical_json({**content, "version": version}))
    promoted = artifacts / "current" / PROMOTED
    chosen = promoted.read_bytes()
    folder = manifest.parent.rename(manifest.parent.with_name(version))
    promoted.write_bytes(canonical_json({"version": version, "history": []}))
    try:
        yield
    finally:
        folder.rename(manifest.parent)
        manifest.write_bytes(before)
        promoted.write_bytes(chosen)


@pytest.mark.parametrize("trouble", [unreadable_artifacts, no_descriptors_left, a_bundle_of_any_size])
def test_promotions_are_followed_after_any_trouble(
    quick: Client, artifacts: Path, trouble: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    old, new = other_version(artifacts)
    with trouble(artifacts), caplog.at_level(logging.CRITICAL, "asyncio"):  # type: ignore[attr-defined]  # see above
        if trouble is not no_descriptors_left:
            eventually(lambda: quick.get("/health").json()["tasks"]["current"]["problem"])
        assert quick.get("/health").json()["tasks"]["current"]["serving"] == old, "the one before answers on"
    Registry(artifacts).promote("current", new)
    eventually(lambda: quick.get("/health").json()["tasks"]["current"]["serving"] == new)
    eventually(lambda: all(job["problem"] is None for job in quick.get("/ready").json()["background"].values()))


@pytest.mark.parametrize("name", ["refresh", "keys", "follow", "watch", "send"])
@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), OverflowError("size"), MemoryError()])
def test_every_job_survives_and_says_what_it_met(quick: Client, name: str, error: Exception) -> None:
    app = quick._http._transport.app  # type: ignore[attr-defined]  # httpx shows no other way to the application
    job = next(job for job in app.state.service.background if job.name == name)
    work, fails = job.work, True

    def fail() -> None:
        if fails:
            raise error
        work()

    job.work = fail
    eventually(lambda: job.failures > 2)
    problem = quick.get("/ready?lang=en").json()["background"][name]["problem"]
    assert type(error).__name__ in problem
    assert (value(quick.get("/metrics").text, "farol_background_failures", job=name) or 0) > 1
    assert type(error).__name__ in quick.get("/?lang=en", headers={"Accept": "text/html"}).text
    fails = False
    eventually(lambda: quick.get("/ready").json()["background"][name]["problem"] is None)
