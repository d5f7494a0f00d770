"""Which sheets of a workbook, or files of a folder, are of which year, by their names.

A name that nearly fits the profile's is read too: a year that is left out because of a space would not be missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType

from farol.profile import NO_PERIOD, Severity, fold, visible
from farol.workbook.findings import Finding, finding
from farol.workbook.headers import sheet_year
from farol.workbook.texts import whole_year


class Fit(IntEnum):
    """How well a name fits the profile's: wholly, but for spaces, signs or a copy's number, or by its year alone."""

    exact = 0
    near = 1
    year_only = 2


@dataclass(frozen=True, slots=True)
class YearName:
    """A name of a sheet or file that is a year's."""

    name: str
    year: int
    fit: Fit


@dataclass(frozen=True, slots=True)
class NameChoice:
    """The names to read, and a finding on each other one."""

    chosen: tuple[YearName, ...]
    findings: tuple[Finding, ...]

    @property
    def years(self) -> Mapping[str, int]:
        """The year of each name to read."""
        return {name.name: name.year for name in self.chosen}


_COPY = re.compile(r"\(\d{1,3}\)|\bcopia\b|\bcopy\b|\bde\b|\bof\b")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_OF_ANOTHER_FILE = re.compile(r"'(?:file|https?|smb|ftp):.*'#.*", re.DOTALL)
"""How an ods names what it keeps of the sheets of another file to which its formulas refer."""

_NO_DETAILS: Mapping[str, object] = MappingProxyType({})


def choose_names(pattern: str, names: Iterable[str], year: int | None = None) -> NameChoice:
    """Which of the `names` to read by a profile's `pattern`.

    A year's best fitting names are chosen. Several names of one year may be chosen: the caller refuses them, or tells
    them apart by their headers where only the year fits. A single name without a year is of the `year` given.

    >>> choose_names("PEDE{year}", ["Plan1"], 2024).years, choose_names("PEDE{year}", ["PEDE2023"], 2024).years
    ({'Plan1': 2024}, {'PEDE2023': 2023})
    """
    listed = list(names)
    if "{year}" not in pattern:
        return _without_years(pattern, listed)
    if year is not None and len(listed) == 1 and year_name(pattern, listed[0]) is None:
        return NameChoice((YearName(listed[0], year, Fit.exact),), ())
    fits = {name: fit for name in listed if (fit := year_name(pattern, name)) is not None}
    best: dict[int, YearName] = {}
    for fit in fits.values():
        if fit.year not in best or fit.fit < best[fit.year].fit:
            best[fit.year] = fit
    chosen, findings = [], []
    for name in listed:
        fit = fits.get(name)
        if fit is None:
            findings.append(_without_year(pattern, name))
        elif fit.fit > best[fit.year].fit:
            findings.append(
                unread(name, "unread_year_twice", {"year": str(fit.year), "other": best[fit.year].name}, "warning")
            )
        else:
            chosen.append(fit)
    return NameChoice(tuple(chosen), tuple(findings))


def _without_years(pattern: str, names: Sequence[str]) -> NameChoice:
    """The names to read where they have no year: those like the pattern, or the only one; without pattern all."""
    fitting = [name for name in names if not pattern or fold(name) == fold(pattern)]
    chosen = fitting or (names if len(names) == 1 else [])
    read = set(chosen)
    others = [unread(name, "unread_other_name", {"expected": pattern}) for name in names if name not in read]
    return NameChoice(tuple(YearName(name, NO_PERIOD, Fit.exact) for name in chosen), tuple(others))


def year_name(pattern: str, name: str) -> YearName | None:
    """What year a name is of, and how well it fits; None when it has no year, or several.

    >>> [year_name("PEDE{year}", name).fit.name for name in ("pede2024", "PEDE_2024 (2)", "PEDE24", "Dados 2024")]
    ['exact', 'near', 'near', 'year_only']
    >>> year_name("PEDE{year}", "PEDE 2023 e 2024"), year_name("PEDE{year}", "Resumo")
    (None, None)
    """
    if _OF_ANOTHER_FILE.fullmatch(name):
        return None
    year = sheet_year(pattern, name)
    if year is not None:
        return YearName(name, year, Fit.exact if visible(name) == name else Fit.near)
    folded = fold(name)
    compact = _compact(_COPY.sub(" ", folded))
    for form, digits in (("{year}", "[0-9]{4}"), ("{yy}", "[0-9]{2}")):
        before, _, after = fold(pattern).replace("{year}", form).partition(form)
        words = _compact(before), _compact(after)
        match = re.fullmatch(f"{re.escape(words[0])}({digits}){re.escape(words[1])}", compact) if any(words) else None
        if match is not None:
            return YearName(name, whole_year(match[1]), Fit.near)
    years = {int(text) for text in _YEAR.findall(folded)}
    return YearName(name, years.pop(), Fit.year_only) if len(years) == 1 else None


def unread(
    name: str, words: str, details: Mapping[str, object] = _NO_DETAILS, severity: Severity | None = None
) -> Finding:
    """The finding on a sheet or file that is not read, with its reason."""
    return finding("unread_sheet", words=words, sheet=name, count=1, details=details, severity=severity)


def about_names(choice: NameChoice, pattern: str) -> list[Finding]:
    """A finding on each name that is read though it does not fit wholly."""
    return [
        finding(
            "near_year",
            sheet=name.name,
            count=1,
            details={"expected": pattern.replace("{year}", str(name.year)), "year": str(name.year)},
        )
        for name in choice.chosen
        if name.fit is not Fit.exact
    ]


def without(choice: NameChoice, names: Mapping[str, Finding]) -> NameChoice:
    """The choice without some names, with the finding on each."""
    chosen = tuple(name for name in choice.chosen if name.name not in names)
    return replace(choice, chosen=chosen, findings=(*choice.findings, *names.values()))


def hidden(names: Sequence[str], choice: NameChoice) -> list[Finding]:
    """A finding on each hidden sheet that is read."""
    read = choice.years
    return [finding("hidden_sheet", sheet=name, count=1) for name in names if name in read]


def _without_year(pattern: str, name: str) -> Finding:
    if _OF_ANOTHER_FILE.fullmatch(name):
        return unread(name, "unread_other_file")
    folded = fold(name)
    several = len(set(_YEAR.findall(folded))) > 1
    word = _compact(fold(pattern).replace("{year}", ""))
    alike = several or any(character.isdigit() for character in folded) or (word and word in _compact(folded))
    return unread(
        name, "unread_several_years" if several else "unread_no_year", severity="warning" if alike else "info"
    )


def _compact(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
