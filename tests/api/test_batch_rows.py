"""Rows of a batch: read strictly, one by one, in constant memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.api import batch_rows
from farol.api.batch_rows import Backlog, Lines, parse_array, parse_line
from farol.errors import ApiError


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" "))), st.lists(st.integers(1, 40)))
def test_lines_are_the_same_however_they_are_cut_into_pieces(lines: list[bytes], sizes: list[int]) -> None:
    body, reader, rows = b"\n".join(lines), Lines(1_000), []
    for size in [*sizes, len(body)]:
        rows += list(reader.feed(body[:size]))
        body = body[size:]
    rows += list(reader.end())
    assert rows == [line.strip() for line in lines if line.strip()]


@given(st.integers(1, 70))
def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(size: int) -> None:
    body, reader, rows = b"a" * 50 + b"\n" + b"b" * 51 + b"\r\n\n" + b"c" * 200 + b"\nd", Lines(50), []
    for start in range(0, len(body), size):
        rows += list(reader.feed(body[start : start + size]))
        assert len(reader._begun) <= 50
    rows += list(reader.end())
    codes = [row.code if isinstance(row, ApiError) else row for row in rows]
    assert codes == [b"a" * 50, "line_too_long", "line_too_long", b"d"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff\xfe{}", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[1]", "invalid_json"),
        (b"null", "invalid_json"),
        (b'{"IAA": 1, "IAA": 1}', "invalid_fields"),
        (b"{" + b",".join(b'"f%d": 1' % number for number in range(101)) + b"}", "too_many_fields"),
    ],
)
def test_a_row_that_is_no_object_is_refused_alone(line: bytes, code: str) -> None:
    refusal = parse_line(line)
    assert isinstance(refusal, ApiError)
    assert (refusal.code, refusal.status) == (code, 400 if code == "invalid_json" else 422)


def test_a_field_given_twice_spoils_only_its_object_in_an_array() -> None:
    array = parse_array(b'[{"IAA": 1}, {"IAA": 1, "IAA": 2}, {"IAA": {"a": 1, "a": 2}}, 7]', 4)
    good, twice, inside, no_object = array.rows(0, 4, 64_000)
    assert good == {"IAA": 1.0}
    assert isinstance(twice, ApiError)
    assert isinstance(inside, ApiError)
    assert isinstance(no_object, ApiError)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "invalid_json"),
        (b"[{}", "invalid_json"),
        (b"\xff\xfe[]", "invalid_json"),
        (b"[" * 1_040, "invalid_json"),
        (b"[" * 100_000, "too_many_rows"),
        (b"[]", "nothing_given"),
        (b"[{},{},{}]", "too_many_rows"),
    ],
)
def test_a_body_without_an_array_of_rows_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_array(body, 2)
    assert caught.value.code == code


def test_waiting_answers_keep_their_order_and_free_their_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_rows, "PIECE", 7)
    monkeypatch.setattr(batch_rows, "IN_MEMORY", 20)

    async def run() -> bytes:
        waiting, taken = Backlog(tmp_path), b""
        waiting.put(b"0123456789" * 10)
        taken += await waiting.take()
        waiting.put(b"abc")
        while len(taken) < 103:
            taken += await waiting.take()
        assert waiting._written == 0
        later = asyncio.create_task(waiting.take())
        await asyncio.sleep(0)
        waiting.put(b"later")
        taken += await later
        waiting.end()
        assert await waiting.take() == b""
        waiting.close()
        return taken

    assert asyncio.run(run()) == b"0123456789" * 10 + b"abclater"
    assert list(tmp_path.iterdir()) == [], "a file without a name"


def test_answers_that_nobody_takes_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_rows, "MOST_WAITING", 100)
    monkeypatch.setattr(batch_rows, "ROOM_SECONDS", 0)

    async def run() -> None:
        mine, other = Backlog(tmp_path), Backlog(tmp_path)
        mine.put(b"m" * 60)
        other.put(b"o" * 60)
        waiting = asyncio.create_task(other.has_room())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done(), "there is no room"
        assert await mine.take() == b"m" * 60
        await waiting
        other.close()
        mine.close()

    before = Backlog.total
    asyncio.run(run())
    assert Backlog.total == before
