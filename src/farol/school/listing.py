"""The list: whom to see first. The standings filter, sort and count; the database gives the lines of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, Subquery, func, select

from farol.model.features import meanings_of
from farol.model.reasons import Reason
from farol.profile import Profile, Text, fold
from farol.pupils.ranking import By, ExpectedCases
from farol.school.names import names_of
from farol.school.recording import stored_reasons
from farol.school.standings import Mask, Places, Standings, choose, expected_cases
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
        chosen = _chosen(connection, standings, query, reader, places)
        start = PAGE_SIZE * (query.page - 1)
        pupils = _Lines(profile, standings, reader, places).read(connection, chosen[start : start + PAGE_SIZE])
        return PupilPage(
            places=places,
            pupils=tuple(pupils),
            matching=chosen.size,
            selected=expected_cases(standings.ranked(np.sort(chosen))),
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
        chosen = _chosen(connection, standings, query, reader, places)
        return list(_Lines(profile, standings, reader, places).read(connection, chosen))


Positions = NDArray[np.int64]
"""Of pupils in the standings."""


def _chosen(
    connection: Connection, standings: Standings, query: ListQuery, reader: ListReader, places: Places
) -> Positions:
    """The positions of the pupils that fit, in the order that was asked for: of those alone who may be seen."""
    needs_steps = query.step is not None or query.order is Order.step
    steps = _all_steps(connection, standings.year) if needs_steps else {}
    mask = standings.seen_by(reader.classes) & standings.of(query.by)
    for condition in _conditions(connection, standings, query, reader, steps):
        mask &= condition
    if not query.everyone:
        mask &= standings.probability >= places.cut
    order = np.argsort(_keys(standings, query.order, steps), kind="stable")
    chosen: Positions = order[mask[order]]
    return chosen


def _conditions(
    connection: Connection, standings: Standings, query: ListQuery, reader: ListReader, steps: Mapping[str, str]
) -> Iterator[Mask]:
    if query.level is not None:
        yield standings.level == query.level
    if query.group is not None:
        yield standings.in_class(query.group)
    if query.school is not None:
        yield standings.in_school(query.school)
    if query.band == UNANSWERED:
        yield np.isnan(standings.probability)
    elif query.band is not None:
        upper = RISKS[query.band - 1] if query.band else np.inf
        yield (standings.probability >= RISKS[query.band]) & (standings.probability < upper)
    if query.reason is not None:
        yield standings.raised_by(query.reason)
    if query.step == NO_CASE:
        yield ~standings.among(steps)
    elif query.step is not None:
        yield standings.among({student for student, step in steps.items() if step == query.step})
    if query.search:
        yield _matches(connection, standings, query.search, reader)


def _matches(connection: Connection, standings: Standings, search: str, reader: ListReader) -> Mask:
    """Whose code, or name where names are shown, has this text in it."""
    code = student_code(search) or search.upper()
    mask = np.array([code in student for student in standings.student], dtype=np.bool_)
    if reader.with_names:
        query = select(pupil_names.c.student).where(pupil_names.c.folded.contains(fold(search), autoescape=True))
        mask |= standings.among(set(connection.execute(query).scalars()))
    return mask


def _keys(standings: Standings, order: Order, steps: Mapping[str, str]) -> NDArray[Any]:
    """What the pupils (n,) are sorted by; the unknown last, but for who has no case, who comes first."""
    if order is Order.student:
        return standings.student.astype(np.str_)
    if order in (Order.group, Order.school):
        places = standings.group if order is Order.group else standings.school
        return np.where(places < 0, np.iinfo(np.int64).max, places)
    if order is Order.level:
        return standings.level
    if order is Order.reason:
        return np.array([text.split(",", 2)[1] or _LAST for text in standings.raising], dtype=np.str_)
    if order is Order.step:
        numbers = {step: place for place, step in enumerate(STEPS)}
        return np.array([numbers.get(steps.get(student, ""), -1) for student in standings.student], dtype=np.int64)
    return np.zeros(len(standings.student), dtype=np.int64)


_LAST = "\U0010ffff"


def _latest_cases(year: int) -> Subquery:
    """Each pupil's case of the year that was opened last."""
    last_first = (cases.c.opened.desc(), cases.c.id.desc())
    place = func.row_number().over(partition_by=cases.c.student, order_by=last_first).label("place")
    of_year = select(cases.c.student, cases.c.step, place).where(cases.c.year == year).subquery()
    return select(of_year.c.student, of_year.c.step).where(of_year.c.place == 1).subquery()


def _all_steps(connection: Connection, year: int) -> dict[str, str]:
    latest = _latest_cases(year)
    return {row.student: row.step for row in connection.execute(select(latest.c.student, latest.c.step))}


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """What turns rows into lines of the list."""

    profile: Profile
    standings: Standings
    reader: ListReader
    places: Places

    def read(self, connection: Connection, positions: Positions) -> Iterator[ListedPupil]:
        """The lines of the pupils at these positions; who was erased meanwhile is left out."""
        table = pupil_answers.c
        of_question = (table.task == self.standings.task) & (table.year == self.standings.year)
        task = self.profile.tasks.get(self.standings.task)
        changeable = () if task is None else task.changeable
        meanings = meanings_of(self.profile)
        for start in range(0, len(positions), _AT_ONCE):
            places = {self.standings.student[place]: place for place in positions[start : start + _AT_ONCE].tolist()}
            students = list(places)
            query = select(pupil_answers).where(of_question, table.student.in_(students))
            rows = {row["student"]: row for row in connection.execute(query).mappings()}
            names = names_of(connection, students) if self.reader.with_names else {}
            steps = _steps(connection, self.standings.year, students)
            for row in (rows[student] for student in students if student in rows):
                yield replace(
                    self._line(row),
                    group=self.standings.class_at(places[row["student"]]),
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
            group=None,  # the answer has that of its time, see `Standings`
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
    latest = _latest_cases(year)
    query = select(latest.c.student, latest.c.step).where(latest.c.student.in_(students))
    return {row.student: row.step for row in connection.execute(query)}
