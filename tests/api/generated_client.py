"""A client that openapi-python-client makes from `/openapi.json`, and calls of every operation with it."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import typing
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

METHODS = ("get", "post", "put", "delete")
FIRST = "predict"
"""The operation called first, so that the others have something to show."""


def operations_of(base: str, language: str) -> dict[str, Any]:
    """The document in a language."""
    with urllib.request.urlopen(f"{base}/openapi.json?lang={language}") as response:
        document: dict[str, Any] = json.loads(response.read())
    return document


def problems_with(base: str, folder: Path, language: str) -> Iterator[str]:
    """Makes the client of a language's document and calls every operation of it; what cannot be called, and why."""
    document = operations_of(base, language)
    source, package = folder / f"{language}.json", f"client_{language}"
    source.write_text(json.dumps(document))
    made = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--path",
        str(source),
        "--output-path",
        str(folder / package),
        "--meta",
        "none",
    ]
    tool = Path(sys.prefix) / "client"  # laid there by scripts/setup.sh
    subprocess.run(made, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(tool)})
    sys.path.insert(0, str(folder))
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    }
    made_client = importlib.import_module(f"{package}.client").Client
    with made_client(base_url=base, raise_on_unexpected_status=True) as client:
        version = None
        for name in sorted(operations, key=lambda name: name != FIRST):
            modules = list((folder / package / "api").glob(f"*/{name}.py"))
            if not modules:
                yield f"{name} was not generated"
                continue
            call = importlib.import_module(f"{package}.api.{modules[0].parent.name}.{name}").sync_detailed
            try:
                answer = call(client=client, **arguments(call, operations[name], document, version))
            except Exception as error:  # noqa: BLE001  whatever a client cannot do is what we look for
                yield f"{name}: {type(error).__name__}: {error}"
                continue
            if answer.parsed is None or not 200 <= answer.status_code < 300:
                yield f"{name}: {answer.status_code} {answer.content[:200]!r}"
            elif name == FIRST:
                version = answer.parsed.model_version


def arguments(
    call: Callable[..., Any], operation: Mapping[str, Any], document: Mapping[str, Any], version: str | None
) -> dict[str, Any]:
    """What an operation has to be given: the example of its body, a task, the version that answers."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(call).parameters.items():
        if name == "body":
            content = operation["requestBody"]["content"]["application/json"]
            given[name] = built(typing.get_type_hints(call)[name], example_of(content, document))
        elif name != "client" and parameter.default is inspect.Parameter.empty:
            given[name] = version if name == "version" else "current"
    return given


def example_of(content: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """The example of a body: its own, else that of its shape."""
    if "example" in content:
        return content["example"]
    schema = content["schema"]
    if schema.get("type") == "array":
        return [example_of({"schema": schema["items"]}, document)]
    if "anyOf" in schema:
        return example_of({"schema": schema["anyOf"][0]}, document)
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"][0]


def built(hint: Any, example: Any) -> Any:
    """The example as the client's own types."""
    for kind in (hint, *typing.get_args(hint)):
        if hasattr(kind, "from_dict") and isinstance(example, dict):
            return kind.from_dict(example)
        if typing.get_origin(kind) is list:
            return [built(typing.get_args(kind)[0], item) for item in example]
    return example
