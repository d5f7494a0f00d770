"""Which column of a file is which of the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from farol.errors import InputError, Place
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.profile import Profile, fold
from farol.workbook.headers import HeaderIndex

YEAR_HEADERS = frozenset({"year", "ano"})
"""Folded headers of a column that says the year of each row."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The places of a file's columns, from 0.

    `inputs`: column of the profile → place; `carried`: what goes into the output as it is; `unread`: the headers of the
    rest.
    """

    inputs: Mapping[str, int]
    carried: tuple[int, ...]
    year: int | None
    unread: tuple[str, ...]
    codes: tuple[int, ...]  # of the identifiers; without any the answers say which row of the file each is

    def in_file(self, width: int) -> ColumnMap:
        """The columns of the file itself, which has `width` of them; those that its folders name come behind."""
        return replace(
            self,
            inputs={name: place for name, place in self.inputs.items() if place < width},
            carried=tuple(place for place in self.carried if place < width),
            year=self.year if self.year is not None and self.year < width else None,
        )

    @property
    def wanted(self) -> tuple[int, ...]:
        """The places of all columns that are read, in the file's order."""
        return tuple(sorted({*self.inputs.values(), *self.carried, *([] if self.year is None else [self.year])}))

    def among_wanted(self) -> ColumnMap:
        """The same columns by their places among `wanted` alone."""
        places = {place: at for at, place in enumerate(self.wanted)}
        return ColumnMap(
            inputs={name: places[place] for name, place in self.inputs.items()},
            carried=tuple(places[place] for place in self.carried),
            year=None if self.year is None else places[self.year],
            unread=self.unread,
            codes=tuple(places[place] for place in self.codes),
        )


def column_map(
    bundle: Bundle, headers: Sequence[str], year: int, *, keep: Sequence[str], file: str, folders: Sequence[str] = ()
) -> ColumnMap:
    """The columns of a file with these headers, of a year, for the inputs of a bundle's task.

    Columns that the `folders` of the file name (`state=SP/`) have the places behind; one that the file has itself is
    read there. Identifiers, a column of years and the columns named by `keep` are carried through. Raises InputError
    when a column stands twice, when `keep` names none of the headers, and when no column of the file is an input.
    """
    profile, wanted = bundle.profile, bundle.inputs.columns
    index = HeaderIndex(profile, year)
    inputs: dict[str, int] = {}
    named = [*headers, *(folder for folder in folders if folder not in headers)]
    carried = {place for place, header in enumerate(named) if header in keep}
    unknown = sorted(set(keep) - set(named))
    if unknown:
        raise InputError(
            msg("The file has no column {name}.", name=repr(unknown[0])),
            expected=msg("one of {names}", names=", ".join(named)),
            where=Place(file=file),
            fix=msg("Correct --keep: it takes headers as the file has them."),
        )
    unread: list[str] = []
    year_place: int | None = None
    codes: list[int] = []
    for place, header in enumerate([*headers, *folders]):
        is_folder = place >= len(headers)
        heading = index.heading(place, header)
        # Files that Farol or a program writes name columns as the profile does.
        name = heading.column if heading.meaning == "column" else header if header in profile.columns else None
        says_year = _says_year(profile, name, header)
        if is_folder and (header in headers or name in inputs or (year_place is not None and says_year)):
            unread.append(f"{header}=")
        elif name is not None and profile.columns[name].kind == "identifier":
            carried.add(place)
            codes.append(place)
        elif name is not None and name in wanted:
            if name in inputs:
                raise InputError(
                    msg("Two columns mean {name}.", name=name),
                    got=msg("{first} and {second}", first=repr(headers[inputs[name]]), second=repr(header)),
                    where=Place(file=file),
                    fix=msg("Remove or rename one of them."),
                )
            inputs[name] = place
        elif year_place is None and says_year:
            year_place = place
            carried.add(place)
        elif place not in carried:
            unread.append(header)
    if not any(place < len(headers) for place in inputs.values()):
        raise InputError(
            msg("No column of the file is known."),
            expected=msg("some of {names}", names=", ".join(wanted)),
            got=msg("the columns {names}", names=", ".join(headers) or "–"),
            where=Place(file=file),
            fix=msg("See whether the headers are the first row, and nothing stands above them."),
        )
    return ColumnMap(inputs, tuple(sorted(carried)), year_place, tuple(unread), tuple(codes))


def _says_year(profile: Profile, name: str | None, header: str) -> bool:
    """Whether a column says the year or term of each row: the profile's own, else one that is called so."""
    if profile.periods is not None:
        return name == profile.periods.column
    return profile.has_periods and fold(header) in YEAR_HEADERS
