"""A store that takes no rows: 503 while it lasts, /ready says so, and all is well again by itself when it is over."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from farol.errors import InputError
from farol.store.backup import backup, restore
from farol.store.database import Store
from tests.api.shape import PUPIL
from tests.faults.blackhole import blackhole
from tests.faults.load import Load, Notes, verdict
from tests.faults.service import Service
from tests.postgresql import Cluster
from tests.store.rows import row

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux alone")


def goes_away_and_comes_back(
    service: Service, away: Callable[[], None], back: Callable[[], None], *, wholly: bool = True
) -> None:
    """Under load: refused while it is away, answered again when it is back, and every promise kept."""
    notes = Notes()
    with Load(service, notes, callers=4):
        service.wait_for(lambda: len(notes.acknowledged) > 20)
        away()
        service.wait_for(lambda: not_ready(service))
        before = notes.statuses[200]
        service.wait_for(lambda: notes.statuses[503] > 8)
        # A full disk may take a row yet: where the log is begun anew there is room in the file itself.
        service.wait_for(lambda: is_refused(service))
        assert service.ask("GET", "/health").status == 200
        if wholly:
            assert notes.statuses[200] - before <= 8, "answers that were under way, and no others"
        back()
        after = notes.statuses[200]
        service.wait_for(lambda: notes.statuses[200] > after + 20)
        service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
    notes.send_again(service)
    assert notes.statuses[0] == 0, "no connection was broken, nothing was started again"
    result = verdict(service, notes)
    assert result.kept, result


def is_refused(service: Service) -> bool:
    answer = service.ask("POST", "/predict", PUPIL)
    if answer.status == 200:
        return False
    assert (answer.status, answer.body["error"]["code"]) == (503, "store")
    assert answer.headers["retry-after"]
    return True


def not_ready(service: Service) -> bool:
    answer = service.ask("GET", "/ready")
    if answer.status == 200:
        return False
    assert answer.status == 503
    assert [item["field"] for item in answer.body["error"]["fields"]] == ["store"]
    assert answer.headers["retry-after"]
    return True


@pytest.fixture
def service(trained: Path, tmp_path: Path) -> Iterator[Service]:
    with Service(trained, tmp_path, f"sqlite:///{tmp_path / 'data' / 'farol.db'}") as service:
        yield service


def test_the_folder_of_the_file_is_away(service: Service, tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    goes_away_and_comes_back(service, lambda: move(data, elsewhere), lambda: move(elsewhere, data))


def move(source: Path, target: Path) -> None:
    source.rename(target)


@LINUX
def test_files_may_grow_no_more(service: Service, tmp_path: Path) -> None:
    """A quota, as the system has it for any user: the write that would cross it fails."""
    assert service.process is not None
    pid = service.process.pid
    largest = max(file.stat().st_size for file in (tmp_path / "data").iterdir())
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    goes_away_and_comes_back(
        service,
        lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(largest, 4096), unlimited[1])) and None,
        lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited) and None,
        wholly=False,
    )


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own; where we may not mount one, the test is skipped. Small enough to be filled at once, and
    with room for what the load writes before and after, the log of SQLite first of all.
    """
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("no file system may be mounted here; test_files_may_grow_no_more stands in")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: Path) -> None:
    """A file as large as the disk lets it be."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096):  # the last page too
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


@LINUX
def test_a_disk_that_is_full(trained: Path, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        Service(trained, tmp_path, f"sqlite:///{disk / 'farol.db'}") as service,
    ):
        ballast = disk / "ballast"
        goes_away_and_comes_back(service, lambda: fill(ballast), ballast.unlink, wholly=False)


def without_the_right_to_ignore_modes() -> None:
    """Root may write what nobody may; without this capability it is as any user. Called in a new process."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0


@LINUX
def test_a_read_only_file_is_not_ready_until_it_is_writable(trained: Path, tmp_path: Path) -> None:
    """An open connection continues to write, so the mode counts from the next start on."""
    data = tmp_path / "data"
    url = f"sqlite:///{data / 'farol.db'}"
    notes = Notes()
    with Service(trained, tmp_path, url, before=without_the_right_to_ignore_modes) as service:
        with Load(service, notes, callers=2):
            service.wait_for(lambda: len(notes.acknowledged) > 20)
        service.kill()
        modes = {path: path.stat().st_mode for path in (data, *data.iterdir())}
        for path in sorted(modes, reverse=True):
            path.chmod(0o555 if path.is_dir() else 0o444)
        service.start(ready=False)
        assert not_ready(service)
        refused = service.ask("POST", "/predict", PUPIL)
        assert (refused.status, refused.body["error"]["code"]) == (503, "store")
        assert refused.headers["retry-after"]
        for path, mode in sorted(modes.items()):
            path.chmod(mode)
        service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
        assert service.ask("POST", "/predict", PUPIL).status == 200
        notes.send_again(service)
        assert verdict(service, notes).kept


@pytest.mark.postgresql
def test_postgresql_is_stopped_and_started_again(trained: Path, tmp_path: Path, cluster: Cluster) -> None:
    with Service(trained, tmp_path, cluster.new_database()) as service:
        goes_away_and_comes_back(service, cluster.stop, cluster.start)


@pytest.mark.postgresql
def test_postgresql_is_swallowed_by_a_black_hole(trained: Path, tmp_path: Path, cluster: Cluster) -> None:
    with blackhole(cluster) as hole:
        url = cluster.new_database().replace(str(cluster.folder), str(hole.folder)) + "&connect_timeout=2"
        with Service(trained, tmp_path, url, 2, environ={"FAROL_STORE_TIMEOUT": "0.5"}) as service:
            goes_away_and_comes_back(service, hole.swallow, hole.forward)


@LINUX
def test_the_data_folder_is_unmounted_and_mounted_again(trained: Path, tmp_path: Path) -> None:
    """A folder of another name, mounted here: without it there is an empty one."""
    disk, data = tmp_path / "disk", tmp_path / "mounted"
    disk.mkdir()
    data.mkdir()

    def mount() -> None:
        if subprocess.run(["mount", "--bind", disk, data], check=False, capture_output=True).returncode:
            pytest.skip("nothing may be mounted here; test_the_folder_of_the_file_is_away stands in")

    def unmount() -> None:
        subprocess.run(["umount", "--lazy", data], check=True)

    mount()
    try:
        with Service(trained, tmp_path, f"sqlite:///{data / 'farol.db'}", 2) as service:
            goes_away_and_comes_back(service, unmount, mount)
            assert sorted(path.name for path in disk.glob("*.db")) == ["farol.db"]
    finally:
        unmount()
    assert not list(data.iterdir()), "no empty database was made in its place"


def test_a_start_without_the_disk_makes_no_database(trained: Path, tmp_path: Path) -> None:
    """A site without keys, as every site is at first. The disk is mounted later; nothing has to be started again."""
    data, disk, artifacts = tmp_path / "data", tmp_path / "disk", tmp_path / "artifacts"
    shutil.copytree(trained, artifacts)
    with Service(artifacts, tmp_path, f"sqlite:///{data / 'farol.db'}", 2) as service:
        assert service.ask("POST", "/predict", PUPIL).status == 200
        service.kill()
        data.rename(disk)
        data.mkdir()
        service.start(ready=False)
        assert not_ready(service)
        assert is_refused(service)
        assert not list(data.iterdir())
        data.rmdir()
        disk.rename(data)
        service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
        service.wait_for(lambda: not is_refused(service))  # each worker sees for itself, within a second
    with Store.open(service.url) as store:
        assert store.total() == 2


def test_a_file_deleted_while_serving_loses_nothing(trained: Path, tmp_path: Path) -> None:
    """Refused with the way back: every acknowledged row is in the copy that the error names and comes back."""
    data, artifacts, notes = tmp_path / "data", tmp_path / "artifacts", Notes()
    shutil.copytree(trained, artifacts)
    with Service(artifacts, tmp_path, f"sqlite:///{data / 'farol.db'}", 2) as service:
        with Load(service, notes, callers=4):
            service.wait_for(lambda: len(notes.acknowledged) > 20)
            (data / "farol.db").unlink()
            service.wait_for(lambda: notes.statuses[503] > 20)
        refused = service.ask("POST", "/predict", PUPIL)
        assert (refused.status, refused.body["error"]["code"]) == (503, "store")
        service.wait_for(lambda: any(data.glob("farol-rescued-*.db")))
        (copy,) = data.glob("farol-rescued-*.db")
        service.wait_for(lambda: copy.name in str(service.ask("GET", "/ready").body))
        service.kill()
        service.start(ready=False)
        assert not_ready(service)
        restore(service.url, copy)
        service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
        notes.send_again(service)
        result = verdict(service, notes)
        assert result.kept, result


def test_restoring_while_serving_keeps_what_comes_after(trained: Path, tmp_path: Path) -> None:
    """What came between the copy and its restoring is given up by whoever restores; nothing later is."""
    before, after, copy = Notes(), Notes(), tmp_path / "copy.db"
    with Service(trained, tmp_path, f"sqlite:///{tmp_path / 'data' / 'farol.db'}", 2) as service:
        with Load(service, before, callers=3):
            service.wait_for(lambda: len(before.acknowledged) > 20)
            backup(service.url, copy)
            restore(service.url, copy, force=True)
            with Load(service, after, callers=3):
                service.wait_for(lambda: len(after.acknowledged) > 20)
                service.kill()
        service.start()
        after.send_again(service)
        result = verdict(service, after)
        assert result.kept, result
        assert set(after.statuses) <= {0, 200, 503}


@LINUX
def test_a_copy_that_finds_no_room_is_one_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'farol.db'}"
    with Store.open(url) as store:
        store.write([row()])
    with small_disk(tmp_path / "disk") as disk:
        fill(disk / "ballast")
        with pytest.raises(InputError, match="cannot be written"):
            backup(url, disk / "copy.db")
        assert [path.name for path in disk.iterdir()] == ["ballast"]
