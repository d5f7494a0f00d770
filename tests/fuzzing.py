"""The inputs of the fuzz tests and of `benchmarks/fuzz.py`: one request, one damaged bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal
from fastapi import FastAPI

from farol.errors import BundleError
from farol.files import canonical_json
from farol.model.bundle import FILES, MANIFEST, _version, read_bundle
from farol.model.scoring import Scorer

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as bytes."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """`put` in place of `bite` bytes from `at` on; `at` counts on from the beginning when it is past the end."""

    at: int
    bite: int
    put: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer as the server would send it."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


def http_scope(method: str, path: str, query: bytes, headers: Headers) -> dict[str, Any]:
    """The ASGI scope of a request, as uvicorn gives it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def asked(
    to: tuple[BlockingPortal, FastAPI],
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Headers,
    body: bytes = b"",
) -> Answered:
    """What `app` answers to raw bytes, in two pieces; AssertionError for a fault of ours, a hang or a broken answer."""
    portal, app = to
    sent: list[dict[str, Any]] = []
    pieces = [
        {"type": "http.request", "body": body[:7], "more_body": True},
        {"type": "http.request", "body": body[7:], "more_body": False},
    ]
    scope = http_scope(method, path, query, [(b"host", b"localhost"), *headers])

    async def receive() -> dict[str, Any]:
        return pieces.pop(0) if pieces else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        import anyio

        with anyio.fail_after(20):
            await app(scope, receive, send)

    portal.call(ask)
    assert sent[0]["type"] == "http.response.start"
    assert not sent[-1].get("more_body"), "the answer has no end"
    answer = Answered(
        sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])
    )
    assert answer.status < 500, answer
    assert b"Traceback" not in answer.body
    return answer


def mutated(data: bytes, change: Change) -> bytes:
    """`data` with other bytes in place of some of its own."""
    begin = change.at % (len(data) + 1)
    return data[:begin] + change.put + data[begin + change.bite :]


def signed(folder: Path) -> Path:
    """Make the manifest say what the files of `folder` are, as someone who wants to be believed would."""
    import hashlib

    content: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    content.pop("version")
    for name in FILES:
        data = (folder / name).read_bytes()
        content["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    version = _version(content["last_year"], content)
    (folder / MANIFEST).write_bytes(canonical_json({**content, "version": version}))
    return folder


def read_or_refused(folder: Path) -> Scorer | None:
    """A scorer of the bundle in `folder`, or None when it was refused, as it should be: by BundleError alone."""
    try:
        return Scorer(read_bundle(folder))
    except BundleError:
        return None


def copied(good: Path, folder: Path) -> Path:
    """A copy of a bundle for this once."""
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(good, folder))
