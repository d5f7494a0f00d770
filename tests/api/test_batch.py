"""Many pupils in one request: each is answered as it would be alone, and nothing is answered that is not stored."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from farol.api import batch as batching
from farol.api.answers.prediction import RowAnswer
from farol.app import create_app
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction
from tests.api.client import Client, running
from tests.api.server import Server, serving
from tests.api.shape import PUPIL, error_of
from tests.bundles import make_bundle
from tests.ports import held_port

NDJSON = {"Content-Type": "application/x-ndjson"}
CONTEXT = PUPIL | {"phase": 3, "age": 14, "lag": -1, "year_joined": 2021, "year": 2023}
WRONG = PUPIL | {"IAA": 12}

Row = dict[str, Any]


def lines(rows: Sequence[object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def ask(client: Client, rows: Sequence[object], path: str = "/predict/batch", **headers: str) -> list[Row]:
    """The entries that a batch is answered with, as NDJSON and in the documented shape."""
    response = client.post(path, content=lines(rows), headers=NDJSON | headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return read(response.text)


def read(text: str) -> list[Row]:
    entries: list[Row] = [json.loads(line) for line in text.splitlines()]
    for entry in entries:
        RowAnswer.model_validate(entry, strict=True)
    return entries


def stored(settings: Settings) -> list[Prediction]:
    with Store.open(settings.store_url) as store:
        return list(store.stream())


def statuses(entries: Sequence[Row]) -> list[int]:
    return [entry["status"] for entry in entries]


values = st.one_of(
    st.none(), st.floats(0, 10).map(lambda value: round(value, 3)), st.sampled_from([0, 10.005, 11, "x"])
)
rows_of_a_pupil = st.dictionaries(
    st.sampled_from([*PUPIL, "phase", "age", "lag", "birth_year", "birth_month", "unknown"]), values, max_size=14
)
odd_rows = st.one_of(
    rows_of_a_pupil,
    st.builds(lambda row, year: {**row, "year": year}, rows_of_a_pupil, st.integers(1989, 2101)),
    st.builds(lambda row, code: {**row, "student": code}, rows_of_a_pupil, st.sampled_from(["RA-1", "", None])),
)


@pytest.mark.parametrize("route", ["/predict", "/forecast"])
@effort(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(odd_rows, min_size=1, max_size=5), reasons=st.integers(0, 10), lang=st.sampled_from(["pt", "en"]))
def test_each_row_has_the_answer_or_error_it_would_have_alone(
    shared: Client, route: str, rows: list[Row], reasons: int, lang: str
) -> None:
    query = f"?reasons={reasons}&lang={lang}"
    as_json = shared.post(f"{route}/batch{query}", json=rows).json()
    for entries in (as_json, ask(shared, rows, f"{route}/batch{query}")):
        assert [entry["index"] for entry in entries] == list(range(len(rows)))
        for row, entry in zip(rows, entries, strict=True):
            alone = shared.post(f"{route}{query}", json=row)
            assert entry["status"] == alone.status_code
            said, expected = entry["answer"] or entry["error"], alone.json().get("error", alone.json())
            for ours in ("prediction_id", "request_id"):
                assert bool(said.pop(ours, None)) == bool(expected.pop(ours, None))
            assert said == expected


def test_valid_rows_are_stored_and_the_others_are_not(client: Client, settings: Settings) -> None:
    rows = [PUPIL | {"student": "RA-1"}, WRONG, {}, PUPIL | {"student": "RA-2"}]
    entries = client.post("/predict/batch", json=rows).json()
    assert statuses(entries) == [200, 422, 422, 200]
    assert [entry["error"] and entry["error"]["code"] for entry in entries] == [
        None,
        "invalid_fields",
        "nothing_given",
        None,
    ]
    kept = stored(settings)
    assert [row.id for row in kept] == [entry["answer"]["prediction_id"] for entry in entries if entry["answer"]]
    assert [(row.student, row.source) for row in kept] == [("RA-1", "batch"), ("RA-2", "batch")]
    (forecast,) = client.post("/forecast/batch", json=[CONTEXT]).json()
    assert stored(settings)[-1].year == 2023
    shown = client.get("/monitoring/predictions?limit=1").json()["predictions"][0]
    assert (shown["source"], shown["prediction_id"]) == ("batch", forecast["answer"]["prediction_id"])


def test_a_faulty_line_does_not_affect_the_others(client: Client) -> None:
    body = b'\xef\xbb\xbf{"IAA": 5}\r\n\n  \n{"IAA": \n[1]\n\xff\n{"IAA": NaN}\n{"IAA": 5, "IAA": 5}\n{"IAA": 6}'
    response = client.post("/predict/batch?lang=en", content=body, headers=NDJSON)
    entries = read(response.text)
    assert statuses(entries) == [200, 400, 400, 400, 422, 422, 200]
    assert [entry["index"] for entry in entries] == list(range(7))
    assert {entry["error"]["request_id"] for entry in entries if entry["error"]} == {response.headers["x-request-id"]}
    assert entries[1]["error"]["message"] == "The row is not JSON: column 8."


@pytest.mark.parametrize("path", ["/predict/batch", "/forecast/batch"])
def test_the_type_of_the_body_is_asked_for(shared: Client, path: str) -> None:
    error_of(shared.post(path, content=b"[]", headers={"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    error_of(shared.post(path, content=b"[]"), 415, "unsupported_media_type")
    error_of(shared.post(path, content=b"\n \n", headers=NDJSON), 422, "nothing_given")
    error_of(shared.post(path, json=[]), 422, "nothing_given")
    error_of(shared.post(path, json=PUPIL), 400, "invalid_json")


def test_without_a_model_there_is_no_batch(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path))) as client:
        error_of(client.post("/predict/batch", json=[PUPIL]), 503, "bundle")


@pytest.fixture
def small(settings: Settings) -> Iterator[Client]:
    """A service with limits that a test can reach."""
    limits = {
        "max_body_bytes": 1000,
        "max_batch_bytes": 2000,
        "max_batch_rows": 3,
        "max_stream_bytes": 4000,
        "max_stream_rows": 5,
        "max_line_bytes": 1000,
    }
    with running(create_app(settings.model_copy(update=limits))) as client:
        yield client


async def pieces(*given: bytes) -> Any:
    """A body of undeclared length."""
    for piece in given:
        yield piece


def test_an_array_has_a_limit_of_rows(small: Client, settings: Settings) -> None:
    assert len(small.post("/predict/batch", json=[{"IAA": 5}] * 3).json()) == 3
    error = error_of(small.post("/predict/batch?lang=en", json=[{"IAA": 5}] * 4), 413, "too_many_rows")
    assert "3" in error["message"]
    assert len(stored(settings)) == 3


def test_an_array_has_a_limit_of_bytes_whether_declared_or_not(small: Client, settings: Settings) -> None:
    fits, over = b'[{"IAA": 5}' + b" " * 1988 + b"]", b'[{"IAA": 5}' + b" " * 1989 + b"]"
    headers = {"Content-Type": "application/json"}
    assert small.post("/predict/batch", content=fits, headers=headers).status_code == 200
    assert small.post("/predict/batch", content=pieces(fits[:900], fits[900:]), headers=headers).status_code == 200
    for content in (over, pieces(over[:1500], over[1500:])):
        error_of(small.post("/predict/batch", content=content, headers=headers), 413, "body_too_large")
    assert len(stored(settings)) == 2


def test_one_pupil_may_not_send_what_a_batch_may(small: Client) -> None:
    body = json.dumps(PUPIL).encode() + b" " * 1000
    response = small.post("/predict", content=body, headers={"Content-Type": "application/json"})
    error_of(response, 413, "body_too_large")


def test_lines_have_a_limit_of_bytes_together(small: Client, settings: Settings) -> None:
    line = b'{"IAA": 5}\n'
    error_of(small.post("/predict/batch", content=line + b" " * 4000, headers=NDJSON), 413, "body_too_large")
    # Of undeclared length: what came before the limit is stored and answered, and the last line says what happened.
    response = small.post("/predict/batch", content=pieces(line, line, b" " * 4000), headers=NDJSON)
    entries = read(response.text)
    assert statuses(entries) == [200, 200, 413]
    assert (entries[-1]["index"], entries[-1]["error"]["code"]) == (None, "body_too_large")
    assert len(stored(settings)) == 2
    error_of(small.post("/predict/batch", content=pieces(b" " * 4001), headers=NDJSON), 413, "body_too_large")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_lines_have_a_limit_of_rows(small: Client, settings: Settings, end: bytes) -> None:
    body = b"\n".join([b'{"IAA": 5}'] * 5) + end
    assert len(read(small.post("/predict/batch", content=body, headers=NDJSON).text)) == 5
    body = b"\n".join([b'{"IAA": 5}'] * 6) + end
    entries = read(small.post("/predict/batch", content=body, headers=NDJSON).text)
    assert statuses(entries) == [200] * 5 + [413]
    assert (entries[-1]["index"], entries[-1]["error"]["code"]) == (None, "too_many_rows")
    assert len(stored(settings)) == 10


def test_a_line_has_a_limit_of_bytes(small: Client) -> None:
    entries = ask(small, [{"IAA": 5}, {"IAA": 5, "student": "x" * 1000}, {"IAA": 5}])
    assert statuses(entries) == [200, 413, 200]
    assert entries[1]["error"]["code"] == "line_too_long"


def test_a_row_of_an_array_has_a_limit_of_bytes(small: Client) -> None:
    rows = [{"IAA": 5}, {"IAA": 5, "student": "x" * 1000}, {"IAA": 5}]
    answers = small.post("/predict/batch", json=rows).json()
    assert [answer["status"] for answer in answers] == [200, 413, 200]
    assert answers[1]["error"]["code"] == "line_too_long"


REFUSED = "BEGIN SELECT RAISE(ABORT, 'refused'); END"


@contextmanager
def refusing(settings: Settings, student: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that takes no row of this pupil, and a service that stores two rows at a time."""
    monkeypatch.setattr(batching, "GROUP", 2)
    refuse = f"CREATE TRIGGER refuse BEFORE INSERT ON predictions WHEN NEW.student = '{student}' {REFUSED}"
    with Store.open(settings.store_url) as store:
        with store.engine.begin() as connection:
            connection.exec_driver_sql(refuse)
        yield
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse")


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_each_row_that_was_not_stored_says_so(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    rows = [PUPIL, PUPIL, PUPIL | {"student": "RA-3"}, WRONG, PUPIL, PUPIL]
    body = json.dumps(rows).encode() if kind == "application/json" else lines(rows)
    headers = {"Content-Type": kind, "Idempotency-Key": "once"}
    with refusing(settings, "RA-3", monkeypatch):
        response = client.post("/predict/batch", content=body, headers=headers)
    entries = response.json() if kind == "application/json" else read(response.text)
    assert statuses(entries) == [200, 200, 503, 422, 200, 200]
    assert entries[2]["error"]["code"] == "store"
    ids = [entry["answer"]["prediction_id"] for entry in entries if entry["answer"]]
    assert {row.id for row in stored(settings)} == set(ids)
    # Sent again under the same key: stored rows come back, the others are stored now.
    again = client.post("/predict/batch", json=rows, headers={"Idempotency-Key": "once"}).json()
    assert statuses(again) == [200, 200, 200, 422, 200, 200]
    assert [entry["replayed"] for entry in again] == [True, True, False, False, True, True]
    assert [again[place]["answer"] for place in (0, 1, 4, 5)] == [entries[place]["answer"] for place in (0, 1, 4, 5)]
    assert len(stored(settings)) == 5


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_unstored_first_rows_make_the_whole_answer_an_error(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    rows = [PUPIL | {"student": "RA-1"}, PUPIL, PUPIL]
    body = json.dumps(rows).encode() if kind == "application/json" else lines(rows)
    with refusing(settings, "RA-1", monkeypatch):
        response = client.post("/predict/batch", content=body, headers={"Content-Type": kind})
    error_of(response, 503, "store")
    assert response.headers["retry-after"]
    assert stored(settings) == []


def test_a_row_under_a_key_is_its_place_and_its_content(client: Client, settings: Settings) -> None:
    key = {"Idempotency-Key": "class-3B"}
    client.post("/predict/batch", json=[PUPIL, PUPIL], headers=key)
    entries = client.post("/predict/batch", json=[PUPIL, PUPIL | {"IAA": 1}, PUPIL], headers=key).json()
    assert statuses(entries) == [200, 422, 200]
    assert entries[1]["error"]["code"] == "idempotency_key_reused"
    assert [entry["replayed"] for entry in entries] == [True, False, False]
    assert len(stored(settings)) == 3
    assert client.post("/predict", json=PUPIL, headers=key).headers.get("idempotent-replayed") is None
    error_of(client.post("/predict/batch", json=[PUPIL], headers={"Idempotency-Key": ""}), 422, "invalid_parameter")


def test_a_retry_is_answered_by_the_model_that_answered_first(settings: Settings) -> None:
    key, registry = {"Idempotency-Key": "a"}, Registry(settings.artifacts)
    path = "/forecast/batch?reasons=10"
    with running(create_app(settings)) as client:
        first = client.post(path, json=[CONTEXT], headers=key).json()
    registry.promote("next-year", make_bundle(settings.artifacts, "next-year", seed=5).name)
    with running(create_app(settings)) as client:
        again = client.post(path, json=[CONTEXT], headers=key).json()
        assert again == [first[0] | {"replayed": True}]
        shutil.rmtree(settings.artifacts / "next-year" / first[0]["answer"]["model_version"])
        (entry,) = client.post(path, json=[CONTEXT], headers=key).json()
    assert (entry["status"], entry["error"]["code"]) == (503, "bundle")


def test_a_retry_in_another_year_gets_its_first_years_answer(client: Client, settings: Settings) -> None:
    key, row = {"Idempotency-Key": "a"}, {name: value for name, value in CONTEXT.items() if name != "year"}
    (first,) = client.post("/forecast/batch?reasons=10", json=[row], headers=key).json()
    with Store.open(settings.store_url) as store, store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE predictions SET year = 2022")
    (again,) = client.post("/forecast/batch?reasons=10", json=[row], headers=key).json()
    (of_then,) = client.post("/forecast/batch?reasons=10", json=[row | {"year": 2022}]).json()
    assert again["answer"]["reasons"] == of_then["answer"]["reasons"]
    assert again["answer"]["prediction_id"] == first["answer"]["prediction_id"]


def test_batches_are_counted_as_predictions(client: Client) -> None:
    entries = client.post("/predict/batch", json=[PUPIL, PUPIL, WRONG]).json()
    label = "at_risk" if entries[0]["answer"]["prediction"] else "not_at_risk"
    text = client.get("/metrics").text
    assert f'farol_predictions_total{{label="{label}",task="current"}} 2.0' in text
    assert "farol_commit_seconds_count 1.0" in text
    assert 'farol_requests_total{method="POST",route="/predict/batch",status="200"} 1.0' in text


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with held_port() as port, serving(port, trained, tmp_path_factory.mktemp("batch-data")) as server:
        yield server


def total(server: Server) -> float:
    """Predictions that the service counted."""
    text = httpx.get(f"{server.base}/metrics", timeout=30).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("farol_predictions_total"))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = (
    b"POST /predict/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def connected(server: Server) -> socket.socket:
    host, _, port = server.base.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_a_line_is_answered_before_the_next_is_sent(server: Server) -> None:
    with connected(server) as connection, connection.makefile("rb") as answer:
        connection.sendall(HEAD)
        for index in range(3):
            connection.sendall(chunk(lines([PUPIL])))
            line = b""
            while not line.startswith(b"{"):
                line = answer.readline()
            assert json.loads(line)["index"] == index
        connection.sendall(b"0\r\n\r\n")
        assert (answer.readline(), answer.readline()) == (b"\r\n", b"0\r\n")


def resident(server: Server) -> int:
    """Bytes of memory that the process has."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_a_caller_who_sends_all_first_costs_constant_memory(server: Server) -> None:
    """75 MB each way, more than the buffers of a connection: without our own both would wait for ever.

    A process whose memory is counted once at its end may still hold what it was about to give back, some 10 MB.
    """
    block, blocks = lines([PUPIL] * 500).replace(b"\n", b" " * 1_400 + b"\n"), 96
    url = f"{server.base}/predict/batch?reasons=5"

    def sent() -> Iterator[bytes]:
        yield from [block] * blocks

    httpx.post(url, content=block * 8, headers=NDJSON, timeout=120)
    before, counted = resident(server), total(server)
    size = answered = 0
    with httpx.stream("POST", url, content=sent(), headers=NDJSON, timeout=120) as response:
        for line in response.iter_lines():
            size, answered = size + len(line), answered + ('"status":200' in line)
    assert (answered, total(server) - counted) == (500 * blocks, 500 * blocks)
    assert size > 60_000_000
    assert resident(server) - before < size / 2


def test_when_a_caller_leaves_every_answered_row_is_stored(server: Server) -> None:
    counted = total(server)
    with connected(server) as connection, connection.makefile("rb") as answer:
        connection.sendall(HEAD + chunk(lines([PUPIL])))
        while not answer.readline().startswith(b"{"):
            pass
    assert total(server) == counted + 1
    assert httpx.post(f"{server.base}/predict/batch", json=[PUPIL], timeout=30).json()[0]["status"] == 200
