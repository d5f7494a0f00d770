"""The cost of hostile input, and its effect on other requests.

    python -m benchmarks.growth [--units N]

prints for each input its bytes, the work to read it, and the memory that this took, for N and for 8 N units, with the
growth of each: what is linear grows no more than the bytes. Work is calls of Python, and memory the peak of what Python
allocates or, for files, that of the process in which they are read: neither depends on what else the machine does.
`tests/workbook/test_growth.py` counts the processor's time of the same files, the libraries in C and Rust included.

    python -m benchmarks.growth --beside [SECONDS]

starts `farol serve` and asks it plain questions, first undisturbed and then beside each attack, SECONDS (4) each. It
prints the 99th percentile of each and its ratio to the undisturbed one of the same run.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.bundles import put_into_use

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402  the project's folder has to be known before its tests are

from farol.api.requests import parse_object  # noqa: E402
from farol.errors import ApiError  # noqa: E402
from farol.workbook import student_code as codes  # noqa: E402
from tests.api.shape import PUPIL  # noqa: E402
from tests.api.test_growth import CSV, FORM, MARKS, OBJECTS, PARTS, TENSOR_OF, TEXTS, part, work_of  # noqa: E402
from tests.faults.service import BROKEN, Caller, Service  # noqa: E402
from tests.workbook.hostile import HOSTILE  # noqa: E402

_READ = """
import resource, sys
from contextlib import suppress
from pathlib import Path
from farol.errors import FarolError
from farol.profile import load_profile
from farol.workbook.panel import read_panel
calls, profile, before = 0, load_profile("pede"), resource.getrusage(resource.RUSAGE_SELF)
def called(_frame, event, _argument):
    global calls
    calls += event in ("call", "c_call")
sys.setprofile(called)
with suppress(FarolError):
    read_panel(Path(sys.argv[1]), profile)
sys.setprofile(None)
after = resource.getrusage(resource.RUSAGE_SELF)
print(calls, after.ru_maxrss - before.ru_maxrss)
"""


def cost_of_text(entry: Callable[[bytes], object], given: bytes) -> tuple[int, float, float]:
    """Bytes, calls, and bytes of memory at the peak."""
    calls = work_of(entry, given)
    tracemalloc.start()
    with suppress(ApiError):
        entry(given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return len(given), calls, peak


def cost_of_file(content: bytes, ending: str, folder: Path) -> tuple[int, float, float]:
    """Bytes, calls, and bytes of memory beside those of an idle reader."""
    path = folder / f"PEDE2022.{ending}"
    path.write_bytes(content)
    command = [sys.executable, "-P", "-c", _READ, str(path)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except subprocess.TimeoutExpired:
        return len(content), float("inf"), float("inf")
    calls, kilobytes = map(float, ended.stdout.split())
    return len(content), calls, 1024 * kilobytes


def table(units: int) -> None:
    """Prints the growth of every input."""
    print("| input | bytes | ×8: bytes | work | ×8: work | memory, bytes | ×8: memory |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        entries: list[tuple[str, Callable[[int], tuple[int, float, float]]]] = [
            *(
                (
                    f"code: {kind}",
                    lambda n, make=make: cost_of_text(lambda b: codes.student_code(b.decode()), make(n).encode()),
                )
                for kind, make in TEXTS.items()
            ),
            *(
                (f"body: {kind}", lambda n, make=make: cost_of_text(parse_object, make(n).encode()))
                for kind, make in OBJECTS.items()
            ),
            *(
                (
                    f"file: {kind}",
                    lambda n, kind=kind, make=make: cost_of_file(make(n), kind.rpartition(".")[2], Path(name)),
                )
                for kind, make in HOSTILE.items()
                if not kind.endswith("ods")  # its reader is measured by no limit but that of its process
            ),
        ]
        for kind, cost in entries:
            small, large = cost(units), cost(8 * units)
            grown = [f"{many / few:.1f}" if few else "–" for few, many in zip(small, large, strict=True)]
            print(
                f"| {kind} | {small[0]:,} | {grown[0]} | {small[1]:,.0f} | {grown[1]} | {small[2]:,.0f} | {grown[2]} |",
                flush=True,
            )


def _post(port: int, path: str, body: bytes, kind: bytes = b"application/json", more: bytes = b"") -> None:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n%b" % (path.encode(), kind, more)
    length = b"" if b"chunked" in more else b"Content-Length: %d\r\n" % len(body)
    _ask(port, head + length + b"Connection: close\r\n\r\n" + body)


def _get(port: int, path: str) -> None:
    _ask(port, b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())


def _ask(port: int, request: bytes) -> None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        while connection.recv(65536):
            pass


def _unread(port: int) -> None:
    """Lines whose answers nobody takes."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        head = b"POST /predict/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        connection.sendall(head + b"Content-Length: 5000000\r\n\r\n" + b'{"IAA":5}\n' * 500_000)


ATTACKS: dict[str, Callable[[int], None]] = {
    "240 kB of marks as a pupil's code": lambda port: _post(
        port, "/predict", ('{"IAA":5,"student":"a' + MARKS * 60_000 + '"}').encode()
    ),
    "trailers without end": lambda port: _post(
        port, "/health", b"0\r\n" + b"X-A: aaaaaaaaaa\r\n" * 500_000, more=b"Transfer-Encoding: chunked\r\n"
    ),
    "headers without end": lambda port: _post(port, "/health", b"", more=b"X-A: aaaaaaaaaa\r\n" * 500_000),
    "8 MB of bad rows": lambda port: _post(
        port, "/predict/batch", b"[" + b",".join([b'{"a":1,"b":1,"a":1}'] * 380_000) + b"]"
    ),
    "10,000 bad rows": lambda port: _post(
        port, "/predict/batch", b"[" + b",".join([b'{"a":1,"b":1,"a":1' + b" " * 700 + b"}"] * 9_900) + b"]"
    ),
    "nested lists of 1 MB": lambda port: _post(port, "/predict", b'{"IAA":' + b"[" * 900_000),
    "99 MB of empty lines": lambda port: _post(port, "/predict/batch", b"\n" * 99_000_000, b"application/x-ndjson"),
    "8 MB of empty lists as a tensor": lambda port: _post(
        port, "/v2/models/current/infer", TENSOR_OF % (b"1", b"[]," * 2_600_000 + b"[]")
    ),
    "an upload of 1,000,000 parts": lambda port: _post(
        port, "/workbooks", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 1_000_000, PARTS.encode()
    ),
    "an upload of another form": lambda port: _post(port, "/workbooks", b"&" * 99_000_000, FORM.encode()),
    "uploads of files that never end": lambda port: _post(
        port, "/workbooks", part(b"files", b"RA;IAA\n1;5" + b"\n" * 20_000_000, CSV) + b"--x--\r\n", PARTS.encode()
    ),
    "the drift page, all charts anew": lambda port: _get(port, "/monitoring/dashboard"),
    "a long query": lambda port: _post(port, "/predict?" + "reasons=1&" * 6_000, b"{}"),
    "answers that nobody takes": _unread,  # the last: they are still being made when the next attack would begin
}


def p99(port: int, seconds: float) -> tuple[float, int]:
    """Milliseconds of the 99th percentile of plain questions, one after the other, and how many there were."""
    caller, times = Caller(port), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        with suppress(*BROKEN):
            caller.ask("POST", "/predict", PUPIL)
        times.append(1_000 * (time.perf_counter() - begin))
    caller.close()
    return float(np.percentile(times, 99)), len(times)


def beside(seconds: float) -> None:
    """Prints the latency of plain questions beside each attack."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put_into_use(folder / "artifacts")
        with Service(folder / "artifacts", folder, f"sqlite:///{folder / 'farol.db'}") as service:
            p99(service.port, 1)
            quiet, count = p99(service.port, seconds)
            print("| beside | p99, ms | × undisturbed | questions |\n|---|---:|---:|---:|")
            print(f"| nothing | {quiet:.1f} | 1.0 | {count:,} |", flush=True)
            for kind, attack in ATTACKS.items():
                stop = threading.Event()

                def again(attack: Callable[[int], None] = attack, stop: threading.Event = stop) -> None:
                    while not stop.is_set():
                        attack(service.port)

                thread = threading.Thread(target=again)
                thread.start()
                slow, count = p99(service.port, seconds)
                stop.set()
                thread.join()
                print(f"| {kind} | {slow:.1f} | {slow / quiet:.1f} | {count:,} |", flush=True)
            assert service.process is not None
            status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
            print(f"Memory of the service at its peak: {int(peak) / 1024:.0f} MB")


def main() -> int:
    """Prints one of the tables."""
    numbers = [float(word) for word in sys.argv[1:] if word.replace(".", "").isdigit()]
    if "--beside" in sys.argv:
        beside(numbers[0] if numbers else 4)
    else:
        table(int(numbers[0]) if numbers else 2_000)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
