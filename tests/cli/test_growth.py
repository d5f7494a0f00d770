"""An argument of a command, a setting, and the notes that Farol keeps cost no more than their length to read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from farol.cli import main
from farol.store.database import Store
from farol.store.identity import keys_were_made, require_own, sidecar_of
from tests.api.test_growth import GROWTH, TEXTS, counted

SIZES = (500, 4_000)
ARGUMENTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "file": lambda text: ("check", text),
    "task": lambda text: ("list", "a.xlsx", "--task", text),
    "pupil": lambda text: ("students", "export", text),
    "window": lambda text: ("drift", "--window", text),
    "slice": lambda text: ("drift", "--slice", text),
    "version": lambda text: ("models", "promote", "current", text),
    "name of a key": lambda text: ("keys", "create", "--role", "read", "--name", text),
    "term of a key": lambda text: ("keys", "create", "--role", "read", "--name", "a", "--expires", text),
    "beginning of a key": lambda text: ("keys", "revoke", text),
    "login": lambda text: ("users", "reset", text),
    "age": lambda text: ("store", "purge", "--older-than", text),
    "profile": lambda text: ("check", "a.xlsx", "--profile", text),
    "host": lambda text: ("serve", "--host", text, "--port", "1"),
    "number": lambda text: ("serve", "--port", text),
    "command": lambda text: (text,),
    "option": lambda text: ("check", f"--{text}"),
}
SETTINGS = ("FAROL_ALLOWED_HOSTS", "FAROL_CORS_ORIGINS", "FAROL_CHECK_SCHEDULE", "FAROL_DATABASE_URL", "FAROL_TIMEZONE")
KINDS: dict[str, Callable[[int], str]] = {
    **TEXTS,
    "digits": lambda n: "9" * n,
    "commas": lambda n: "a," * (n // 2),
    "brackets": lambda n: "[" * n,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty site."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAROL_LOCALE", "en")
    Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}").close()
    return tmp_path


def work_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The calls of a command, whether it refuses what it is given or finds nothing. No traceback comes."""
    monkeypatch.setattr(sys, "argv", ["farol", *arguments])
    with counted() as work, pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, 1, 2)
    return work.units


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_an_argument_costs_no_more_than_its_length(
    folder: Path, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    costly = {}
    for kind, make in KINDS.items():
        work_of(monkeypatch, *ARGUMENTS[argument](make(100)))
        small, large = (work_of(monkeypatch, *ARGUMENTS[argument](make(size))) for size in SIZES)
        if large > 2 * GROWTH * small:
            costly[kind] = small, large
    assert not costly


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_costs_no_more_than_its_length(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def work(text: str) -> int:
        monkeypatch.setenv(name, text)
        monkeypatch.setattr(sys, "argv", ["farol", "status"])
        with counted() as spent, pytest.raises(SystemExit):
            main()
        return spent.units

    costly = {}
    for kind, make in KINDS.items():
        work(make(100))
        small, large = map(work, map(make, SIZES))
        if large > 2 * GROWTH * small:
            costly[kind] = small, large
    assert not costly


NOTES: dict[str, Callable[[int], str]] = {
    "nesting": lambda n: '{"keys_in":' * (n // 11),
    "names": lambda n: "{" + ",".join(f'"{i}":1' for i in range(n // 6)) + "}",
    "databases": lambda n: '{"databases":[],"keys_in":[' + ",".join(['"a"'] * (n // 4)) + "]}",
    "digits": lambda n: '{"main":[' + "9" * n + ",1]}",
}


@pytest.mark.parametrize("kind", NOTES)
def test_a_note_of_ours_costs_no_more_than_its_length(tmp_path: Path, kind: str) -> None:
    """That of the keys beside the models, and that of the files beside the database, whoever wrote into them."""
    database = tmp_path / "farol.db"
    database.touch()

    def work(size: int) -> int:
        for note in (tmp_path / ".farol-site.json", sidecar_of(database)):
            note.write_text(NOTES[kind](size))
        with counted() as spent:
            keys_were_made(tmp_path, str(database))
            require_own(database)
        return spent.units

    small, large = map(work, (2_000, 16_000))
    assert large <= 2 * GROWTH * small + 100
