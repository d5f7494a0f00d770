"""Purpose and legal basis are recorded whole, and printed where somebody reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from farol.accounts.purpose import LONGEST, Purpose, purpose_words, read_purpose, write_purpose
from farol.errors import InputError
from farol.store.database import Store

THEN = datetime(2025, 3, 1, 12, tzinfo=UTC)
WHOLE = Purpose("Oferecer apoio cedo", "policy", "Escola Aurora", "dados@aurora.example")


def test_a_purpose_is_recorded_and_printed(store: Store) -> None:
    assert read_purpose(store) == Purpose()
    assert purpose_words(store, "pt_BR") == ()
    write_purpose(store, WHOLE, THEN)
    assert read_purpose(store) == WHOLE
    purpose, basis, responsible = purpose_words(store, "pt_BR")
    assert purpose == "Finalidade: Oferecer apoio cedo"
    assert "art. 7º, III" in basis
    assert "melhor interesse" in basis
    assert "Escola Aurora" in responsible


@pytest.mark.parametrize(
    "wrong",
    [replace(WHOLE, purpose=" "), replace(WHOLE, contact="x" * (LONGEST + 1)), replace(WHOLE, basis="none of them")],
)
def test_half_a_purpose_is_refused(store: Store, wrong: Purpose) -> None:
    with pytest.raises(InputError):
        write_purpose(store, wrong, THEN)
    assert read_purpose(store) == Purpose()
