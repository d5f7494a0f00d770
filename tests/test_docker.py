"""What the container files promise, as far as it shows without an engine; scripts/verify_image.sh shows the rest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from farol.settings import Settings
from tests.api.server import serving
from tests.bundles import put_into_use
from tests.waiting import eventually

PROJECT = Path(__file__).resolve().parents[1]
DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8")
COMPOSE = (PROJECT / "compose.yaml").read_text("utf-8")
IGNORED = (PROJECT / ".dockerignore").read_text("utf-8")


def health(port: int) -> int:
    match = re.search(r"^HEALTHCHECK .*?\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert match
    program, *arguments = json.loads(match[1])
    assert program == "python"
    command = [sys.executable, *arguments]
    return subprocess.run(command, env={"FAROL_PORT": str(port)}, capture_output=True, check=False).returncode


def test_the_health_check_asks_whether_farol_is_ready(tmp_path: Path, free_port: int) -> None:
    artifacts = tmp_path / "artifacts"
    with serving(free_port, artifacts, tmp_path):
        assert health(free_port) != 0
        put_into_use(artifacts, "current")
        eventually(lambda: health(free_port) == 0)
    assert health(free_port) != 0


def test_the_image_is_given_nothing_but_code_and_lock() -> None:
    lines = [line for line in IGNORED.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {
        "requirements/lock.txt",
        "requirements/uv.txt",
        "requirements/node.txt",
        "scripts/setup.sh",
        "scripts/htmx.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "src",
    }
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    }
    assert copied == let_in
    assert lines.index("**/*.xlsx") > lines.index("!src")  # the last rule that matches is the one that counts


def test_no_address_of_an_index_is_written_anywhere() -> None:
    assert not re.search(r"https?://(?!127\.0\.0\.1)", DOCKERFILE + COMPOSE)
    assert "index-url" not in DOCKERFILE + COMPOSE


def test_it_runs_as_any_user_and_is_open_only_to_its_own_machine() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert "OPEN_NETWORK=" not in DOCKERFILE
    assert 'FAROL_OPEN_NETWORK: "true"' in COMPOSE
    assert re.findall(r'^\s+- "?([\d.:]*:\d+:\d+)"?$', COMPOSE, re.MULTILINE) == ["127.0.0.1:8000:8000"]


def test_every_setting_named_exists() -> None:
    environment = re.search(r"^ENV PATH=.*?(?=^\w)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert environment
    named = set(re.findall(r"FAROL_(\w+)=", environment[0])) | set(
        re.findall(r"^\s+FAROL_(\w+):", COMPOSE, re.MULTILINE)
    )
    assert named >= {"HOST", "ARTIFACTS", "DATA", "OPEN_NETWORK", "DATABASE_URL", "LOCALE"}
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


def test_an_empty_database_url_means_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAROL_DATABASE_URL", "")  # what compose.yaml gives when nobody set it
    assert Settings().store_url.startswith("sqlite:///")


def test_libraries_are_set_up_to_send_no_telemetry() -> None:
    assert re.search(r"^\s+ORT_DISABLE_TELEMETRY=1 \\$", DOCKERFILE, re.MULTILINE)


def test_compose_answers_to_no_name_but_its_own() -> None:
    """An open network without names would be open to every page in the browser of whoever runs it."""
    compose = yaml.safe_load(COMPOSE)
    service = compose["services"]["farol"]
    names = service["environment"]["FAROL_ALLOWED_HOSTS"].removeprefix("${FAROL_ALLOWED_HOSTS:-").removesuffix("}")
    assert set(names.split(",")) == {"localhost", "127.0.0.1", "farol"}
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["ulimits"]["core"] == 0
