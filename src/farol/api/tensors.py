"""Tensors of the Open Inference Protocol (V2, REST): from a request to rows, and from answers to tensors.

One tensor a column, named as the column, of shape [n] or [n, 1]; or one tensor `rows` of shape [n, k] with all k
columns in the order of the model's metadata. `year`, `student` and `class` come beside either. null and NaN
are missing.

Values stand in the JSON or, by the protocol's extension for binary data, behind it: the header
`Inference-Header-Content-Length` says where the JSON ends, and each tensor by `binary_data_size` how many of the bytes
that follow are its own. Numbers are little-endian; each text has its length in four bytes before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from farol.api.batch_rows import too_many
from farol.api.errors import SEE_DOCS
from farol.api.requests import shown_name
from farol.api.schemas import GROUP, STUDENT, InputForm
from farol.errors import ApiError, FieldProblem
from farol.i18n import Message, msg
from farol.model.features import YEAR

BINARY = "Inference-Header-Content-Length"
"""The header of a body, asked or answered, that is partly binary."""

ROWS = "rows"
"""The tensor that holds all columns."""

NUMBERS: Mapping[str, str] = {
    "FP64": "<f8",
    "FP32": "<f4",
    "FP16": "<f2",
    "BF16": "<u2",  # the upper half of an FP32
    "INT64": "<i8",
    "INT32": "<i4",
    "INT16": "<i2",
    "INT8": "<i1",
    "UINT64": "<u8",
    "UINT32": "<u4",
    "UINT16": "<u2",
    "UINT8": "<u1",
}
"""Datatype → numpy's name of how its values are laid out in bytes."""
TEXT: Final = "BYTES"
TEXTS = (STUDENT, GROUP)

BINARY_SIZE = "binary_data_size"
LENGTH_BYTES = 4
"""Of the length before each text in binary data."""

_REFUSED = frozenset(("shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "classification"))
"""Parameters of extensions that change what a tensor means, and that Farol does not speak."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that was read: `data` is flat, row by row."""

    name: str
    rows: int
    width: int
    data: Sequence[object]


@dataclass(frozen=True, slots=True)
class OutputWish:
    """An output to give, as binary data or in the JSON."""

    name: str
    binary: bool


def split_body(body: bytes, length: str | None) -> tuple[bytes, bytes]:
    """The JSON of a request and the binary data behind it; `length` is what the header says of the JSON. ApiError."""
    if length is None:
        return body, b""
    end = int(length) if length.isascii() and length.isdecimal() and len(length) <= len(str(len(body))) else -1
    if not 0 <= end <= len(body):
        raise _unusable(BINARY, msg("how many bytes of the body are JSON"))
    return body[:end], body[end:]


def rows_of(document: Mapping[str, Any], form: InputForm, most: int, binary: bytes = b"") -> list[dict[str, Any]]:
    """The rows of an inference request, each what the route for one pupil takes. Raises ApiError.

    `binary` is what stands behind the JSON.
    """
    _check_parameters(document, "parameters")
    sources = document.get("inputs")
    if not isinstance(sources, list) or not sources:
        raise _unusable("inputs", msg("an array of at least one tensor"))
    columns = tuple(form.inputs.columns)
    tensors: dict[str, Tensor] = {}
    begin = 0
    for source in sources:
        size = _binary_size(source)
        part = None if size is None else binary[begin : begin + size]
        begin += size or 0
        tensor = _read(source, form, len(columns), most, part)
        if tensor.name in tensors:
            raise _unusable(tensor.name, msg("each tensor once"))
        tensors[tensor.name] = tensor
    if begin != len(binary):
        raise _unusable("inputs", msg("as many bytes after the JSON as the tensors say"))
    sizes = {tensor.rows for tensor in tensors.values()}
    if len(sizes) > 1:
        raise _unusable("inputs", msg("tensors of the same number of rows"))
    count = sizes.pop()
    whole = tensors.pop(ROWS, None)
    if whole is not None and tensors.keys() & set(columns):
        raise _unusable(ROWS, msg("either this tensor or one a column"))
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    if whole is not None:
        for place in range(count):
            values = whole.data[place * len(columns) : (place + 1) * len(columns)]
            rows[place].update(zip(columns, values, strict=True))
    for name, tensor in tensors.items():
        for row, value in zip(rows, tensor.data, strict=True):
            row[name] = value
    return rows


def outputs_wanted(document: Mapping[str, Any], known: Sequence[str]) -> list[OutputWish]:
    """The outputs to give: those asked for, or all. Raises ApiError."""
    _check_parameters(document, "parameters")
    usually = _wish(document, "binary_data_output")
    wanted = document.get("outputs")
    if wanted is None or wanted == []:
        return [OutputWish(name, usually) for name in known]
    expected = msg("one of {names}", names=", ".join(known))
    if not isinstance(wanted, list):
        raise _unusable("outputs", msg("an array"))
    wishes: dict[str, OutputWish] = {}
    for source in wanted:
        match source:
            case {"name": str(name), **others} if name in known and name not in wishes:
                _check_parameters(others, "outputs")
                wishes[name] = OutputWish(name, _wish(others, "binary_data", usually=usually))
            case _:
                raise _unusable("outputs", expected)
    return list(wishes.values())


def _wish(source: Mapping[Any, Any], name: str, *, usually: bool = False) -> bool:
    """A parameter that is true or false."""
    parameters = source.get("parameters")
    return usually if not parameters or name not in parameters else parameters[name] is True


def _binary_size(source: object) -> int | None:
    """How many bytes after the JSON are a tensor's; None where its values stand in the JSON."""
    match source:
        case {"parameters": {"binary_data_size": float(size)}} if size >= 0 and size.is_integer():
            return int(size)
        case {"parameters": {"binary_data_size": _}}:
            raise _unusable(BINARY_SIZE, msg("a number of bytes"))
        case _:
            return None


def _read(source: object, form: InputForm, width: int, most: int, binary: bytes | None) -> Tensor:
    match source:
        case {"name": str(name), "shape": [*shape], "datatype": str(datatype), **others}:
            pass
        case _:
            raise _unusable("inputs", msg("tensors with name, shape, datatype and data"))
    _check_parameters(others, name)
    names = (*form.inputs.columns, ROWS, *TEXTS, *((YEAR,) if form.takes_year else ()))
    if name not in names:
        raise _unusable(name, msg("one of {names}", names=", ".join(names)))
    is_text = name in TEXTS or name in form.inputs.vocabularies
    if datatype not in ((TEXT,) if is_text else NUMBERS):
        raise _unusable(name, msg("the datatype BYTES") if is_text else msg("a datatype of numbers"))
    size = [int(end) for end in shape if isinstance(end, float) and end.is_integer() and end > 0]
    ends = [[width]] if name == ROWS else [[], [1]]
    if len(size) != len(shape) or size[1:] not in ends or not size:
        expected = msg("the shape [n, {width}]", width=width) if name == ROWS else msg("the shape [n] or [n, 1]")
        raise _unusable(name, expected)
    if size[0] > most:
        raise too_many(most)
    count, values = size[0] * (size[1] if len(size) > 1 else 1), others.get("data")
    if binary is not None:
        data = _texts(binary, count) if datatype == TEXT else _numbers(binary, datatype, count)
    else:
        data = _flat(values) if isinstance(values, list) else None
    if data is None or len(data) != count:
        raise _unusable(name, msg("as many values as its shape says"))
    if datatype != TEXT:
        data = [None if isinstance(value, float) and value != value else value for value in data]  # noqa: PLR0124  NaN
    return Tensor(name, size[0], width if name == ROWS else 1, data)


def _numbers(binary: bytes, datatype: str, count: int) -> list[object] | None:
    """`count` numbers, all as float; None where the bytes are not as many."""
    layout = np.dtype(NUMBERS[datatype])
    if len(binary) != count * layout.itemsize:
        return None
    numbers = np.frombuffer(binary, dtype=layout)
    if datatype == "BF16":
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return list(numbers.astype(np.float64).tolist())


def _texts(binary: bytes, count: int) -> list[object] | None:
    """`count` texts; None where the bytes are not just these, in UTF-8."""
    texts: list[object] = []
    begin = 0
    while begin + LENGTH_BYTES <= len(binary) and len(texts) < count:
        end = begin + LENGTH_BYTES + int.from_bytes(binary[begin : begin + LENGTH_BYTES], "little")
        if end > len(binary):
            return None
        try:
            texts.append(binary[begin + LENGTH_BYTES : end].decode())
        except UnicodeDecodeError:
            return None
        begin = end
    return texts if begin == len(binary) else None


def binary_of(datatype: str, values: Sequence[int | float | str | None]) -> bytes:
    """The values of an output as binary data; a number that is None is NaN."""
    if datatype != TEXT:
        return np.array(values, dtype=np.dtype(NUMBERS[datatype])).tobytes()
    texts = (str(value).encode() for value in values)
    return b"".join(chain.from_iterable((len(text).to_bytes(LENGTH_BYTES, "little"), text) for text in texts))


def _flat(values: list[Any]) -> list[object]:
    """Values in their order, of a flat list or of one that is nested as the shape is."""
    flat: list[object] = []
    for value in values:
        flat.extend(value) if isinstance(value, list) else flat.append(value)
    return flat


def _check_parameters(source: Mapping[Any, object], field: str) -> None:
    parameters = source.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise _unusable("parameters", msg("an object"))
    if parameters and parameters.keys() & _REFUSED:
        raise _unusable(field, msg("no extension for shared memory or classification"))


def _unusable(field: str, expected: Message) -> ApiError:
    name = shown_name(field)
    problem = FieldProblem(name, msg("{field} cannot be used.", field=name), expected)
    return ApiError(
        400,
        "invalid_tensor",
        msg("The request cannot be used."),
        fields=[problem],
        fix=SEE_DOCS,
    )
