"""Tensors of the Open Inference Protocol (V2, REST): from the JSON of a request to rows, and from answers to JSON.

One tensor a column, named as the column, of shape [n] or [n, 1]; or one tensor `rows` of shape [n, k] with all k
columns in the order of the model's metadata. `year`, `student` and `class` come beside either. null and NaN
are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from farol.api.batch_rows import too_many
from farol.api.requests import shown_name
from farol.api.schemas import GROUP, STUDENT, InputForm
from farol.errors import ApiError, FieldProblem
from farol.i18n import Message, msg
from farol.model.features import YEAR

ROWS = "rows"
"""The tensor that holds all columns."""

NUMBERS = frozenset(
    ("FP64", "FP32", "FP16", "BF16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
)
TEXT: Final = "BYTES"
TEXTS = (STUDENT, GROUP)

_REFUSED = frozenset(
    ("binary_data_size", "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "classification")
)
"""Parameters of extensions that change what a tensor means; others, such as a wish for binary outputs, do not."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that was read: `data` is flat, row by row."""

    name: str
    rows: int
    width: int
    data: Sequence[object]


def rows_of(document: Mapping[str, Any], form: InputForm, most: int) -> list[dict[str, Any]]:
    """The rows of an inference request, each what the route for one pupil takes. Raises ApiError."""
    _check_parameters(document, "parameters")
    sources = document.get("inputs")
    if not isinstance(sources, list) or not sources:
        raise _unusable("inputs", msg("an array of at least one tensor"))
    columns = tuple(form.inputs.columns)
    tensors: dict[str, Tensor] = {}
    for source in sources:
        tensor = _read(source, form, len(columns), most)
        if tensor.name in tensors:
            raise _unusable(tensor.name, msg("each tensor once"))
        tensors[tensor.name] = tensor
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


def outputs_wanted(document: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    """The names of the outputs to give: those asked for, or all. Raises ApiError."""
    wanted = document.get("outputs")
    if wanted is None or wanted == []:
        return list(known)
    expected = msg("one of {names}", names=", ".join(known))
    if not isinstance(wanted, list):
        raise _unusable("outputs", msg("an array"))
    names: list[str] = []
    for source in wanted:
        match source:
            case {"name": str(name), **parameters} if name in known and name not in names:
                _check_parameters(parameters, "outputs")
                names.append(name)
            case _:
                raise _unusable("outputs", expected)
    return names


def _read(source: object, form: InputForm, width: int, most: int) -> Tensor:
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
    values = others.get("data")
    data = _flat(values) if isinstance(values, list) else None
    if data is None or len(data) != size[0] * (size[1] if len(size) > 1 else 1):
        raise _unusable(name, msg("as many values as its shape says"))
    if datatype != TEXT:
        data = [None if isinstance(value, float) and value != value else value for value in data]  # noqa: PLR0124  NaN
    return Tensor(name, size[0], width if name == ROWS else 1, data)


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
        raise binary(field)


def binary(field: str) -> ApiError:
    """What is said of a request that needs an extension of the protocol: there are none here."""
    expected = msg("data as JSON, without the extensions for binary data, shared memory and classification")
    return _unusable(field, expected)


def _unusable(field: str, expected: Message) -> ApiError:
    name = shown_name(field)
    problem = FieldProblem(name, msg("{field} cannot be used.", field=name), expected)
    return ApiError(400, "invalid_tensor", msg("The request cannot be used."), fields=[problem])
