"""`farol open` with real processes, a real port, and a program in the browser's place that notes what it is to show."""

from __future__ import annotations

import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from farol.cli.launcher import launcher_for
from farol.cli.running import NOTE
from scripts import start
from tests.installed import FAROL, environment_with
from tests.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that another program has."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def environment(folder: Path) -> dict[str, str]:
    """Of a user whose browser writes each address it is to show into `shown`."""
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/shown"\n')
    browser.chmod(0o755)
    return environment_with(BROWSER=f"{browser} %s", HOME=str(folder), FAROL_LOCALE="en")


def shown(folder: Path) -> list[str]:
    """The addresses that the browser was asked to show."""
    file = folder / "shown"
    return file.read_text().split() if file.exists() else []


@contextmanager
def opened(folder: Path, *options: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """`farol open` in a folder, once the browser was asked."""
    before = len(shown(folder))
    process = subprocess.Popen(
        [FAROL, "open", *options], cwd=folder, env=environment(folder) | settings, text=True, stdout=subprocess.PIPE
    )
    try:
        eventually(lambda: len(shown(folder)) > before or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.communicate()


def run_open(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FAROL, "open", *options], cwd=folder, env=environment(folder), text=True, capture_output=True, check=False
    )


def test_open_starts_shows_and_ends_by_its_button(tmp_path: Path, free_port: int) -> None:
    base = f"http://127.0.0.1:{free_port}"
    with opened(tmp_path, "--port", str(free_port)) as process:
        assert shown(tmp_path) == [f"{base}/"]
        again = run_open(tmp_path)  # whatever port it would take: this one is there already
        assert (again.returncode, again.stdout) == (0, f"Farol is running already: {base}\n")
        assert shown(tmp_path) == [f"{base}/"] * 2
        assert 'action="/administration/stop"' in httpx.get(f"{base}/administration", timeout=30).text
        elsewhere = {"Origin": "https://elsewhere.example"}
        assert httpx.post(f"{base}/administration/stop", headers=elsewhere, timeout=30).status_code == 403
        assert process.poll() is None
        ended = httpx.post(f"{base}/administration/stop?lang=en", headers={"Origin": base}, timeout=30)
        assert ended.status_code == 200
        assert "Farol has ended" in ended.text
        assert process.wait(30) == 0
    assert not (tmp_path / "data" / NOTE).exists()


def test_open_passes_over_a_port_of_another_program(tmp_path: Path) -> None:
    with taken_port() as port:
        (tmp_path / "data").mkdir()
        # What a crash left behind, at a port where something else answers now.
        (tmp_path / "data" / NOTE).write_text(f'{{"port": {port}, "started_at": 1}}')
        refused = run_open(tmp_path, "--port", str(port))
        assert refused.returncode == 2
        assert f"Port {port} is in use" in refused.stderr
        with opened(tmp_path, FAROL_PORT=str(port)) as process:
            chosen = shown(tmp_path)[-1]
            assert chosen not in (f"http://127.0.0.1:{port}/", "")
            assert httpx.get(f"{chosen}health", timeout=30).json()["status"] == "alive"
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        assert not (tmp_path / "data" / NOTE).exists()


def test_a_launched_farol_shows_its_error_in_the_browser(tmp_path: Path) -> None:
    with taken_port() as port:
        assert run_open(tmp_path, "--launched", "--port", str(port)).returncode == 2
    page = Path(shown(tmp_path)[0].removeprefix("file://"))
    assert f"Port {port} is in use by another program." in page.read_text()


AWKWARD = Path('/home/Área de trabalho/d\'Ávila "2" $HOME `x` 50% \\ é')


def test_the_linux_launcher_keeps_awkward_paths(tmp_path: Path) -> None:
    launcher = launcher_for("linux", {"HOME": "/home/é"}, ("printf", "%s", str(AWKWARD)), AWKWARD)
    assert launcher.path == Path("/home/é/.local/share/applications/farol.desktop")
    entry = dict(line.split("=", 1) for line in launcher.content.decode().splitlines() if "=" in line)
    assert entry["Path"].replace("\\\\", "\\") == str(AWKWARD)
    # The specification's two steps: escapes of the value, then quotation as in a shell; %% is a percent sign.
    command = entry["Exec"].replace("\\\\", "\\").replace("%%", "%")
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout.decode() == str(AWKWARD)


def test_the_mac_launcher_runs_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / AWKWARD.name
    folder.mkdir()
    launcher = launcher_for(
        "darwin", {"HOME": str(tmp_path)}, ("sh", "-c", 'pwd; printf %s "$1"', "x", "a b'ç"), folder
    )
    assert launcher.path == tmp_path / "Applications" / "Farol.command"
    said = subprocess.run(["sh", "-c", launcher.content.decode()], capture_output=True, check=True).stdout.decode()
    assert said == f"{folder}\na b'ç"


def test_the_windows_launcher_quotes_for_vbscript() -> None:
    program = "C:\\Users\\José da Silva\\.venv\\Scripts\\farol.exe"
    launcher = launcher_for("win32", {"HOME": "x", "APPDATA": "C:/R"}, (program, "open"), Path("C:/Pasta é"))
    text = launcher.content.decode("utf-16")
    assert launcher.content[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert launcher.path.name == "Farol.vbs"
    assert f'shell.Run """{program}"" ""open""", 0, False\r\n' in text
    assert 'shell.CurrentDirectory = "C:/Pasta é"\r\n' in text


def test_install_writes_a_launcher_that_opens(tmp_path: Path) -> None:
    home = tmp_path / "José d'Ávila"
    home.mkdir()
    done = run_open(home, "--install")
    assert done.returncode == 0
    file = home / ".local" / "share" / "applications" / "farol.desktop"
    assert done.stdout.startswith(f"wrote {file}")
    command = next(line for line in file.read_text().splitlines() if line.startswith("Exec=")).removeprefix("Exec=")
    said = subprocess.run(
        ["sh", "-c", f"{command} --help".replace("\\\\", "\\").replace("%%", "%")],
        env=environment(home),
        capture_output=True,
        check=True,
    )
    assert b"farol open" in said.stdout


@pytest.mark.parametrize("started", ["Farol.command", "Farol.desktop"])
def test_a_double_click_starts_in_its_folder(tmp_path: Path, started: str) -> None:
    folder = tmp_path / AWKWARD.name
    (folder / "scripts").mkdir(parents=True)
    for name in ("Farol.command", "Farol.desktop"):
        shutil.copy(PROJECT / name, folder)
    (folder / "scripts" / "start.py").write_text("import os; print(os.getcwd())")
    command = [str(folder / started)]
    if started == "Farol.desktop":
        entry = dict(line.split("=", 1) for line in (folder / started).read_text().splitlines() if "=" in line)
        # %k stands for the entry's own path, as one argument.
        command = ["sh", "-c", entry["Exec"].replace("\\\\", "\\").replace("%k", shlex.quote(command[0]))]
    done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL, cwd="/")
    assert done.stdout.decode() == f"{folder}\n"


def test_a_double_click_sets_up_once_and_then_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(start, "run", lambda command, environment=None: calls.append(command))
    monkeypatch.setattr(start, "VENV", tmp_path / "venv")
    monkeypatch.setattr(start, "STATE", tmp_path / "venv" / "state")
    monkeypatch.setattr(start, "has_new_bash", lambda: False)
    monkeypatch.chdir(PROJECT)
    start.set_up()
    start.set_up()
    assert ["--require-hashes" in command for command in calls] == [True, True, False]
    monkeypatch.setattr(start, "has_new_bash", lambda: True)
    start.set_up()
    assert calls[-1] == ["bash", "scripts/setup.sh", "run"]
