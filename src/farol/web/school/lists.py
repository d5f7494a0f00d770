"""The list as its reader sees it: the form, the figures and the lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from pydantic import BaseModel, Field
from sqlalchemy import exists, select

from farol.accounts.audit import Action
from farol.accounts.site import read_setting, write_setting
from farol.accounts.viewer import Duty
from farol.errors import InputError, Place
from farol.i18n import Message, count, msg
from farol.model.features import meanings_of
from farol.profile import Profile
from farol.pupils.ranking import By
from farol.school.listing import (
    NO_CASE,
    PAGE_SIZE,
    RISKS,
    STEPS,
    UNANSWERED,
    ListedPupil,
    ListQuery,
    ListReader,
    Order,
    PupilPage,
    pupil_page,
)
from farol.school.recording import school_column
from farol.school.standings import Standings, choose, standings_of
from farol.store.database import Store
from farol.store.tables import pupil_answers
from farol.web.filters import Choice
from farol.web.locale import NOTHING, Reader
from farol.web.school.answering import Asking
from farol.web.school.words import band_words, expected_words, in_ten, kind_words, level_words, step_words

Parameter = Annotated[str, Field(max_length=200)]

PATH = "/pupils"
CAPACITY = "capacity"
"""The site setting of how many pupils the team can see, if the school set one."""

KEEP_PATH = "/administration/capacity"

REASONS_SHOWN = 3
REASONS_AT_ONCE = 2
"""Of these, the others wait behind "more"."""
MOST_PLACES = 100_000
MOST_OPTIONS = 400
"""Of a picker: the name of one of thousands of classes is typed, and the page stays light."""


class Asked(BaseModel, frozen=True):
    """The parameters of the list's address, as they came: what means nothing here is passed over."""

    task: Parameter = ""
    by: Parameter = ""
    capacity: Parameter = ""
    slide: Parameter = ""
    was: Parameter = ""
    show: Parameter = ""
    level: Parameter = ""
    group: Annotated[str, Field(alias="class", max_length=200)] = ""
    school: Parameter = ""
    band: Parameter = ""
    reason: Parameter = ""
    step: Parameter = ""
    search: Annotated[str, Field(alias="q", max_length=200)] = ""
    order: Parameter = ""
    page: Parameter = ""

    def places(self) -> int | None:
        """How many pupils the list is to have: what the slider says where it was moved, else what the field says."""
        return _places(self.slide if self.slide and self.slide != self.was else self.capacity)


def _places(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if is_number and 0 < int(text) <= MOST_PLACES else None


class PrintAsked(Asked, frozen=True):
    """The same for paper; `sides` is 1 where the paper is printed on one side."""

    sides: Parameter = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A pupil's line."""

    rank: str
    student: str
    name: str | None
    url: str
    group: str
    level: str
    school: str | None
    risk: str
    like_these: Markup | None
    tied: bool
    listed: bool
    reasons: tuple[str, ...]
    first: tuple[str, ...]  # of the reasons, in short, those that are seen at once
    more: tuple[str, ...]
    missing: str
    step: str
    has_case: bool


@dataclass(frozen=True, slots=True, eq=False)
class PreparedList:
    """A question with its answers, and what is asked of its list."""

    standings: Standings
    profile: Profile
    query: ListQuery
    reader: ListReader


def answered_tasks(asking: Asking) -> list[str]:
    """The tasks that were answered for pupils, that which looks furthest ahead first. Raises StoreError."""
    ahead = {task: asking.profile(task).tasks[task].horizon for task in asking.service.task_names()}
    known = [exists().where(pupil_answers.c.task == task).label(task) for task in ahead]
    if not known:
        return []
    with asking.store.snapshot() as connection:
        has = dict(zip(ahead, connection.execute(select(*known)).one(), strict=True))
    ahead = {task: horizon for task, horizon in ahead.items() if has[task]}
    return sorted(ahead, key=lambda task: (-ahead[task], task))


def prepared(asking: Asking, asked: Asked) -> PreparedList | None:
    """What the list is made of; None where no question was answered yet. Raises StoreError."""
    tasks = answered_tasks(asking)
    if not tasks:
        return None
    task = asked.task if asked.task in tasks else tasks[0]
    standings = standings_of(asking.store, task)
    if standings is None:  # erased since
        return None
    profile, reader = asking.profile(task), asking.list_reader()
    return PreparedList(standings, profile, _query(asking, asked, standings, profile, reader), reader)


def list_values(asking: Asking, made: PreparedList) -> dict[str, object]:
    """What the template of the list shows. Raises StoreError."""
    reader, profile, query, standings = asking.reader, made.profile, made.query, made.standings
    page = pupil_page(asking.store, profile, standings, query, made.reader)
    seen = standings.seen_by(made.reader.classes)
    base = _parameters(made, query)
    kinds = [By.onset, By.recovery, By.all] if profile.tasks[standings.task].horizon else [By.all]
    pages = {"previous": query.page - 1 if query.page > 1 else None, "following": query.page + 1}
    return {
        "path": PATH,
        "question": profile.tasks[standings.task].question.in_locale(reader.locale),
        "year": profile.period_text(standings.year),
        "kinds": [
            {
                "url": reader.url(PATH, **_parameters(made, ListQuery(kind))),
                "label": kind_words(kind, profile, reader),
                "current": kind is query.by,
                "count": reader.number(int((seen & standings.of(kind)).sum()), 0),
            }
            for kind in kinds
        ],
        "by": query.by.value,
        "state": profile.label.state.in_locale(reader.locale),
        "task": standings.task,
        "fields": _fields(asking, made),
        "more_are_set": any((query.level is not None, query.school, query.band is not None, query.reason, query.step)),
        "search": query.search,
        "capacity": page.places.places,
        "keeping": _keeping(asking, page.places.places),
        "most": max(1, len(page.places.ranked)),
        "summary": _summary(page, made, reader),
        "notes": list(_notes(page, made, reader)),
        "headings": list_headings(made, reader),
        "lines": [line_of(pupil, made, reader) for pupil in page.pupils],
        "flag": flag_form(asking, standings.year),
        "first": (query.page - 1) * PAGE_SIZE + 1,
        "pages": {name: None if number is None or number > page.pages else reader.url(PATH, **base, page=str(number))
                  for name, number in pages.items()},
        "page_words": reader.gettext("Page {page} of {pages}", page=query.page, pages=page.pages),
        "files": {
            name: reader.url(f"{PATH}{end}", **base)
            for name, end in {"csv": ".csv", "xlsx": ".xlsx", "print": "/print"}.items()
        },
        "one_sided": reader.url(f"{PATH}/print", **base, sides="1"),
        "with_names": made.reader.with_names,
    }  # fmt: skip


def kept_capacity(store: Store) -> int | None:
    """How many pupils the team of the school can see; None where nobody said it. Raises StoreError."""
    places = read_setting(store, CAPACITY, 0)
    return places if places > 0 else None


def keep_capacity(asking: Asking, text: str) -> int:
    """Keep it for every list. InputError for what is no number of pupils; StoreError."""
    places = _places(text)
    if places is None:
        raise InputError(
            msg("The number of pupils cannot be used."),
            expected=msg("a whole number from {least} to {most}", least=1, most=count(MOST_PLACES)),
            where=Place(field="capacity"),
            fix=msg("Go back and say how many pupils the team can see."),
        )
    asking.record(Action.changed, "capacity", details=str(places))
    write_setting(asking.store, CAPACITY, places, asking.at)
    return places


def _keeping(asking: Asking, places: int) -> dict[str, object] | None:
    """The button that keeps this size for the school, for who may decide it; `is_kept` where it is the size already."""
    if not asking.viewer.may(Duty.administer):
        return None
    return {"url": asking.reader.url(KEEP_PATH), "is_kept": kept_capacity(asking.store) == places}


def flag_form(asking: Asking, year: int) -> dict[str, object] | None:
    """Where a list sends the pupils that were ticked, to open a case for each; None for who may record nothing."""
    if not asking.viewer.may(Duty.record):
        return None
    return {"url": asking.reader.url("/cases/bulk"), "year": year}


def pupil_url(student: str, reader: Reader, end: str = "") -> str:
    """The page of a pupil, or what is below it."""
    return reader.url(f"{PATH}/{quote(student, safe='')}{end}")


def line_of(pupil: ListedPupil, made: PreparedList, reader: Reader) -> Line:
    """A pupil's line in words. What is usual at the level sets nobody apart: it stands on the pupil's page alone."""
    raising = [reason for reason in pupil.reasons if reason.direction == "raises" and not reason.is_usual]
    raising = raising[:REASONS_SHOWN]
    brief = [reason.brief(reader.locale).render(reader.locale) for reason in raising]
    return Line(
        rank=NOTHING
        if pupil.rank is None
        else f"{reader.number(pupil.rank, 0)}º"
        if reader.locale == "pt_BR"
        else reader.number(pupil.rank, 0),
        student=pupil.student,
        name=pupil.name,
        url=pupil_url(pupil.student, reader),
        group=pupil.group or NOTHING,
        level=level_words(pupil.level, made.profile, reader),
        school=pupil.school,
        risk=reader.percent(pupil.probability) if pupil.probability is not None else "",
        like_these=None if pupil.expected is None else in_ten(*pupil.expected, reader),
        tied=pupil.tied,
        listed=pupil.listed,
        reasons=tuple(reason.fact(reader.locale).render(reader.locale) for reason in raising),
        first=tuple(brief[:REASONS_AT_ONCE]),
        more=tuple(brief[REASONS_AT_ONCE:]),
        missing=reader.listing(text.in_locale(reader.locale) for text in pupil.missing),
        step=step_words(pupil.step, reader),
        has_case=pupil.step is not None,
    )


def _query(asking: Asking, asked: Asked, standings: Standings, profile: Profile, reader: ListReader) -> ListQuery:
    seen = standings.seen_by(reader.classes)
    usual = By.onset if profile.tasks[standings.task].horizon and (seen & standings.of(By.onset)).any() else By.all
    search = " ".join(asked.search.split())
    by = By(asked.by) if asked.by in {kind.value for kind in By} else usual
    by = By.all if search else by  # whoever looks for a pupil is to find them
    places = asked.places()
    if places is None:
        places = kept_capacity(asking.store)
    ranked = standings.ranked(seen & standings.of(by))
    return ListQuery(
        by=by,
        places=choose(ranked, places).places,
        everyone=asked.show == "all" or bool(search) or asked.band == str(UNANSWERED),
        level=_level(asked.level),
        group=asked.group or None,
        school=asked.school or None,
        band=int(asked.band) if asked.band in map(str, range(UNANSWERED + 1)) else None,
        reason=asked.reason if asked.reason in profile.tasks[standings.task].features else None,
        step=asked.step if asked.step in (*STEPS, NO_CASE) else None,
        search=search,
        order=Order(asked.order) if asked.order in {order.value for order in Order} else Order.risk,
        page=int(asked.page) if asked.page.isascii() and asked.page.isdigit() and 0 < int(asked.page) < 10**6 else 1,
    )


def _level(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parameters(made: PreparedList, query: ListQuery) -> dict[str, str]:
    given = {
        "task": made.standings.task,
        "by": query.by.value,
        "capacity": "" if query.places is None else str(query.places),
        "show": "all" if query.everyone and not query.search else "",
        "level": "" if query.level is None else f"{query.level:g}",
        "class": query.group or "",
        "school": query.school or "",
        "band": "" if query.band is None else str(query.band),
        "reason": query.reason or "",
        "step": query.step or "",
        "q": query.search,
        "order": "" if query.order is Order.risk else query.order.value,
    }
    return {name: value for name, value in given.items() if value}


def _fields(asking: Asking, made: PreparedList) -> list[dict[str, object]]:
    """The pickers of the form: those that have something to pick."""
    reader, query, standings, profile = asking.reader, made.query, made.standings, made.profile
    _, seen = reader.gettext, standings.seen_by(made.reader.classes)
    levels = [float(level) for level in np.unique(standings.level[seen]) if not np.isnan(level)]
    classes = [standings.classes[place] for place in np.unique(standings.group[seen]) if place >= 0]
    schools = [standings.schools[place] for place in np.unique(standings.school[seen]) if place >= 0]
    level_name = profile.level_name.in_locale(reader.locale)
    meanings = meanings_of(profile)
    features = [name for name in profile.tasks[standings.task].features if name in meanings]
    orders = {
        Order.risk: _("risk"),
        Order.student: _("code"),
        Order.group: _("class"),
        Order.level: level_name,
        Order.school: _("school"),
        Order.reason: _("reason"),
        Order.step: _("what was recorded"),
    }
    absent = {
        order for order, has in ((Order.group, classes), (Order.level, levels), (Order.school, schools)) if not has
    }
    every = ("", _("all"))
    pickers: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("show", _("Show"), "all" if query.everyone else "",
         [("", _("only the list")), ("all", _("all, in the same order"))]),
        ("level", level_name.capitalize(), "" if query.level is None else f"{query.level:g}",
         [("", _("any")), *((f"{level:g}", level_words(level, profile, reader)) for level in levels)]),
        ("class", _("Class"), query.group or "", [("", _("all classes")), *((name, name) for name in classes)]),
        ("school", _("School"), query.school or "",
         [("", _("all schools")), *((name, school_words(name, profile, reader)) for name in schools)]),
        ("band", _("Risk"), "" if query.band is None else str(query.band),
         [every, *((str(band), band_words(band, reader)) for band in range(len(RISKS) + 1))]),
        ("reason", _("Reason"), query.reason or "",
         [every, *((name, meanings[name].in_locale(reader.locale)) for name in features)]),
        ("step", _("Recorded so far"), query.step or "",
         [every, *((step, step_words(step, reader)) for step in (NO_CASE, *STEPS))]),
        ("order", _("Sort by"), query.order.value,
         [(order.value, words) for order, words in orders.items() if order not in absent]),
    ]  # fmt: skip
    return [
        {
            "name": name,
            "label": label,
            "is_first": name in _FIRST_FIELDS,
            "typed": chosen,
            "options": [Choice(value, words, value == chosen) for value, words in options]
            if len(options) <= MOST_OPTIONS
            else [],
        }
        for name, label, chosen, options in pickers
        if len(options) > 1
    ]


_FIRST_FIELDS = ("show", "class", "order")
"""The pickers that everybody sees; the others wait behind "more filters"."""


def school_words(name: str, profile: Profile, reader: Reader) -> str:
    column = school_column(profile)
    words = None if column is None else profile.columns[column].word(name)
    return name if words is None else words.in_locale(reader.locale)


def _summary(page: PupilPage, made: PreparedList, reader: Reader) -> list[Markup]:
    _, state = reader.gettext, made.profile.label.state.in_locale(reader.locale)
    lines = [
        _("On the list: {n} of {all} pupils. Expected {state}: {expected}.",
          n=reader.number(page.listed.n, 0), all=reader.number(page.everybody.n, 0), state=state,
          expected=expected_words(page.listed, reader)),
        _("In the whole group: {expected}.", expected=expected_words(page.everybody, reader)),
    ]  # fmt: skip
    if page.selected.n != (page.everybody.n if made.query.everyone else page.listed.n) or made.query.search:
        lines.append(
            _("Shown here: {n}. Expected {state} among them: {expected}.",
              n=reader.number(page.matching, 0), state=state, expected=expected_words(page.selected, reader))
        )  # fmt: skip
    return lines


def _notes(page: PupilPage, made: PreparedList, reader: Reader) -> Iterator[Markup]:
    _ = reader.gettext
    if page.places.tied:
        yield _("{n} pupils share the last place with the same risk, so the list has {listed} and not {places}: "
                "nothing tells them apart.",
                n=reader.number(page.places.tied, 0), listed=reader.number(page.places.listed, 0),
                places=reader.number(page.places.places, 0))  # fmt: skip
    if page.unanswered:
        shown = _parameters(made, ListQuery(made.query.by, made.query.places, everyone=True, band=UNANSWERED))
        words = Markup('<a href="{}">{}</a>').format(reader.url(PATH, **shown), _("see them"))
        yield _("Pupils without an answer, because too little is known of them: {n} ({link}). "
                "They are not without risk: look at them yourself.",
                n=reader.number(page.unanswered, 0), link=words)  # fmt: skip
    if page.unknown_now and made.query.by is not By.all:
        state = made.profile.label.state.in_locale(reader.locale)
        yield _("Of {n} pupils it is not known whether they are {state} now: they stand only under “All pupils”.",
                n=reader.number(page.unknown_now, 0), state=state)  # fmt: skip


COLUMNS: Mapping[str, Message] = {
    "rank": msg("place"),
    "student": msg("pupil"),
    "class": msg("class"),
    "level": msg("level"),
    "school": msg("school"),
    "risk": msg("risk"),
    "like_these": msg("of pupils like these"),
    "at_risk_now": msg("{state} now"),
    "reasons": msg("reasons"),
    "missing": msg("not known"),
    "step": msg("recorded so far"),
}
"""The columns of a list, on the page, in a file and on paper."""


def list_headings(made: PreparedList, reader: Reader) -> dict[str, str]:
    """The headings of a table of pupils."""
    return {name: words.render(reader.locale) for name, words in COLUMNS.items() if name != "at_risk_now"} | {
        "level": made.profile.level_name.in_locale(reader.locale)
    }
