"""Where the answers go, and the unfinished work that stands beside it in a folder, `OUT.partial`.

A part counts as finished when its `.json` is there, which is written last. The plan says for what the parts were
made: work of another plan is not gone on with.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farol.batch.filesystem import without_secrets
from farol.batch.sending import beside, send_file, send_folder
from farol.batch.writing import OutputFormat
from farol.errors import InputError, Place
from farol.files import replace_file
from farol.i18n import msg

PLAN = "plan.json"
"""The name of the file that says for what answers are made."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Where the answers go: one file, or a folder of parts, in a form; or a folder with one for each value of the
    columns `partition_by`. With an `address` they are finished at `path`, in a folder of their own, and sent there.
    """

    path: Path
    form: OutputFormat
    is_folder: bool
    partition_by: tuple[str, ...] = ()
    address: str = ""

    @property
    def name(self) -> str:
        """The output for a reader: its path or address."""
        return without_secrets(self.address) or str(self.path)

    @property
    def refused_name(self) -> str:
        """The file of the refused rows for a reader."""
        if not self.address:
            return str(self.refused)
        ending = f"/{self.refused.name}" if self.is_folder else ".refused.csv"
        return without_secrets(beside(self.address, ending))

    @property
    def finished_plan(self) -> Path:
        """The file that says for what the answers at `path`, which wait to be sent, were made."""
        return self.path.with_name(PLAN)

    @property
    def work(self) -> Path:
        """The folder in which unfinished work stands."""
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def part_form(self) -> OutputFormat:
        """The form of a finished part: where it goes on into other files, one that is read again at no cost."""
        goes_on = self.partition_by or (self.form == "parquet" and not self.is_folder)
        return "arrow" if goes_on else self.form

    @property
    def refused(self) -> Path:
        """The file of the rows that could not be scored."""
        return self.path / "_refused.csv" if self.is_folder else self.path.with_name(f"{self.path.name}.refused.csv")

    @property
    def report(self) -> Path:
        """The file that says what was done."""
        return self.path / "_farol.json" if self.is_folder else self.path.with_name(f"{self.path.name}.farol.json")


def check_plan(path: Path, plan: bytes) -> None:
    """Writes a plan where none is yet. InputError where there is another: the work is of another run."""
    if not path.exists():
        replace_file(path, plan)
    elif path.read_bytes() != plan:
        raise InputError(
            msg("There is unfinished work of another run: other files, columns, options, or another model."),
            where=Place(file=str(path.parent)),
            fix=msg("Finish that run with its own options, or add {option} to throw it away.", option="--restart"),
        )


def part_name(place: int) -> str:
    """How the files of a part are called, without their endings."""
    return f"part-{place:05}"


def is_finished(output: Output, place: int) -> bool:
    """Whether a part is finished, and its files have the sizes that it said at its end.

    After a power cut, or a copy that stopped, they may be shorter: then the part is to be scored again.
    """
    try:
        sizes = [path.stat().st_size for path in files_of_part(output, place)]
        known = read_part(output.work, place)
    except (FileNotFoundError, ValueError):
        return False
    return bool(known["sizes"] == sizes)


def files_of_part(output: Output, place: int) -> tuple[Path, Path]:
    """The files of a part: its answers, and its refused rows."""
    name = part_name(place)
    return output.work / f"{name}.{output.part_form}", output.work / f"{name}.refused.csv"


def rows_of(output: Output, place: int) -> int:
    """How many rows a finished part has."""
    return int(read_part(output.work, place)["rows"])


def read_part(work: Path, place: int) -> dict[str, Any]:
    """What became of the rows of a finished part."""
    known: dict[str, Any] = json.loads(finished_at(work, place).read_bytes())
    return known


def finished_at(work: Path, place: int) -> Path:
    """The file that is there when a part is finished, with what became of its rows."""
    return work / f"{part_name(place)}.json"


def send(output: Output) -> None:
    """Sends finished answers and removes them here."""
    if output.is_folder:
        send_folder(output.path, output.address, output.report.name)
    else:
        send_file(output.refused, beside(output.address, ".refused.csv"))
        send_file(output.report, beside(output.address, ".farol.json"))
        send_file(output.path, output.address)
    shutil.rmtree(output.path.parent)
