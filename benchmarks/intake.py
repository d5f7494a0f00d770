"""How long it takes from sending a workbook by the page to its lists, from nothing and with a model in use.

    python -m benchmarks.intake /path/to/workbook.xlsx

A real `farol serve` in an empty folder, and a client that does what a browser without script does. The first line says
how busy the machine was.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx


def main() -> None:
    """Print seconds for both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workbook", type=Path)
    workbook: Path = parser.parse_args().workbook
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("farol")), "serve", "--port", str(port)]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as service:
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                    wait_for(client)
                    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
                    for kind, words in (("train", "from nothing"), ("forecast", "with a model in use")):
                        sent, done = taken_in(client, workbook, kind)
                        print(f"{words}: {sent:.1f} s to the review, {sent + done:.1f} s to the lists")
            finally:
                service.terminate()


def wait_for(client: httpx.Client) -> None:
    """Until the service answers."""
    while True:
        try:
            client.get("/health")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return


def taken_in(client: httpx.Client, workbook: Path, kind: str) -> tuple[float, float]:
    """Seconds from sending to the review, and from accepting to the end of the job."""
    began = time.perf_counter()
    with workbook.open("rb") as file:
        answer = client.post("/workbooks", files={"files": (workbook.name, file)})
    path = answer.headers["location"]
    client.get(path)
    accepted = time.perf_counter()
    job = client.post(f"{path}/accept", data={"kind": kind}).headers["location"]
    while "http-equiv" in (page := client.get(job, params={"lang": "en"})).text:
        time.sleep(0.2)
    if "Ready" not in page.text:
        raise SystemExit("the job did not make the lists")
    return accepted - began, time.perf_counter() - accepted


if __name__ == "__main__":
    main()
