"""The list of kinds of support is the school's: it grows, changes its names, and never loses what a case names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from farol.casework.supports import FIRST_KINDS, MOST_KINDS, add_kind, offer_kind, rename_kind, support_kinds
from farol.errors import InputError
from farol.store.database import Store
from tests.casework.site import THEN


def names(store: Store, locale: str = "pt_BR") -> list[str]:
    return [kind.name.render(locale) for kind in support_kinds(store).values()]


def test_a_school_begins_with_a_list_in_its_language(store: Store) -> None:
    assert list(support_kinds(store)) == list(FIRST_KINDS)
    assert {"reforço escolar", "tutoria", "apoio psicológico", "conversa com a família", "busca ativa"} <= set(
        names(store)
    )
    assert "tutoring" in names(store, "en")


def test_kinds_are_added_renamed_and_retired(store: Store) -> None:
    kind = add_kind(store, "  Clube   de leitura ", at=THEN)
    assert names(store)[-1] == "Clube de leitura"
    rename_kind(store, "tutoring", "Padrinho de estudo", at=THEN)
    assert "Padrinho de estudo" in names(store, "en")
    assert "tutoria" not in names(store)
    offer_kind(store, kind.id, is_offered=False, at=THEN)
    assert not support_kinds(store)[kind.id].is_offered
    offer_kind(store, kind.id, is_offered=True, at=THEN)
    assert support_kinds(store)[kind.id] == kind
    assert len(support_kinds(store)) == len(FIRST_KINDS) + 1


def test_a_name_that_cannot_be_is_refused(store: Store) -> None:
    for name, problem in (
        ("", "has no name"),
        ("TUTORIA", "of this name already"),
        ("x" * 61, "too long"),
        ("ligar 98765-4321", "telephone"),
    ):
        with pytest.raises(InputError, match=problem):
            add_kind(store, name, at=THEN)
    with pytest.raises(InputError, match="no such kind"):
        rename_kind(store, "alchemy", "Alquimia", at=THEN)
    rename_kind(store, "tutoring", "Tutoria", at=THEN)  # its own name is free
    for number in range(MOST_KINDS - len(FIRST_KINDS)):
        add_kind(store, f"apoio {'a' * number}.", at=THEN)
    with pytest.raises(InputError, match="has 60 kinds"):
        add_kind(store, "mais um", at=THEN)


def test_kinds_added_at_the_same_moment_are_all_kept(store: Store) -> None:
    together = Barrier(6)

    def add(number: int) -> str:
        together.wait()
        return add_kind(store, f"oficina {number}", at=THEN).id

    with ThreadPoolExecutor(6) as people:
        added = list(people.map(add, range(6)))
    assert set(added) < support_kinds(store).keys()
    assert sorted(names(store)[-6:]) == [f"oficina {number}" for number in range(6)]


def test_a_kind_that_is_refused_changes_nothing(store: Store) -> None:
    add_kind(store, "oficina", at=THEN)
    before = support_kinds(store)
    with pytest.raises(InputError, match="of this name already"):
        add_kind(store, "Oficina", at=THEN)
    assert support_kinds(store) == before
