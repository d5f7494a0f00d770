"""Streams of every kind: no encoding, width or reader ends a command, and nothing printed decides what is done."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from farol.cli.streams import ERRORS, LastingOutput
from farol.store.database import Store
from tests.bundles import put_into_use
from tests.installed import FAROL, environment_with

ENCODINGS = ("cp1252", "cp850", "latin-1", "ascii", "utf-16", "utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Path:
    """A folder with two models in use, an empty database, and the sample workbook."""
    folder = tmp_path_factory.mktemp("streams")
    put_into_use(folder / "artifacts")
    (folder / "sample.xlsx").write_bytes(sample_workbook.read_bytes())
    Store.open(f"sqlite:///{folder / 'data' / 'farol.db'}").close()
    return folder


def farol(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """One command in a process of its own, in Portuguese."""
    given = environment_with(FAROL_LOCALE="pt_BR", NO_COLOR="1", PYTHONUTF8="0") | environment
    return subprocess.run([FAROL, *arguments], cwd=folder, env=given, capture_output=True, check=False)


def in_shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `farol` is ours; its exit code is the command's."""
    environ = {**os.environ, "FAROL_LOCALE": "en", "NO_COLOR": "1", "PATH": f"{FAROL.parent}:{os.environ['PATH']}"}
    command = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_speaks_in_every_encoding(folder: Path, encoding: str) -> None:
    commands = {
        ("status",): 0,
        ("drift", "--window", "all"): 0,
        ("estimate",): 0,
        ("check", "sample.xlsx"): 0,
        ("list", "sample.xlsx"): 0,
        ("train", "--help"): 0,
        ("check", "não-há.xlsx"): 2,
        ("wrong",): 2,
    }
    for arguments, code in commands.items():
        done = farol(folder, *arguments, PYTHONIOENCODING=encoding)
        said = done.stdout.decode(encoding) + done.stderr.decode(encoding)
        assert "Traceback" not in said
        assert done.returncode == code, (arguments, said)
        assert said.strip()


ACTING = "\x1b[31m\x9b\x07\u202e\u2066\u200f"
"""Signs that colour a terminal, ring, or turn the direction of the text after them."""


def test_no_name_acts_on_the_terminal(folder: Path, sample_workbook: Path) -> None:
    """Of a file, a sheet, a header or a cell, whatever prints it."""
    book = openpyxl.load_workbook(sample_workbook)
    sheet, turned = book[book.sheetnames[-1]], ACTING[-3:]
    sheet.cell(1, sheet.max_column + 1, f"nova{turned}")
    sheet.cell(2, sheet.max_column, f"valor{turned}")
    sheet.cell(2, 2, f"classe{turned}")
    book.create_sheet(f"nota{turned}")
    name = f"PEDE2024{ACTING}\nfarol: erro: inventado.xlsx"
    book.save(folder / name)
    (folder / f"away{ACTING}").mkdir()
    for arguments in (
        ("check", name),
        ("check", name, "--format", "json"),
        ("list", name),
        ("list", name, "--format", "json"),
        ("explain", name, f"RA{ACTING}"),
        ("drift", "--input", name),
        ("forecast", name),
        ("forecast", f"{name}.away"),
        ("status", "--data", f"away{ACTING}"),
        ("score", name, "--out", f"out{ACTING}.csv"),
    ):
        done = farol(folder, *arguments, PYTHONIOENCODING="utf-8")
        said = done.stdout.decode() + done.stderr.decode()
        assert said.strip()
        assert "Traceback" not in said
        assert not set(ACTING[:1] + ACTING[5:]) & set(said), (arguments, ascii(said))
        assert not re.search("^farol: erro: inventado", said, re.MULTILINE), arguments


def test_training_is_put_into_use_whatever_takes_its_words(folder: Path, tmp_path: Path) -> None:
    train = f"farol train '{folder}/sample.xlsx' --task next-year --quick --artifacts"
    for place, rest, code in (
        ("windows", "> log.txt", 0),
        ("full", "> /dev/full", 2),
        ("closed", ">&- 2>&-", 0),
        ("gone", "2> /dev/full | head -n 1", 0),
    ):
        done = in_shell(tmp_path, f"PYTHONIOENCODING=cp1252 {train} {place} {rest}")
        assert "Traceback" not in done.stderr
        assert (place, done.returncode) == (place, code), done.stderr
        assert (tmp_path / place / "next-year" / "promoted.json").exists()
        assert (tmp_path / place / "workbook.json").exists()
    assert "Precisão" not in (tmp_path / "log.txt").read_text("cp1252"), "the locale is English"
    assert "Brier" in (tmp_path / "log.txt").read_text("cp1252")


def test_output_that_is_not_taken_is_said_at_the_end(folder: Path) -> None:
    done = in_shell(folder, "farol models list > /dev/full")
    assert (done.returncode, "the disk is full" in done.stderr) == (2, True)


@pytest.mark.parametrize("columns", ["0", "1", "20", "400", "many"])
def test_a_pipe_gets_whole_lines(folder: Path, columns: str) -> None:
    usual = farol(folder, "models", "list").stdout.decode()
    assert farol(folder, "models", "list", COLUMNS=columns).stdout.decode() == usual
    assert len(re.findall(r"^(?:current|next-year) +2024-[0-9a-f]{10} ", usual, re.MULTILINE)) == 2
    drift = farol(folder, "drift", COLUMNS=columns).stdout.decode().splitlines()
    assert len([line for line in drift if line.startswith("Indicador de adequação ao nível")]) == 1


IN_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
try:
    while piece := os.read(terminal, 65536):
        os.write(1, piece)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("terminal", ["dumb", "xterm-256color"])
def test_a_narrow_terminal_cuts_no_code(folder: Path, terminal: str) -> None:
    codes = {path.name for path in (folder / "artifacts").glob("*/2024-*")}
    environ = {**os.environ, "COLUMNS": "20", "TERM": terminal, "FAROL_LOCALE": "pt_BR", "NO_COLOR": "1"}
    command = [sys.executable, "-c", IN_A_TERMINAL, str(FAROL), "models", "list"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    assert len(codes) == 2
    assert all(code in done.stdout for code in codes)
    assert "…" not in done.stdout


def test_no_width_cuts_the_help(folder: Path) -> None:
    for names in ((), ("train",), ("drift",), ("store", "backup")):
        narrow, wide = (farol(folder, *names, "--help", COLUMNS=columns).stdout.decode() for columns in ("1", "200"))
        drawn = r"[\s─│╭╮╰╯]"
        assert sorted(re.sub(drawn, "", narrow)) == sorted(re.sub(drawn, "", wide)), names


def test_json_is_the_same_in_every_encoding(folder: Path) -> None:
    command = ("check", "sample.xlsx", "--format", "json")
    first, *others = (
        json.loads(farol(folder, *command, PYTHONIOENCODING=encoding).stdout.decode(encoding)) for encoding in ENCODINGS
    )
    assert all(other == first for other in others)
    assert "ã" in json.dumps(first, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15% → 8% – “não” … × ≥ •", '15% -> 8% - "nao" ... x >= *'),
        ("ção Ñ ½", "cao N 1/2"),
        ("╭──╮│▇⠋", "+--+|#*"),
        ("RA-中", "RA-\\u4e2d"),
        ("RA-\U0001f600", "RA-\\U0001f600"),
        ("file-\udcff \ud800", "file-\\xff \\ud800"),
        ("a\N{ZERO WIDTH SPACE}b", "a\\u200bb"),
        ("e\N{COMBINING ACUTE ACCENT}", "e"),
    ],
)
def test_ascii_gets_signs_that_look_like_them(text: str, expected: str) -> None:
    assert text.encode("ascii", ERRORS).decode() == expected


def test_only_what_the_encoding_lacks_is_replaced() -> None:
    assert "não → 8".encode("cp1252", ERRORS) == "não -> 8".encode("cp1252")


class Half(io.RawIOBase):
    """A stream that takes a byte, then is not ready, then is broken."""

    def __init__(self) -> None:
        self.answers: list[int | OSError | None] = [1, OSError(28, "full"), 9]

    def write(self, _data: object, /) -> int | None:
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


def test_after_the_first_error_nothing_more_is_tried() -> None:
    output = LastingOutput(Half())
    assert [output.write(b"four"), output.write(b"four"), output.write(b"four")] == [1, 4, 4]
    assert output.failure is not None
    gone = LastingOutput(Half())
    gone.error = BrokenPipeError(32, "gone")
    assert gone.failure is None
