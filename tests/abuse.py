"""A running service under schemathesis: every operation of its OpenAPI, every check, on real connections.

`run_abuse` starts schemathesis as a process, which loads this same module for its hooks. What a JSON schema cannot say
stands in `RULES`: a request that keeps to the schema may be refused for these reasons and for no other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]

HOOKS = "tests.abuse"

ALL = "examples,coverage,fuzzing,stateful"
"""The phases of schemathesis; `coverage`, every border of every schema, takes most of the time."""

RULES: Mapping[tuple[str, str], str] = {
    ("idempotency_key_reused", "Idempotency-Key"): "one key belongs to one question",
    ("nothing_given", ""): "a pupil of whom only null, the code or the class is given says nothing to answer from",
    ("invalid_fields", "student"): "a text without control characters and the like",
    ("invalid_fields", "class"): "a text without control characters and the like",
    ("invalid_parameter", "window"): "a range ends after it begins, on days there are; a version has answered",
    ("invalid_parameter", "slice"): "a level, class or source by which answers were counted",
    ("invalid_parameter", "same_levels"): "a whole window in which levels were counted",
    ("invalid_parameter", "year"): "a year of which outcomes were read",
}
"""The code of a refusal and the field it names → what a schema cannot say."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run did. `cases` is the number of requests made; `failures` and `errors` say what went wrong."""

    operations: int
    tested: int
    cases: int
    failures: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    output: str


def run_abuse(
    base: str, folder: Path, *, examples: int, seed: int, key: str | None = None, phases: str = ALL, limit: float = 600
) -> Summary:
    """Every operation of the service at `base` with about `examples` requests a phase; reports go to `folder`."""
    report = folder / "abuse.json"
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "--no-color", "run"]
    command += [f"{base}/openapi.json?lang=en", "--checks", "all", "--continue-on-failure"]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none"]
    command += ["--suppress-health-check", "all", "--report", "json", "--report-json-path", str(report)]
    command += ["--phases", phases]
    if key is not None:
        command += ["--header", f"Authorization: Bearer {key}"]
    paths = [str(PROJECT), str(PROJECT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SCHEMATHESIS_HOOKS": HOOKS}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=limit, check=False)
    output = done.stdout + done.stderr
    if not report.exists():
        raise AssertionError(output)
    return _summary(json.loads(report.read_text(encoding="utf-8")), output)


def _summary(report: Mapping[str, Any], output: str) -> Summary:
    return Summary(
        operations=report["operations"]["total"],
        tested=report["operations"]["tested"],
        cases=report["test_cases"]["generated"],
        failures=tuple(f"{failure['title']}: {', '.join(failure['operations'])}" for failure in report["failures"]),
        errors=tuple(f"{error['title']}: {error['count']}" for error in report["errors"]),
        warnings=tuple(report["warnings"]),
        seconds=float(report["running_time"]),
        output=output,
    )


def checks() -> tuple[str, ...]:
    """The names of all checks that schemathesis has."""
    import schemathesis.specs.openapi.checks  # noqa: F401  it adds its own to those that there are
    from schemathesis.checks import CHECKS

    return tuple(CHECKS.get_all_names())


def is_a_rule(path: str, status: int, body: object) -> bool:
    """Whether a refusal of what keeps to the schema is one of `RULES`."""
    if path.endswith("/infer"):
        return status == 400
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return False
    fields: Sequence[Mapping[str, str]] = error["fields"]
    return all((error["code"], name) in RULES for name in [field["field"] for field in fields] or [""])


def _register() -> None:
    """Give schemathesis our hooks."""
    import schemathesis
    from schemathesis.openapi.checks import RejectedPositiveData

    @schemathesis.hook
    def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
        """Keep a failure, unless it is a refusal for a reason that no schema can say."""
        if not isinstance(failure, RejectedPositiveData):
            return True
        return not is_a_rule(case.operation.path, response.status_code, response.json())

    # The schema is that of one line, so one line is sent, and one line must come back.
    @schemathesis.serializer("application/x-ndjson")
    def line_of(_context: Any, value: Any) -> bytes:
        return json.dumps(value).encode() + b"\n"

    @schemathesis.deserializer("application/x-ndjson")
    def only_line(_context: Any, response: Any) -> Any:
        (line,) = response.content.splitlines()
        return json.loads(line)


if os.environ.get("SCHEMATHESIS_HOOKS") == HOOKS:
    _register()
