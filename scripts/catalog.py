"""The Portuguese catalogue: `compile` makes farol.mo of the parts, `check` tells what is missing or stale.

Every room of the source keeps its translations in a file of its own, `locale/pt_BR/<room>.po`, so that a change
and its words stand together. Run with the project's environment: `python -m scripts.catalog compile`.
"""

from __future__ import annotations

import io
import string
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from farol.settings import Settings

SOURCE = Path(__file__).resolve().parents[1] / "src" / "farol"
PARTS = SOURCE / "locale" / "pt_BR"
COMPILED = PARTS / "LC_MESSAGES" / "farol.mo"
LIBRARIES = PARTS / "libraries.po"
"""Texts of typer's own that pass through gettext: we translate them, though our source does not hold them."""
KEYWORDS: dict[str, None] = {"msg": None, "_": None, "gettext": None}


def extracted() -> dict[str, str]:
    """Every source text → where it stands first, from the code and the templates."""
    texts: dict[str, str] = {}
    for name, line, text, _comments, _context in extract_from_dir(
        SOURCE,
        method_map=[("**.py", "python"), ("**/templates/**", "jinja2.ext.babel_extract")],
        keywords=KEYWORDS,
    ):
        if isinstance(text, str) and text:
            texts.setdefault(text, f"{name}:{line}")
    for name, setting in Settings.model_fields.items():  # a page shows what each is for
        texts.setdefault(setting.description or "", f"settings.py, {name}")
    return texts


def merged() -> tuple[Catalog, list[str]]:
    """All parts as one catalogue, and the texts that two parts translate differently."""
    catalog = Catalog(locale="pt_BR", project="farol")
    clashes = []
    for part in sorted(PARTS.glob("*.po")):
        for message in read_po(io.BytesIO(part.read_bytes()), locale="pt_BR"):
            if not message.id or not message.string:
                continue
            known = catalog.get(message.id)
            if known is not None and known.string != message.string:
                clashes.append(f"{part.name}: {message.id!r} is translated otherwise in another part")
            catalog.add(message.id, message.string)
    return catalog, clashes


def compiled(catalog: Catalog) -> bytes:
    """The bytes of farol.mo; they depend on the translations alone."""
    buffer = io.BytesIO()
    # Babel would write the present moment into the file, and it would be stale a minute later.
    never = datetime(2000, 1, 1, tzinfo=UTC)
    slim = Catalog(
        locale="pt_BR", project="farol", header_comment="", fuzzy=False, creation_date=never, revision_date=never
    )
    for message in sorted((m for m in catalog if m.id), key=lambda m: str(m.id)):
        slim.add(message.id, message.string)
    write_mo(buffer, slim)
    return buffer.getvalue()


def placeholders(text: str) -> set[str]:
    """The names in braces of a template."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def problems() -> Iterator[str]:
    """The faults of the catalogue, one line each; none when it is complete."""
    catalog, clashes = merged()
    yield from clashes
    translated = {str(m.id): str(m.string) for m in catalog if m.id}
    for text, place in extracted().items():
        if text not in translated:
            yield f"{place}: not translated: {text!r}"
        elif placeholders(text) != placeholders(translated[text]):
            yield f"{place}: the translation has other placeholders: {text!r}"
    of_libraries = {str(m.id) for m in read_po(io.BytesIO(LIBRARIES.read_bytes()), locale="pt_BR")}
    for text in translated.keys() - extracted().keys() - of_libraries:
        yield f"no longer in the source: {text!r}"
    if not COMPILED.exists() or COMPILED.read_bytes() != compiled(catalog):
        yield "farol.mo is stale: run `python -m scripts.catalog compile`"


def main(arguments: list[str]) -> int:
    """`compile` or `check`; the exit code is 1 when something is wrong."""
    if arguments == ["compile"]:
        COMPILED.parent.mkdir(parents=True, exist_ok=True)
        COMPILED.write_bytes(compiled(merged()[0]))
        return 0
    if arguments == ["check"]:
        faults = list(problems())
        print("\n".join(faults) or "the catalogue is complete")
        return 1 if faults else 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
