"""Versions that begin to answer are recorded once, by whoever sees them first; events are told in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from farol.alerts.events import notice_served, words_of
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.store.database import Store
from farol.store.history import SERVED, WORKBOOK, Event, Events
from tests.bundles import make_bundle

NOW = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for seed in (0, 1):
        make_bundle(tmp_path, seed=seed)
    return Registry(tmp_path)


def serve(registry: Registry, version: str) -> Bundle:
    registry.promote("current", version)
    return registry.load("current")


def served(store: Store) -> list[tuple[object, object, object]]:
    """Version, the one before and how, the oldest first."""
    result = reversed(Events(store).latest(99, "current", SERVED))
    return [(each.details["version"], each.details["previous"], each.details["by"]) for each in result]


def test_promotions_and_a_rollback_are_recorded_as_such(store: Store, registry: Registry) -> None:
    each, two = (entry.version for entry in registry.versions("current"))
    assert notice_served(store, registry, serve(registry, each), NOW)
    assert not notice_served(store, registry, serve(registry, each), NOW), "it is known"
    assert notice_served(store, registry, serve(registry, two), NOW + timedelta(hours=1))
    registry.rollback("current")
    assert notice_served(store, registry, registry.load("current"), NOW + timedelta(hours=2))
    assert served(store) == [(each, None, "promotion"), (two, each, "promotion"), (each, two, "rollback")]
    (workbook,) = Events(store).latest(9, "current", WORKBOOK)
    assert workbook.details == {"fingerprint": "0" * 12, "years": ["2022", "2023", "2024"], "version": each}


def test_several_workers_record_it_once(store: Store, registry: Registry) -> None:
    each, two = (entry.version for entry in registry.versions("current"))
    first = serve(registry, each)
    with ThreadPoolExecutor(4) as pool:
        message = list(pool.map(lambda _: notice_served(store, registry, first, NOW), range(8)))
    assert message.count(True) == 1
    assert served(store) == [(each, None, "promotion")]
    assert two != each


def test_a_worker_with_the_old_version_records_nothing(store: Store, registry: Registry) -> None:
    each, two = (entry.version for entry in registry.versions("current"))
    old = serve(registry, each)
    notice_served(store, registry, old, NOW)
    notice_served(store, registry, serve(registry, two), NOW)
    assert not notice_served(store, registry, old, NOW)
    assert [version for version, _, _ in served(store)] == [each, two]


def event(kind: str, **details: object) -> Event:
    return Event("id", NOW, kind, "current", details)


@pytest.mark.parametrize(
    ("happened", "english", "portuguese"),
    [
        (
            event("served", by="promotion", version="2024-abc", previous=None),
            "Version 2024-abc is now in use.",
            "A versão 2024-abc está em uso agora.",
        ),
        (
            event("served", by="rollback", version="2024-abc", previous="2024-def"),
            "Version 2024-abc is in use again: rolled back.",
            "A versão 2024-abc está em uso de novo: a troca foi desfeita.",
        ),
        (
            event("workbook", years=[], version="2024-abc", fingerprint="5f1c"),
            "A model learned from a workbook.",
            "Um modelo aprendeu com uma planilha.",
        ),
        (
            event("workbook", years=[2022, 2023], version="2024-abc", fingerprint="5f1c"),
            "A model learned from a workbook of 2022, 2023.",
            "Um modelo aprendeu com uma planilha de 2022, 2023.",
        ),
        (
            event("outcomes", year=2024),
            "What came true in 2024 was recorded.",
            "Foi registrado o que se confirmou em 2024.",
        ),
        (
            event("alert", reason="drift", **{"from": "none", "to": "severe"}),
            "The alarm changed: No drift → Severe drift.",
            "O alarme mudou: Sem drift → Drift severo.",
        ),
        (
            event("alert", reason="version", **{"from": "severe", "to": "none"}),
            "The alarm ended: another version is now in use.",
            "O alarme terminou: outra versão está em uso agora.",
        ),
        (event("of another Farol"), "of another Farol", "of another Farol"),
        (event("served", of="a later shape"), "served", "served"),
    ],
)
def test_an_event_is_one_sentence_in_either_language(happened: Event, english: str, portuguese: str) -> None:
    assert words_of(happened, "en") == english
    assert words_of(happened, "pt_BR") == portuguese
