"""One TOML table being read: every key is taken by name and type, and what is left over is unknown."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from farol.errors import Place, ProfileError
from farol.i18n import Message, msg
from farol.profile.values import Text

MISSING = object()


class Table:
    """A table, its place (`columns.IAA`) and the keys not yet taken.

    Each method takes a key and returns its value; with no default the key must be there. Every wrong value is a
    `ProfileError` that names the key's path, the value and what was expected. A profile describes sheets and holds
    nothing of any pupil, so its values may be shown.
    """

    def __init__(self, values: dict[str, object], path: str, origin: str) -> None:
        self._values = values
        self._left = set(values)
        self._known: list[str] = []
        self.path = path
        self.origin = origin

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def key(self, key: str) -> str:
        """The whole path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str, expected: Message, value: object = MISSING) -> ProfileError:
        """The error for a key whose value (or `value`, a part of it) is not what was `expected`."""
        shown = self._values.get(key, MISSING) if value is MISSING else value
        return ProfileError(
            msg("In the profile, {key} is not what it should be.", key=self.key(key)),
            expected=expected,
            got=msg("nothing: the key is missing") if shown is MISSING else msg("{value}", value=repr(shown)),
            where=Place(file=self.origin, field=self.key(key)),
            fix=msg("Correct this line of the profile; docs/profile.md says how one is written."),
        )

    def _take(self, key: str, default: object, expected: Message) -> object:
        self._known.append(key)
        self._left.discard(key)
        if key in self._values:
            return self._values[key]
        if default is MISSING:
            raise self.wrong(key, expected)
        return default

    def string(self, key: str, default: object = MISSING) -> str:
        """A text that is not empty."""
        expected = msg("a text that is not empty")
        value = self._take(key, default, expected)
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self.wrong(key, expected)
        return value

    def choice(self, key: str, choices: Iterable[str], default: object = MISSING) -> str:
        """One of some texts; a `default` outside of them is allowed."""
        allowed = list(choices)
        expected = msg("one of {choices}", choices=", ".join(allowed))
        value = self._take(key, default, expected)
        if value == default:
            return str(value)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(key, expected)
        return value

    def boolean(self, key: str, default: object = MISSING) -> bool:
        """true or false."""
        expected = msg("true or false")
        value = self._take(key, default, expected)
        if not isinstance(value, bool):
            raise self.wrong(key, expected)
        return value

    def number(self, key: str, default: object = MISSING, *, minimum: float = -math.inf) -> float:
        """A finite number, not below `minimum`."""
        at_least = msg("a number not below {minimum}", minimum=minimum)
        expected = msg("a number") if minimum == -math.inf else at_least
        value = self._take(key, default, expected)
        if not is_number(value) or not math.isfinite(value) or value < minimum:
            raise self.wrong(key, expected)
        return float(value)

    def integer(self, key: str, minimum: int, maximum: int) -> int:
        """A whole number from `minimum` to `maximum`."""
        expected = msg("a whole number from {minimum} to {maximum}", minimum=minimum, maximum=maximum)
        value = self._take(key, MISSING, expected)
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise self.wrong(key, expected)
        return value

    def strings(self, key: str, default: object = MISSING) -> tuple[str, ...]:
        """A list of texts, none empty and none twice."""
        expected = msg("a list of texts, none empty and none twice")
        value = self._take(key, default, expected)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.wrong(key, expected)
        if len(set(value)) != len(value):
            raise self.wrong(key, expected)
        return tuple(value)

    def numbers(self, key: str, default: object = MISSING) -> tuple[float, ...]:
        """A list of finite numbers."""
        expected = msg("a list of numbers")
        value = self._take(key, default, expected)
        if not isinstance(value, list | tuple) or not all(is_number(item) and math.isfinite(item) for item in value):
            raise self.wrong(key, expected)
        return tuple(float(item) for item in value)

    def raw(self, key: str, default: object, expected: Message) -> object:
        """The value as it stands, for keys of more than one type."""
        return self._take(key, default, expected)

    def list_of(self, key: str, item_is: Callable[[object], bool], expected: Message) -> list[Any]:
        """A list of items that all pass `item_is`; an absent key is an empty list."""
        value = self._take(key, [], expected)
        if not isinstance(value, list) or not all(map(item_is, value)):
            raise self.wrong(key, expected)
        return value

    def text(self, key: str) -> Text:
        """A text in both languages."""
        expected = msg("a text in both languages: {example}", example='{ pt = "…", en = "…" }')
        value = self._take(key, MISSING, expected)
        if not isinstance(value, dict) or set(value) != {"pt", "en"}:
            raise self.wrong(key, expected)
        if not all(isinstance(item, str) and item.strip() for item in value.values()):
            raise self.wrong(key, expected)
        return Text(pt=value["pt"], en=value["en"])

    def table(self, key: str, default: object = MISSING) -> Table:
        """A table inside this one."""
        expected = msg("a table")
        value = self._take(key, default, expected)
        if not isinstance(value, dict):
            raise self.wrong(key, expected)
        return Table(value, self.key(key), self.origin)

    def tables(self, key: str, default: object = MISSING) -> Iterator[Table]:
        """A list of tables."""
        expected = msg("a list of tables")
        value = self._take(key, default, expected)
        if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, expected)
        return (Table(item, f"{self.key(key)}[{i}]", self.origin) for i, item in enumerate(value))

    def named(self) -> Iterator[tuple[str, Table]]:
        """Every key of this table with the table it holds."""
        return ((key, self.table(key)) for key in self._values)

    def close(self) -> None:
        """Refuse what was not taken, with the nearest known key."""
        for key in sorted(self._left):
            raise self.unknown(key, self._known)

    def unknown(self, key: str, known: Iterable[str], *, value: object = MISSING) -> ProfileError:
        """The error for an unknown name, with the nearest known one."""
        name = key if value is MISSING else str(value)
        known = list(dict.fromkeys(known))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return ProfileError(
            msg("The profile names {name}, which is not known there.", name=repr(name)),
            expected=msg("one of {choices}", choices=", ".join(known)),
            got=msg("{value}", value=repr(name if value is not MISSING else self._values[key])),
            where=Place(file=self.origin, field=self.key(key)),
            fix=msg("Did you mean {name}?", name=repr(near[0])) if near else msg("Choose one of these names."),
        )


def is_number(value: object) -> TypeGuard[float]:
    """Whether a TOML value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
