"""The picture of docs/architecture.md, drawn from the imports; run alone, the size of every room.

`make docs` writes the picture between the two marks of the page, and `generate_docs.py --check` fails when it is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = "farol"
SOURCE = Path(__file__).resolve().parents[1] / "src" / ROOT
GROUND = ("errors", "files", "i18n", "settings")
"""Modules that nearly every room imports: drawn as one box, without their arrows."""


def room_of(module: str) -> str:
    """The folder or file just below the root that a module belongs to."""
    return module.split(".")[1]


def rooms() -> dict[str, set[str]]:
    """Each room with the rooms it imports."""
    graph = grimp.build_graph(ROOT)
    modules = [module for module in graph.modules if module != ROOT]
    below: dict[str, set[str]] = {room_of(module): set() for module in modules}
    for module in modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if imported != ROOT and room_of(imported) != room_of(module):
                below[room_of(module)].add(room_of(imported))
    return below


def reachable(room: str, arrows: dict[str, set[str]]) -> set[str]:
    """Every room below one, by any number of arrows."""
    below: set[str] = set()
    waiting = list(arrows[room])
    while waiting:
        current = waiting.pop()
        if current not in below:
            below.add(current)
            waiting += arrows[current]
    return below


def picture() -> Iterator[str]:
    """The rooms as a Mermaid flowchart. An arrow that follows from two others is left out, as is the ground."""
    arrows = {room: imported - set(GROUND) for room, imported in rooms().items() if room not in GROUND}
    yield "```mermaid"
    yield "flowchart TD"
    for room in sorted(arrows):
        indirect = set[str]().union(*(reachable(below, arrows) for below in arrows[room]))
        for below in sorted(arrows[room] - indirect):
            yield f"    {room} --> {below}"
        if not arrows[room]:
            yield f"    {room} --> ground[{', '.join(GROUND)}]"
    yield "```"


def main() -> None:
    """Print files, lines and arrows of every room."""
    imports = rooms()
    for room, below in sorted(imports.items()):
        place = SOURCE / room
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        print(f"{room:12}{len(files):4} files {lines:6} lines   imports {', '.join(sorted(below))}")
    print(f"{len(imports)} rooms, {sum(map(len, imports.values()))} arrows")


if __name__ == "__main__":
    main()
