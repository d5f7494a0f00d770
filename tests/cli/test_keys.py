"""`farol keys`: a key is shown once, listed by what it begins with, and revoked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from farol.cli.keys import RoleName
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from tests.api.server import await_answer
from tests.cli.conftest import Farol
from tests.installed import FAROL
from tests.waiting import eventually


@pytest.fixture
def run(farol: Farol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farol:
    """A command in an empty folder; what it wrote to its output and to its errors."""
    monkeypatch.chdir(tmp_path)
    return farol


def test_the_key_alone_is_printed_and_never_shown_again(run: Farol, tmp_path: Path) -> None:
    out, err = run("keys", "create", "--role", "read", "--name", " Secretaria ")
    assert re.fullmatch(r"farol_[0-9a-f]{12}_[0-9a-f]{64}\n", out)
    assert out[6:18] in err
    assert out[19:].strip() not in err
    for listed in (run("keys", "list")[0], run("keys", "list", "--format", "json")[0]):
        assert out[6:18] in listed
        assert "Secretaria" in listed
        assert out[19:].strip() not in listed
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert out[19:].strip().encode() not in everything


def test_a_key_has_a_state_and_an_end(run: Farol, tmp_path: Path) -> None:
    for name, term in (("days", "90d"), ("hours", "12h")):
        run("keys", "create", "--role", "manage", "--name", name, "--expires", term)
    prefix = run("keys", "create", "--role", "predict", "--name", "gone")[0][6:18]
    run("keys", "revoke", prefix)
    past = datetime.now(UTC) - timedelta(days=2)
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}") as store:
        Keys(store).add(make_key(Role.read, "old", at=past, expires=past + timedelta(days=1))[1])
    keys = {row["name"]: row for row in json.loads(run("keys", "list", "--format", "json")[0])}
    assert {name: row["state"] for name, row in keys.items()} == {
        "days": "active",
        "hours": "active",
        "gone": "revoked",
        "old": "expired",
    }
    assert keys["gone"].keys() == {"prefix", "role", "name", "state", "created", "expires", "revoked"}
    assert keys["gone"]["expires"] is None
    for name, length in (("days", timedelta(days=90)), ("hours", timedelta(hours=12))):
        created, expires = (datetime.fromisoformat(keys[name][key]) for key in ("created", "expires"))
        assert expires - created == length
    assert len(run("keys", "list")[0].splitlines()) == 5


def test_the_days_of_a_key_are_those_of_the_school(run: Farol, tmp_path: Path) -> None:
    evening = datetime(2026, 1, 1, 1, tzinfo=UTC)  # of the last day of 2025 in São Paulo
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}") as store:
        Keys(store).add(make_key(Role.read, "x", at=evening, expires=evening + timedelta(days=31))[1])
    (_, row) = run("keys", "list")[0].splitlines()
    assert re.findall(r"\d\d/\d\d/\d{4}", row) == ["31/12/2025", "31/01/2026"]


def test_no_keys_is_said_with_what_it_means(run: Farol, tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}").close()
    assert len(run("keys", "list")[0].splitlines()) == 1
    assert json.loads(run("keys", "list", "--format", "json")[0]) == []


def test_a_revoked_key_stays_revoked_an_unknown_one_is_refused(run: Farol) -> None:
    prefix = run("keys", "create", "--role", "read", "--name", "x")[0][6:18]
    for _ in range(2):
        assert prefix in run("keys", "revoke", prefix)[0]
    assert "farol keys list" in run("keys", "revoke", "000000000000", code=2)[1]


@pytest.mark.parametrize("term", ["90", "0d", "d", "-1d", "1w", "90 d", "999999d"])
def test_an_invalid_term_is_refused(run: Farol, tmp_path: Path, term: str) -> None:
    assert "90d" in run("keys", "create", "--role", "read", "--name", "x", "--expires", term, code=2)[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_would_spoil_the_list_is_refused(run: Farol, name: str) -> None:
    assert "100" in run("keys", "create", "--role", "read", "--name", name, code=2)[1]


def test_the_roles_of_the_command_are_those_of_the_store() -> None:
    assert [role.value for role in RoleName] == [role.value for role in Role]


def test_serve_asks_for_the_key_and_logs_each_request_as_json(tmp_path: Path, free_port: int) -> None:
    """From `farol keys create` to a served address that others reach, and down to a log without the key."""
    settings = Settings(data=tmp_path / "data")
    text, key = make_key(Role.read, "x", at=datetime.now(UTC))
    with Store.open(settings.store_url) as store:
        Keys(store).add(key)
    environment = {**os.environ, "FAROL_LOCALE": "en", "FAROL_LOG_FORMAT": "json"}
    server = subprocess.Popen(
        [FAROL, "serve", "--host", "0.0.0.0", "--port", str(free_port), "--log-level", "info"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    base = f"http://127.0.0.1:{free_port}"
    try:
        await_answer(base, server)
        assert httpx.get(f"{base}/models", timeout=30).status_code == 401
        assert httpx.get(f"{base}/models?x=1", auth=("anyone", text), timeout=30).status_code == 200
        with Store.open(settings.store_url) as store:
            Keys(store).revoke(key.prefix, datetime.now(UTC))
        eventually(lambda: httpx.get(f"{base}/models", headers={"X-API-Key": text}, timeout=30).status_code == 401)
    finally:
        server.send_signal(signal.SIGTERM)
        printed, logged = server.communicate(timeout=30)
    lines = [json.loads(line) for line in logged.splitlines()]
    asked = [line for line in lines if line["logger"] == "farol.access" and line["route"] == "/models"]
    assert [line["status"] for line in asked[:2]] == [401, 200]
    assert text not in printed + logged
    assert "x=1" not in logged
