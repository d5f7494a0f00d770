"""What came of the pupils a year later, by kind of support, beside what the forecast had expected of the same pupils.

Who got support was chosen, so none of this shows that support helped: pupils who seem to need it most get it, and are
still more often behind. Nothing of it enters training, which reads workbooks alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from sqlalchemy import select

from farol.accounts.viewer import Viewer
from farol.casework.cases import CaseState, case_of, pupil_class, seen_cases
from farol.casework.steps import ClosingReason
from farol.evaluation.intervals import Floats, share_of, true_cases
from farol.evaluation.metrics import COVERAGE, Estimate
from farol.store.database import Store
from farol.store.tables import cases, pupil_answers, pupil_years

NO_SUPPORT, NO_CASE = "no-support", "no-case"
"""Stand for pupils with a case that names no support, and for those without a case."""

MOST_EXACT = 1500
"""Pupils up to which the interval of the expected number is exact; its time grows with the square."""

_NO_WORK = frozenset({ClosingReason.mistake, ClosingReason.not_applicable})


@dataclass(frozen=True, slots=True)
class SupportOutcome:
    """What came of the pupils of a group, all of whom have a forecast of `year` and an outcome in the year after.

    `kind`: id of a kind of support, NO_SUPPORT or NO_CASE. `pupils`: all of the group; `known`: those with a forecast
    and an outcome; `at_risk`: how many of these are at risk; `share`: of the known; `expected`: how many the forecast
    had expected of them. Both with 95% intervals, and None without known pupils.
    """

    kind: str
    pupils: int
    known: int
    at_risk: int
    share: Estimate | None
    expected: Estimate | None


def years_of_results(store: Store, viewer: Viewer) -> list[int]:
    """The years with cases that the viewer may see, the newest first."""
    seen = seen_cases(viewer).subquery()
    with store.reading() as connection:
        return sorted(connection.execute(select(seen.c.year).distinct()).scalars(), reverse=True)


def outcomes_by_support(store: Store, viewer: Viewer, task: str, year: int) -> list[SupportOutcome]:
    """Each kind of support that cases of `year` name, then NO_SUPPORT and NO_CASE; `task` forecasts the year after.

    A pupil with two kinds counts in both. Cases closed as flagged by mistake, or as not applicable, count as no case.
    """
    answers, later = pupil_answers, pupil_years
    after = (later.c.student == answers.c.student) & (later.c.year == year + 1)
    query = select(answers.c.student, answers.c.probability, later.c.label).select_from(answers.outerjoin(later, after))
    query = query.where(answers.c.task == task, answers.c.year == year)
    if viewer.classes is not None:
        query = query.where(pupil_class(answers).in_(sorted(viewer.classes)))
    with store.reading() as connection:
        forecast = {row[0]: (row[1], row[2]) for row in connection.execute(query)}
        own = seen_cases(viewer).where(cases.c.year == year)
        known = [case_of(row) for row in connection.execute(own).mappings()]
    groups: dict[str, set[str]] = {}
    for case in known:
        for kind in _kinds(case.state):
            groups.setdefault(kind, set()).add(case.student)
    worked = set().union(*groups.values())
    supported = set().union(*(pupils for kind, pupils in groups.items() if kind != NO_SUPPORT))
    bare = groups.pop(NO_SUPPORT, set()) - supported
    parts = [*sorted(groups.items()), (NO_SUPPORT, bare), (NO_CASE, forecast.keys() - worked)]
    return [_outcome(kind, pupils, forecast) for kind, pupils in parts if pupils]


def expected_number(probability: Floats) -> Estimate:
    """How many of pupils with these probabilities (n,) will be at risk, with the central 95% of that number."""
    if probability.size <= MOST_EXACT:
        return true_cases(probability)
    mean = float(probability.sum())
    half = NormalDist().inv_cdf(0.5 + COVERAGE / 2) * sqrt(float((probability * (1 - probability)).sum()))
    return Estimate(mean, max(0.0, mean - half), min(float(probability.size), mean + half))


def _kinds(state: CaseState) -> Iterable[str]:
    if state.reason in _NO_WORK:
        return ()
    return {item.kind for item in state.supports} or (NO_SUPPORT,)


def _outcome(kind: str, pupils: Iterable[str], forecast: dict[str, tuple[float | None, int | None]]) -> SupportOutcome:
    everyone = list(pupils)
    rows = [forecast.get(student, (None, None)) for student in everyone]
    both = [(chance, label) for chance, label in rows if chance is not None and label is not None]
    at_risk = sum(label for _chance, label in both)
    if not both:
        return SupportOutcome(kind, len(everyone), 0, 0, None, None)
    expected = expected_number(np.array([chance for chance, _label in both]))
    return SupportOutcome(kind, len(everyone), len(both), at_risk, share_of(at_risk, len(both)), expected)
