"""Schemathesis over the whole OpenAPI, every check, against a real server: no failure, with keys and without."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from farol.app import create_app
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from tests.abuse import Summary, is_a_rule, run_abuse
from tests.api.client import running
from tests.api.server import serving

EXAMPLES = 5
SEED = 2024


def assert_clean(summary: Summary, base: str, *, cases: int) -> None:
    paths = httpx.get(f"{base}/openapi.json", timeout=30).json()["paths"]
    assert summary.operations == sum(len(methods) for methods in paths.values())
    assert summary.tested == summary.operations, summary.output
    assert (summary.failures, summary.errors) == ((), ()), summary.output
    assert summary.cases > cases * summary.operations


def test_no_operation_fails_any_check_while_there_is_no_key(free_port: int, trained: Path, tmp_path: Path) -> None:
    with serving(free_port, trained, tmp_path / "data") as server:
        assert_clean(
            run_abuse(server.base, tmp_path, examples=2, seed=SEED, phases="fuzzing,stateful"),
            server.base,
            cases=1,
        )
        assert httpx.get(f"{server.base}/ready", timeout=30).status_code == 200


def test_no_operation_fails_any_check_where_keys_are_asked_for(free_port: int, trained: Path, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        text, key = make_key(Role.manage, "abuse", at=datetime.now(UTC))
        Keys(store).add(key)
    with serving(free_port, trained, tmp_path) as server:
        assert_clean(
            run_abuse(server.base, tmp_path, examples=EXAMPLES, seed=SEED + 1, key=text), server.base, cases=20
        )
        assert httpx.get(f"{server.base}/models", timeout=30).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "body", "allowed"),
    [
        ("/predict", 422, {"error": {"code": "nothing_given", "fields": []}}, True),
        ("/predict", 422, {"error": {"code": "invalid_fields", "fields": [{"field": "class"}]}}, True),
        (
            "/predict",
            422,
            {"error": {"code": "invalid_fields", "fields": [{"field": "class"}, {"field": "IAA"}]}},
            False,
        ),
        ("/predict", 400, {"error": {"code": "invalid_json", "fields": []}}, False),
        ("/predict", 422, [], False),
        ("/v2/models/{name}/infer", 400, {"error": "…"}, True),
        ("/v2/models/{name}/infer", 422, {"error": "…"}, False),
    ],
)
def test_only_named_reasons_may_refuse_what_keeps_to_the_schema(
    path: str, status: int, body: object, allowed: bool
) -> None:
    assert is_a_rule(path, status, body) is allowed


def test_once_a_key_exists_the_description_asks_for_a_key(settings: Settings) -> None:
    with Store.open(settings.store_url) as store:
        Keys(store).add(make_key(Role.predict, "one", at=datetime.now(UTC))[1])
    with running(create_app(settings)) as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert paths["/predict"]["post"]["security"] == [
        {"bearer": ["predict"]},
        {"header": ["predict"]},
        {"basic": ["predict"]},
    ]
    assert paths["/health"]["get"]["security"] == []
