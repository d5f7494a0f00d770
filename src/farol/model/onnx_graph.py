"""What model.onnx would do, looked at before it is run, and without the library onnx, which serving does not have.

ONNX Runtime takes a tree in which a node leads back to an earlier one, and then never ends; and operators that can
loop, or fill the memory, have no business in a model of ours. The fields are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, the encoding is https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

OPERATORS = (frozenset({"TreeEnsembleClassifier"}), frozenset({"Shape", "Gather", "Concat", "Expand"}))
"""Those of a model of trees, and those of one that has the same answer for everybody."""

_GRAPH, _FUNCTIONS = 7, 25  # of a model
_NODE, _INITIALIZER = 1, 5  # of a graph
_OPERATOR, _ATTRIBUTE = 4, 5  # of a node
_NAME, _INTS, _STRINGS = 1, 8, 9  # of an attribute
_PLAIN = frozenset({_NAME, 2, 3, 4, 7, _INTS, _STRINGS, 13, 20})
"""Attributes that hold neither tensors nor graphs."""
_INT64S, _RAW, _TYPE, _PLACE = 7, 9, 2, 14  # of a tensor
_INT64 = 7
_MOST_ROOM = 2
"""The largest number in the shape of an answer: two classes."""

_WIDTHS = {1: 8, 5: 4}


def require_safe_graph(model: bytes) -> None:
    """Raises ValueError for an ONNX model that might never end, takes memory without measure, or is no model."""
    operators: set[str] = set()
    for graph in _messages(model, _GRAPH, without={_FUNCTIONS}):
        for node in _messages(graph, _NODE):
            operators |= {name.decode() for name in _messages(node, _OPERATOR)}
            _require_trees(_attributes(node))
        for tensor in _messages(graph, _INITIALIZER):
            _require_small_numbers(tensor)
    if operators not in OPERATORS:
        raise ValueError(f"operators {sorted(operators)}")


def _require_trees(attributes: Mapping[str, bytes]) -> None:
    """Every node leads to nodes further on in its tree, so that each way has an end."""
    names = ("nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids")
    ids, *ways = ([*_numbers(attributes.get(name, b""), _INTS)] for name in names)
    modes = list(_messages(attributes.get("nodes_modes", b""), _STRINGS))
    for number, mode, *following in zip(ids, modes, *ways, strict=True):
        if mode != b"LEAF" and min(following) <= number:
            raise ValueError("a tree without an end")


def _attributes(node: bytes) -> dict[str, bytes]:
    attributes: dict[str, bytes] = {}
    for attribute in _messages(node, _ATTRIBUTE):
        if not {number for number, _ in _fields(attribute)} <= _PLAIN:
            raise ValueError("an attribute with a tensor or a graph")
        name = b"".join(_messages(attribute, _NAME)).decode()
        if name in attributes:
            raise ValueError("an attribute twice")
        attributes[name] = attribute
    return attributes


def _require_small_numbers(tensor: bytes) -> None:
    """Whole numbers are sizes: none makes room for more than the answer. And none stands in another file."""
    fields = list(_fields(tensor))
    if any(number == _PLACE for number, _ in fields):
        raise ValueError("a tensor in another file")
    raw = b"".join(_messages(tensor, _RAW))
    sizes = [*_numbers(tensor, _INT64S)]
    if (_TYPE, _INT64) in fields:
        sizes += [int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8)]
    if any(not 0 <= size <= _MOST_ROOM for size in sizes):
        raise ValueError("a size beyond the answer")


def _messages(data: bytes, number: int, *, without: Iterable[int] = ()) -> Iterator[bytes]:
    """The texts, bytes and messages of a field, which may be there several times."""
    for field, value in _fields(data):
        if field in without:
            raise ValueError(f"field {field}")
        if field == number:
            if isinstance(value, int):
                raise ValueError("a number in place of a message")
            yield value


def _numbers(data: bytes, number: int) -> Iterator[int]:
    """The signed whole numbers of a repeated field, one by one or packed."""
    for field, value in _fields(data):
        if field != number:
            continue
        if isinstance(value, int):
            yield _signed(value)
            continue
        at = 0
        while at < len(value):
            packed, at = _varint(value, at)
            yield _signed(packed)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The number and the value of each field of a message. Raises ValueError for what is no message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(data):
            raise ValueError("cut short")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number without an end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
