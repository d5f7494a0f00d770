"""Limits that stand nowhere else; docs/limits.md lists all of them, with the test that proves each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from farol.app import create_app
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from tests.api.client import Client, running
from tests.api.shape import error_of, fields_of

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "limits.md").read_text(encoding="utf-8")
TESTS = re.findall(r"\| `(tests/[\w/]+\.py)::(\w+)` \|", PAGE)


@pytest.mark.parametrize(("file", "test"), TESTS)
def test_every_limit_of_the_page_has_the_test_that_it_names(file: str, test: str) -> None:
    assert f"\ndef {test}(" in (PROJECT / file).read_text(encoding="utf-8")


def test_every_setting_that_bounds_something_is_on_the_page() -> None:
    assert len(TESTS) > 20
    for name in Settings.model_fields:
        if name.startswith(("max_", "rate_", "journal_")) and not name.startswith("max_workbook"):
            assert f"FAROL_{name.upper()}" in PAGE, name


def test_tensors_have_a_limit_of_rows(settings: Settings) -> None:
    with running(create_app(settings.model_copy(update={"max_batch_rows": 2}))) as client:
        for rows, status in ((2, 200), (3, 413)):
            tensor = {"name": "IAA", "datatype": "FP64", "shape": [rows], "data": [7.0] * rows}
            assert client.post("/v2/models/current/infer", json={"inputs": [tensor]}).status_code == status


@pytest.mark.parametrize("parameters", [[], 7, "x", [None]])
def test_parameters_of_a_tensor_are_an_object(shared: Client, parameters: object) -> None:
    tensor = {"name": "IAA", "datatype": "FP64", "shape": [1], "data": [7.0]}
    for body in (
        {"inputs": [tensor], "parameters": parameters},
        {"inputs": [{**tensor, "parameters": parameters}]},
        {"inputs": [tensor], "outputs": [{"name": "prediction", "parameters": parameters}]},
    ):
        assert shared.post("/v2/models/current/infer", json=body).status_code == 400


def test_a_key_of_any_length_is_refused_as_any_other(settings: Settings) -> None:
    with Store.open(settings.store_url) as store:
        text, key = make_key(Role.read, "one", at=datetime.now(UTC))
        Keys(store).add(key)
    with running(create_app(settings)) as client:
        assert client.get("/models", headers={"X-API-Key": text}).status_code == 200
        for wrong in (text[:20], text + "0", "0" * 60_000):
            error_of(client.get("/models", headers={"X-API-Key": wrong}), 401, "key_refused")


@pytest.mark.parametrize("path", ["/monitoring/predictions", "/monitoring/drift/history"])
def test_lists_have_a_limit_of_entries(shared: Client, path: str) -> None:
    assert shared.get(f"{path}?limit=1000").status_code == 200
    for wrong in ("1001", "0", "-1", "9" * 400):
        error = error_of(shared.get(f"{path}?limit={wrong}"), 422, "invalid_parameter")
        assert fields_of(error).keys() == {"limit"}
