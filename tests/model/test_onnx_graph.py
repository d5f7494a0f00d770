"""A model is looked at before it is run: its trees have an end, and nothing in it loops or fills the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from farol.model.onnx_graph import require_safe_graph
from tests.bundles import trained_model

TREES = trained_model("next-year").files["model.onnx"]


def changed(change: Callable[[Any], None], source: bytes = TREES) -> bytes:
    model = onnx.load_from_string(source)
    change(model)
    return bytes(model.SerializeToString())


def attribute(model: Any, name: str) -> Any:
    return next(attribute for attribute in model.graph.node[0].attribute if attribute.name == name)


def test_models_as_training_writes_them_are_safe() -> None:
    require_safe_graph(TREES)


def test_a_model_with_one_answer_for_everybody_is_safe() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["rows"]),
        helper.make_node("Concat", ["rows", "two"], ["size"], axis=0),
        helper.make_node("Expand", ["answer", "size"], ["probabilities"]),
    ]
    sizes = [
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("two", TensorProto.INT64, [1], (2).to_bytes(8, "little"), raw=True),
        helper.make_tensor("answer", TensorProto.FLOAT, [1, 2], [0.4, 0.6]),
    ]
    graph = helper.make_graph(nodes, "farol", [], [], sizes)
    require_safe_graph(helper.make_model(graph).SerializeToString())


def leads_back(model: Any) -> None:
    attribute(model, "nodes_falsenodeids").ints[1] = 0


def leads_to_itself(model: Any) -> None:
    attribute(model, "nodes_truenodeids").ints[1] = 1


def leads_before_all(model: Any) -> None:
    attribute(model, "nodes_truenodeids").ints[0] = -5


def lacks_a_way(model: Any) -> None:
    attribute(model, "nodes_truenodeids").ints.pop()


def has_modes_twice(model: Any) -> None:
    model.graph.node[0].attribute.append(attribute(model, "nodes_modes"))


def has_another_operator(model: Any) -> None:
    model.graph.node.append(helper.make_node("Identity", ["x"], ["y"]))


def has_a_loop(model: Any) -> None:
    graph = helper.make_graph([], "inside", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("body", graph))


def has_a_function(model: Any) -> None:
    model.functions.append(helper.make_function("here", "f", ["a"], ["b"], [], [helper.make_opsetid("", 13)]))


def has_a_file(model: Any) -> None:
    tensor = helper.make_tensor("elsewhere", TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.initializer.append(tensor)


def has_a_large_size(model: Any) -> None:
    model.graph.initializer.append(helper.make_tensor("size", TensorProto.INT64, [1], [10**9]))


def has_a_large_raw_size(model: Any) -> None:
    size = (10**9).to_bytes(8, "little")
    model.graph.initializer.append(helper.make_tensor("size", TensorProto.INT64, [1], size, raw=True))


@pytest.mark.parametrize(
    "change",
    [
        leads_back,
        leads_to_itself,
        leads_before_all,
        lacks_a_way,
        has_modes_twice,
        has_another_operator,
        has_a_loop,
        has_a_function,
        has_a_file,
        has_a_large_size,
        has_a_large_raw_size,
    ],
)
def test_what_could_stop_the_service_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        require_safe_graph(changed(change))


@pytest.mark.parametrize(
    "model",
    [b"", b"\x3b", b"\x3a\x05a", b"\x3a", b"\x38\x01", b"\xff" * 12, b"\x3d\x01\x02\x03\x04", b"\x39" + b"\x01" * 8],
)
def test_an_invalid_model_is_refused(model: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        require_safe_graph(model)


def test_numbers_may_be_packed() -> None:
    """As other writers of the format do: the ids 0, 1 and 2, of which 0 leads to 0."""
    ints = [b"\x0a%c%b\x42\x03\x00\x01\x02" % (len(name), name) for name in (b"nodes_nodeids",)]
    ways = [
        b"\x0a%c%b\x42\x03\x00\x01\x02" % (len(name), name) for name in (b"nodes_truenodeids", b"nodes_falsenodeids")
    ]
    modes = b"\x0a\x0bnodes_modes" + b"\x4a\x06BRANCH" * 3
    node = b"\x22\x16TreeEnsembleClassifier" + b"".join(
        b"\x2a%c%b" % (len(part), part) for part in (*ints, *ways, modes)
    )
    graph = b"\x0a%b%b" % (bytes([len(node) % 128 | 128, len(node) // 128]), node)
    with pytest.raises(ValueError, match="without an end"):
        require_safe_graph(b"\x3a%b%b" % (bytes([len(graph) % 128 | 128, len(graph) // 128]), graph))
