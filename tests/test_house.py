"""The rules of the house that no linter has: names that exist once, names that say something, plain prose.

The layers are held by import-linter (`make lint`), the style by ruff.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = sorted((PROJECT / "src" / "farol").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
PYTHON = [
    *SOURCES,
    *TESTS,
    *(file for room in ("benchmarks", "examples", "scripts") for file in sorted((PROJECT / room).rglob("*.py"))),
]
PROSE = [*PYTHON, *sorted((PROJECT / "docs").rglob("*.md")), *sorted(PROJECT.glob("*.md"))]

COUNTS = frozenset({"n", "m", "count", "n_train", "n_test", "scored", "refused", "unanswered", "marked", "pupils"})
"""Values of a message that count things: without `count(…)` they have no sign between thousands."""
ERRORS = frozenset(
    {
        "ApiError",
        "BundleError",
        "InputError",
        "PlanError",
        "ProfileError",
        "ServiceError",
        "StoreError",
        "WorkbookError",
    }
)
EMPTY_NAMES = frozenset({"one", "found", "what"})
STUMBLES = re.compile(r"\b(of now|is none|[Ss]o many|[Ww]hat is to be|is told|goe?s? on being)\b")
"""Case counts: `is None` is Python."""


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def assigned_names(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every variable, argument, attribute and function."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(PROJECT)}:{line}"


def test_every_class_name_exists_once() -> None:
    homes: dict[str, list[str]] = {}
    for file in SOURCES:
        for node in tree(file).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(place(file, node.lineno))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_variables_are_named_for_their_thing() -> None:
    empty = [place(file, line) for file in PYTHON for line, name in assigned_names(tree(file)) if name in EMPTY_NAMES]
    assert empty == []


def test_names_of_tests_fit_in_sixty_characters() -> None:
    long = [
        place(file, node.lineno)
        for file in TESTS
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and len(node.name) > 60
    ]
    assert long == []


def test_prose_is_plain() -> None:
    stumbles = [
        place(file, number)
        for file in PROSE
        if file != Path(__file__)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if STUMBLES.search(line)
    ]
    assert stumbles == []


def test_messages_write_thousands_with_their_sign() -> None:
    bare = [
        place(file, value.value.lineno)
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "msg"
        for value in node.keywords
        if value.arg in COUNTS and not ast.unparse(value.value).startswith(("count(", "msg("))
    ]
    assert bare == []


def test_every_error_says_what_to_do() -> None:
    silent = [
        place(file, node.lineno)
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ERRORS
        if not any(value.arg == "fix" and ast.unparse(value.value) != "None" for value in node.keywords)
        if not any(ast.unparse(problem).startswith("msg('Choose ") for problem in node.args)
    ]
    assert silent == []


def test_the_map_lists_the_rooms_as_the_layers_do() -> None:
    (rooms, _) = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [set(layer.split(" | ")) for layer in rooms["layers"]]
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = [
        set(re.findall(r"\*\*(\w+)\*\*", line)) for line in re.findall(r"^- (\*\*.*?):", page, flags=re.MULTILINE)
    ]
    assert listed == layers
    assert len(page.splitlines()) <= 150


@pytest.mark.parametrize("name", ["README.md", "LEIAME.md"])
def test_every_page_of_docs_is_named_on_the_first_page(name: str) -> None:
    first = (PROJECT / name).read_text(encoding="utf-8")
    pages = {f"docs/{page.name}" for page in (PROJECT / "docs").glob("*.md")}
    assert pages - set(re.findall(r"\]\((docs/\w+\.md)\)", first)) == set()


def test_every_link_of_the_docs_leads_somewhere() -> None:
    pages = [*sorted((PROJECT / "docs").glob("*.md")), *sorted(PROJECT.glob("*.md"))]
    links = {
        (page.name, (page.parent / link).resolve())
        for page in pages
        for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    }
    assert [(name, str(file)) for name, file in links if not file.exists()] == []
    assert set((PROJECT / "docs").rglob("*.png")) <= {file for _, file in links}
