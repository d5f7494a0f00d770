"""Values as text between Farol and a process of its own: JSON with a name for each kind, and nothing that is executed.

The process that reads a file of others may be in the hands of whoever made the file, so what it says is data: plain
values, arrays of numbers, and dataclasses, enumerations and errors of Farol's own. Pickle would run what it reads.
"""

from __future__ import annotations

import base64
import datetime as dt
import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

import numpy as np

from farol.errors import FarolError

_PLAIN = (bool, int, float, str, type(None))
_NUMBERS = "fiub"
"""Kinds of arrays that are sent as their bytes: floats, whole numbers and truth values."""
_OURS = re.compile(r"farol(\.[a-z_0-9]+)*:[A-Za-z_]\w*", re.ASCII)


def encode(value: object) -> bytes:
    """A value as text. TypeError for a kind that is not sent."""
    return json.dumps(_tagged(value), ensure_ascii=True).encode()


def decode(text: bytes) -> Any:
    """The value of `encode`. ValueError, TypeError, KeyError, AttributeError or ImportError for any other text."""
    return _value(json.loads(text))


def _tagged(value: object) -> object:
    if type(value) in _PLAIN:
        return value
    for kind, (test, parts, _) in _KINDS.items():
        if test(value):
            return [kind, parts(value)]
    raise TypeError(f"a {type(value).__name__} is not sent between processes")


def _value(tagged: Any) -> Any:
    if type(tagged) in _PLAIN:
        return tagged
    kind, parts = tagged
    return _KINDS[kind][2](parts)


def _all(values: Any) -> list[object]:
    return [_tagged(value) for value in values]


def _each(parts: Any) -> list[Any]:
    return [_value(part) for part in parts]


def _pairs(values: Mapping[object, object]) -> list[object]:
    return [[_tagged(key), _tagged(value)] for key, value in values.items()]


def _paired(parts: Any) -> dict[Any, Any]:
    return {_value(key): _value(value) for key, value in parts}


def _array(values: Any) -> list[object]:
    if values.dtype.kind in _NUMBERS:
        numbers = np.ascontiguousarray(values)
        return [numbers.dtype.str, list(numbers.shape), base64.b64encode(numbers.tobytes()).decode()]
    return ["object", list(values.shape), _all(values.ravel().tolist())]


def _arrayed(parts: Any) -> Any:
    kind, shape, content = parts
    if kind == "object":
        flat = np.empty(len(content), dtype=np.object_)
        flat[:] = _each(content)
        return flat.reshape(shape)
    if np.dtype(kind).kind not in _NUMBERS:
        raise ValueError("this is no array of numbers")
    return np.frombuffer(bytearray(base64.b64decode(content)), dtype=np.dtype(kind)).reshape(shape)


def _name(of: Any) -> str:
    name = f"{of.__module__}:{of.__qualname__}"
    if not _OURS.fullmatch(name):
        raise TypeError(f"{name} is not sent between processes")
    return name


def _class(name: str, is_kind: Callable[[type], bool]) -> Any:
    """The class of Farol's under a name such as `farol.workbook.raw:Block`. ValueError for anything else."""
    if not isinstance(name, str) or not _OURS.fullmatch(name):
        raise ValueError("this is no name of ours")
    module, _, attribute = name.partition(":")
    ours = getattr(importlib.import_module(module), attribute)
    if not (isinstance(ours, type) and ours.__module__ == module and is_kind(ours)):
        raise ValueError("this is no class of ours")
    return ours


def _record(value: Any) -> list[object]:
    names = [field.name for field in fields(value)]
    return [_name(type(value)), [[name, _tagged(getattr(value, name))] for name in names]]


def _recorded(parts: Any) -> Any:
    name, values = parts
    ours = _class(name, is_dataclass)
    record = object.__new__(ours)
    known = {field.name for field in fields(ours)}
    if known != {field for field, _ in values}:
        raise ValueError("the fields are others")
    for field, value in values:
        object.__setattr__(record, field, _value(value))
    return record


def _error(value: Any) -> list[object]:
    return [_name(type(value)), _pairs(vars(value))]


def _errored(parts: Any) -> FarolError:
    name, state = parts
    ours = _class(name, lambda kind: issubclass(kind, FarolError))
    attributes = _paired(state)
    error: FarolError = ours.__new__(ours, attributes["problem"])
    error.__dict__.update(attributes)
    return error


def _choice(parts: Any) -> Any:
    name, value = parts
    return _class(name, lambda kind: issubclass(kind, Enum))(value)


def _named_tuple(parts: Any) -> Any:
    name, values = parts
    return _class(name, lambda kind: issubclass(kind, tuple))(*_each(values))


def _is(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds)


_Kind = tuple[Callable[[object], bool], Callable[[Any], object], Callable[[Any], Any]]
_KINDS: dict[str, _Kind] = {
    "enum": (_is(Enum), lambda value: [_name(type(value)), value.value], _choice),
    "error": (_is(FarolError), _error, _errored),
    "record": (lambda value: is_dataclass(value) and not isinstance(value, type), _record, _recorded),
    "array": (_is(np.ndarray), _array, _arrayed),
    "number": (_is(np.generic), lambda value: value.item(), lambda value: value),
    "named": (
        lambda value: isinstance(value, tuple) and hasattr(value, "_fields"),
        lambda value: [_name(type(value)), _all(value)],
        _named_tuple,
    ),
    "tuple": (_is(tuple), _all, lambda parts: tuple(_each(parts))),
    "list": (_is(list), _all, _each),
    "set": (_is(frozenset, set), lambda value: _all(sorted(value)), lambda parts: frozenset(_each(parts))),
    "view": (_is(MappingProxyType), _pairs, lambda parts: MappingProxyType(_paired(parts))),
    "dict": (_is(Mapping), _pairs, _paired),
    "moment": (_is(dt.datetime), lambda value: value.isoformat(), dt.datetime.fromisoformat),
    "day": (_is(dt.date), lambda value: value.isoformat(), dt.date.fromisoformat),
    "path": (_is(PurePath), str, Path),
    "bytes": (_is(bytes), lambda value: base64.b64encode(value).decode(), base64.b64decode),
    "pattern": (_is(re.Pattern), lambda value: [value.pattern, value.flags], lambda parts: re.compile(*parts)),
}
