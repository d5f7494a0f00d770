"""The promises of deploy/, as far as they show without an init system and a container engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from farol.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
PAGE = (PROJECT / "docs" / "deploy.md").read_text("utf-8")
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))
SERVICES = [name for name in UNITS if name.endswith(".service")]

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def analysed(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze on copies of the units whose program is there and whose user exists."""
    for name in UNITS:
        text = (DEPLOY / name).read_text("utf-8").replace("/opt/farol/bin/farol", "/bin/true")
        (tmp_path / name).write_text(text.replace("=farol\n", "=root\n"), encoding="utf-8")
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


@analyze
def test_systemd_takes_every_line_of_the_units(tmp_path: Path) -> None:
    done = analysed(tmp_path, "verify", "--man=no", *(f"./{name}" for name in UNITS))
    ours = [line for line in done.stderr.splitlines() if "farol" in line]
    assert (done.returncode, ours) == (0, [])


@analyze
@pytest.mark.parametrize("name", SERVICES)
def test_the_units_are_hardened(tmp_path: Path, name: str) -> None:
    done = analysed(
        tmp_path, "security", "--offline=true", f"--threshold={'25' if 'backup' in name else '20'}", f"./{name}"
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_units_write_only_to_their_folder_as_their_own_user(name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    for line in ("User=farol", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "UMask=0077"):
        assert f"\n{line}\n" in text, line
    assert not re.search(r"^(ReadWritePaths|BindPaths)=", text, re.MULTILINE)


def test_nothing_names_a_setting_that_is_not_one() -> None:
    known = {f"FAROL_{name.upper()}" for name in Settings.model_fields} | {"FAROL_KEY_FILE"}
    for text in [PAGE, *(path.read_text("utf-8") for path in DEPLOY.iterdir())]:
        assert set(re.findall(r"\bFAROL_[A-Z_]+[A-Z]\b", text)) <= known


def test_composed_services_are_reachable_only_from_this_machine() -> None:
    base = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.postgresql.yaml").read_text("utf-8"))
    assert compose["services"]["farol"]["command"][:2] == ["serve", "--workers"]
    assert base["services"].keys() & compose["services"].keys() == {"farol"}
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (PROJECT / source).exists(), source
    prometheus = compose["services"]["prometheus"]
    assert prometheus["read_only"]
    assert prometheus["cap_drop"] == ["ALL"]


def test_prometheus_asks_the_service_with_the_mounted_key() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["farol:8000"]}]
    assert job["authorization"]["credentials_file"] == "/run/secrets/farol_key"


def test_every_command_of_the_page_is_one_of_farols() -> None:
    from typer.main import get_command

    from farol.cli.commands import app

    commands = get_command(app).commands  # type: ignore[attr-defined]  # the group of all commands
    asked = re.findall(r"(?:farol-admin|--rm farol|^farol) ([a-z]+)(?: ([a-z]+))?", PAGE, re.MULTILINE)
    assert len(asked) >= 5
    for first, second in asked:
        assert first in commands, first
        assert not hasattr(commands[first], "commands") or second in commands[first].commands, (first, second)


def test_a_worker_of_systemd_is_given_what_it_is_to_serve() -> None:
    text = (DEPLOY / "farol.service").read_text("utf-8")
    assert "ExecStart=/opt/farol/bin/farol serve\n" in text
    assert "StateDirectory=farol farol/artifacts farol/data\n" in text


@pytest.mark.parametrize("name", ["farol.service", "farol-backup.service"])
def test_units_leave_no_core_file_and_nothing_for_others(name: str) -> None:
    lines = (PROJECT / "deploy" / name).read_text(encoding="utf-8").splitlines()
    assert {"LimitCORE=0", "UMask=0077", "StateDirectoryMode=0700"} <= set(lines)
