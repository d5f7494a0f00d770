"""Data sent between processes comes as it was, and is data alone: nothing else is made of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import MissingExtraError, Place, WorkbookError
from farol.i18n import msg
from farol.store.keys import Role
from farol.workbook.raw import Block
from farol.workbook.wire import decode, encode
from tests.workbook.making import PEDE

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates() | st.datetimes()
values = st.recursive(
    plain, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(values)
def test_plain_values_come_as_they_were(value: object) -> None:
    assert decode(encode(value)) == value


def test_records_and_choices_come_as_they_were() -> None:
    for value in (
        PEDE,
        Block(1, 2, 3, 4),
        Role.read,
        Path("a/b"),
        MappingProxyType({"a": 1}),
        frozenset({"b", "a"}),
        re.compile("a.", re.IGNORECASE),
        b"\xff",
        dt.date(2024, 1, 31),
    ):
        back = decode(encode(value))
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1.5, np.nan, -0.0]),
        np.array([[1, 2], [3, 4]], dtype=np.int64),
        np.array([True, False]),
        np.array(["a", None, 2], dtype=object),
        np.empty(0, dtype=object),
    ],
)
def test_arrays_come_as_they_were(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    back = decode(encode(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    back[...] = array  # it can be written to, as the first one
    assert decode(encode(np.float64(2.5))) == 2.5


def test_errors_come_with_all_they_say() -> None:
    error = WorkbookError(msg("no {n}", n=1), expected=msg("x"), where=Place(file="a"), fix=msg("y"))
    assert str(decode(encode(error))) == str(error)
    assert str(decode(encode(MissingExtraError(msg("no"), extra="parquet")))) == str(
        MissingExtraError(msg("no"), extra="parquet")
    )


class Theirs(Enum):
    a = 1


@pytest.mark.parametrize("value", [object(), Theirs.a, WorkbookError, len])
def test_nothing_else_is_sent(value: object) -> None:
    with pytest.raises(TypeError, match="not sent"):
        encode(value)


@pytest.mark.parametrize(
    "tagged",
    [
        ["record", ["os:system", []]],
        ["record", ["farol.files:os", []]],
        ["record", [7, []]],
        ["record", ["farol.workbook.raw:Path", []]],
        ["record", ["farol.workbook.wire:decode", []]],
        ["record", ["farol.workbook.raw:Block", [["top", 1]]]],
        ["record", ["farol.workbook.limits:Limits", [["top", 1]]]],
        ["named", ["farol.workbook.limits:Limits", [1]]],
        ["named", ["farol.workbook.raw:Block", [1]]],
        ["error", ["farol.workbook.raw:Block", []]],
        ["enum", ["farol.workbook.raw:Block", 1]],
        ["array", ["|O", [1], "AAAA"]],
        ["array", ["<f8", [9], "AAAA"]],
        ["other", 1],
        ["tuple"],
        {"a": 1},
    ],
)
def test_nothing_else_is_made_of_a_text(tagged: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        decode(json.dumps(tagged).encode())
