"""Imports go one way: from a floor only to floors below it. The floors are the table in docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src"


def floors() -> dict[str, int]:
    """Module or package → floor, as the architecture page says."""
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", text, flags=re.MULTILINE)
    return {name: int(floor) for floor, names in rows for name in re.findall(r"`([\w.]+)`", names)}


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit(module: str, table: dict[str, int]) -> str | None:
    """The row of the table that a module belongs to: itself or the nearest package above it."""
    while module:
        if module in table:
            return module
        module = module.rpartition(".")[0]
    return None


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import of ours in a file, wherever in the file it stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "farol")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative imports hide the floor"
            if node.module == "farol":
                yield from ((node.lineno, f"farol.{alias.name}") for alias in node.names)
            elif node.module and node.module.startswith("farol."):
                yield node.lineno, node.module


FILES = sorted((SOURCE / "farol").rglob("*.py"))


def test_every_module_stands_on_a_floor() -> None:
    table = floors()
    homeless = [module_name(file) for file in FILES if unit(module_name(file), table) is None]
    assert homeless == ["farol"], "docs/architecture.md gives these no floor"


def test_the_table_names_only_what_exists() -> None:
    missing = [name for name in floors() if not (SOURCE / Path(*name.split("."))).with_suffix(".py").exists()]
    missing = [name for name in missing if not (SOURCE / Path(*name.split(".")) / "__init__.py").exists()]
    assert missing == []


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_go_down(file: Path) -> None:
    table = floors()
    own = unit(module_name(file), table)
    wrong = []
    for line, imported in imports(file):
        target = unit(imported, table)
        if own is None or target is None or target == own:
            continue
        same_floor_exception = (own, target) == ("farol.errors", "farol.i18n")
        if table[target] >= table[own] and not same_floor_exception:
            wrong.append(f"{file.name}:{line} (floor {table[own]}) imports {imported} (floor {table[target]})")
    assert wrong == []
