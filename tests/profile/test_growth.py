"""Reading a profile costs no more than its bytes, whatever is in it; what cannot be read is refused by its error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from farol.errors import ProfileError
from farol.profile.parsing import MOST_BYTES, load_profile, parse_profile
from tests.api.test_growth import GROWTH, counted
from tests.conftest import PROJECT

SIZES = (1_000, 8_000)
PEDE = (PROJECT / "src/farol/profile/builtin/pede.toml").read_text("utf-8")
PROFILES: dict[str, Callable[[int], str]] = {
    "names": lambda n: "".join(f"n{i} = 1\n" for i in range(n // 8)),
    "tables": lambda n: "".join(f"[n{i}]\n" for i in range(n // 6)),
    "one table in another": lambda n: "".join(f"[{'.'.join('a' * d)}]\n" for d in range(1, int(n**0.5))),
    "a dotted name": lambda n: ".".join("a" * (n // 2)) + " = 1\n",
    "nested arrays": lambda n: "a = " + "[" * (n // 2) + "]" * (n // 2),
    "nested tables": lambda n: "a = " + "{a=" * (n // 4) + "1" + "}" * (n // 4),
    "arrays of tables": lambda n: "[[columns]]\n" * (n // 12),
    "a number": lambda n: "a = " + "9" * n,
    "no end of a text": lambda n: 'a = """' + '"\\\n' * (n // 3),
    "comments": lambda n: "#\n" * (n // 2),
    "marks": lambda n: 'name = "a' + "\u0301\u0323" * (n // 2) + '"',
    "columns": lambda n: PEDE + "".join(f"[columns.C{i}]\nkind = 'number'\n" for i in range(n // 30)),
    "other headers": lambda n: (
        PEDE + "[columns.C]\nother_headers = [" + ",".join(f"'h{i}'" for i in range(n // 6)) + "]"
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_costs_no_more_than_its_length(name: str) -> None:
    def work(size: int) -> int:
        source = PROFILES[name](size).encode()
        with counted() as spent, suppress(ProfileError):
            parse_profile(source, "school.toml")
        return spent.units

    load_profile("pede")
    small, large = map(work, SIZES)
    assert large <= 2 * GROWTH * small + 1_000


def test_a_profile_of_a_million_bytes_and_more_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "school.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ProfileError, match="too large"):
        load_profile(tmp_path / "school.toml")


def test_a_profile_that_nests_without_end_is_no_toml(tmp_path: Path) -> None:
    for content in ("a = " + "[" * 5_000, "a = " + "9" * 5_000):
        with pytest.raises(ProfileError, match="not a TOML file"):
            parse_profile(content.encode(), "school.toml")
