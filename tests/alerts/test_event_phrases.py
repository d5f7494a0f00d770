from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from farol.alerts.event_phrases import as_dict, words_of
from farol.store.history import Event

AT = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)


def event(kind: str, **details: object) -> Event:
    return Event("id", AT, kind, "current", details)


@pytest.mark.parametrize(
    ("happened", "english", "portuguese"),
    [
        (
            event("served", by="promotion", version="2024-abc", previous=None),
            "Version 2024-abc answers from here on.",
            "A versão 2024-abc passa a responder.",
        ),
        (
            event("served", by="rollback", version="2024-abc", previous="2024-def"),
            "Version 2024-abc answers again: rolled back.",
            "A versão 2024-abc volta a responder: a anterior foi desfeita.",
        ),
        (
            event("workbook", years=[2022, 2023], version="2024-abc", fingerprint="5f1c"),
            "A model learned from a workbook of 2022, 2023.",
            "Um modelo aprendeu com uma planilha de 2022, 2023.",
        ),
        (event("outcomes"), "What really happened was recorded.", "Foi registrado o que de fato aconteceu."),
        (
            event("alert", reason="drift", **{"from": "none", "to": "severe"}),
            "The alarm changed: No drift → Severe drift.",
            "O alarme mudou: Sem drift → Drift severo.",
        ),
        (
            event("alert", reason="version", **{"from": "severe", "to": "none"}),
            "The alarm ended with the version it was about.",
            "O alarme terminou com a versão de que tratava.",
        ),
        (event("of another Farol"), "of another Farol", "of another Farol"),
        (event("served", of="a later shape"), "served", "served"),
    ],
)
def test_an_event_is_one_sentence_in_either_language(happened: Event, english: str, portuguese: str) -> None:
    assert words_of(happened, "en") == english
    assert words_of(happened, "pt_BR") == portuguese


def test_an_event_for_programs_has_both_times_and_its_words() -> None:
    happened = event("outcomes", year=2024)
    assert as_dict(happened, "en", ZoneInfo("America/Sao_Paulo")) == {
        "event_id": "id",
        "timestamp": "2024-06-30T09:00:00.000-03:00",
        "timestamp_utc": "2024-06-30T12:00:00.000+00:00",
        "kind": "outcomes",
        "task": "current",
        "details": {"year": 2024},
        "text": "What really happened was recorded.",
    }
