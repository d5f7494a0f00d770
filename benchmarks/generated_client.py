"""Calls every route with a client that openapi-python-client makes from `/openapi.json`, in both languages.

    pip install openapi-python-client     # in any environment; it is no dependency of Farol
    python benchmarks/generated_client.py ARTIFACTS [openapi-python-client]

ARTIFACTS is a folder of promoted models; the second argument is the command, where it is not on the path. A service of
its own is started on a fresh database. For every language it prints how many operations the document has, and each one
that was not generated, or whose answer the client did not read as the type it was promised. It ends with 1 where there
is such a one.
"""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
import tempfile
import typing
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.api.server import free_address, serving

METHODS = ("get", "post", "put", "delete")
FIRST = "predict"
"""The operation called first, so that the others have something to show."""


def main(artifacts: str, command: str = "openapi-python-client") -> int:
    """Print what each language's client cannot do; how many operations that are."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_address()
        with serving(port, Path(artifacts), Path(folder) / "data") as server:
            problems = [
                f"{language}: {problem}"
                for language in ("pt", "en")
                for problem in tried(server.base, Path(folder), command, language)
            ]
    print("\n".join(problems) or "every answer was read as promised")
    return len(problems)


def tried(base: str, folder: Path, command: str, language: str) -> Iterator[str]:
    """Make the client of a language's document and call every operation of it."""
    with urllib.request.urlopen(f"{base}/openapi.json?lang={language}") as response:
        document = json.loads(response.read())
    source, package = folder / f"{language}.json", f"client_{language}"
    source.write_text(json.dumps(document))
    made = [command, "generate", "--path", str(source), "--output-path", str(folder / package), "--meta", "none"]
    subprocess.run(made, check=True, capture_output=True)
    sys.path.insert(0, str(folder))
    client = importlib.import_module(f"{package}.client").Client(base_url=base, raise_on_unexpected_status=True)
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    }
    print(f"{language}: {len(operations)} operations")
    version = None
    for name in sorted(operations, key=lambda name: name != FIRST):
        found = list((folder / package / "api").glob(f"*/{name}.py"))
        if not found:
            yield f"{name} was not generated"
            continue
        call = importlib.import_module(f"{package}.api.{found[0].parent.name}.{name}").sync_detailed
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


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
