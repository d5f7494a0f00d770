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
from tests.ports import held_port


@contextmanager
def farol_serve(
    port: int, artifacts: Path, data: Path, *options: str, program: str = "from farol.cli import main; main()"
) -> Iterator[str]:
    command = [sys.executable, "-c", program, "serve", "--port", str(port), *options]
    command += ["--artifacts", str(artifacts), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_answer(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def sent(port: int, *pieces: bytes) -> bytes:
    """The answer of the server to these pieces until it closes the connection; TimeoutError when it does not."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
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
    with held_port() as free, farol_serve(free, trained, tmp_path_factory.mktemp("heads")):
        yield free


BEGIN = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def test_no_header_names_the_software(port: int) -> None:
    head, _, _ = sent(port, BEGIN, b"\r\n").lower().partition(b"\r\n\r\n")
    assert b"\r\ndate: " in head
    assert b"\r\nserver:" not in head


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
    assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200


def test_an_address_without_end_is_cut_off(port: int) -> None:
    answer = sent(port, b"GET /", *[b"a" * 1_000] * 400)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer


def test_an_address_with_bytes_that_no_address_has_is_refused(port: int) -> None:
    for path in (b"/", b"/predict", b"/docs"):
        answer = sent(port, b"GET " + path + b"?lang=\xe3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"invalid_address" in answer or b"Invalid HTTP request" in answer


def test_bodies_do_not_count_and_a_second_request_begins_anew(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
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


TRAILERS = [b"X-Filler: " + b"a" * 1_000 + b"\r\n", b"a" * 1_000]
CHUNKED = b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("piece", TRAILERS, ids=["many trailers", "one without end"])
@pytest.mark.parametrize("begin", [CHUNKED + b"2\r\n{}\r\n0\r\n", CHUNKED + b"0\r\n"], ids=["body", "no body"])
def test_trailers_without_end_are_cut_off(port: int, begin: bytes, piece: bytes) -> None:
    begin += b"" if piece.startswith(b"X") else b"X-Filler: "
    assert cut_off_after(port, begin, piece) < 8 * MOST_HEAD_BYTES


def test_a_chunks_extension_without_end_is_cut_off(port: int) -> None:
    assert cut_off_after(port, CHUNKED + b"2;a=", b"a" * 1_000) < 8 * MOST_HEAD_BYTES


def cut_off_after(port: int, begin: bytes, piece: bytes) -> int:
    """How many bytes were sent until the server closed the connection; what it keeps of its own buffers included."""
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        connection.sendall(begin)
        try:
            while taken < 50_000_000:
                connection.sendall(piece)
                taken += len(piece)
        except ConnectionError:
            return taken
    return taken


def test_a_trailer_is_no_header(port: int) -> None:
    """Otherwise it would become one while the request is being answered: `X-API-Key`, say."""
    body = b"2\r\n{}\r\n0\r\nX-Request-ID: from-the-trailer\r\n\r\n"
    begin = CHUNKED.replace(b"POST /health", b"POST /predict").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert b"from-the-trailer" not in sent(port, begin + body)


SLOW = """
import sys
from farol.api import server
server.LOOK_SECONDS, server.HEAD_SECONDS, server.IDLE_SECONDS = 0.05, 0.3, 0.5
server.BODY_SECONDS = 0.5
from farol.cli import main
main()
"""


@pytest.fixture(scope="module")
def hasty(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server whose limits of time are short."""
    with held_port() as free, farol_serve(free, trained, tmp_path_factory.mktemp("slow"), program=SLOW):
        yield free


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"G",
        BEGIN,
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        CHUNKED + b"2\r\n{}\r\n",
    ],
    ids=["nothing", "a letter", "headers", "no body", "half a body", "no last chunk"],
)
def test_who_sends_nothing_more_is_cut_off(hasty: int, begin: bytes) -> None:
    sent(hasty, begin)  # TimeoutError where the server still waits


def test_who_sends_a_byte_now_and_then_is_cut_off(hasty: int) -> None:
    with socket.create_connection(("127.0.0.1", hasty), timeout=120) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n")
        connection.settimeout(0.02)
        answer = b""
        for _ in range(15_000):  # for as long as a busy machine may take
            try:
                connection.sendall(b" ")
                more = connection.recv(1_000)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            answer += more
            if not more:
                break
        else:
            pytest.fail("still connected")


def send_without_end(connection: socket.socket, piece: bytes) -> None:
    """More than any system keeps on the way, which may be tens of megabytes."""
    for _ in range(500):
        connection.sendall(piece)


def test_who_takes_nothing_is_cut_off(hasty: int, trained: Path) -> None:
    """Answers to many requests in a row, none of which is read, until no more fits between the two of us."""
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        connection.settimeout(120)
        connection.connect(("127.0.0.1", hasty))
        with pytest.raises(ConnectionError):
            send_without_end(connection, request * 20_000)


def test_who_is_slow_to_be_answered_is_not_cut_off(hasty: int) -> None:
    rows = b"[" + b",".join([b'{"IAA": 7}'] * 10_000) + b"]"
    head = b"POST /predict/batch?reasons=10 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(rows)
    with socket.create_connection(("127.0.0.1", hasty), timeout=120) as connection:
        connection.sendall(head + rows)  # all at once: only the server takes its time
        assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
