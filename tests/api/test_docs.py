"""docs/api.md says what is so: every example is run, and every route is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest

from farol.api.middleware import SECURITY_HEADERS
from farol.api.requests import route_of
from farol.app import create_app
from farol.settings import Settings
from tests.api.client import Client

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ (curl [^\n]+)\n(\d{3})\n(.*?)```", PAGE, flags=re.DOTALL)
FREE = {"headline", "libraries", "metrics"}
"""Keys whose content depends on the model."""


def ask(client: Client, command: str) -> httpx.Response:
    """What a curl command of the page gets."""
    words = shlex.split(command)[1:]
    method, headers, content, url = "GET", {}, None, ""
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                content = words.pop(0)
            case "-O" | "-J":
                pass
            case address:
                url = address.removeprefix("http://127.0.0.1:8000")
    if "/versions/" in url:
        version = client.get("/models/current").json()["version"]
        url = re.sub(r"/versions/[^/]+", f"/versions/{version}", url)
    return client.request(method, url, headers=headers, content=content)


def template(method: str, path: str) -> str:
    """The route of an address."""
    scope = {"type": "http", "method": method, "path": path, "app": create_app(Settings())}
    return f"{method} {route_of(scope).template}"


def shape(value: Any, key: str = "") -> Any:
    """Keys in their nesting, a list as its first item, numbers alike; an empty list or null fits anything."""
    if key in FREE:
        return "free"
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool | str | None):
        return type(value).__name__
    return "number"


def names(figures: str) -> set[str]:
    """The text of /metrics without the numbers and without the parts that depend on the model."""
    version = re.compile(r'version="[^"]+"')
    return {version.sub("", line if line[0] == "#" else line.rpartition(" ")[0]) for line in figures.splitlines()}


@pytest.mark.parametrize(("command", "status", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_example_gives_what_the_page_says(client: Client, command: str, status: str, answer: str) -> None:
    client.post("/predict", json={"IAA": 8.5, "IAN": 6.5})
    ask(
        client,
        next(command for command, _, _ in EXAMPLES if command.startswith("curl -X POST") and "/predict " in command),
    )
    client.post("/monitoring/drift/snapshots")
    response = ask(client, command)
    assert response.status_code == int(status)
    if response.headers["content-type"].startswith("text/csv"):
        assert response.text.splitlines()[0] == answer.strip()
    elif response.headers["content-type"].startswith("text/plain"):
        assert names(answer) <= names(response.text)
    else:
        said = json.loads(answer)
        assert shape(response.json()) == shape(said)
        if response.is_error:
            assert response.json()["error"] | {"request_id": ""} == said["error"] | {"request_id": ""}


def test_every_described_route_is_on_the_page_with_an_example(shared: Client) -> None:
    paths = shared.get("/openapi.json").json()["paths"]
    templates = {path: re.sub("^/tasks/[^/]+/", "/tasks/{task}/", path) for path in paths}
    routes = {f"{method.upper()} {templates[path]}" for path, methods in paths.items() for method in methods}
    assert set(re.findall(r"^### ((?:GET|POST) \S+)$", PAGE, flags=re.MULTILINE)) == routes
    shown = set()
    for command, _, _ in EXAMPLES:
        method = "POST" if "-X POST" in command else "GET"
        path = re.findall(r"http://127.0.0.1:8000([^ ?]+)", command.replace(chr(39), " "))[0]
        shown.add(template(method, path))
    assert shown == routes


def test_every_parameter_and_status_is_on_the_page(shared: Client) -> None:
    paths = shared.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                assert f"`{parameter['name']}`" in PAGE, (path, parameter["name"])
            for status in operation["responses"].keys() - {"200", "201"}:
                assert f"| {status} |" in PAGE, (path, status)


def test_the_content_policy_is_as_said() -> None:
    assert SECURITY_HEADERS["Content-Security-Policy"].startswith("default-src 'self';")
