"""A review as steps: one class of faults at a time, columns first, and a heading that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from farol.intake.columns import KeptColumn, general_header
from farol.profile import Profile, fold
from farol.web.locale import Reader

_GRAVITY = {"error": 0, "warning": 1}
COLUMNS_NAMED = 3
LIKELY = "unknown_column"
"""The code of headers that the step of columns asks about."""


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """An unknown header, where it stands, and the columns it may mean: name, the profile's header, meaning."""

    place: int
    header: str
    sheets: str
    likely: str | None
    options: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class FaultStep:
    """One class of faults: what to do, which is also the page's heading, what they are `about`, and the findings.

    `choices` stand in place of findings where columns are to be chosen."""

    heading: Markup
    about: str
    severity: str
    faults: tuple[Mapping[str, Any], ...] = ()
    choices: tuple[ColumnChoice, ...] = ()


def unknown_headers(review: Mapping[str, Any], kept: Sequence[KeptColumn]) -> list[dict[str, Any]]:
    """The unknown headers of a review, each once however many sheets have it; without those that were answered."""
    answered = {fold(choice.header) for choice in kept}
    headers: dict[str, dict[str, Any]] = {}
    for column in review["unknown"]:
        general = general_header(column["header"], column["year"])
        if fold(general) not in answered:
            known = headers.setdefault(fold(general), {**column, "general": general, "sheets": []})
            known["sheets"].append(column["sheet"])
    return list(headers.values())


def steps_of(
    review: Mapping[str, Any], kept: Sequence[KeptColumn], profile: Profile, reader: Reader
) -> list[FaultStep]:
    """What to look at, in order: columns to choose, faults of columns, faults of rows; errors before the rest."""
    choices = [
        ColumnChoice(
            place=place,
            header=column["header"],
            sheets=reader.listing(column["sheets"]),
            likely=column["likely"],
            options=tuple(
                (name, alias, profile.columns[name].meaning.in_locale(reader.locale))
                for name, alias in column["missing"]
                if name in profile.columns
            ),
        )
        for place, column in enumerate(unknown_headers(review, kept))
    ]
    steps = []
    if choices:
        steps.append(FaultStep(_choose_heading(choices, reader), "", "warning", choices=tuple(choices)))
    return [*steps, *_fault_steps(review, reader)]


def _fault_steps(review: Mapping[str, Any], reader: Reader) -> Iterator[FaultStep]:
    classes: dict[tuple[bool, int, str, str], list[Mapping[str, Any]]] = {}
    for fault in review["faults"]:
        gravity = _GRAVITY.get(fault["severity"])
        if gravity is None or fault["code"] == LIKELY:
            continue
        key = (not fault["about_columns"], gravity, fault["code"], fault["action"]["en"])
        classes.setdefault(key, []).append(fault)
    for (_, gravity, _, _), faults in sorted(classes.items(), key=lambda item: item[0]):
        shown = sorted(faults, key=lambda fault: (fault["sheet"], fault["column"] or ""))
        heading, about = _heading(shown, reader, is_error=gravity == 0), shown[0]["message"][reader.locale]
        yield FaultStep(heading, about, list(_GRAVITY)[gravity], tuple(shown))


def normal_faults(review: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is usual in such data."""
    return [fault for fault in review["faults"] if fault["severity"] not in _GRAVITY]


def _choose_heading(choices: Sequence[ColumnChoice], reader: Reader) -> Markup:
    if len(choices) == 1:
        return reader.gettext("Say which column “{header}” is", header=choices[0].header)
    return reader.gettext("Say which columns these {n} headers are", n=len(choices))


def _heading(faults: Sequence[Mapping[str, Any]], reader: Reader, *, is_error: bool) -> Markup:
    """Such as "Correct 3 rows of the sheet PEDE2024"."""
    _, count = reader.gettext, sum(fault["count"] for fault in faults)
    sheets = sorted({fault["sheet"] for fault in faults})
    where = {"n": reader.number(count, 0), "sheet": sheets[0], "sheets": len(sheets)}
    if not any(fault["rows"] for fault in faults):
        columns = {fault["column"] for fault in faults if fault["column"]}
        if not columns:
            text = _("Correct the sheet {sheet}", **where) if is_error else _("Check the sheet {sheet}", **where)
            several = _("Correct {sheets} sheets", **where) if is_error else _("Check {sheets} sheets", **where)
            return text if len(sheets) == 1 else several
        names = reader.listing(sorted(columns)[:COLUMNS_NAMED]) + (" …" if len(columns) > COLUMNS_NAMED else "")
        if len(columns) == 1:
            text, look = (
                _("Correct the column {columns}", columns=names),
                _("Check the column {columns}", columns=names),
            )
        else:
            text, look = (
                _("Correct the columns {columns}", columns=names),
                _("Check the columns {columns}", columns=names),
            )
        return text if is_error else look
    if len(sheets) > 1:
        text = _("Correct {n} rows of {sheets} sheets", **where)
        return text if is_error else _("Check {n} rows of {sheets} sheets", **where)
    if count == 1:
        text = _("Correct 1 row of the sheet {sheet}", **where)
        return text if is_error else _("Check 1 row of the sheet {sheet}", **where)
    text = _("Correct {n} rows of the sheet {sheet}", **where)
    return text if is_error else _("Check {n} rows of the sheet {sheet}", **where)
