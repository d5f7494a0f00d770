"""Files that commands write: through links, pipes and devices, with their modes, whole or not at all."""

from __future__ import annotations

import os
import re
import resource
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.cli import output
from farol.cli.output import output_file, windows_name_problem
from farol.cli.serve import listening_sockets
from farol.errors import InputError
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from tests.bundles import make_bundle
from tests.installed import FAROL, environment_with
from tests.store.scored import answered, pupils

ROWS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in use and stored answers."""
    folder = tmp_path_factory.mktemp("output")
    registry = Registry(folder / "artifacts")
    registry.promote("current", make_bundle(folder / "artifacts").name)
    scorer = Scorer(registry.load("current"))
    with Store.open(f"sqlite:///{folder / 'data' / 'farol.db'}") as store:
        store.write([answered(scorer, values, student=f"RA-{at}") for at, values in enumerate(pupils(scorer, ROWS))])
    return folder


def farol(folder: Path, *arguments: object, code: int = 0, largest: int | None = None, **environment: str) -> str:
    """A command in a process of its own, with files of at most `largest` bytes; what it printed."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(
        [FAROL, *map(str, arguments)],
        cwd=folder,
        env=environment_with(FAROL_LOCALE="en", NO_COLOR="1") | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_holds_pupils_is_for_its_owner_alone(folder: Path, tmp_path: Path) -> None:
    assert (mode(folder / "data"), mode(folder / "data" / "farol.db")) == (0o700, 0o600)
    for command in (("log", "export"), ("store", "backup")):
        file = tmp_path / command[0]
        farol(folder, *command, file)
        assert mode(file) == 0o600
    farol(folder, "store", "restore", tmp_path / "store", "--data", tmp_path / "again")
    assert mode(tmp_path / "again" / "farol.db") == 0o600


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("check", ""), "WORKBOOK"),
        (("profile", "check", "pede", "here.csv", ""), "FILE"),
        (("score", ""), "INPUT"),
        (("score", "here.csv", "--out="), "--out"),
        (("log", "export", "-", "--data", ""), "--data"),
        (("drift", "--input", ""), "--input"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_an_empty_name_is_not_the_folder_one_is_in(folder: Path, arguments: tuple[str, ...], name: str) -> None:
    said = farol(folder, *arguments, code=2, COLUMNS="200")
    assert re.search(rf"{name}\S* is empty\. Name a file or a folder; `\.` is the folder you are in\.", said)


def test_an_empty_text_that_names_no_file_is_taken(folder: Path) -> None:
    assert "Verdict" in farol(folder, "drift", "--slice", "", "--window", "all")


def test_a_file_is_replaced_only_when_asked_and_keeps_its_mode(folder: Path, tmp_path: Path) -> None:
    file, link = tmp_path / "kept.csv", tmp_path / "link.csv"
    file.touch(mode=0o640)
    file.chmod(0o640)
    link.symlink_to("kept.csv")
    farol(folder, "log", "export", link)  # an empty file has nothing to lose
    first = file.read_bytes()
    assert first.count(b"\r\n") == ROWS + 1
    assert "--overwrite" in farol(folder, "log", "export", link, code=2)
    assert file.read_bytes() == first
    farol(folder, "log", "export", link, "--overwrite")
    assert (link.is_symlink(), mode(file)) == (True, 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv", "link.csv"]


def test_a_question_in_use_is_named_where_none_was_asked(folder: Path, tmp_path: Path) -> None:
    pupils = tmp_path / "pupils.csv"
    pupils.write_text("RA,IAA\nRA-1,7\n")
    refused = farol(folder, "score", pupils, "--out", tmp_path / "answers.csv", code=2)
    assert "The question next-year, which is meant where none is named, has no model in use." in refused
    assert "--task current" in refused


def test_a_second_name_of_a_file_sees_the_new_content(folder: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "file.csv", tmp_path / "other.csv"
    file.write_text("old")
    other.hardlink_to(file)
    farol(folder, "log", "export", file, "--overwrite")
    assert other.read_bytes() == file.read_bytes() != b"old"


def test_a_link_that_leads_nowhere_yet_is_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new.csv")
    farol(folder, "log", "export", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new.csv").stat().st_size


@pytest.mark.parametrize("command", [("log", "export"), ("store", "backup")], ids=" ".join)
def test_a_pipe_is_written_and_stays_one(folder: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    farol(folder, *command, pipe)
    reader.join(30)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read[0].startswith((b"IAA,", b"SQLite format 3"))


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_gets_the_file_and_nothing_else(folder: Path, tmp_path: Path, name: str) -> None:
    farol(folder, "log", "export", tmp_path / "log.csv")
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [FAROL, "log", "export", name], cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True, check=True
        )
    assert (tmp_path / "out").read_bytes() == (tmp_path / "log.csv").read_bytes()
    assert str(ROWS) in done.stderr


@pytest.mark.parametrize(
    "command", [("log", "export"), ("sample",), ("store", "backup"), ("students", "export", "RA-1", "--output")]
)
def test_a_full_disk_is_one_error_and_leaves_no_half(folder: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    if command == ("sample",):  # a database that is read needs files beside it, which the limit holds for too
        said = farol(folder, *command, file, code=2, largest=1_000)
        assert "cannot be written" in said
        assert str(file) in said
    assert list(tmp_path.iterdir()) == []
    assert "the disk is full" in farol(folder, *command, "/dev/full", code=2)


def test_a_folder_for_a_file_and_the_reverse_are_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for command in (("sample",), ("log", "export"), ("students", "export", "RA-1", "--output")):
        assert "This is a folder" in farol(folder, *command, tmp_path, code=2)
        assert "not a folder" in farol(folder, *command, tmp_path / "file" / "x", code=2)
        assert "too long" in farol(folder, *command, tmp_path / ("x" * 300), code=2)
    (tmp_path / "circle").symlink_to("circle")
    assert "circle" in farol(folder, "log", "export", tmp_path / "circle", code=2)


@pytest.mark.parametrize("name", ["x%20y", "a?b", "c#d", "e f", "ção", "file:z", ":memory:", 'q"w'])
def test_any_name_of_a_folder_holds_the_database_and_models(tmp_path: Path, name: str) -> None:
    farol(tmp_path, "keys", "create", "--role", "read", "--name", "t", FAROL_DATA=name)
    assert {path.name for path in tmp_path.iterdir()} == {name, "artifacts"}
    assert (tmp_path / name / "farol.db").stat().st_size
    assert "read" in farol(tmp_path, "keys", "list", FAROL_DATA=name)
    registry = Registry(tmp_path / name / "models")
    registry.promote("current", make_bundle(tmp_path / name / "models").name)
    assert "current" in farol(tmp_path, "models", "list", FAROL_ARTIFACTS=f"{name}/models")


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    assert "FAROL_DATA" in farol(tmp_path, "keys", "list", FAROL_DATA=os.fsdecode(b"x\xff"), code=2)


@pytest.mark.parametrize(
    ("name", "ok"),
    [
        *((name, False) for name in ("NUL", "con", "aux.csv", "COM1", "lpt9.tar.gz", "Prn .txt", "com¹", "CONIN$")),
        *((name, False) for name in ("list.", "list ", "a:b", "a?b", 'a"b', "a|b", "a\nb")),
        *((name, True) for name in ("lista.csv", "console.csv", "com10", "nul1", "notas 2024.csv", ".csv", "ção")),
    ],
)
def test_names_that_windows_keeps_for_itself(name: str, ok: bool) -> None:
    assert (windows_name_problem(name) is None) is ok


def test_such_names_are_refused_on_windows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_file(Path("aux.csv")).path == Path("aux.csv")
    monkeypatch.setattr(output, "ON_WINDOWS", True)
    with pytest.raises(InputError, match="device"):
        output_file(Path("aux.csv"))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("command", [("serve",), ("serve", "--workers", "2"), ("demo",)], ids=" ".join)
def test_a_taken_port_is_said_before_the_address(tmp_path: Path, taken: int, command: tuple[str, ...]) -> None:
    said = farol(tmp_path, *command, "--port", taken, code=2, FAROL_LOCALE="pt_BR")
    assert f"A porta {taken} está em uso" in said
    assert f"--port {taken + 1}" in said
    assert f"make run PORT={taken + 1}" in said
    assert "Onde:" not in said
    assert "http://" not in said
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize("host", ["192.0.2.7", "no.such.host.invalid", "a..b"])
def test_an_address_of_another_machine_is_said(tmp_path: Path, host: str) -> None:
    said = farol(tmp_path, "serve", "--host", host, code=2, FAROL_OPEN_NETWORK="true")
    assert f"{host} is not an address of this machine" in said
    assert "http://" not in said


def test_a_port_that_is_not_allowed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # whoever runs the tests may be allowed everything
    with pytest.raises(InputError, match="may not listen on port 80") as caught:
        listening_sockets("127.0.0.1", 80)
    assert "1024" in str(caught.value)


def test_every_address_of_a_name_is_listened_on(free_port: int) -> None:
    sockets = listening_sockets("localhost", free_port)
    try:
        assert sockets
        socket.create_connection(("127.0.0.1", free_port), timeout=5).close()
    finally:
        for listening in sockets:
            listening.close()


ELSEWHERE = """
import importlib, os, pkgutil, sys

class Without:
    @staticmethod
    def find_spec(name, *_):
        if name in {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "uvloop", "httptools"}:
            raise ModuleNotFoundError(f"no module named {name}", name=name)

sys.meta_path.insert(0, Without)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules.pop(name, None)
for name in ("fork", "forkpty", "register_at_fork"):
    if hasattr(os, name):
        delattr(os, name)
import farol
if len(sys.argv) == 1:
    names = [module.name for module in pkgutil.walk_packages(farol.__path__, "farol.")]
    for name in names:
        if ".migrations" not in name:
            importlib.import_module(name)
    print(len(names))
else:
    from farol.cli import main
    main()
"""


def test_nothing_needs_what_windows_has_not(folder: Path, sample_workbook: Path) -> None:
    commands = (
        (),
        ("models", "list"),
        ("check", str(sample_workbook)),
        ("log", "export", "-"),
        ("list", str(sample_workbook), "--task", "current"),
    )
    for arguments in commands:
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "FAROL_LOCALE": "pt_BR"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr.decode("cp1252"))
