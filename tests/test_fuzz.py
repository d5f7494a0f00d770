"""Bytes nobody meant: whatever comes in a request or stands in a bundle, there is an answer or a clear refusal.

`benchmarks/fuzz.py` does the same for longer, led by coverage.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import onnx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farol.app import create_app
from farol.errors import BundleError
from farol.model.bundle import FILES, MANIFEST, read_bundle
from farol.settings import Settings
from tests.bundles import put_into_use
from tests.fuzzing import Change, Request, asked, copied, mutated, read_or_refused, signed

QUICK = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

PATHS = (
    "/predict",
    "/forecast",
    "/predict/batch",
    "/forecast/batch",
    "/v2/models/current/infer",
    "/v2/models/next-year/infer",
    "/monitoring/drift",
    "/monitoring/drift/snapshots",
    "/monitoring/predictions",
    "/monitoring/predictions.csv",
    "/monitoring/outcomes",
    "/monitoring/dashboard",
    "/models",
    "/models/current/card",
    "/docs",
    "/static/%2e%2e/app.py",
    "/",
)
NAMES = (b"accept", b"accept-language", b"authorization", b"content-length", b"content-type", b"idempotency-key")
MORE = (b"x-api-key", b"x-request-id", b"origin", b"sec-fetch-site", b"traceparent", b"range", b"if-none-match")

raw = st.binary(max_size=60)
texts = st.sampled_from(
    [b"application/json", b"application/x-ndjson", b"text/html", b"pt-BR,en;q=0.5", b"-1", b"1e9", b"9" * 5000]
)
headers = st.lists(st.tuples(st.sampled_from(NAMES + MORE), texts | raw), max_size=5)
pairs = st.sampled_from(["lang", "task", "window", "limit", "slice", "year", "reasons", "same_levels", "taken"])
queries = raw | st.lists(st.tuples(pairs, st.text(max_size=12)), max_size=3).map(
    lambda fields: "&".join(f"{name}={value}" for name, value in fields).encode("utf-8", "replace")
)
words = st.sampled_from(
    ["IAA", "IDA", "phase", "year", "student", "class", "inputs", "outputs", "data", "shape", "name"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)
bodies = raw | values.map(lambda value: json.dumps(value).encode())

changes = st.builds(Change, st.integers(0, 1 << 20), st.integers(0, 40), st.binary(max_size=12))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with both tasks promoted."""
    return put_into_use(tmp_path_factory.mktemp("fuzz") / "artifacts")


@pytest.fixture(scope="module")
def served(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BlockingPortal, FastAPI]]:
    app = create_app(Settings(artifacts=good, data=tmp_path_factory.mktemp("fuzz-data")))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield portal, app


METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "TRACE")


@QUICK
@given(st.builds(Request, st.sampled_from(METHODS), st.sampled_from(PATHS), queries, headers, bodies))
def test_any_bytes_of_a_request_are_answered_or_refused(served: tuple[BlockingPortal, FastAPI], sent: Request) -> None:
    asked(served, sent.method, sent.path, query=sent.query, headers=sent.headers, body=sent.body)


@QUICK
@given(st.sampled_from(PATHS[:6]), queries, bodies)
def test_any_body_declared_as_json_is_answered_or_refused(
    served: tuple[BlockingPortal, FastAPI], path: str, query: bytes, body: bytes
) -> None:
    answer = asked(served, "POST", path, query=query, headers=[(b"content-type", b"application/json")], body=body)
    json.loads(answer.body)


@QUICK
@given(st.text(max_size=40))
def test_any_path_is_answered_or_refused(served: tuple[BlockingPortal, FastAPI], path: str) -> None:
    assert asked(served, "GET", f"/{path}", headers=[]).status in (200, 307, 404)


@pytest.fixture(scope="module")
def bundle(good: Path) -> Path:
    return next(path for path in (good / "next-year").iterdir() if path.is_dir())


@QUICK
@given(st.sampled_from((MANIFEST, *FILES)), changes)
def test_a_bundle_of_which_any_byte_was_changed_is_refused(
    bundle: Path, tmp_path: Path, name: str, change: Change
) -> None:
    folder = copied(bundle, tmp_path / "bundle")
    before = (folder / name).read_bytes()
    after = mutated(before, change)
    (folder / name).write_bytes(after)
    assert (read_or_refused(folder) is None) == (after != before)


@QUICK
@given(st.sampled_from(FILES), changes)
def test_a_changed_bundle_signed_again_is_read_or_refused(
    bundle: Path, tmp_path: Path, name: str, change: Change
) -> None:
    folder = copied(bundle, tmp_path / "bundle")
    (folder / name).write_bytes(mutated((folder / name).read_bytes(), change))
    read_or_refused(signed(folder))


@QUICK
@given(st.sampled_from([name for name in FILES if name.endswith(".json")]), st.data())
def test_a_bundle_with_other_json_is_read_or_refused(
    bundle: Path, tmp_path: Path, name: str, data: st.DataObject
) -> None:
    folder = copied(bundle, tmp_path / "bundle")
    content = json.loads((folder / name).read_bytes())
    place = content
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(values)
            break
        place = place[key]
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    read_or_refused(signed(folder))


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_bundle_never_leads_elsewhere_nor_fills_the_memory(bundle: Path, tmp_path: Path, name: str) -> None:
    for kind in ("link", "folder", "pipe", "huge"):
        folder = copied(bundle, tmp_path / kind)
        (folder / name).unlink()
        if kind == "link":
            (folder / name).symlink_to(bundle / name)
        elif kind == "folder":
            (folder / name).mkdir()
        elif kind == "pipe":
            os.mkfifo(folder / name)
        else:
            with (folder / name).open("wb") as file:
                file.truncate(1 << 40)  # sparse: it says a tebibyte and takes no room
        with pytest.raises(BundleError):
            read_bundle(folder)


MUTANTS = int(os.environ.get("FAROL_TEST_MUTANTS", "400"))
"""How many mutants are tried; ten thousand take ten minutes."""


def places_in(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a JSON value."""
    if at:
        yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places_in(inner, (*at, key))


ODD: list[object] = [
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    -1e308,
    "",
    "\ud800",
    "x" * 70,
    [],
    {},
    [[]],
    [None],
    "1e400",
    "2024",
]
"""What is put in place of a value. "1e400" is written as a number, which Python reads as infinity."""


def test_any_mutant_of_a_bundle_is_read_or_refused(bundle: Path, tmp_path: Path) -> None:
    """By structure: any value of any of its files is another one, is gone or is doubled, signed or not."""
    random = Random(7)
    documents = {name: json.loads((bundle / name).read_bytes()) for name in (MANIFEST, *FILES) if name.endswith("json")}
    ways = {name: list(places_in(document)) for name, document in documents.items()}
    folder = copied(bundle, tmp_path / "bundle")
    for _ in range(MUTANTS):
        name = random.choice(sorted(documents))
        document = copy.deepcopy(documents[name])
        *way, last = random.choice(ways[name])
        place: Any = document
        for key in way:
            place = place[key]
        match random.randrange(4):
            case 0:
                del place[last]
            case 1 if isinstance(place, list):
                place.insert(last, place[last])
            case _:
                place[last] = random.choice(ODD)
        (folder / name).write_text(json.dumps(document).replace('"1e400"', "1e400"), encoding="utf-8")
        if name != MANIFEST and random.random() < 0.9:
            signed(folder)
        read_or_refused(folder)
        for changed in (name, MANIFEST):
            (folder / changed).write_bytes((bundle / changed).read_bytes())


WEIGHTS = [float("nan"), float("inf"), -float("inf"), 1e38, 0.0]
IDS = [0, -1, 1, 7, 10**6, 2**31 - 1, -(2**31)]


def mutated_onnx(source: bytes, random: Random) -> bytes:
    """A model with something of its graph gone, renamed, of another size, or with other numbers in its trees."""
    model = onnx.load_from_string(source)
    graph = model.graph
    node = graph.node[0]
    attribute = random.choice(node.attribute)
    match random.randrange(8):
        case 0:
            graph.node.remove(node)
        case 1:
            node.op_type = random.choice(["Identity", "Loop", "TreeEnsembleRegressor", "Softmax", "Nope"])
        case 2:
            node.attribute.remove(attribute)
        case 3:
            node.input[0] = random.choice(["", "nope"])
        case 4:
            value = random.choice([*graph.input, *graph.output])
            value.type.tensor_type.shape.ClearField("dim")
        case _:
            for _ in range(random.choice([1, 4])):
                for values, odd in ((attribute.ints, IDS), (attribute.floats, WEIGHTS), (attribute.strings, [b"LEAF"])):
                    if values:
                        values[random.randrange(len(values))] = random.choice(odd)
    return bytes(model.SerializeToString())


def test_any_mutant_of_a_model_is_read_or_refused(bundle: Path, tmp_path: Path) -> None:
    random = Random(11)
    folder = copied(bundle, tmp_path / "bundle")
    source = (bundle / "model.onnx").read_bytes()
    for _ in range(MUTANTS // 4):
        (folder / "model.onnx").write_bytes(mutated_onnx(source, random))
        scorer = read_or_refused(signed(folder))
        if scorer is not None:
            scorer.score_rows([{}, {"IAA": 5.0}], [2024, 2024])


def trees_of(bundle: Path) -> tuple[Any, dict[str, Any]]:
    """The model of a bundle, and the attributes of its trees by their names, to be changed."""
    model = onnx.load(str(bundle / "model.onnx"))
    return model, {attribute.name: attribute for attribute in model.graph.node[0].attribute}


@pytest.mark.parametrize("answer", [float("nan"), -0.5, 1.5, float("inf")])
def test_a_model_that_answers_no_probability_is_not_served(bundle: Path, tmp_path: Path, answer: float) -> None:
    folder = copied(bundle, tmp_path / "bundle")
    model, trees = trees_of(bundle)
    trees["post_transform"].s = b"NONE"
    weights = trees["class_weights"].floats
    weights[:] = [answer] * len(weights)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    assert read_or_refused(signed(folder)) is None


def test_a_tree_without_an_end_is_not_served(bundle: Path, tmp_path: Path) -> None:
    """ONNX Runtime takes it, and then never answers."""
    folder = copied(bundle, tmp_path / "bundle")
    model, trees = trees_of(bundle)
    trees["nodes_truenodeids"].ints[1] = trees["nodes_falsenodeids"].ints[1] = 0
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    assert read_or_refused(signed(folder)) is None


def test_a_bad_bundle_never_takes_the_list_away(bundle: Path, good: Path, tmp_path: Path) -> None:
    artifacts = copied(good, tmp_path / "artifacts")
    folder = artifacts / "next-year" / bundle.name
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"]["report.json"]["size"] = 10**30
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (artifacts / "current" / "promoted.json").write_text("[", encoding="utf-8")
    app = create_app(Settings(artifacts=artifacts, data=tmp_path / "data"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        tasks = {
            task["task"]: task for task in json.loads(asked((portal, app), "GET", "/models", headers=[]).body)["tasks"]
        }
    assert [version["problem"] is None for version in tasks["current"]["versions"]] == [True]
    assert [version["problem"] is None for version in tasks["next-year"]["versions"]] == [False]
