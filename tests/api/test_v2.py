"""The Open Inference Protocol (V2, REST): by hand, and by a client library that others use."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from farol.api.answers.v2 import InferAnswer, ModelMetadataAnswer
from farol.api.tensors import BINARY
from farol.app import create_app
from farol.errors import StoreError
from farol.i18n import msg
from farol.model.registry import Registry
from farol.service import Service
from farol.settings import Settings
from farol.store.database import Store
from tests.api.client import Client, running
from tests.api.server import serving
from tests.api.shape import PUPIL
from tests.ports import held_port
from tests.store.rows import total_of

INFER = "/v2/models/current/infer"


def column(name: str, *values: object, **other: object) -> dict[str, Any]:
    return {"name": name, "shape": [len(values)], "datatype": "FP64", "data": list(values), **other}


def infer(client: Client, *tensors: dict[str, Any], url: str = INFER, **body: object) -> dict[str, Any]:
    """Output → values."""
    response = client.post(url, json={"inputs": list(tensors), **body})
    assert response.status_code == 200, response.text
    InferAnswer.model_validate(response.json(), strict=True)
    return {tensor["name"]: tensor["data"] for tensor in response.json()["outputs"]}


def refused(client: Client, body: object, status: int = 400, url: str = INFER, **headers: str) -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | headers
    response = client.post(f"{url}?lang=en", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error"}
    text: str = response.json()["error"]
    return text


@pytest.mark.parametrize("given", [b'"\\ud800"', b'"a\\udfff"', b"7", b"{}"])
def test_an_id_that_cannot_come_back_stores_nothing(client: Client, settings: Settings, given: bytes) -> None:
    tensors = json.dumps([column("IAA", 8.5)]).encode()
    text = refused(client, b'{"id": ' + given + b', "inputs": ' + tensors + b"}")
    assert text.startswith("id is not a text.")
    assert total_of(settings) == 0


@pytest.mark.parametrize(
    "half",
    [
        '{"inputs": [{"name": "\\ud800", "shape": [1], "datatype": "FP64", "data": [5]}]}',
        '{"inputs": [{"name": "IAA", "shape": [1], "datatype": "\\ud800", "data": [5]}]}',
        '{"inputs": [%s, {"name": "student", "shape": [1], "datatype": "BYTES", "data": ["\\ud800"]}]}',
        '{"inputs": [%s, {"name": "class", "shape": [1], "datatype": "BYTES", "data": ["\\udfff"]}]}',
        '{"inputs": [%s], "outputs": [{"name": "\\ud800"}]}',
        '{"inputs": [%s], "\\ud800": 1, "id": "\\ud800"}',
    ],
)
def test_half_a_character_anywhere_stores_nothing(client: Client, settings: Settings, half: str) -> None:
    body = half.replace("%s", json.dumps(column("IAA", 5))).encode()
    response = client.post(INFER, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422), response.text
    assert total_of(settings) == 0


def test_the_server_says_what_it_is_and_how_it_is(shared: Client) -> None:
    assert shared.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert shared.get("/v2/health/live").json() == {"live": True}
    assert shared.get("/v2/health/ready").json() == {"ready": True}
    assert shared.get("/v2/models/next-year/ready").json() == {"name": "next-year", "ready": True}


def test_a_service_without_models_lives_but_is_not_ready(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path))) as client:
        assert client.get("/v2/health/live").status_code == 200
        for path in ("/v2/health/ready", "/v2/models/current/ready", "/v2/models/current"):
            assert client.get(path).status_code == 503
            assert client.get(path).json().keys() == {"error"}


def test_a_service_whose_store_cannot_be_written_is_not_ready(shared: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "check_store", lambda _: StoreError(msg("The disk is full.")))
    for path in ("/v2/health/ready", "/v2/models/current/ready"):
        response = shared.get(path)
        assert (response.status_code, list(response.json())) == (503, ["error"])


def test_the_metadata_are_the_models_own_inputs(shared: Client, trained: Path) -> None:
    body = shared.get("/v2/models/next-year").json()
    ModelMetadataAnswer.model_validate(body, strict=True)
    version = Registry(trained).promoted("next-year")
    assert body["versions"] == [version]
    names = [tensor["name"] for tensor in body["inputs"]]
    assert names[:10] == list(PUPIL)
    assert names[-3:] == ["year", "student", "class"]
    assert shared.get(f"/v2/models/next-year/versions/{version}").json() == body
    assert shared.get(f"/v2/models/next-year/versions/{version}/ready").json()["ready"]


@pytest.mark.parametrize("path", ["/v2/models/none", "/v2/models/current/versions/0", "/v2/models/none/ready", "/v2/x"])
def test_unknown_names_are_refused_in_the_shape_of_the_protocol(shared: Client, path: str) -> None:
    response = shared.get(path)
    assert response.status_code == 404
    assert list(response.json()) == ["error"]
    assert isinstance(response.json()["error"], str)


@pytest.mark.parametrize("form", ["columns", "upright", "rows", "nested"])
def test_every_form_of_tensors_answers_as_the_pupils_route(shared: Client, form: str) -> None:
    pupils: list[dict[str, Any]] = [PUPIL, PUPIL | {"IAA": None, "IDA": 3.5}]
    tensors = [column(name, *(pupil[name] for pupil in pupils)) for name in PUPIL]
    if form == "upright":
        for tensor in tensors:
            tensor |= {"shape": [2, 1], "data": [[value] for value in tensor["data"]], "datatype": "FP32"}
    elif form in ("rows", "nested"):
        table = [list(pupil.values()) for pupil in pupils]
        data: list[Any] = table if form == "nested" else [value for row in table for value in row]
        tensors = [{"name": "rows", "shape": [2, 10], "datatype": "FP64", "data": data}]
    outputs = infer(shared, *tensors)
    alone = [shared.post("/predict", json=pupil).json() for pupil in pupils]
    for ours, theirs in (("probability",) * 2, ("prediction",) * 2, ("prediction_label",) * 2):
        assert outputs[ours] == [answer[theirs] for answer in alone]


def test_every_row_is_stored_under_the_id_that_is_answered(client: Client, settings: Settings) -> None:
    names = {"name": "student", "shape": [2], "datatype": "BYTES", "data": ["RA-1", None]}
    years = column("year", 2022, 2023, datatype="INT64")
    outputs = infer(client, column("IAA", 5, None), column("IDA", 4, 6), names, years, url="/v2/models/next-year/infer")
    with Store.open(settings.store_url) as store:
        rows = list(store.stream())
    assert [row.id for row in rows] == outputs["prediction_id"]
    assert [(row.source, row.student, row.year) for row in rows] == [("v2", "RA-1", 2022), ("v2", None, 2023)]
    assert [dict(row.features) for row in rows] == [{"IAA": 5.0, "IDA": 4.0}, {"IAA": None, "IDA": 6.0}]
    assert sum('_predictions_total{label="' in line for line in client.get("/metrics").text.splitlines()) >= 1


def test_no_answer_is_minus_one_and_null(settings: Settings) -> None:
    from tests.bundles import make_bundle, support_from

    made = make_bundle(settings.artifacts, "current", seed=7, report={"support": support_from("current", 5)})
    Registry(settings.artifacts).promote("current", made.name)
    with running(create_app(settings)) as client:
        outputs = infer(client, column("IAA", 5, 6), id="a")
    assert (outputs["probability"], outputs["prediction"]) == ([None, None], [-1, -1])


def test_only_the_wanted_outputs_are_given_and_the_id_comes_back(shared: Client) -> None:
    body = {"id": "class-3B", "inputs": [column("IAA", 5)], "outputs": [{"name": "prediction"}]}
    answer = shared.post(INFER, json=body).json()
    assert answer["id"] == "class-3B"
    assert [tensor["name"] for tensor in answer["outputs"]] == ["prediction"]
    assert len(infer(shared, column("IAA", 5), outputs=[])) == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "at least one tensor"),
        ({"inputs": []}, "at least one tensor"),
        ({"inputs": [7]}, "name, shape, datatype and data"),
        ({"inputs": [column("NOTA", 5)]}, "Expected: one of"),
        ({"inputs": [column("year", 2024)]}, "Expected: one of"),
        ({"inputs": [column("IAA", 5, datatype="BYTES")]}, "a datatype of numbers"),
        ({"inputs": [column("student", "a")]}, "the datatype BYTES"),
        ({"inputs": [column("IAA", 5, shape=[2])]}, "as many values as its shape says"),
        ({"inputs": [column("IAA", 5, shape=[])]}, "the shape [n] or [n, 1]"),
        ({"inputs": [column("IAA", 5, shape=[1, 2])]}, "the shape [n] or [n, 1]"),
        ({"inputs": [column("IAA", 5, shape=[0])]}, "the shape [n] or [n, 1]"),
        ({"inputs": [column("IAA", 5, shape=["1"])]}, "the shape [n] or [n, 1]"),
        ({"inputs": [column("rows", 5)]}, "the shape [n, 10]"),
        ({"inputs": [column("IAA", 5, data="5")]}, "as many values as its shape says"),
        ({"inputs": [column("IAA", 5), column("IAA", 5)]}, "each tensor once"),
        ({"inputs": [column("IAA", 5), column("IDA", 5, 6)]}, "the same number of rows"),
        (
            {"inputs": [column("IAA", 5), column("rows", *range(10), shape=[1, 10])]},
            "either this tensor or one a column",
        ),
        ({"inputs": [column("IAA", 5)], "outputs": [{"name": "x"}]}, "one of probability"),
        ({"inputs": [column("IAA", 5)], "outputs": [7]}, "one of probability"),
        ({"inputs": [column("IAA", 5)], "outputs": 7}, "an array"),
        ({"inputs": [column("IAA", 5, parameters={"binary_data_size": 8})]}, "as many values as its shape says"),
        (
            {"inputs": [column("IAA", 5)], "outputs": [{"name": "prediction", "parameters": {"classification": 1}}]},
            "no extension for shared memory or classification",
        ),
        ({"inputs": [column("IAA", 5)], "id": 7}, "id is not a text."),
        (b"{", "The body is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_expected(shared: Client, body: object, words: str) -> None:
    assert words in refused(shared, body)


def test_one_unusable_row_refuses_all_and_nothing_is_stored(client: Client, settings: Settings) -> None:
    error = refused(client, {"inputs": [column("IAA", 5, 12)]}, 422)
    assert error.startswith("Row 1, counted from 0: Some fields cannot be used. IAA is out of its range. Expected:")
    error = refused(client, {"inputs": [column("IAA", 5, float("nan"))]}, 422)
    assert error.startswith("Row 1, counted from 0: The request has no information to answer from.")
    assert total_of(settings) == 0


def test_an_extension_or_a_key_for_retries_is_refused(shared: Client) -> None:
    body = {"inputs": [column("IAA", 5)]}
    shared_memory = {"parameters": {"shared_memory_region": "a"}}
    assert "shared memory" in refused(shared, {"inputs": [column("IAA", 5, **shared_memory)]})
    assert "Idempotency-Key is not taken here." in refused(shared, body, 400, INFER, **{"Idempotency-Key": "a"})


def with_binary(header: dict[str, Any], *parts: bytes, length: str | None = None) -> tuple[bytes, dict[str, str]]:
    """A body as the protocol's extension has it, and its headers."""
    head = json.dumps(header).encode()
    size = str(len(head)) if length is None else length
    return head + b"".join(parts), {BINARY: size, "Content-Type": "application/octet-stream"}


def binary_column(name: str, datatype: str, size: int, rows: int = 1) -> dict[str, Any]:
    return {"name": name, "shape": [rows], "datatype": datatype, "parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP64", struct.pack("<d", 5)),
        ("FP32", struct.pack("<f", 5)),
        ("FP16", struct.pack("<e", 5)),
        ("BF16", struct.pack("<f", 5)[2:]),
        ("INT64", struct.pack("<q", 5)),
        ("INT32", struct.pack("<i", 5)),
        ("INT16", struct.pack("<h", 5)),
        ("INT8", struct.pack("<b", 5)),
        ("UINT64", struct.pack("<Q", 5)),
        ("UINT32", struct.pack("<I", 5)),
        ("UINT16", struct.pack("<H", 5)),
        ("UINT8", struct.pack("<B", 5)),
    ],
)
def test_binary_numbers_of_every_kind_are_read(shared: Client, datatype: str, data: bytes) -> None:
    tensors = [binary_column("IAA", datatype, len(data)), column("IDA", 4)]
    body, headers = with_binary({"inputs": tensors, "parameters": {"binary_data_output": True}}, data)
    response = shared.post(INFER, content=body, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    end = int(response.headers[BINARY])
    probability, *_ = json.loads(response.content[:end])["outputs"]
    assert (probability["parameters"], "data" in probability) == ({"binary_data_size": 8}, False)
    expected = infer(shared, column("IAA", 5), column("IDA", 4))["probability"]
    assert list(struct.unpack("<d", response.content[end : end + 8])) == expected


FIVE = struct.pack("<d", 5)


@pytest.mark.parametrize(
    ("tensors", "data", "length", "words"),
    [
        ([binary_column("IAA", "FP64", 8)], [FIVE[:4]], None, "as many values as its shape says"),
        ([binary_column("IAA", "FP64", 8)], [FIVE, b"more"], None, "as many bytes after the JSON"),
        ([binary_column("IAA", "FP64", 4)], [FIVE], None, "as many values as its shape says"),
        ([binary_column("IAA", "FP64", -8)], [], None, "a number of bytes"),
        ([binary_column("IAA", "FP64", 10**30)], [FIVE], None, "as many bytes after the JSON"),
        ([column("IAA", 5)], [FIVE], None, "as many bytes after the JSON"),
        ([column("IAA", 5)], [], "1e3", "how many bytes of the body are JSON"),
        ([column("IAA", 5)], [], "99999", "how many bytes of the body are JSON"),
        ([column("IAA", 5)], [], "-1", "how many bytes of the body are JSON"),
        ([column("IAA", 5), binary_column("student", "BYTES", 6)], [b"\x02\0\0\0\xed\xa0"], None, "as many values"),
        ([column("IAA", 5), binary_column("student", "BYTES", 6)], [b"\xff\xff\xff\xffab"], None, "as many values"),
        ([column("IAA", 5), binary_column("student", "BYTES", 7)], [b"\x02\0\0\0abc"], None, "as many values"),
        ([column("IAA", 5), binary_column("student", "BYTES", 3)], [b"\0\0\0"], None, "as many values"),
    ],
)
def test_binary_data_that_does_not_fit_is_refused(
    client: Client, tensors: list[Any], data: list[bytes], length: str | None, words: str
) -> None:
    body, headers = with_binary({"inputs": tensors}, *data, length=length)
    assert words in refused(client, body, 400, INFER, **headers)
    assert client.get("/monitoring/predictions").json()["predictions"] == []


def test_a_page_elsewhere_cannot_ask_by_naming_no_type(shared: Client) -> None:
    body = {"inputs": [column("IAA", 5)]}
    headers = {"Content-Type": "text/plain", "Origin": "https://elsewhere.example"}
    refused(shared, body, 403, **headers)
    assert shared.post(INFER, content=json.dumps(body).encode()).status_code == 200


def test_a_request_has_a_limit_of_rows_and_bytes(settings: Settings) -> None:
    limits = {"max_batch_rows": 2, "max_batch_bytes": 2000, "max_body_bytes": 1000}
    with running(create_app(settings.model_copy(update=limits))) as client:
        infer(client, column("IAA", 5, 6, parameters={"pad": "x" * 1500}))
        assert "more than the 2 rows" in refused(client, {"inputs": [column("IAA", 5, 6, 7)]}, 413)
        assert "2000 bytes" in refused(client, b" " * 2001, 413)


def test_an_answer_that_cannot_be_stored_is_not_given(client: Client, settings: Settings) -> None:
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON predictions BEGIN SELECT RAISE(ABORT, 'refused'); END"
    with Store.open(settings.store_url) as store, store.engine.begin() as connection:
        connection.exec_driver_sql(refuse)
    assert "The database refused the row" in refused(client, {"inputs": [column("IAA", 5)]}, 503)
    assert total_of(settings) == 0


@pytest.fixture(scope="module")
def client_of_others(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_port() as port, serving(port, trained, tmp_path_factory.mktemp("v2-data")):
        client = triton.InferenceServerClient(f"127.0.0.1:{port}")
        yield client
        client.close()


def tensor(name: str, values: Any, *, binary: bool = True) -> Any:
    """A tensor as the client makes it by default: with binary data."""
    made = triton.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def test_tritons_own_client_finds_the_service_and_asks_it(client_of_others: Any, shared: Client) -> None:
    assert client_of_others.is_server_live()
    assert client_of_others.is_server_ready()
    assert client_of_others.is_model_ready("current")
    assert not client_of_others.is_model_ready("none")
    about = client_of_others.get_server_metadata()
    assert (about["name"], about["extensions"]) == ("farol", ["binary_tensor_data"])
    described = client_of_others.get_model_metadata("current")
    version = described["versions"][0]
    assert client_of_others.is_model_ready("current", version)
    alone = shared.post("/predict", json=PUPIL).json()
    plain = [triton.InferRequestedOutput(output["name"], binary_data=False) for output in described["outputs"]]
    mixed = [
        triton.InferRequestedOutput(output["name"], binary_data=place % 2 == 0)
        for place, output in enumerate(described["outputs"])
    ]
    for binary, outputs in itertools.product((True, False), (None, plain, mixed)):  # None: its default, all as binary
        inputs = [
            tensor(name, np.array([value, np.nan if name == "IAA" else 5.0]), binary=binary)
            for name, value in PUPIL.items()
        ]
        inputs.append(tensor("student", np.array(["RA-1", "RÃ-2"], dtype=object), binary=binary))
        answer = client_of_others.infer("current", inputs, version, outputs, request_id="a")
        assert answer.as_numpy("probability").dtype == np.float64
        assert answer.as_numpy("probability")[0] == alone["probability"]
        assert answer.as_numpy("prediction").tolist()[0] == alone["prediction"]
        labels = [label if isinstance(label, str) else label.decode() for label in answer.as_numpy("prediction_label")]
        assert labels[0] == alone["prediction_label"]
        assert len(set(answer.as_numpy("prediction_id").tolist())) == 2
        assert answer.get_response()["id"] == "a"
    rows = client_of_others.infer("current", [tensor("rows", np.full((3, 10), 5.0))])
    assert rows.as_numpy("prediction").shape == (3,)


def test_tritons_own_client_understands_our_refusals(client_of_others: Any) -> None:
    for inputs, words in (
        ([tensor("IAA", np.array([12.0]))], "IAA"),
        ([tensor("moon", np.array([5.0]))], "moon"),
    ):
        with pytest.raises(InferenceServerException) as caught:
            client_of_others.infer("current", inputs)
        assert words in caught.value.message()
