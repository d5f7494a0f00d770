"""Keys are kept as digests, told apart in constant time, and end for good."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from farol.errors import InputError, StoreError
from farol.store import keys as keys_module
from farol.store.database import Store
from farol.store.keys import ApiKey, Keys, Role, make_key, match_key

NOW = datetime(2026, 3, 2, 21, 24, tzinfo=UTC)


def made(role: Role = Role.read, **changes: datetime) -> tuple[str, ApiKey]:
    text, key = make_key(role, "Secretaria", at=NOW)
    return text, replace(key, **changes)  # type: ignore[arg-type]  # moments only


def test_a_key_is_256_random_bits_behind_a_prefix() -> None:
    text, key = made()
    assert re.fullmatch(r"farol_[0-9a-f]{12}_[0-9a-f]{64}", text)
    assert text[6:18] == key.prefix
    assert key.digest == sha256(text.encode()).digest()
    assert len({made()[0] for _ in range(100)}) == 100


def test_what_was_kept_is_read_back_the_oldest_first(store: Store) -> None:
    late = made(created=NOW + timedelta(microseconds=1), expires=NOW + timedelta(days=90))[1]
    early = made(Role.manage, revoked=NOW + timedelta(days=1))[1]
    for key in (late, early):
        Keys(store).add(key)
    assert Keys(store).all() == [early, late]


def test_a_key_is_revoked_once_and_for_good(store: Store) -> None:
    _, key = made()
    _, other = made()
    for each in (key, other):
        Keys(store).add(each)
    assert Keys(store).revoke(key.prefix, NOW).revoked == NOW
    assert Keys(store).revoke(key.prefix, NOW + timedelta(days=1)).revoked == NOW, "the first moment stays"
    assert {each.prefix: each.revoked for each in Keys(store).all()} == {key.prefix: NOW, other.prefix: None}
    with pytest.raises(InputError, match="No key begins"):
        Keys(store).revoke("0" * 12, NOW)


def test_two_keys_do_not_share_a_prefix(store: Store) -> None:
    _, key = made()
    Keys(store).add(key)
    with pytest.raises(StoreError):
        Keys(store).add(key)


def test_no_file_of_the_database_holds_the_key(tmp_path: Path) -> None:
    text, key = made()
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        Keys(store).add(key)
        everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert key.digest.hex().encode() in everything
        assert text[-64:].encode() not in everything
        assert bytes.fromhex(text[-64:]) not in everything
    assert text not in repr(key)
    assert key.digest.hex() not in repr(key)


def test_only_the_key_itself_is_taken() -> None:
    text, key = made()
    keys = {key.prefix: key}
    assert match_key(keys, text, NOW) is key
    last = "0" if text[-1] != "0" else "1"
    for other in ("", "farol_", text[:-1] + last, text + "0", text.upper(), f" {text}", made()[0], "é" * 20, "\ud800"):
        assert match_key(keys, other, NOW) is None
    assert match_key({}, text, NOW) is None


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    text, key = made(expires=NOW + timedelta(days=1))
    assert match_key({key.prefix: key}, text, NOW)
    assert match_key({key.prefix: key}, text, NOW + timedelta(days=1)) is None
    assert match_key({key.prefix: replace(key, revoked=NOW)}, text, NOW) is None


def test_digests_are_compared_in_constant_time_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    class Watched:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(keys_module, "hmac", Watched)
    text, key = made()
    for presented in (text, text[:-1] + "x", "nobody", ""):
        match_key({key.prefix: key}, presented, NOW)
    assert compared == [(32, 32)] * 4, "a key with no known prefix costs the same"


@pytest.mark.parametrize(
    ("role", "allowed"), [("predict", {"predict"}), ("read", {"read"}), ("manage", {"predict", "read", "manage"})]
)
def test_a_role_may_do_its_own_and_manage_everything(role: str, allowed: set[str]) -> None:
    assert {needed.value for needed in Role if Role(role).allows(needed)} == allowed


def test_an_unreachable_database_is_reported_as_such(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        with store.engine.begin() as connection:
            connection.execute(sql("DROP TABLE api_keys"))
        with pytest.raises(StoreError):
            Keys(store).all()
