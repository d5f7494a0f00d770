"""Classes as their reader sees them: the table of all, one class, and whether to look at classes or at pupils."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farol.evaluation.metrics import Estimate
from farol.profile import fold
from farol.pupils.ranking import By
from farol.school.classes import ClassCount, Targeting, class_counts, targeting
from farol.school.listing import RISKS, ListQuery, Order, every_pupil
from farol.school.standings import choose
from farol.web.filters import Choice
from farol.web.locale import NOTHING, Reader
from farol.web.school.answering import Asking
from farol.web.school.lists import MOST_OPTIONS, Asked, PreparedList, flag_form, line_of, list_headings, school_words
from farol.web.school.lists import PATH as LIST
from farol.web.school.words import band_words, level_words

PATH = "/classes"
MOST_NAMES = 6
CLASSES_SHOWN = 100
"""Rows of the table on one page."""
FEW = 12
"""With no more classes than these there is no form to pick from."""
ALIKE = 0.9
"""Where classes reach this share of what pupils reach, choosing them does as well."""


@dataclass(frozen=True, slots=True)
class ClassGroup:
    """The classes of a school or a level that stand on this page, under a heading; it has none where all are one."""

    title: str
    about: Markup | str
    rows: tuple[Mapping[str, object], ...]


def classes_values(asking: Asking, asked: Asked, made: PreparedList) -> dict[str, object]:
    """What the page of all classes shows. Raises StoreError."""
    reader = asking.reader
    counts = class_counts(asking.store, made.standings, made.reader)
    mask = made.standings.seen_by(made.reader.classes)
    places = choose(made.standings.ranked(mask), made.query.places).places
    compared = targeting(made.standings, made.reader, places)
    above = [count for count in counts if count.name and count.stands_out and _is_higher(count)]
    by_share = asked.order == Order.risk
    chosen = _chosen(counts, made.query, asked.search, by_share=by_share)
    groups = [("", chosen)] if by_share else list(_parted(chosen, made, reader))
    pages = max(1, -(-len(chosen) // CLASSES_SHOWN))
    page = min(made.query.page, pages)
    return _common_values(made, reader) | {
        "path": PATH,
        "whole": _row(counts[0], reader),
        "groups": list(_on_page(groups, page, made, reader)),
        "matching": reader.number(len(chosen), 0),
        "fields": _class_fields(counts, made, reader, by_share=by_share) if len(counts) > FEW else [],
        "search": asked.search,
        "targeting": [] if compared is None else list(_targeting_words(compared, made, reader)),
        "stands_out": _some([str(count.name) for count in above], reader),
        "by_share_url": reader.url(PATH, order=Order.risk.value) if len(above) > MOST_NAMES else None,
        "pages": {
            name: reader.url(PATH, **_asked_again(asked), page=str(number)) if 1 <= number <= pages else None
            for name, number in {"previous": page - 1, "following": page + 1}.items()
        },
        "page_words": reader.gettext("Page {page} of {pages}", page=page, pages=pages) if pages > 1 else "",
    }


def _common_values(made: PreparedList, reader: Reader) -> dict[str, object]:
    return {
        "question": made.profile.tasks[made.standings.task].question.in_locale(reader.locale),
        "year": made.profile.period_text(made.standings.year),
        "state": made.profile.label.state.in_locale(reader.locale),
        "bands": [*(band_words(band, reader) for band in range(len(RISKS))), reader.gettext("No answer")],
    }


def _chosen(counts: Sequence[ClassCount], query: ListQuery, name: str, *, by_share: bool) -> list[ClassCount]:
    """The classes that were asked for, by their names or the highest expected share first."""
    search = fold(" ".join(name.split()))
    chosen = [
        count
        for count in counts
        if count.name != ""
        and query.level in (None, count.level)
        and query.school in (None, count.school)
        and search in fold(count.name or "")
    ]
    return sorted(chosen, key=_by_share) if by_share else chosen


def _by_share(count: ClassCount) -> float:
    return 1.0 if count.share is None else -count.share.value


def _parted(counts: Sequence[ClassCount], made: PreparedList, reader: Reader) -> Iterator[tuple[str, list[ClassCount]]]:
    """By school where there are several, else by level; each part with its heading."""
    parts: dict[str | float | None, list[ClassCount]] = {}
    by_school = len({count.school for count in counts}) > 1
    for count in counts:
        parts.setdefault(count.school if by_school else count.level, []).append(count)
    known = made.standings.schools if by_school else sorted(level for level in parts if isinstance(level, float))
    for key in (*known, None):
        if key in parts:
            yield _heading(key, made, reader) if len(parts) > 1 else "", parts[key]


def _heading(key: str | float | None, made: PreparedList, reader: Reader) -> str:
    if isinstance(key, str):
        return school_words(key, made.profile, reader)
    words = reader.gettext("Without a {level}", level=made.profile.level_name.in_locale(reader.locale))
    return str(words) if key is None else level_words(key, made.profile, reader).capitalize()


def _on_page(
    groups: Sequence[tuple[str, list[ClassCount]]], page: int, made: PreparedList, reader: Reader
) -> Iterator[ClassGroup]:
    """The rows of a page, under the headings of their parts, which speak of the whole part."""
    _, state = reader.gettext, made.profile.label.state.in_locale(reader.locale)
    first, last, start = (page - 1) * CLASSES_SHOWN, page * CLASSES_SHOWN, 0
    for title, counts in groups:
        shown = counts[max(0, first - start) : max(0, last - start)]
        start += len(counts)
        if shown:
            about = _(
                "classes: {n}, pupils: {pupils}, expected {state}: {expected}",
                n=reader.number(len(counts), 0),
                pupils=reader.number(sum(count.pupils for count in counts), 0),
                state=state,
                expected=reader.number(sum(count.expected.value for count in counts), 0),
            )
            yield ClassGroup(title, about if title else "", tuple(_row(count, reader) for count in shown))


def _class_fields(
    counts: Sequence[ClassCount], made: PreparedList, reader: Reader, *, by_share: bool
) -> list[dict[str, object]]:
    """The pickers above the table: those that have something to pick."""
    _, query, profile = reader.gettext, made.query, made.profile
    level_name = profile.level_name.in_locale(reader.locale)
    levels = sorted({count.level for count in counts[1:] if count.level is not None})
    schools = {count.school for count in counts[1:]}
    pickers: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("level", level_name.capitalize(), "" if query.level is None else f"{query.level:g}",
         [(f"{level:g}", level_words(level, profile, reader)) for level in levels]),
        ("school", _("School"), query.school or "",
         [(name, school_words(name, profile, reader)) for name in made.standings.schools if name in schools]),
    ]  # fmt: skip
    every = ("", _("any"))
    chosen = [(name, label, at, [every, *options]) for name, label, at, options in pickers if len(options) > 1]
    orders = [(Order.group.value, str(_("class"))), (Order.risk.value, str(_("expected share, the highest first")))]
    chosen.append(("order", _("Sort by"), Order.risk.value if by_share else Order.group.value, orders))
    return [
        {
            "name": name,
            "label": label,
            "typed": at,
            "options": [Choice(value, words, value == at) for value, words in options]
            if len(options) <= MOST_OPTIONS
            else [],
        }
        for name, label, at, options in chosen
    ]


def _asked_again(asked: Asked) -> dict[str, str]:
    given = {"task": asked.task, "level": asked.level, "school": asked.school, "q": asked.search, "order": asked.order}
    return {name: value for name, value in given.items() if value}


def class_values(asking: Asking, made: PreparedList, name: str) -> dict[str, object] | None:
    """What the page of one class shows; None where no such class may be seen. Raises StoreError."""
    reader = asking.reader
    counts = class_counts(asking.store, made.standings, made.reader)
    count = next((count for count in counts if count.name == name and name), None)
    if count is None:
        return None
    query = ListQuery(By.all, made.query.places, everyone=True, group=name)
    pupils = every_pupil(asking.store, made.profile, made.standings, query, made.reader)
    return _common_values(made, reader) | {
        "name": name,
        "rows": [_row(other, reader) for other in counts if other.name in (name, "")],
        "headings": list_headings(made, reader),
        "lines": [line_of(pupil, made, reader) for pupil in pupils],
        "flag": flag_form(asking, made.standings.year),
        "comparison": _against_words(count, made, reader),
        "print_url": reader.url(f"{LIST}/print", **{"class": name, "by": "all", "show": "all"}),
        "list_url": reader.url(LIST, **{"class": name, "by": "all", "show": "all"}),
    }


def _is_higher(count: ClassCount) -> bool:
    return count.against is not None and count.against.low > 0


def _row(count: ClassCount, reader: Reader) -> dict[str, object]:
    _ = reader.gettext
    words = {"": _("All pupils you see"), None: _("Without a class")}.get(count.name, count.name)
    return {
        "name": words,
        "url": reader.url(f"{PATH}/one", **{"class": count.name}) if count.name else None,
        "pupils": reader.number(count.pupils, 0),
        "bands": [reader.number(n, 0) for n in count.bands],
        "expected": (
            reader.number(count.expected.value, 0),
            _(
                "({low} to {high})",
                low=reader.number(count.expected.low, 0),
                high=reader.number(count.expected.high, 0),
            ),
        ),
        "share": _range(count.share, reader),
        "now": _range(count.now, reader),
        "before": _range(count.before, reader),
        "verdict": _verdict(count, reader),
        "stands_out": count.stands_out,
        "sign": "▲" if _is_higher(count) else "▼",
    }


def _verdict(count: ClassCount, reader: Reader) -> Markup:
    _ = reader.gettext
    if count.against is None:
        return Markup("")
    if not count.stands_out:
        return _("like the others")
    return _("more than the others") if _is_higher(count) else _("fewer than the others")


def _range(share: Estimate | None, reader: Reader) -> tuple[str, Markup | str]:
    """A share, and between what it may be."""
    if share is None:
        return NOTHING, ""
    between = reader.gettext("({low} to {high})", low=reader.percent(share.low), high=reader.percent(share.high))
    return reader.percent(share.value), between


def _against_words(count: ClassCount, made: PreparedList, reader: Reader) -> Markup:
    _, state = reader.gettext, made.profile.label.state.in_locale(reader.locale)
    if count.against is None:
        return _("There are no other classes to compare with, or too few pupils.")
    if not count.stands_out:
        return _("The share expected {state} differs from the other classes no more than by chance.", state=state)
    if _is_higher(count):
        return _(
            "More pupils of this class are expected {state} than of the others, beyond what chance does. Look at what "
            "the class has in common: its hours, its teachers, what was not taught.",
            state=state,
        )
    return _(
        "Fewer pupils of this class are expected {state} than of the others, beyond what chance does.", state=state
    )


def _some(names: Sequence[str], reader: Reader) -> Markup | str:
    """The first names, and how many more there are."""
    listed = reader.listing(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return listed if more <= 0 else reader.gettext("{names} and {n} more", names=listed, n=more)


def _targeting_words(compared: Targeting, made: PreparedList, reader: Reader) -> Iterator[Markup]:
    _, state = reader.gettext, made.profile.label.state.in_locale(reader.locale)
    yield _(
        "With room for {n} pupils: choosing them one by one reaches {by_pupil} of the {whole} expected {state}; "
        "choosing whole classes of highest risk ({classes}), with as many pupils, reaches {by_class}; by lot it would "
        "be {by_lot}.",
        n=reader.number(compared.pupils, 0),
        by_pupil=reader.number(compared.by_pupil, 0),
        whole=reader.number(compared.whole, 0),
        state=state,
        classes=_some(compared.classes, reader),
        by_class=reader.number(compared.by_class, 0),
        by_lot=reader.number(compared.by_lot, 0),
    )
    share = reader.percent(compared.ratio)
    if compared.ratio >= ALIKE:
        yield _(
            "Choosing whole classes reaches {share} of what choosing pupils one by one does: looking at classes does "
            "as well here, and singles nobody out.",
            share=share,
        )
    else:
        yield _(
            "Choosing whole classes reaches {share} of what choosing pupils one by one does: here it is worth looking "
            "at pupils, and at the classes that stand out besides.",
            share=share,
        )
    yield _(
        "These are expected numbers. They do not say how much a lesson for a class, or a talk with a pupil, would help."
    )
