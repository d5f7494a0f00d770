"""Which workbook the models of a folder were trained with: its path, its digest and counts, never a row of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

NAME = "workbook.json"
"""The note's name in the artifacts folder."""


@dataclass(frozen=True, slots=True)
class WorkbookNote:
    """`pupils` by year, in order; `findings` by severity, as `farol check` counts them."""

    path: str
    sha256: str
    pupils: Mapping[int, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The workbook's file name."""
        return Path(self.path).name


_SHAPE = TypeAdapter(WorkbookNote)


def digest_of(workbook: Path) -> str:
    """sha256 over a workbook's bytes, or over the files of a folder in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(workbook.iterdir()) if workbook.is_dir() else [workbook]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def write_note(artifacts: Path, note: WorkbookNote) -> None:
    """Leave the note beside the models."""
    (artifacts / NAME).write_bytes(_SHAPE.dump_json(note, indent=2) + b"\n")


def read_note(artifacts: Path) -> WorkbookNote | None:
    """The note; None when nothing was trained here, or it cannot be read."""
    try:
        return _SHAPE.validate_json((artifacts / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
