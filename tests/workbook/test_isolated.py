"""A file of somebody else is read in a process of its own, which says which limit it met, and takes nothing with it."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from farol.errors import FarolError, MissingExtraError, WorkbookError
from farol.i18n import msg
from farol.workbook import isolated as room
from farol.workbook.isolated import isolated, read_sheets
from farol.workbook.limits import DEFAULT_LIMITS, Limits, damaged
from farol.workbook.panel import read_panel, read_panel_isolated
from farol.workbook.unfamiliar import read_unfamiliar
from farol.workbook.wire import decode, encode
from tests.workbook.hostile import parquet_of
from tests.workbook.making import PEDE, pupils, write_xlsx
from tests.workbook.test_sheets import SHEETS, write_ods, write_xls


@pytest.fixture(autouse=True)
def with_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds the functions of this file."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


def refused(work: object, *arguments: object, **limits: float) -> FarolError:
    with pytest.raises(FarolError) as refusal:
        isolated(work, replace(DEFAULT_LIMITS, **limits), "a.xlsx", *arguments)  # type: ignore[arg-type]
    return refusal.value


def test_a_panel_is_the_same_as_in_this_process(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": pupils(20)})
    here, apart = read_panel(path, PEDE), read_panel_isolated(path, PEDE)
    assert apart.fingerprint == here.fingerprint
    assert apart.findings == here.findings
    assert apart.profile is PEDE


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx", "xls", "ods"])
def test_too_little_memory_is_said_for_every_format(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"PEDE2022.{form}"
    match form:
        case "csv":
            path.write_text("RA;IAA\n1;5\n")
        case "parquet":
            path.write_bytes(parquet_of({"RA": ["1"], "IAA": [5.0]}))
        case "xlsx":
            write_xlsx(path, {"PEDE2022": pupils(3)})
        case "xls":
            write_xls(path, SHEETS)
        case _:
            write_ods(path, SHEETS)
    with pytest.raises(WorkbookError, match="too much memory") as refusal:
        read_panel_isolated(path, PEDE, Limits(max_memory=1_000_000))
    assert "FAROL_MAX_WORKBOOK_MEMORY" in str(refusal.value)
    assert path.name in str(refusal.value)


def test_a_text_of_newlines_meets_the_limit_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(b"RA;IAA\n1;5\n" + b"\n" * 4_000_000)
    limits = Limits(max_memory=300_000_000)
    with pytest.raises(WorkbookError, match="too much memory"):
        read_panel_isolated(path, PEDE, limits)
    with pytest.raises(WorkbookError, match="too much memory"):
        isolated(read_unfamiliar, limits, path.name, path, limits)


def test_a_text_of_newlines_meets_the_limit_of_cells(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(b"RA;IAA\n1;5\n" + b"\n" * 2_000)
    with pytest.raises(WorkbookError, match="too large"):
        read_panel(path, PEDE, Limits(max_cells=1_000))


def test_what_never_ends_is_ended() -> None:
    begin = time.monotonic()
    error = refused(time.sleep, 60, max_seconds=0.5)
    assert "too long" in str(error)
    assert time.monotonic() - begin < 60, "it was waited for"


@pytest.mark.parametrize(
    ("end", "words"),
    [(signal.SIGKILL, "too much memory"), (signal.SIGXCPU, "too long"), (signal.SIGSEGV, "damaged")],
)
def test_however_it_ends_there_is_one_error(end: signal.Signals, words: str) -> None:
    assert words in str(refused(_end_by, int(end)))


def _end_by(number: int) -> None:
    signal.raise_signal(number)


def test_what_rust_says_of_memory_is_understood() -> None:
    assert "too much memory" in str(refused(_end_as_rust_does))


def _end_as_rust_does() -> None:
    os.write(2, b"memory allocation of 99 bytes failed")
    os.abort()


def test_an_invalid_answer_is_damage() -> None:
    for answer in (b"", b"7", b'["tuple", ["returned", ["record", ["os:system", []]]]]'):
        assert "damaged" in str(refused(_answer_with, answer))


def _answer_with(answer: bytes) -> None:
    os.write(1, answer)
    os._exit(0)


def test_this_process_reads_as_its_child_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's own code, here: what it answers to each way of ending, and that it starts no process of its own."""

    def raises(error: Exception) -> None:
        raise error

    monkeypatch.setattr(room, "_limit_process", lambda _: None)
    monkeypatch.setattr(room._Process, "is_child", False)
    content = write_xls(tmp_path / "a.xls", SHEETS).read_bytes()
    sheets = (content, "PEDE{year}", DEFAULT_LIMITS, "a.xls")
    assert decode(room._answered(room.read_isolated, sheets))[0] == "returned"
    for work, arguments, kind in (
        (read_sheets, sheets, "returned"),
        (raises, (damaged("a"),), "refused"),
        (raises, (MemoryError(),), "memory"),
        (raises, (KeyError("a"),), "raised"),
        (read_sheets, (b"nothing", *sheets[1:]), "refused"),
        (read_sheets, (*sheets[:2], Limits(max_cells=1), "a.xls"), "refused"),
    ):
        assert decode(room._answered(work, arguments))[0] == kind
    target = io.BytesIO()
    room.main(io.BytesIO(encode((DEFAULT_LIMITS, "farol.workbook.isolated", "read_sheets", sheets))), target)
    assert room._Process.is_child
    assert decode(target.getvalue())[0] == "returned"
    assert room.read_isolated(*sheets).names == read_sheets(*sheets).names


def test_the_system_is_asked_to_bound_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    bounds: dict[int, int] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, both: bounds.update({kind: both[0]}))
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 0)
    room._limit_process(Limits(max_seconds=10, max_memory=500_000_000))
    assert bounds == {resource.RLIMIT_DATA: 500_000_000, resource.RLIMIT_CPU: 11, resource.RLIMIT_CORE: 0}
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    room._limit_process(Limits())


def test_errors_of_ours_come_as_they_are() -> None:
    with pytest.raises(MissingExtraError) as refusal:
        isolated(_needs_more, DEFAULT_LIMITS, "a")
    assert ".[parquet]" in str(refusal.value)


def _needs_more() -> None:
    raise MissingExtraError(msg("no"), extra="parquet")


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        isolated(divmod, DEFAULT_LIMITS, "a", 1, 0)


def test_a_core_and_a_child_are_not_left() -> None:
    limits = isolated(_limits_of_this_process, DEFAULT_LIMITS, "a")
    assert limits == (0, 301, 4_000_000_000)


def _limits_of_this_process() -> tuple[int, int, int]:
    import resource

    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_DATA)
    core, seconds, memory = (resource.getrlimit(kind)[0] for kind in kinds)
    return core, seconds, memory


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "PEDE2022.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(WorkbookError, match="pipe or a device"):
            read_panel(path, PEDE)
