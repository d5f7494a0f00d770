"""The settings of compose.yaml, the image and the units of systemd are started for real, and found closed."""

from __future__ import annotations

import os
import re
import resource
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from farol.store.database import Store
from tests.api.server import await_answer
from tests.api.shape import PUPIL
from tests.installed import FAROL, environment_with
from tests.ports import held_port
from tests.store.rows import row

PROJECT = Path(__file__).resolve().parents[1]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the units and the image are for Linux")


def of_the_image() -> dict[str, str]:
    """The environment that the Dockerfile sets for the service."""
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    block = re.search(r"^ENV PATH=.*?(?=^WORKDIR)", text, re.MULTILINE | re.DOTALL)
    assert block
    pairs = re.findall(r"(\w+)=(\S+)", block[0].removeprefix("ENV "))
    return {name: value for name, value in pairs if name != "PATH"}


def of_compose() -> dict[str, str]:
    """What compose.yaml adds where nobody set anything."""
    environment = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"]["farol"]["environment"]
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)) for name, value in environment.items()}


def of_unit(name: str) -> dict[str, list[str]]:
    """The lines of a unit by their names, as often as they are there."""
    lines: dict[str, list[str]] = {}
    for line in (PROJECT / "deploy" / name).read_text("utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not key.startswith(("#", "[")):
            lines.setdefault(key, []).append(value)
    return lines


@contextmanager
def started(
    command: list[str], environment: Mapping[str, str], folder: Path, *, umask: int, core: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The command under what a supervisor would set, until it answers; ended afterwards."""

    def set_up() -> None:
        os.umask(umask)
        if core is not None:
            resource.setrlimit(resource.RLIMIT_CORE, (core, core))

    with (
        held_port() as port,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment_with(**environment, FAROL_PORT=str(port)),
            preexec_fn=set_up,  # noqa: PLW1509  system calls only
        ) as process,
    ):
        try:
            await_answer(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait(60)


def modes_below(folder: Path) -> dict[str, str]:
    """What in a folder anybody but its owner may read, write or enter."""
    open_to_others = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {name: oct(mode) for name, mode in open_to_others.items() if mode & 0o077}


@LINUX
def test_compose_is_closed_to_names_and_pages_of_others(tmp_path: Path) -> None:
    data, artifacts = tmp_path / "data", tmp_path / "artifacts"
    environment = of_the_image() | of_compose() | {"FAROL_DATA": str(data), "FAROL_ARTIFACTS": str(artifacts)}
    assert environment["FAROL_HOST"] == "0.0.0.0"
    with started([str(FAROL), "serve"], environment, tmp_path, umask=0o022) as (base, _):

        def status(path: str, host: str, **headers: str) -> int:
            return httpx.post(base + path, json=PUPIL, headers={"Host": host, **headers}, timeout=30).status_code

        for host in ("attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example", "xlocalhost"):
            assert status("/predict", host) == 400, host
        for host in ("localhost", "127.0.0.1:8000", "farol"):
            assert status("/predict", host) == 503, host  # there is no model yet
        page = httpx.post(
            f"{base}/predict",
            content=b"a=1",
            headers={"Origin": "http://attacker.example", "Host": "localhost"},
            timeout=30,
        )
        assert page.status_code == 403
        assert not modes_below(data)


@LINUX
def test_the_unit_leaves_nothing_to_others_and_no_core(tmp_path: Path) -> None:
    unit = of_unit("farol.service")
    environment = dict(pair.split("=", 1) for line in unit["Environment"] for pair in line.split())
    moved = {name: value.replace("/var/lib/farol", str(tmp_path / "state")) for name, value in environment.items()}
    state = tmp_path / "state"
    for name in unit["StateDirectory"][0].split():  # as systemd makes them
        (tmp_path / name.replace("farol", "state", 1)).mkdir(mode=int(unit["StateDirectoryMode"][0], 8))
    command = shlex.split(unit["ExecStart"][0].replace("/opt/farol/bin/farol", str(FAROL)))
    umask, core = int(unit["UMask"][0], 8), int(unit["LimitCORE"][0])
    with started(command, moved, state, umask=umask, core=core) as (base, process):
        assert httpx.post(f"{base}/predict", json=PUPIL, timeout=30).status_code == 503
        assert (
            httpx.post(f"{base}/predict", json=PUPIL, headers={"Host": "attacker.example"}, timeout=30).status_code
            == 400
        )
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        assert not modes_below(state)


@LINUX
def test_the_unit_of_copies_makes_private_ones_and_keeps_14(tmp_path: Path) -> None:
    unit = of_unit("farol-backup.service")
    (tmp_path / "backups").mkdir(mode=0o700)
    for day in range(10, 30):
        (tmp_path / "backups" / f"farol-202401{day}T031500.db").touch(mode=0o600)
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}") as store:
        store.write([row()])
    environment = {**os.environ, "FAROL_DATA": str(tmp_path / "data"), "FAROL_ARTIFACTS": str(tmp_path / "artifacts")}
    for step in ("ExecStart", "ExecStartPost"):
        line = unit[step][0].replace("/opt/farol/bin/farol", str(FAROL)).replace("%%", "%")
        subprocess.run(
            shlex.split(line),
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            preexec_fn=lambda: os.umask(int(unit["UMask"][0], 8)),
        )
    copies = sorted((tmp_path / "backups").iterdir())
    assert len(copies) == 14
    assert copies[-1].stat().st_size > 0
    assert not modes_below(tmp_path / "backups")
