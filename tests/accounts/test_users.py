"""Users are made, changed and disabled; one-time links are good once; there is always an administrator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farol.accounts.passwords import LEAST, MOST, hashed, matches, require_usable
from farol.accounts.users import (
    accept_invitation,
    account_of,
    all_accounts,
    change_user,
    create_user,
    disable_user,
    has_active_user,
    has_users,
    invite_first,
    invited,
    known_classes,
    reset_user,
    set_name,
)
from farol.accounts.viewer import UserRole
from farol.errors import InputError
from farol.store.database import Store

THEN = datetime(2025, 3, 1, 12, tzinfo=UTC)
ENCODED = hashed("quatro palavras bem longas")


def administrator(store: Store) -> str:
    return create_user(store, "Ana", "Ana", UserRole.administrator, (), at=THEN)[1]


def test_the_first_user_is_an_administrator(store: Store) -> None:
    assert not has_users(store)
    with pytest.raises(InputError, match="first user must be an administrator"):
        create_user(store, "bia", "Bia", UserRole.reader, (), at=THEN)
    administrator(store)
    assert has_users(store)
    user, _ = create_user(store, "bia", "Bia", UserRole.coordinator, ["3B", " 3C ", ""], at=THEN)
    assert user.classes == {"3B", "3C"}
    assert [account.user.login for account in all_accounts(store)] == ["ana", "bia"]
    assert known_classes(store) == []


@pytest.mark.parametrize(
    ("login", "name", "role", "classes"),
    [
        ("a b", "Ana", UserRole.reader, ()),
        ("", "Ana", UserRole.reader, ()),
        ("ana", "Outra", UserRole.reader, ()),
        ("bia", " ", UserRole.reader, ()),
        ("bia", "B\na", UserRole.reader, ()),
        ("bia", "Bia", UserRole.coordinator, ()),
    ],
)
def test_what_cannot_be_a_user_is_refused(
    store: Store, login: str, name: str, role: UserRole, classes: tuple[str, ...]
) -> None:
    administrator(store)
    with pytest.raises(InputError):
        create_user(store, login, name, role, classes, at=THEN)
    assert len(all_accounts(store)) == 1


def test_a_link_is_good_once(store: Store) -> None:
    token = administrator(store)
    assert invited(store, "another", at=THEN) is None
    user = invited(store, token, at=THEN)
    assert user is not None
    assert user.login == "ana"
    assert accept_invitation(store, token, ENCODED, at=THEN) == user
    assert accept_invitation(store, token, ENCODED, at=THEN) is None
    assert account_of(store, "ANA").has_password


def test_a_reset_spends_the_link_before_it(store: Store) -> None:
    before = administrator(store)
    _, token = reset_user(store, "ana", at=THEN)
    assert invited(store, before, at=THEN) is None
    assert invited(store, token, at=THEN) is not None


def test_the_first_administrator_may_come_by_a_link(store: Store) -> None:
    spent = invite_first(store, at=THEN)
    token = invite_first(store, at=THEN)
    assert token is not None
    assert spent is not None
    assert invited(store, spent, at=THEN) is None
    assert invited(store, token, at=THEN + timedelta(hours=1)) is None
    user = accept_invitation(store, token, ENCODED, at=THEN, login="ana", name="Ana")
    assert user is not None
    assert account_of(store, user.id).user.role is UserRole.administrator
    assert accept_invitation(store, token, ENCODED, at=THEN, login="bia", name="Bia") is None
    assert invite_first(store, at=THEN) is None


def test_the_first_link_is_spent_once_somebody_is_there(store: Store) -> None:
    token = invite_first(store, at=THEN)
    administrator(store)
    assert token is not None
    assert invited(store, token, at=THEN) is None


def test_there_is_always_an_administrator(store: Store) -> None:
    administrator(store)
    with pytest.raises(InputError, match="only administrator"):
        disable_user(store, "ana", at=THEN)
    with pytest.raises(InputError, match="only administrator"):
        change_user(store, "ana", name="Ana", role=UserRole.reader, classes=())
    create_user(store, "bia", "Bia", UserRole.administrator, (), at=THEN)
    disable_user(store, "ana", at=THEN)
    assert account_of(store, "ana").disabled == THEN
    assert has_active_user(store)


def test_a_role_and_a_name_may_change(store: Store) -> None:
    administrator(store)
    user, _ = create_user(store, "bia", "Bia", UserRole.reader, (), at=THEN)
    decomposed = change_user(store, "bia", name="Bia", role=UserRole.coordinator, classes=[" Fe\u0301nix "])
    assert decomposed.classes == {"F\u00e9nix"}, "as the class of a pupil is stored, else none would be seen"
    changed = change_user(store, "bia", name="Bia Reis", role=UserRole.coordinator, classes=["3B"])
    assert (changed.id, changed.name, sorted(changed.classes)) == (user.id, "Bia Reis", ["3B"])
    set_name(store, user.id, "Beatriz")
    assert account_of(store, "bia").user.name == "Beatriz"
    with pytest.raises(InputError, match="no such user"):
        account_of(store, "nobody")


@pytest.mark.parametrize(
    ("password", "again"),
    [
        ("a" * 12, "a" * 12),
        ("curta", "curta"),
        ("x1y2z3" * 40, "x1y2z3" * 40),
        ("ana.maria.1", "ana.maria.1"),
        ("uma frase longa", "outra frase longa"),
    ],
)
def test_what_cannot_be_a_password_is_refused(password: str, again: str) -> None:
    with pytest.raises(InputError):
        require_usable(password, again, "ana.maria.1")


def test_a_long_password_counts_to_its_end() -> None:
    longest = "xyzw" * (MOST // 4)
    require_usable(longest, longest, "ana")
    require_usable("x1y2z3w4v5"[:LEAST], "x1y2z3w4v5"[:LEAST], "ana")
    encoded = hashed(longest)
    assert matches(encoded, longest)
    assert not matches(encoded, longest + "a" * 10_000)
    assert not matches("no hash", longest)
    assert not matches(None, longest)


def test_a_link_ends_in_a_week(store: Store) -> None:
    token = administrator(store)
    assert invited(store, token, at=THEN + timedelta(days=7, seconds=-1)) is not None
    assert invited(store, token, at=THEN + timedelta(days=7)) is None
