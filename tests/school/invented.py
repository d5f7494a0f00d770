"""Answers for invented pupils, straight into the tables: for lists of any size, without a workbook."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from farol.school.standings import Standings, standings_of
from farol.store.database import Store
from farol.store.pupils import revise
from farol.store.records import microseconds
from farol.store.tables import pupil_answers, pupil_years

NOW = datetime(2024, 12, 15, 15, tzinfo=UTC)
TASK, YEAR = "next-year", 2024
REASONS = ("IDA", "IEG", "MATEMATICA", "IPV")


def answer(student: str, **values: object) -> dict[str, object]:
    """A row of `pupil_answers`; `probability` None: no answer."""
    row: dict[str, object] = {
        "task": TASK,
        "year": YEAR,
        "student": student,
        "version": "2024-test",
        "prediction": "p",
        "at": microseconds(NOW),
        "class": "3A",
        "level": 3.0,
        "school": None,
        "at_risk_now": 0,
        "probability": 0.5,
        "band": 0,
        "expected_low": 0.4,
        "expected_high": 0.6,
        "reasons": "[]",
        "raising": ",",
        "missing": "[]",
    }
    return row | values


def reasons(*features: str) -> dict[str, object]:
    """The columns of reasons that raise the risk, the first the weightiest."""
    stored = [{"feature": name, "contribution": 0.9 - 0.1 * i, "value": 3.0} for i, name in enumerate(features)]
    return {"reasons": json.dumps(stored), "raising": "".join(f",{name}" for name in features) + ","}


def fill(store: Store, answers: Sequence[Mapping[str, object]]) -> None:
    """Keep answers, and the rows of the year that they come from."""
    years = [
        {
            "year": row["year"],
            "student": row["student"],
            "class": row["class"],
            "level": row["level"],
            "label": row["at_risk_now"],
            "values": json.dumps({"IDA": 5.0, "IEG": 6.0}),
            "fingerprint": "f" * 64,
            "recorded": microseconds(NOW),
        }
        for row in answers
    ]
    with store.exclusive() as connection:
        connection.execute(pupil_answers.insert(), list(answers))
        connection.execute(pupil_years.insert(), years)
        revise(connection, microseconds(NOW))


def invented(n: int, *, seed: int = 0, classes: int = 12) -> list[dict[str, object]]:
    """Answers for `n` pupils of these `classes` in nine levels: some tie, one in twenty has none."""
    rng = np.random.default_rng(seed)
    chances = np.round(rng.beta(1.2, 1.8, n), 3)
    rows = []
    for number, chance in enumerate(chances.tolist()):
        group = int(rng.integers(classes))
        features = rng.permutation(np.array(REASONS))[:2].tolist()
        rows.append(
            answer(
                f"RA-{number}",
                **{"class": f"{group % 9}{chr(65 + group // 9 % 26)}{group // 234 or ''}", "level": float(group % 9)},
                at_risk_now=None if number % 97 == 0 else int(rng.random() < 0.4),
                probability=None if number % 20 == 7 else chance,
                **reasons(*features),
            )
        )
    return rows


def known_standings(store: Store) -> Standings:
    """Where the pupils of a store with answers stand."""
    standings = standings_of(store, TASK)
    assert standings is not None
    return standings
