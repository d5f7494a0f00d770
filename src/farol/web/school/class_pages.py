"""Classes as their reader sees them: the table of all, one class, and whether to look at classes or at pupils."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from farol.evaluation.metrics import Estimate
from farol.pupils.ranking import By
from farol.school.classes import ClassCount, Targeting, class_counts, targeting
from farol.school.listing import RISKS, ListQuery, every_pupil
from farol.school.standings import choose
from farol.web.locale import NOTHING, Reader
from farol.web.school.answering import Asking
from farol.web.school.lists import PATH as LIST
from farol.web.school.lists import PreparedList, line_of, list_headings
from farol.web.school.words import band_words

PATH = "/classes"
MOST_NAMES = 6
ALIKE = 0.9
"""Where classes reach this share of what pupils reach, choosing them does as well."""


def classes_values(asking: Asking, made: PreparedList) -> dict[str, object]:
    """What the page of all classes shows. Raises StoreError."""
    reader, profile = asking.reader, made.profile
    counts = class_counts(asking.store, made.standings, made.reader)
    mask = made.standings.seen_by(made.reader.classes)
    places = choose(made.standings.ranked(mask), made.query.places).places
    compared = targeting(made.standings, made.reader, places)
    return {
        "question": profile.tasks[made.standings.task].question.in_locale(reader.locale),
        "year": profile.period_text(made.standings.year),
        "state": profile.label.state.in_locale(reader.locale),
        "bands": [*(band_words(band, reader) for band in range(len(RISKS))), reader.gettext("No answer")],
        "rows": [_row(count, reader) for count in counts],
        "targeting": [] if compared is None else list(_targeting_words(compared, made, reader)),
        "stands_out": [count.name for count in counts if count.name and count.stands_out and _is_higher(count)],
    }


def class_values(asking: Asking, made: PreparedList, name: str) -> dict[str, object] | None:
    """What the page of one class shows; None where no such class may be seen. Raises StoreError."""
    reader = asking.reader
    counts = class_counts(asking.store, made.standings, made.reader)
    count = next((count for count in counts if count.name == name and name), None)
    if count is None:
        return None
    query = ListQuery(By.all, made.query.places, everyone=True, group=name)
    pupils = every_pupil(asking.store, made.profile, made.standings, query, made.reader)
    return classes_values(asking, made) | {
        "name": name,
        "rows": [_row(other, reader) for other in counts if other.name in (name, "")],
        "headings": list_headings(made, reader),
        "lines": [line_of(pupil, made, reader) for pupil in pupils],
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
        "expected": _(
            "{value} ({low} to {high})",
            value=reader.number(count.expected.value, 0),
            low=count.expected.low,
            high=count.expected.high,
        ),
        "share": _range(count.share, reader),
        "now": _range(count.now, reader),
        "before": _range(count.before, reader),
        "verdict": _verdict(count, reader),
        "stands_out": count.stands_out,
    }


def _verdict(count: ClassCount, reader: Reader) -> Markup:
    _ = reader.gettext
    if count.against is None:
        return Markup("")
    if not count.stands_out:
        return _("like the others")
    return _("more than the others") if _is_higher(count) else _("fewer than the others")


def _range(share: Estimate | None, reader: Reader) -> Markup | str:
    if share is None:
        return NOTHING
    return reader.gettext(
        "{value} ({low} to {high})",
        value=reader.percent(share.value),
        low=reader.percent(share.low),
        high=reader.percent(share.high),
    )


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


def _some(names: Sequence[str], reader: Reader) -> str:
    """The first names, and how many more there are."""
    listed = reader.listing(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return listed if more <= 0 else str(reader.gettext("{names} and {n} more", names=listed, n=more))


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
            "That is {share} of what choosing pupils reaches: looking at whole classes does as well here, and singles "
            "nobody out.",
            share=share,
        )
    else:
        yield _(
            "That is {share} of what choosing pupils reaches: here it is worth looking at pupils, and at the classes "
            "that stand out besides.",
            share=share,
        )
    yield _(
        "These are expected numbers. They do not say how much a lesson for a class, or a talk with a pupil, would help."
    )
