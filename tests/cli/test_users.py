"""`farol users`: the link is shown once, roles change, and a start offers the first link."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from farol.accounts.audit import latest
from farol.accounts.users import create_user, invited
from farol.accounts.viewer import UserRole
from farol.cli.serve import announce
from farol.cli.users import UserRoleName
from farol.settings import Settings
from farol.store.database import Store
from tests.cli.conftest import Farol
from tests.cli.test_keys import run

__all__ = ["run"]

MADE = ("users", "create", "--login", "Ana", "--name", "Ana Reis")
LINK = re.compile(r"http://127\.0\.0\.1:8000/first/([\w-]{43})")


def test_the_link_alone_is_printed(run: Farol, tmp_path: Path) -> None:
    out, err = run(*MADE, "--role", "administrator")
    match = LINK.fullmatch(out.strip())
    assert match
    assert "Ana Reis" in err
    assert match[1] not in err
    with Store.open(Settings(data=tmp_path / "data").store_url) as store:
        assert invited(store, match[1], at=datetime.now(UTC)) is not None
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert match[1].encode() not in everything


def test_users_are_listed_with_role_classes_and_state(run: Farol) -> None:
    assert (
        "Não há usuários" in run("users", "list")[0] if run("keys", "create", "--role", "read", "--name", "x") else ""
    )
    run(*MADE, "--role", "administrator")
    run("users", "create", "--role", "coordinator", "--login", "bia", "--name", "Bia", "--class", "3B", "--class", "3C")
    listed = json.loads(run("users", "list", "--format", "json")[0])
    assert [(user["login"], user["role"], user["classes"]) for user in listed] == [
        ("ana", "administrator", []),
        ("bia", "coordinator", ["3B", "3C"]),
    ]
    assert "ainda não escolheu a senha" in run("users", "list")[0]
    run("users", "role", "bia", "--role", "reader")
    run("users", "disable", "bia")
    listed = json.loads(run("users", "list", "--format", "json")[0])
    assert (listed[1]["role"], listed[1]["classes"], listed[1]["state"]) == ("reader", [], "disabled")
    assert LINK.fullmatch(run("users", "reset", "bia")[0].strip())
    assert json.loads(run("users", "list", "--format", "json")[0])[1]["state"] == "invited"


def test_a_user_was_made_on_a_day_of_the_school(run: Farol, tmp_path: Path) -> None:
    evening = datetime(2026, 1, 1, 1, tzinfo=UTC)  # of the last day of 2025 in São Paulo
    with Store.open(Settings(data=tmp_path / "data").store_url) as store:
        create_user(store, "ana", "Ana", UserRole.administrator, (), at=evening)
    assert " 31/12/2025 " in run("users", "list")[0]


def test_what_a_command_does_to_users_is_audited(run: Farol, tmp_path: Path) -> None:
    run(*MADE, "--role", "administrator")
    run("users", "create", "--role", "reader", "--login", "bia", "--name", "Bia")
    run("users", "role", "bia", "--role", "administrator")
    run("users", "reset", "bia")
    run("users", "disable", "bia")
    run("users", "disable", "ana", code=2)
    with Store.open(Settings(data=tmp_path / "data").store_url) as store:
        told = [(entry.user, entry.details.removesuffix(", by command")) for entry in reversed(latest(store, 10))]
    deeds = ["ana: created", "bia: created", "bia: role, classes or name", "bia: reset", "bia: disabled"]
    assert told == [("", deed) for deed in deeds]


def test_an_impossible_action_is_explained(run: Farol) -> None:
    assert "primeiro usuário" in run(*MADE, "--role", "reader", code=2)[1]
    run(*MADE, "--role", "administrator")
    assert "único administrador" in run("users", "disable", "ana", code=2)[1]
    assert "Não existe esse usuário" in run("users", "reset", "nobody", code=2)[1]


def test_the_roles_of_the_command_are_those_of_the_pages() -> None:
    assert [role.value for role in UserRoleName] == [role.value for role in UserRole]


def test_a_start_offers_the_first_link_until_there_is_a_user(
    run: Farol, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(artifacts=tmp_path / "artifacts", data=tmp_path / "data")
    announce(settings)
    (first,) = LINK.findall(capsys.readouterr().out)
    with Store.open(settings.store_url) as store:
        assert invited(store, first, at=datetime.now(UTC)) is not None
    run(*MADE, "--role", "administrator")
    announce(settings)
    assert LINK.findall(capsys.readouterr().out) == []
