"""Cost is bounded by what was sent: work and memory are counted, not seconds, while an input grows eightfold.

Work is the calls that Python makes, plus what two calls of C cost that are not linear by themselves: Unicode's
normalisation and `list.count`. Memory is the peak of what Python allocates.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from types import MappingProxyType
from typing import Any

import pytest

from farol.api.batch_rows import Lines, parse_array
from farol.api.middleware import SLICE, Guard
from farol.api.requests import parse_object
from farol.app import create_app
from farol.errors import ApiError
from farol.periodic import PeriodicJobs
from farol.settings import Settings
from farol.workbook import student_code as codes
from tests.api.client import Client, running
from tests.fuzzing import http_scope
from tests.memory import allocated, least

SIZES = (2_000, 16_000)
"""Characters of the small input and of the large one."""

GROWTH = SIZES[1] / SIZES[0]

PIECE = 64_000
"""Bytes of a body that come at once, as a server hands them on."""


class Work:
    """Counted since it was made: calls of Python and C, and the squares of what was normalised."""

    def __init__(self) -> None:
        self.units = 0

    def called(self, _frame: object, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            self.units += 1


@contextmanager
def counted() -> Iterator[Work]:
    work = Work()
    before = unicodedata.normalize

    def normalize(form: Any, text: str) -> str:
        work.units += len(text) ** 2 // 100
        return before(form, text)

    gc.disable()  # else what ends meanwhile of others' garbage would be counted, too
    sys.setprofile(work.called)
    unicodedata.normalize = normalize
    try:
        yield work
    finally:
        sys.setprofile(None)
        unicodedata.normalize = before
        gc.enable()


def work_of(entry: Callable[[Any], object], given: Any) -> int:
    with counted() as work, suppress(ApiError):
        entry(given)
    return work.units


MARKS = "\u0301\u0323"
TEXTS = {
    "marks": lambda n: "a" + MARKS * (n // 2),
    "spaces": lambda n: "a" + " " * n + "b",
    "hyphens": lambda n: " - " * (n // 3),
    "zeros": lambda n: "0" * n + "x",
    "ligatures": lambda n: "\ufb03" * n,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("entry", [codes.student_code, codes.class_name])
def test_a_code_costs_no_more_than_its_length(entry: Callable[[object], object], text: Callable[[int], str]) -> None:
    small, large = (work_of(entry, text(size)) for size in SIZES)
    assert large <= GROWTH * small + 100


OBJECTS = {
    "names twice at the end": lambda n: "{" + ",".join(f'"{i}":1' for i in range(n // 6)) + ',"z":1,"z":1}',
    "one name": lambda n: "{" + ",".join('"a":1' for _ in range(n // 6)) + "}",
    "unknown names": lambda n: "{" + ",".join(f'"IA{i}":1' for i in range(n // 8)) + "}",
    "nesting": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "digits": lambda n: '{"IAA":' + "9" * n + "}",
    "decimals": lambda n: '{"IAA":0.' + "1" * n + "}",
    "escapes": lambda n: '{"student":"' + "\\\\u0301" * (n // 6) + '"}',
    "marks": lambda n: '{"student":"' + MARKS * (n // 2) + '"}',
}


@pytest.mark.parametrize("body", OBJECTS.values(), ids=OBJECTS)
def test_an_object_costs_no_more_than_its_length(body: Callable[[int], str]) -> None:
    small, large = (work_of(parse_object, body(size).encode()) for size in SIZES)
    assert large <= GROWTH * small + 100


HEADERS: dict[str, Callable[[int], str]] = {
    "accept": lambda n: "text/html," + "a;q=1," * (n // 6),
    "accept with parameters": lambda n: "text/html" + ";a" * (n // 2),
    "accept-language": lambda n: "en;q=0.1," * (n // 9),
    "authorization": lambda n: "Bearer " + "a" * n,
    "x-api-key": lambda n: "farol_" * (n // 6),
    "idempotency-key": lambda n: "k" * n,
    "x-request-id": lambda n: "r" * n,
    "origin": lambda n: "http://" + "[" * n,
    "host": lambda n: "localhost" + "." * n,
    "content-type": lambda n: "application/json" + ";" * n,
    "cookie": lambda n: "a=b;" * (n // 4),
    "cookie of a session": lambda n: "farol-session=" + "s" * n,
    "cookie of many sessions": lambda n: "farol-session=s;" * (n // 16),
    "cookie in quotes": lambda n: 'farol-session="' + "\\\\073" * (n // 5) + '"',
    "traceparent": lambda n: "00-" * (n // 3),
    "if-none-match": lambda n: '"a",' * (n // 4),
}
QUERIES: dict[str, Callable[[int], str]] = {
    "lang": lambda n: "lang=" + "e" * n,
    "reasons": lambda n: "reasons=" + "0" * n,
    "many": lambda n: "&".join("reasons=1" for _ in range(n // 10)),
    "window": lambda n: "window=" + "3" * n,
    "slice": lambda n: "slice=class=" + "8" * n,
}


@pytest.fixture(scope="module")
def app_and_client(shared_settings: Settings) -> Iterator[tuple[Any, Client]]:
    """A service with nothing in its background, whose memory would be counted with that of a request."""
    app = create_app(shared_settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PeriodicJobs, "start", lambda _jobs: None)
        with running(app) as client:
            yield app, client


def asked_scope(
    method: str, path: str, query: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    return http_scope(
        method, path, query, [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    )


def asked(
    app: Any,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    header: tuple[str, str] | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
    body: bytes = b"{}",
    memory: bool = False,
) -> int:
    """The work of one request, or its memory, without a server and a client around it. None may fail by our fault."""
    given = {"content-type": "application/json", "host": "localhost", **more, **dict([header] if header else [])}
    scope = asked_scope(method, path, query, given)
    statuses: list[int] = []
    pieces = [body[at : at + PIECE] for at in range(0, len(body), PIECE)][::-1] or [b""]

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()  # as a caller who waits for the whole answer
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    async def ask() -> int:
        if memory:
            with allocated() as taken:
                await app(scope, receive, send)
            return taken.peak
        with counted() as work:
            await app(scope, receive, send)
        return work.units

    units = asyncio.run(ask())
    assert statuses[0] < 500 or statuses[0] == 503
    return units


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/nowhere"])
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_costs_no_more_than_its_length(app_and_client: tuple[Any, Client], path: str, name: str) -> None:
    header = name.split(maxsplit=1)[0]
    asked(app_and_client[0], "POST", path)
    small, large = (asked(app_and_client[0], "POST", path, header=(header, HEADERS[name](size))) for size in SIZES)
    assert large <= GROWTH * small + 100


@pytest.mark.parametrize("path", ["/predict", "/nowhere"])
@pytest.mark.parametrize("name", QUERIES)
def test_a_query_costs_no_more_than_its_length(app_and_client: tuple[Any, Client], path: str, name: str) -> None:
    asked(app_and_client[0], "POST", path)
    small, large = (asked(app_and_client[0], "POST", path, query=QUERIES[name](size).encode()) for size in SIZES)
    assert large <= GROWTH * small + 100


PARAMETERS = ("lang", "task", "window", "slice", "limit", "year", "reasons", "version", "student", "class", "taken")


def routes(app: Any) -> list[tuple[str, str]]:
    """Every method and path of the service, pages and files included."""
    pairs = {(method, route.path) for route in app.routes for method in getattr(route, "methods", None) or ("GET",)}
    return sorted(pairs - {("HEAD", path) for _, path in pairs})


def all_at_once(app: Any, method: str, path: str, size: int) -> int:
    """The work of a request whose address, query and headers are all as long as `size`."""
    query = "&".join(f"{name}={'9' * (size // 10)}" for name in PARAMETERS) + "&lang=e" * (size // 10)
    more = {name.split(maxsplit=1)[0]: make(size) for name, make in HEADERS.items() if name != "host"}
    long = re.sub(r"\{[^}]*\}", "x" * size, path)
    return asked(app, method, long, query=query.encode(), more=more)


def test_no_route_costs_more_than_the_length_of_what_it_is_sent(app_and_client: tuple[Any, Client]) -> None:
    app, _ = app_and_client
    costly = {}
    assert len(routes(app)) > 30
    for method, path in routes(app):
        all_at_once(app, method, path, 100)
        small, large = (all_at_once(app, method, path, size) for size in (500, 4_000))
        if large > 2 * GROWTH * small:  # look-ups meanwhile differ; a square would be 64 times
            costly[method, path] = small, large
    assert not costly


def multipart(parts: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda n: parts(n) + b"--x--\r\n"


def part(name: bytes, content: bytes = b"", more: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + content + b"\r\n"


FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
TENSOR = b'{"name":"IAA","shape":[1],"datatype":"FP64","data":[1]}'
TENSOR_OF = b'{"inputs":[{"name":"IAA","shape":[%s],"datatype":"FP64","data":[%s]}]}'
JSON, LINES = "application/json", "application/x-ndjson"
V2, BATCH, SEND = "/v2/models/current/infer", "/predict/batch", "/workbooks"
CSV = b'; filename="PEDE2022.csv"'
CROWD, MANY = b"[]," * 100_000 + b"[]", b"1," * 900_000 + b"1"
"""As many values as rows of a request may have: what has more is refused unread."""
BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "fields": (FORM, lambda n: b"&".join(b"n%d=1" % i for i in range(n // 8))),
    "one field many times": (FORM, lambda n: b"&".join([b"student=1"] * (n // 10))),
    "marks": (FORM, lambda n: b"name=a" + b"%CC%81%CC%A3" * (n // 12)),
    "separators": (FORM, lambda n: b"&" * n),
    "equals": (FORM, lambda n: b"=" * n),
    "percents": (FORM, lambda n: b"login=" + b"%" * n),
    "spaces": (FORM, lambda n: b"name=a" + b"+" * n + b"b"),
    "parts": (PARTS, multipart(lambda n: part(b"name", b"1") * (n // 60))),
    "files": (PARTS, multipart(lambda n: part(b"files", b"1", b'; filename="a.csv"') * (n // 80))),
    "one long part": (PARTS, multipart(lambda n: part(b"name", b"a" * n))),
    "a long name": (PARTS, multipart(lambda n: part(b"n" * n, b"1"))),
    "a long file name": (PARTS, multipart(lambda n: part(b"files", b"1", b'; filename="' + b"\\" * n + b'"'))),
    "parameters of a part": (PARTS, multipart(lambda n: part(b"name", b"1", b";a=b" * (n // 4)))),
    "headers of a part": (PARTS, multipart(lambda n: part(b"name", b"1", b"\r\nA: b" * (n // 6)))),
    "almost a boundary": (PARTS, multipart(lambda n: part(b"name", b"\r\n--" * (n // 4)))),
    "no end": (PARTS, lambda n: part(b"name", b"\r\n-" * (n // 3))),
    "lines": ("application/x-ndjson", lambda n: b"{}\n" * (n // 3)),
    "a line of nesting": ("application/x-ndjson", lambda n: b'{"a":' * (n // 5)),
    "tensors": ("application/json", lambda n: b'{"inputs":[' + b",".join([TENSOR] * (n // len(TENSOR))) + b"]}"),
    "a tensor's shape": ("application/json", lambda n: TENSOR_OF % (b"1," * (n // 2) + b"1", b"1")),
    "a tensor's data": ("application/json", lambda n: TENSOR_OF % (b"1", b"[" * (n // 2) + b"]" * (n // 2))),
    "a tensor's rows": ("application/json", lambda n: TENSOR_OF % (b"%d" % (n // 2), b"1," * (n // 2 - 1) + b"1")),
    "a tensor's parameters": (
        "application/json",
        lambda n: b'{"parameters":{' + b",".join(b'"a%d":1' % i for i in range(n // 8)) + b'},"inputs":[]}',
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_no_body_costs_more_than_its_length_on_any_route(app_and_client: tuple[Any, Client], name: str) -> None:
    """Also where the page does not take such a body: it must not be read for long to find that out."""
    app, _ = app_and_client
    kind, make = BODIES[name]
    costly = {}
    for method, path in routes(app):
        if method not in ("POST", "PUT", "PATCH", "DELETE"):
            continue
        short = re.sub(r"\{task[^}]*\}|\{model[^}]*\}", "current", path)
        short = re.sub(r"\{[^}]*\}", "7", short)

        def work(size: int, method: str = method, path: str = short) -> int:
            return asked(app, method, path, header=("content-type", kind), body=make(size))

        work(100)
        small, large = (work(size) for size in SIZES)
        if large > 2 * GROWTH * small:
            costly[method, path] = small, large
    assert not costly


def test_what_callers_invent_is_not_kept_in_memory(app_and_client: tuple[Any, Client]) -> None:
    """The memory of languages, routes and names stays short, whatever came: 60 kB of each, 60 times."""
    app, _ = app_and_client
    numbers = count()

    def kept() -> int:
        with allocated() as memory:
            for _ in range(60):
                long = f"{next(numbers)}" + "x" * 60_000
                for header in ("accept-language", "host", "accept"):
                    asked(app, "GET", "/health", header=(header, long))
                asked(app, "GET", f"/{long}", query=b"lang=" + long.encode())
        return memory.kept

    assert least(kept, 2_000_000) <= 2_000_000


MEMORY = 6
"""Times the bytes of an array that reading its rows may take at its peak, beside the array."""

ROW = 400
ROWS = {
    "a field twice in each row": b'{"a":1,"b":1' + b" " * (ROW - 20) + b',"a":1}',
    "a field twice deep inside": b'{"a":' * 20 + b'{"b":1,"b":1' + b" " * (ROW - 135) + b"}" * 21,
    "numbers that are no rows": b"1" * ROW,
    "nested lists": b'{"a":[' + b",".join([b"[]"] * 20) + b" " * (ROW - 67) + b"]}",
    "empty objects": b'{"a":[' + b",".join([b"{}"] * 20) + b" " * (ROW - 67) + b"]}",
    "unknown names": b"{" + b",".join(b'"n%d":1' % number for number in range(ROW // 8)) + b"}",
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_bad_rows_of_an_array_take_no_more_memory_than_good(row: bytes) -> None:
    body = b"[" + b",".join([row] * 9_000) + b"]"

    def read() -> int:
        with allocated() as memory:
            array = parse_array(body, 10_000)
            for first in range(0, len(array.spans), 500):
                array.rows(first, first + 500, 64_000)
        return memory.peak

    assert least(read, MEMORY * len(body)) <= MEMORY * len(body)


WHOLE = {
    V2: (7_990_000, 7),
    BATCH: (7_990_000, MEMORY),
    "/predict": (900_000, 4),
    "/account/password": (900_000, 1),
    "/cases/bulk": (900_000, 2),
    SEND: (40_000_000, 1),
    LINES: (20_000_000, 0.2),
}
"""Bytes of a body, and how many times as much memory it may take: of lines and uploads next to nothing stays in memory
but 1 MB of each file."""

CROWDS: dict[str, tuple[str, str, Callable[[int], bytes]]] = {
    "tensors: empty lists": (V2, JSON, lambda n: TENSOR_OF % (b"1", b"[]," * (n // 3) + b"[]")),
    "tensors: lists of as many rows": (V2, JSON, lambda n: TENSOR_OF % (b"1", CROWD + b" " * (n - len(CROWD)))),
    "tensors: objects": (V2, JSON, lambda n: b'{"inputs":[' + b'{"":0},' * (n // 7) + b"{}]}"),
    "tensors: numbers": (V2, JSON, lambda n: TENSOR_OF % (b"9", b"1," * (n // 2) + b"1")),
    "tensors: numbers of as many rows": (V2, JSON, lambda n: TENSOR_OF % (b"9", MANY + b" " * (n - len(MANY)))),
    "an array: one row of lists": (BATCH, JSON, lambda n: b"[[" + b"[]," * (n // 3) + b"[]]]"),
    "an array: one row of numbers": (BATCH, JSON, lambda n: b"[[" + b"1," * (n // 2) + b"1]]"),
    "an array: one long text": (BATCH, JSON, lambda n: b'[{"student":"' + b"a" * n + b'"}]'),
    "an object: names": ("/predict", JSON, lambda n: b"{" + b'"a":1,' * (n // 6) + b'"b":1}'),
    "an object: lists": ("/predict", JSON, lambda n: b'{"IAA":[' + b"[]," * (n // 3) + b"[]]}"),
    "lines: empty": (BATCH, LINES, lambda n: b"\n" * n),
    "lines: without an end": (BATCH, LINES, lambda n: b"1" * n),
    "lines: a field twice": (BATCH, LINES, lambda n: (b'{"a":1,"a":1' + b" " * 300 + b"}\n") * (n // 314)),
    "lines: lists": (BATCH, LINES, lambda n: (b"[" + b"[]," * 20_000 + b"[]]\n") * (n // 60_004)),
    "an upload: fields": (SEND, PARTS, multipart(lambda n: part(b"a", b"1" * 900_000) * (n // 900_000))),
    "an upload: parts": (SEND, PARTS, multipart(lambda n: part(b"a", b"1") * (n // 52))),
    "an upload: a file": (SEND, PARTS, multipart(lambda n: part(b"files", b"a" * n, CSV))),
    "an upload: files": (SEND, PARTS, multipart(lambda n: part(b"files", b"a" * 900_000, CSV) * (n // 900_000))),
    "an upload: a name": (SEND, PARTS, multipart(lambda n: part(b"a" * n))),
    "an upload: another form": (SEND, FORM, lambda n: b"&" * n),
    "a form: separators": ("/account/password", FORM, lambda n: b"&" * n),
    "a form: fields": ("/cases/bulk", FORM, lambda n: b"a=1&" * (n // 4)),
    "a form: parts": ("/cases/bulk", PARTS, multipart(lambda n: part(b"a", b"1") * (n // 52))),
}


@pytest.mark.parametrize("name", CROWDS)
def test_no_body_takes_more_memory_than_its_factor(app_and_client: tuple[Any, Client], name: str) -> None:
    """The factor is that of docs/limits.md: times the bytes of the body, at the peak, the body itself included."""
    path, kind, make = CROWDS[name]
    size, factor = WHOLE[LINES if kind == LINES else path]
    body = make(size)
    asked(app_and_client[0], "POST", path, header=("content-type", kind))
    limit = int(factor * len(body))

    def measured() -> int:
        return asked(app_and_client[0], "POST", path, header=("content-type", kind), body=body, memory=True)

    taken = least(measured, limit)
    assert taken <= limit, taken / len(body)


def test_rows_beyond_the_limit_are_refused_before_they_are_read() -> None:
    body = b"[" + b",".join([b'{"a":1,"a":1}'] * 600_000) + b"]"

    def refused() -> int:
        with allocated() as memory, pytest.raises(ApiError, match="rows") as error:
            parse_array(body, 10_000)
        assert error.value.code == "too_many_rows"
        return memory.peak

    assert least(refused, 3 * len(body)) <= 3 * len(body)


def test_a_batch_of_bad_rows_answers_little_for_each(shared: Client) -> None:
    row = "{" + ",".join(f'"IAX{number}": 1' for number in range(90)) + "}"
    answer = shared.post("/predict/batch", content=f"[{','.join([row] * 200)}]", headers=_JSON)
    assert answer.status_code == 200
    assert len(answer.content) < 200 * 5_000


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("piece", [b"\n", b" \n", b"{}\n", b'"' * 70_000], ids=["empty", "blank", "short", "one line"])
def test_lines_cost_no_more_than_their_length(piece: bytes) -> None:
    def read(times: int) -> int:
        lines = Lines(64_000)
        with counted() as work:
            for _ in range(times):
                list(lines.feed(piece))
        return work.units

    assert read(8_000) <= 8 * read(1_000) + 100


class Turns:
    """How often others had their turn while bodies were worked on, and the most bytes that were at a stroke."""

    def __init__(self) -> None:
        self.others = self.largest = 0

    async def app(self, _scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            self.largest = max(self.largest, len(message["body"]))
            more = message["more_body"]
            self.read += message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    read = b""


@pytest.mark.parametrize("sizes", [[0], [10], [SLICE], [SLICE + 1], [5 * SLICE, 7, 3 * SLICE], [SLICE * 25, 0]])
def test_between_slices_of_a_body_others_are_answered(sizes: list[int]) -> None:
    turns, body = Turns(), random.Random(0).randbytes(sum(sizes))
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    pieces = [body[start : start + size] for start, size in zip(starts, sizes, strict=True)][::-1]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(_message: Any) -> None:
        pass

    async def other() -> None:
        while True:
            turns.others += 1
            await asyncio.sleep(0)

    async def both() -> None:
        task = asyncio.create_task(other())
        await Guard(turns.app, settings=Settings())(asked_scope("POST", "/predict"), receive, send)
        task.cancel()

    asyncio.run(both())
    assert turns.read == body
    assert turns.largest <= SLICE
    assert turns.others >= sum(max(0, -(-size // SLICE) - 1) for size in sizes)
