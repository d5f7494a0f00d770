"""Commands in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from farol.cli import commands, main

Farol = Callable[..., tuple[str, str]]
Run = Callable[..., str]


@pytest.fixture
def farol(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Farol:
    """A command with its exit code; what it wrote to its output and to its errors."""
    assert commands.app, "all commands are imported before the language of their module changes"

    def farol(*arguments: object, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["farol", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed.out + printed.err
        assert "Traceback" not in printed.err
        return printed.out, printed.err

    return farol


@pytest.fixture
def run(farol: Farol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in the folder of this test; all that it printed."""

    def run(*arguments: object, code: int = 0, locale: str = "en") -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("FAROL_LOCALE", locale)
        return "".join(farol(*arguments, code=code))

    return run
