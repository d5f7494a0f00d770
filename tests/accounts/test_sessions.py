"""People sign in, and out; nobody guesses, nobody is locked out for good, and sessions end when they must."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farol.accounts import sessions
from farol.accounts.audit import Action, latest
from farol.accounts.passwords import hashed, matches
from farol.accounts.sessions import (
    FIRST_WAIT,
    FREE_FAILURES,
    IDLE,
    LONGEST,
    LONGEST_WAIT,
    SignedIn,
    change_password,
    end_session,
    end_sessions,
    session_of,
    sessions_of,
    sign_in,
)
from farol.accounts.users import accept_invitation, account_of, create_user, disable_user, reset_user
from farol.accounts.viewer import UserRole
from farol.store.database import Store

THEN = datetime(2025, 3, 1, 12, tzinfo=UTC)
PASSWORD = "quatro palavras bem longas"


def person(store: Store, login: str = "ana") -> str:
    """The id of an administrator whose password is PASSWORD."""
    user, token = create_user(store, login, login.title(), UserRole.administrator, (), at=THEN)
    assert accept_invitation(store, token, hashed(PASSWORD), at=THEN) is not None
    return user.id


def entered(store: Store, at: datetime = THEN, browser: str = "") -> SignedIn:
    done = sign_in(store, " Ana ", PASSWORD, at=at, browser=browser)
    assert done is not None
    return done


def failing(store: Store, times: int, at: datetime = THEN, **browser: str) -> None:
    for _ in range(times):
        assert sign_in(store, "ana", "wrong", at=at, **browser) is None


def test_a_session_is_found_by_its_token_alone(store: Store) -> None:
    person(store)
    done = entered(store)
    session = session_of(store, done.token, at=THEN)
    assert session is not None
    assert session.user.login == "ana"
    assert session.digest not in (done.token, "")
    assert session_of(store, session.digest, at=THEN) is None
    assert session_of(store, "", at=THEN) is None


def test_a_session_ends_by_idling_and_by_age(store: Store) -> None:
    person(store)
    token = entered(store).token
    assert session_of(store, token, at=THEN + IDLE) is None
    for hour in range(1, 12):  # each look keeps it from idling
        assert session_of(store, token, at=THEN + timedelta(hours=hour)) is not None
    assert session_of(store, token, at=THEN + LONGEST) is None


def test_signing_out_ends_one_session(store: Store) -> None:
    key = person(store)
    first, second = entered(store), entered(store)
    ended = session_of(store, first.token, at=THEN)
    assert ended is not None
    end_session(store, ended, at=THEN)
    assert session_of(store, first.token, at=THEN) is None
    assert len(sessions_of(store, key, at=THEN)) == 1
    end_sessions(store, key)
    assert session_of(store, second.token, at=THEN) is None


def test_another_password_ends_all_sessions_but_this(store: Store) -> None:
    person(store)
    here, there = entered(store), entered(store)
    session = session_of(store, here.token, at=THEN)
    assert session is not None
    assert not change_password(store, session.user, "wrong", "outra frase bem longa", keep=session.digest, at=THEN)
    assert change_password(store, session.user, PASSWORD, "outra frase bem longa", keep=session.digest, at=THEN)
    assert session_of(store, here.token, at=THEN) is not None
    assert session_of(store, there.token, at=THEN) is None
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None


@pytest.mark.parametrize("end", [disable_user, reset_user])
def test_who_is_disabled_or_reset_is_out_at_once(store: Store, end: object) -> None:
    person(store)
    person(store, "bia")
    token = entered(store).token
    assert callable(end)
    end(store, "ana", at=THEN)
    assert session_of(store, token, at=THEN) is None
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None


def test_guessing_at_an_open_screen_makes_the_account_wait(store: Store) -> None:
    key = person(store)
    session = session_of(store, entered(store).token, at=THEN)
    assert session is not None

    def changed(old: str, at: datetime) -> bool:
        return change_password(store, session.user, old, "outra frase bem longa", keep=session.digest, at=at)

    for _ in range(FREE_FAILURES):
        assert not changed("wrong", THEN)
    assert not changed(PASSWORD, THEN), "the right one waits as well"
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None, "and so does a sign-in"
    assert [entry.action for entry in latest(store, FREE_FAILURES)][1:] == [Action.refused] * (FREE_FAILURES - 1)
    assert changed(PASSWORD, THEN + FIRST_WAIT + timedelta(seconds=1))
    assert account_of(store, key).user == session.user
    assert sign_in(store, "ana", "outra frase bem longa", at=THEN + FIRST_WAIT + timedelta(seconds=2)) is not None


def test_wrong_passwords_make_an_account_wait_ever_longer(store: Store) -> None:
    person(store)
    failing(store, FREE_FAILURES)
    assert sign_in(store, "ana", PASSWORD, at=THEN + timedelta(seconds=29)) is None
    assert entered(store, THEN + timedelta(seconds=31))
    failing(store, FREE_FAILURES)
    at = THEN + timedelta(seconds=31)
    failing(store, 1, at)
    assert sign_in(store, "ana", PASSWORD, at=at + timedelta(seconds=59)) is None


def test_guesses_at_the_same_moment_count_each(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All had read the account before the first of them was noted: the sixth must wait, though its guess is right."""
    key = person(store)
    left = FREE_FAILURES

    def while_others_guess(encoded: str | None, password: str) -> bool:
        nonlocal left
        if left:
            left -= 1
            assert sign_in(store, "ana", "wrong", at=THEN) is None
        return matches(encoded, password)

    monkeypatch.setattr(sessions, "matches", while_others_guess)
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None
    assert account_of(store, key).locked_until == THEN + FIRST_WAIT
    assert sign_in(store, "ana", PASSWORD, at=THEN + FIRST_WAIT) is not None


@pytest.mark.parametrize("change", ["password", "reset", "disabled"])
def test_a_sign_in_under_way_brings_nothing_back(store: Store, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """The old password was right when it was looked at; before the session began, it was so no longer."""
    key = person(store)
    other = "outras quatro palavras"
    monkeypatch.setattr(sessions, "matches", matches)

    def while_it_changes(encoded: str | None, password: str) -> bool:
        fits = matches(encoded, password)
        monkeypatch.setattr(sessions, "matches", matches)
        if change == "password":
            assert change_password(store, account_of(store, key).user, PASSWORD, other, keep="", at=THEN)
        else:
            {"reset": reset_user, "disabled": disable_user}[change](store, key, at=THEN)
        return fits

    if change == "disabled":
        person(store, "bia")  # somebody must stay administrator
    monkeypatch.setattr(sessions, "matches", while_it_changes)
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None
    assert sessions_of(store, key, at=THEN) == []
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None
    assert (sign_in(store, "ana", other, at=THEN) is not None) == (change == "password")


def test_a_change_of_password_under_way_ends_with_a_reset(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key = person(store)

    def while_it_is_reset(encoded: str | None, password: str) -> bool:
        reset_user(store, key, at=THEN)
        return matches(encoded, password)

    monkeypatch.setattr(sessions, "matches", while_it_is_reset)
    assert not change_password(store, account_of(store, key).user, PASSWORD, "outras quatro palavras", keep="", at=THEN)
    assert not account_of(store, key).has_password


def test_nobody_is_locked_out_for_good(store: Store) -> None:
    person(store)
    at = THEN
    for _ in range(30):
        failing(store, 3, at)  # those that come while it waits do not make it wait longer
        at += LONGEST_WAIT
    assert entered(store, at + timedelta(seconds=1))


def test_a_browser_that_was_in_before_need_not_wait(store: Store) -> None:
    person(store)
    browser = entered(store).browser
    failing(store, 3 * FREE_FAILURES)
    assert sign_in(store, "ana", PASSWORD, at=THEN) is None
    assert entered(store, browser=browser)
    failing(store, FREE_FAILURES)
    failing(store, FREE_FAILURES, browser=browser)  # whoever sits at it may not guess for ever
    assert sign_in(store, "ana", PASSWORD, at=THEN, browser=browser) is None


@pytest.mark.parametrize("change", [lambda text: text[:-1] + "x", lambda _text: "x", lambda text: "x" + text])
def test_a_browser_cannot_say_of_itself_that_it_is_known(store: Store, change: object) -> None:
    person(store)
    browser = entered(store).browser
    failing(store, FREE_FAILURES)
    assert callable(change)
    assert sign_in(store, "ana", PASSWORD, at=THEN, browser=change(browser)) is None
    far = THEN + timedelta(days=365)
    failing(store, 2 * FREE_FAILURES, far)
    assert sign_in(store, "ana", PASSWORD, at=far, browser=browser) is None


def test_a_login_that_is_not_there_fails_as_a_wrong_password(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    person(store)
    asked: list[str] = []

    def noted(encoded: str | None, password: str) -> bool:
        asked.append(password)
        return matches(encoded, password)

    monkeypatch.setattr(sessions, "matches", noted)
    assert sign_in(store, "nobody", PASSWORD, at=THEN) is None
    assert sign_in(store, "ana", "wrong", at=THEN) is None
    assert asked == [PASSWORD, "wrong"]
    refusals = latest(store, 10, action=Action.refused)
    assert [bool(line.user) for line in refusals] == [True, False]
    assert not any("nobody" in line.details for line in refusals)


def test_an_old_hash_is_made_anew_at_the_next_sign_in(store: Store) -> None:
    from argon2 import PasswordHasher

    user, token = create_user(store, "ana", "Ana", UserRole.administrator, (), at=THEN)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    accept_invitation(store, token, weak, at=THEN)
    entered(store)
    with store.engine.connect() as connection:
        from farol.store.tables import users

        (row,) = connection.execute(users.select().where(users.c.id == user.id)).mappings()
    assert "m=19456,t=2,p=1" in row["password"]
    assert entered(store)
