"""Several workers are one service: they count together, follow a promotion together, and end together."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from farol.model.registry import Registry
from farol.store.database import Store
from tests.api.shape import PUPIL
from tests.api.test_metrics import value
from tests.faults.load import Load, Notes, verdict
from tests.faults.service import BROKEN, Caller, Service
from tests.waiting import eventually


@pytest.fixture(scope="module")
def installed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("workers")
    artifacts, temporary = folder / "artifacts", folder / "tmp"
    shutil.copytree(trained, artifacts)
    temporary.mkdir()
    url = f"sqlite:///{folder / 'data' / 'farol.db'}"
    with Service(artifacts, folder, url, 2, environ={"TMPDIR": str(temporary)}) as service:
        yield service


@pytest.fixture
def service(installed: Service) -> Service:
    """Two workers; started again where the test before ended them."""
    assert installed.process is not None
    if installed.process.poll() is not None:
        installed.start()
    return installed


def stored(service: Service) -> set[str]:
    with Store.open(service.url) as store:
        return {row.id for row in store.stream()}


def metrics(service: Service) -> str:
    return service.ask("GET", "/metrics").content.decode()


def predictions(text: str) -> float:
    labels = ("at_risk", "not_at_risk")
    return sum(value(text, "farol_predictions_total", task="current", label=label) or 0 for label in labels)


def test_a_promotion_under_load_fails_no_request_on_any_worker(service: Service) -> None:
    registry = Registry(service.artifacts)
    first = registry.promoted("current")
    (second,) = [entry.version for entry in registry.versions("current") if entry.version != first]
    seen: list[list[tuple[int, str]]] = [[] for _ in range(6)]  # a list for each caller, whose worker stays the same

    def ask(mine: list[tuple[int, str]], stop: threading.Event) -> None:
        caller = Caller(service.port)
        while not stop.is_set():
            answer = caller.ask("POST", "/predict", PUPIL)
            mine.append((answer.status, answer.body.get("model_version", "")))
        caller.close()

    def all_are(version: str) -> bool:
        return all(mine[-1][1] == version for mine in seen)

    stop = threading.Event()
    threads = [threading.Thread(target=ask, args=(mine, stop)) for mine in seen]
    for thread in threads:
        thread.start()
    try:
        for choose in (lambda: registry.promote("current", second), lambda: registry.rollback("current")):
            service.wait_for(lambda: all(mine for mine in seen))
            choose()
            version = str(registry.promoted("current"))
            service.wait_for(partial(all_are, version))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for mine in seen:
        assert {status for status, _ in mine} == {200}
        # Once a worker has followed, it never goes back to the version of before.
        assert [version for version, _ in groupby(version for _, version in mine)] == [first, second, first]


def test_figures_are_those_of_all_workers_and_never_fall(service: Service) -> None:
    begin = predictions(metrics(service))
    for _ in range(24):  # each on a connection of its own, so that both workers have some
        assert service.ask("POST", "/predict", PUPIL).status == 200

    version = str(Registry(service.artifacts).promoted("current"))
    service.wait_for(lambda: value(metrics(service), "farol_bundle_info", task="current", version=version) == 2)
    assert {predictions(metrics(service)) for _ in range(8)} == {begin + 24}
    before = service.worker_pids()
    service.kill_worker()
    service.wait_for(lambda: len(set(service.worker_pids()) - set(before)) == 1)
    service.wait_for(lambda: value(metrics(service), "farol_bundle_info", task="current", version=version) == 2)
    assert service.ask("POST", "/predict", PUPIL).status == 200
    assert predictions(metrics(service)) == begin + 25, "what the dead one had counted stays counted"


def test_sigterm_drains_every_worker(service: Service) -> None:
    notes, before = Notes(), stored(service)
    with Load(service, notes):
        service.wait_for(lambda: len(notes.acknowledged) > 50)
        workers = service.worker_pids()
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(60)
        assert len(workers) == 2
        assert not any(is_running(pid) for pid in workers)
    assert verdict(service, notes).kept
    assert stored(service) - before == set(notes.acknowledged.values()), "stored, and not answered"


def test_workers_do_not_outlive_a_supervisor_that_was_killed(service: Service) -> None:
    workers = service.worker_pids()
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    eventually(lambda: not any(is_running(pid) for pid in workers))
    with pytest.raises(BROKEN):
        service.ask("GET", "/health")
    service.start()
    assert service.ask("POST", "/predict", PUPIL).status == 200


def test_figures_left_after_a_kill_go_with_the_next_start(service: Service) -> None:
    assert service.process is not None
    temporary = Path(service.environ["TMPDIR"])  # of these workers alone: any service that starts tidies up where it is
    (left,) = temporary.glob(f"farol-metrics-{service.process.pid}-*")
    service.kill()
    assert any(left.iterdir())
    service.start()
    assert not left.exists()
    assert list(temporary.glob(f"farol-metrics-{service.process.pid}-*"))


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that ended and still has its number does not count."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")
