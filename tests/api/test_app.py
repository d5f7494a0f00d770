from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import farol.app
from farol.api.keyring import check_binding, is_loopback
from farol.api.predict import PredictRequest, ScoredPrediction, score_pupils
from farol.api.requests import PupilInput
from farol.app import create_app
from farol.errors import InputError, ProfileError, StoreError
from farol.service import Service
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction
from tests.api.client import running
from tests.api.server import serving
from tests.api.shape import PUPIL
from tests.waiting import eventually

HEAVY = "sklearn xgboost onnx onnxmltools pandas polars pyarrow alembic matplotlib vl_convert"

START = f"""
import asyncio, sys
from farol.app import create_app
app = create_app()
async def start():
    async with app.router.lifespan_context(app):
        assert app.state.service.serving("current")
asyncio.run(start())
print([name for name in {HEAVY.split()!r} if name in sys.modules])
"""


def run(code: str, folder: Path, **environ: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_serving_imports_no_training_and_no_plotting(trained: Path, tmp_path: Path) -> None:
    assert run(START, tmp_path, FAROL_ARTIFACTS=str(trained), FAROL_DATA=str(tmp_path)) == "[]"


def test_importing_the_module_makes_no_app_and_touches_no_disk(tmp_path: Path) -> None:
    code = "import farol.app, os; print('app' in vars(farol.app), os.listdir('.'))"
    assert run(code, tmp_path, FAROL_PROFILE="/nowhere/to/be/found.toml") == "False []"


def test_making_an_app_touches_no_disk_either(tmp_path: Path) -> None:
    create_app(Settings(artifacts=tmp_path / "artifacts", data=tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


def test_the_app_for_servers_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAROL_DATA", str(tmp_path))
    monkeypatch.delitem(vars(farol.app), "app", raising=False)
    app = farol.app.app
    assert farol.app.app is app
    assert app.state.service.settings.data == tmp_path
    del vars(farol.app)["app"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = farol.app.nothing


def test_an_unusable_profile_is_reported_before_anything_starts() -> None:
    with pytest.raises(ProfileError):
        create_app(Settings(profile="no-such-profile"))


def test_the_language_of_the_service_is_a_setting(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path, locale="en"))) as client:
        assert client.get("/nowhere").json()["error"]["message"] == "There is nothing at this address."


def test_nothing_is_sent_elsewhere_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app = create_app(Settings())
    assert not app._native_telemetry.enabled()
    assert app._telemetry["auto_configure"] is False


def test_uvicorn_serves_the_app_by_its_name(free_port: int, trained: Path, tmp_path: Path) -> None:
    with serving(free_port, trained, tmp_path) as server:
        answer = httpx.post(f"{server.base}/predict", json=PUPIL, timeout=30)
        assert answer.status_code == 200
        assert answer.json()["prediction_label"].startswith("Aluno")
        endless = httpx.post(
            f"{server.base}/predict",
            content=(b" " * 65_536 for _ in range(100)),
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
        assert endless.status_code == 413
        deep = httpx.post(
            f"{server.base}/predict", content=b"[" * 900_000, headers={"Content-Type": "application/json"}, timeout=30
        )
        assert deep.status_code == 400
        assert httpx.get(f"{server.base}/", timeout=30).status_code == 200
        with httpx.Client(timeout=30) as client:  # a body after HEAD would be taken for the next answer
            for address in ("/health", "/monitoring/predictions.csv", "/static/farol.css", "/health"):
                head = client.head(f"{server.base}{address}")
                assert (head.status_code, head.content) == (200, b"")
            assert client.get(f"{server.base}/health").json()["status"] == "alive"
    assert server.process.returncode in (0, -signal.SIGTERM)


def test_probes_by_http_1_0_and_head_work_on_every_get_route(free_port: int, trained: Path, tmp_path: Path) -> None:
    with serving(free_port, trained, tmp_path) as server:
        version = httpx.get(f"{server.base}/v2/models/current", timeout=30).json()["versions"][0]
        paths = httpx.get(f"{server.base}/openapi.json", timeout=30).json()["paths"]
        filled = {"{task}": "current", "{name}": "current", "{version}": version}
        addresses = [re.sub("{[a-z]+}", lambda given: filled[given[0]], path) for path in paths if "get" in paths[path]]
        assert len(addresses) > 15
        for address in (*addresses, "/", "/monitoring/dashboard", "/docs"):
            for method in ("GET", "HEAD"):  # by HTTP/1.0 there need be no Host
                with socket.create_connection(("127.0.0.1", free_port), timeout=30) as connection:
                    connection.sendall(f"{method} {address} HTTP/1.0\r\n\r\n".encode())
                    answer = b"".join(iter(lambda: connection.recv(65_536), b""))
                assert b" 200 " in answer.splitlines()[0], (method, address, answer[:200])
                assert bool(answer.partition(b"\r\n\r\n")[2]) == (method == "GET"), address


def test_sigterm_lets_what_is_under_way_be_stored_and_answered(free_port: int, trained: Path, tmp_path: Path) -> None:
    """Every answered prediction is stored, and every stored one was answered, though the process was ended midway."""
    answered: list[str] = []
    broken: list[int] = []

    def ask(base: str) -> None:
        with httpx.Client(timeout=30) as client:
            for number in range(2_000):
                try:
                    response = client.post(f"{base}/predict", json=PUPIL)
                except httpx.TransportError:
                    broken.append(number)
                    return
                if response.status_code == 200:
                    answered.append(response.json()["prediction_id"])

    with serving(free_port, trained, tmp_path) as server:
        askers = [threading.Thread(target=ask, args=(server.base,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        eventually(lambda: len(answered) >= 50)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) in (0, -signal.SIGTERM)
        for asker in askers:
            asker.join()
    with Store.open(f"sqlite:///{tmp_path}/farol.db") as store:
        stored = {row.id for row in store.latest(10_000)}
    assert stored == set(answered)
    assert len(broken) == 4, "the port was closed"


def test_closing_waits_for_what_is_being_stored(trained: Path, tmp_path: Path) -> None:
    service = Service(Settings(artifacts=trained, data=tmp_path))
    service.refresh()
    served, now = service.served("current"), datetime.now(UTC)

    def row() -> Prediction:
        (scored,) = score_pupils(served, [PredictRequest(PupilInput(PUPIL, None), now, 2024)], source="api")
        assert isinstance(scored, ScoredPrediction)
        return scored.row

    async def ask_and_close() -> str:
        asked = asyncio.create_task(service.journal.submit(row()))
        await asyncio.sleep(0)
        await service.close()
        assert asked.done()
        with pytest.raises(StoreError):
            await service.journal.submit(row())
        return (await asked).id

    answered = asyncio.run(ask_and_close())
    with Store.open(service.settings.store_url) as store:
        assert [row.id for row in store.latest(10)] == [answered]


def test_a_service_that_never_answered_closes_as_well(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    app = create_app(Settings(artifacts=tmp_path, data=tmp_path / "data"))

    async def start_and_stop() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(start_and_stop())


def test_objects_loaded_at_the_start_are_not_garbage_collected(tmp_path: Path) -> None:
    app = create_app(Settings(artifacts=tmp_path, data=tmp_path / "data"))

    async def start_and_stop() -> int:
        gc.unfreeze()
        async with app.router.lifespan_context(app):
            return gc.get_freeze_count()

    assert asyncio.run(start_and_stop()) > 10_000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]", "127.8.8.8"])
def test_an_address_of_this_machine_is_listened_on(host: str) -> None:
    check_binding(Settings(host=host))
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.10", "farol.example", "localhost.example"])
def test_an_address_that_others_reach_is_refused_unless_allowed(host: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_binding(Settings(host=host, data=tmp_path))
    assert "FAROL_OPEN_NETWORK=true" in json.dumps(caught.value.as_dict("en"))
    check_binding(Settings(host=host, open_network=True))
