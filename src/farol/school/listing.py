"""The list: whom to see first. The database filters, sorts and counts; `farol.school.standings` says who is on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Subquery, func, or_, select

from farol.model.features import meanings_of
from farol.model.reasons import Reason
from farol.profile import Profile, Text, fold
from farol.pupils.ranking import By, ExpectedCases
from farol.school.names import names_of
from farol.school.recording import stored_reasons
from farol.school.standings import EXACT, Places, Standings, choose, expected_cases, expected_of_sums
from farol.store.database import Store
from farol.store.tables import cases, pupil_answers, pupil_names
from farol.workbook.student_code import student_code

PAGE_SIZE = 50
"""Pupils on a page of the list."""

RISKS = (0.75, 0.5, 0.25, 0.0)
"""Where the bands of a list begin, the highest first; each ends where the one before begins."""
UNANSWERED = len(RISKS)
"""The band of pupils of whom too little is known for an answer."""

STEPS = ("flagged", "talk", "plan", "follow-up", "closed")
"""The steps of a case, in their order."""
NO_CASE = "none"
"""In place of a step: nothing was recorded of the pupil in the year."""


class Order(StrEnum):
    """By what a list is sorted."""

    risk = "risk"
    student = "student"
    group = "class"
    level = "level"
    school = "school"
    reason = "reason"
    step = "step"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a reader asks of the list; None and empty: all.

    `everyone`: not only those on the list, but all pupils in its order. `band` is a place in `RISKS`, or UNANSWERED.
    """

    by: By = By.all
    places: int | None = None
    everyone: bool = False
    level: float | None = None
    group: str | None = None
    school: str | None = None
    band: int | None = None
    reason: str | None = None
    step: str | None = None
    search: str = ""
    order: Order = Order.risk
    page: int = 1


@dataclass(frozen=True, slots=True)
class ListedPupil:
    """One line. `rank` and `probability` are None without an answer; `listed`: within the places that there are."""

    rank: int | None
    student: str
    group: str | None
    level: float | None
    school: str | None
    probability: float | None
    at_risk_now: bool | None
    listed: bool
    tied: bool
    expected: tuple[float, float] | None
    name: str | None = None
    reasons: tuple[Reason, ...] = ()
    missing: tuple[Text, ...] = ()
    step: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PupilPage:
    """A page of the list. `matching` pupils fit what was asked, of whom `selected` tells the expected cases.

    `listed` tells them of the whole list, and `everybody` of all from whom it is made; of these `unanswered` have no
    answer. Of the pupils whom the reader may see, `unknown_now` cannot be counted among new cases or others, because
    nobody knows whether they are at risk now.
    """

    places: Places
    pupils: tuple[ListedPupil, ...]
    matching: int
    selected: ExpectedCases
    listed: ExpectedCases
    everybody: ExpectedCases
    unanswered: int
    unknown_now: int

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.matching // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class ListReader:
    """For whom a list is made: the classes that may be seen (None: all), and whether names are shown."""

    classes: frozenset[str] | None
    with_names: bool = False


def pupil_page(store: Store, profile: Profile, standings: Standings, query: ListQuery, reader: ListReader) -> PupilPage:
    """A page of the list. Raises StoreError."""
    seen = standings.seen_by(reader.classes)
    mask = seen & standings.of(query.by)
    ranked = standings.ranked(mask)
    places = choose(ranked, query.places)
    with store.snapshot() as connection:
        selection = _Selection.of(standings, query, reader, places.cut)
        matching, selected = _expected(connection, selection)
        rows = selection.rows().limit(PAGE_SIZE).offset(PAGE_SIZE * (query.page - 1))
        pupils = tuple(_Lines(profile, standings, reader, places).read(connection, rows))
    return PupilPage(
        places=places,
        pupils=pupils,
        matching=matching,
        selected=selected,
        listed=expected_cases(ranked[: places.listed]),
        everybody=expected_cases(ranked),
        unanswered=int(mask.sum()) - ranked.size,
        unknown_now=int(np.isnan(standings.at_risk_now[seen]).sum()),
    )


def every_pupil(
    store: Store, profile: Profile, standings: Standings, query: ListQuery, reader: ListReader
) -> list[ListedPupil]:
    """All pupils that fit what was asked, for a file or for paper. Raises StoreError."""
    places = choose(standings.ranked(standings.seen_by(reader.classes) & standings.of(query.by)), query.places)
    with store.snapshot() as connection:
        rows = _Selection.of(standings, query, reader, places.cut).rows()
        return list(_Lines(profile, standings, reader, places).read(connection, rows))


def schools_of(store: Store, standings: Standings, reader: ListReader) -> list[str]:
    """The schools of the pupils that may be seen, in the order of their names. Raises StoreError."""
    table = pupil_answers.c
    query = select(table.school).where(*_bounds(standings, reader), table.school.is_not(None)).distinct()
    with store.snapshot() as connection:
        return sorted(connection.execute(query).scalars(), key=fold)


def band_of(probability: float | None) -> int:
    """The place in `RISKS` of a probability, or UNANSWERED."""
    if probability is None:
        return UNANSWERED
    return next(place for place, low in enumerate(RISKS) if probability >= low)


@dataclass(frozen=True, slots=True, eq=False)
class _Selection:
    """The rows that fit, as SQL."""

    conditions: Sequence[ColumnElement[bool]]
    order: Order
    latest: Subquery
    needs_case: bool

    @classmethod
    def of(cls, standings: Standings, query: ListQuery, reader: ListReader, cut: float) -> _Selection:
        latest = _latest_cases(standings.year)
        conditions = [*_bounds(standings, reader), *_filters(query, latest, reader)]
        if not query.everyone:
            conditions.append(pupil_answers.c.probability >= cut)
        needs_case = query.step is not None or query.order is Order.step
        return cls(conditions, query.order, latest, needs_case)

    def figures(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """These columns of all rows."""
        return select(*columns).select_from(self._joined()).where(*self.conditions)

    def rows(self) -> Select[Any]:
        """The rows themselves, in order."""
        table = pupil_answers.c
        first = {
            Order.risk: (),
            Order.student: (table.student,),
            Order.group: (func.length(table["class"]).nulls_last(), table["class"].nulls_last()),
            Order.level: (table.level.nulls_last(),),
            Order.school: (table.school.nulls_last(),),
            Order.reason: (table.raising.desc(),),
            Order.step: (self.latest.c.step.nulls_first(),),
        }[self.order]
        return self.figures(*pupil_answers.c).order_by(*first, table.probability.desc().nulls_last(), table.student)

    def _joined(self) -> Any:
        if not self.needs_case:
            return pupil_answers
        return pupil_answers.outerjoin(self.latest, self.latest.c.student == pupil_answers.c.student)


def _bounds(standings: Standings, reader: ListReader) -> list[ColumnElement[bool]]:
    """The rows of the question that a reader may see: every query begins with these conditions."""
    table = pupil_answers.c
    conditions = [table.task == standings.task, table.year == standings.year]
    if reader.classes is not None:
        conditions.append(table["class"].in_(sorted(reader.classes)))
    return conditions


def _filters(query: ListQuery, latest: Subquery, reader: ListReader) -> Iterator[ColumnElement[bool]]:
    table = pupil_answers.c
    if query.by is not By.all:
        yield table.at_risk_now == (1 if query.by is By.recovery else 0)
    if query.level is not None:
        yield table.level == query.level
    if query.group is not None:
        yield table["class"] == query.group
    if query.school is not None:
        yield table.school == query.school
    if query.band == UNANSWERED:
        yield table.probability.is_(None)
    elif query.band is not None:
        yield table.probability >= RISKS[query.band]
        if query.band:
            yield table.probability < RISKS[query.band - 1]
    if query.reason is not None:
        yield table.raising.contains(f",{query.reason},", autoescape=True)
    if query.step == NO_CASE:
        yield latest.c.step.is_(None)
    elif query.step is not None:
        yield latest.c.step == query.step
    if query.search:
        yield _matches(query.search, reader)


def _matches(search: str, reader: ListReader) -> ColumnElement[bool]:
    """Whose code, or name where names are shown, has this text in it."""
    code = pupil_answers.c.student.contains(student_code(search) or search.upper(), autoescape=True)
    if not reader.with_names:
        return code
    named = select(pupil_names.c.student).where(pupil_names.c.folded.contains(fold(search), autoescape=True))
    return or_(code, pupil_answers.c.student.in_(named))


def _latest_cases(year: int) -> Subquery:
    """Each pupil's case of the year that was opened last."""
    last_first = (cases.c.opened.desc(), cases.c.id.desc())
    place = func.row_number().over(partition_by=cases.c.student, order_by=last_first).label("place")
    of_year = select(cases.c.student, cases.c.step, place).where(cases.c.year == year).subquery()
    return select(of_year.c.student, of_year.c.step).where(of_year.c.place == 1).subquery()


def _expected(connection: Connection, selection: _Selection) -> tuple[int, ExpectedCases]:
    """How many rows fit, and the expected cases among them."""
    risk = pupil_answers.c.probability
    sums = selection.figures(func.count(), func.count(risk), func.sum(risk), func.sum(risk * (1 - risk)))
    matching, answered, mean, variance = connection.execute(sums).one()
    if answered > EXACT:
        return matching, expected_of_sums(answered, mean, variance)
    # In one order, so that the same pupils give the same sum to the last digit.
    chances = connection.execute(selection.figures(risk).where(risk.is_not(None)).order_by(risk.desc())).scalars().all()
    return matching, ExpectedCases.of(np.array(chances, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """What turns rows into lines of the list."""

    profile: Profile
    standings: Standings
    reader: ListReader
    places: Places

    def read(self, connection: Connection, query: Select[Any]) -> Iterator[ListedPupil]:
        """The lines of the rows that a query gives."""
        rows = connection.execute(query).mappings().all()
        students = [row["student"] for row in rows]
        names = names_of(connection, students) if self.reader.with_names else {}
        steps = _steps(connection, self.standings.year, students)
        task = self.profile.tasks.get(self.standings.task)
        changeable = () if task is None else task.changeable
        meanings = meanings_of(self.profile)
        for row in rows:
            yield replace(
                self._line(row),
                name=names.get(row["student"]),
                step=steps.get(row["student"]),
                reasons=stored_reasons(row["reasons"], self.profile, changeable),
                missing=tuple(meanings[name] for name in json.loads(row["missing"]) if name in meanings),
            )

    def _line(self, row: RowMapping) -> ListedPupil:
        probability, low, high = row["probability"], row["expected_low"], row["expected_high"]
        is_listed = probability is not None and probability >= self.places.cut
        return ListedPupil(
            rank=None if probability is None else self.places.rank(probability),
            student=row["student"],
            group=row["class"],
            level=row["level"],
            school=row["school"],
            probability=probability,
            at_risk_now=None if row["at_risk_now"] is None else bool(row["at_risk_now"]),
            listed=is_listed,
            tied=is_listed and self.places.tied > 0 and probability == self.places.cut,
            expected=None if low is None else (low, high),
        )


_AT_ONCE = 500


def _steps(connection: Connection, year: int, students: Sequence[str]) -> dict[str, str]:
    latest, steps = _latest_cases(year), dict[str, str]()
    for start in range(0, len(students), _AT_ONCE):
        some = latest.c.student.in_(students[start : start + _AT_ONCE])
        query = select(latest.c.student, latest.c.step).where(some)
        steps |= {row.student: row.step for row in connection.execute(query)}
    return steps
