"""Headers have a limit before the application sees them; a real `farol serve`, and raw bytes on its port."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from farol.api.server import MOST_HEAD_BYTES
from tests.api.server import await_answer


@contextmanager
def farol_serve(port: int, artifacts: Path, data: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-c", "from farol.cli import main; main()", "serve", "--port", str(port), *options]
    command += ["--artifacts", str(artifacts), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_answer(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def sent(port: int, *pieces: bytes) -> bytes:
    """The answer of the server to these pieces until it closes the connection; TimeoutError when it does not."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while more := connection.recv(65_536):
                answer += more
        except ConnectionError:
            pass  # cut off while we were still sending
    return answer


@pytest.fixture(scope="module")
def port(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    with farol_serve(free, trained, tmp_path_factory.mktemp("heads")):
        yield free


BEGIN = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def test_headers_up_to_the_limit_are_read(port: int) -> None:
    filler = b"X-Filler: " + b"a" * (MOST_HEAD_BYTES - len(BEGIN) - 100) + b"\r\n"
    assert sent(port, BEGIN, filler, b"\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "piece", [b"X-Filler: " + b"a" * 1_000 + b"\r\n", b"a" * 1_000], ids=["many headers", "one without end"]
)
def test_headers_without_end_are_cut_off(port: int, piece: bytes) -> None:
    begin = BEGIN + (b"" if piece.startswith(b"X") else b"X-Filler: ")
    answer = sent(port, begin, *[piece] * 400)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200


def test_an_address_without_end_is_cut_off(port: int) -> None:
    answer = sent(port, b"GET /", *[b"a" * 1_000] * 400)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer


def test_an_address_with_bytes_that_no_address_has_is_refused(port: int) -> None:
    for path in (b"/", b"/predict", b"/docs"):
        answer = sent(port, b"GET " + path + b"?lang=\xe3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"invalid_address" in answer or b"Invalid HTTP request" in answer


def test_bodies_do_not_count_and_a_second_request_begins_anew(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            spaces = b" " * (2 * MOST_HEAD_BYTES)
            answer = client.post(
                "/predict", content=b'{"IAA": 7}' + spaces, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200, answer.text
            assert client.get("/health", headers={"X-Filler": "a" * 30_000}).status_code == 200


def test_without_the_fast_parser_the_other_ones_limit_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "farol.api.server")
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    assert importlib.import_module("farol.api.server").HTTP == "h11"
