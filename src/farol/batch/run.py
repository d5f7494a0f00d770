"""The engine of one machine: parts are scored side by side, and what is finished stays finished.

While the work is under way, everything stands in a folder beside the output, `OUT.partial`. A part counts as finished
when its `.json` is there, which is written last. The same command after a crash goes on with the rest. The output
appears at the end, whole, by renaming.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from farol.batch.arrow import arrow
from farol.batch.filesystem import stamp
from farol.batch.parts import FilePart
from farol.batch.reading import batches_of, readable
from farol.batch.score import BatchScorer
from farol.batch.writing import OutputFormat, join, write_refused, writer_to
from farol.errors import InputError, Place
from farol.files import canonical_json, replace_file
from farol.i18n import msg
from farol.model.counters import Counts

Progress = Callable[[int], None]
"""Called with the rows that were scored since it was called last, from any thread."""

_PLAN = "plan.json"


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Where the answers go: one file, or a folder of parts, in a form."""

    path: Path
    form: OutputFormat
    is_folder: bool

    @property
    def work(self) -> Path:
        """The folder in which unfinished work stands."""
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def refused(self) -> Path:
        """The file of the rows that could not be scored."""
        return self.path / "_refused.csv" if self.is_folder else self.path.with_name(f"{self.path.name}.refused.csv")

    @property
    def report(self) -> Path:
        """The file that says what was done."""
        return self.path / "_farol.json" if self.is_folder else self.path.with_name(f"{self.path.name}.farol.json")


@dataclass(frozen=True, slots=True, eq=False)
class BatchReport:
    """What became of all rows: `rows` is the sum of `scored` and `refused`; `unanswered` and `at_risk` are scored.

    `resumed` parts were finished before. `counts` are in the layout of the scorer.
    """

    rows: int
    scored: int
    refused: int
    unanswered: int
    at_risk: int
    parts: int
    resumed: int
    counts: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Parts to be scored into an output; `schema` is the pyarrow.Schema of the answers."""

    scorer: BatchScorer
    parts: Sequence[FilePart]
    output: Output
    schema: Any
    progress: Progress


def run(
    scorer: BatchScorer, parts: Sequence[FilePart], output: Output, *, threads: int, progress: Progress
) -> BatchReport:
    """Score the parts into the output.

    Raises InputError: for a file that cannot be read or changed meanwhile, for another run's unfinished work, and when
    the output cannot be written. What was finished stays, and the same call again does the rest.
    """
    job = Job(scorer, parts, output, output_schema(scorer, parts[0]), progress)
    work = output.work
    with _writable(work):
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_plan(work / _PLAN, _plan(job))
    done = {place for place in range(len(parts)) if (work / f"{_name(place)}.json").exists()}
    for place in done:
        progress(_read(work, place)["rows"])
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="farol-score")
    try:
        tasks = [pool.submit(_score_part, job, place) for place in range(len(parts)) if place not in done]
        for task in wait(tasks, return_when=FIRST_EXCEPTION).done:
            task.result()
    finally:  # after an error, or Ctrl-C, no further part is begun
        pool.shutdown(cancel_futures=True)
    return _finish(job, resumed=len(done))


def output_schema(scorer: BatchScorer, part: FilePart) -> Any:
    """The pyarrow.Schema of the answers to a part."""
    pa = arrow()
    file = part.file
    empty = pa.RecordBatch.from_arrays(
        [pa.array([], type=file.schema.types[place]) for place in file.columns.wanted],
        names=[file.schema.names[place] for place in file.columns.wanted],
    )
    return scorer.score(empty, file.columns.among_wanted(), file.year).answers.schema


def _score_part(job: Job, place: int) -> None:
    try:
        _score_as(job, place, texts=False)
    except _NotNumbersError:
        _score_as(job, place, texts=True)


class _NotNumbersError(Exception):
    """A column of a csv file has something else than numbers: it is read once more, as text."""


def _score_as(job: Job, place: int, *, texts: bool) -> None:
    scorer, part, output = job.scorer, job.parts[place], job.output
    file, work, name = part.file, output.work, _name(place)
    columns = file.columns.among_wanted()
    rows = unanswered = at_risk = 0
    refused: list[tuple[str, int, str, str]] = []
    counts = np.zeros(scorer.scorer.layout.width, dtype=np.int64)
    answers = work / f".{name}.{output.form}"
    with _writable(answers), writer_to(answers, output.form, job.schema, headers=output.is_folder) as writer:
        for batch in _batches(part, scorer, texts=texts):
            scored = scorer.score(batch, columns, file.year, first=part.first + rows)
            writer.write(scored.answers)
            refused += [
                (file.source.path, part.first + rows + row.row + 1, row.column, row.reason.render(scorer.locale))
                for row in scored.refused
            ]
            rows += batch.num_rows
            unanswered += scored.unanswered
            at_risk += scored.at_risk
            counts += scored.counts
            job.progress(batch.num_rows)
    if stamp(file.source.path) != file.stamp:
        raise InputError(
            msg("The file changed while it was read."),
            where=Place(file=file.source.path),
            fix=msg("Wait until it is whole, then start again; add {option} to begin anew.", option="--restart"),
        )
    with _writable(work):
        write_refused(work / f"{name}.refused.csv", refused)
        answers.replace(work / f"{name}.{output.form}")
        known = {"rows": rows, "refused": len(refused), "unanswered": unanswered, "at_risk": at_risk}
        replace_file(work / f"{name}.json", canonical_json({**known, "counts": counts.tolist()}))


def _batches(part: FilePart, scorer: BatchScorer, *, texts: bool) -> Iterator[Any]:
    file, pa = part.file, arrow()
    with readable(file.source.path):
        batches = batches_of(
            file.source, part.groups, file.columns, file.schema, scorer.scorer.bundle.profile, texts=texts
        )
        try:
            yield from batches
        except pa.ArrowInvalid:
            if file.source.kind == "csv" and not texts:
                raise _NotNumbersError from None
            raise


def _finish(job: Job, *, resumed: int) -> BatchReport:
    output, parts = job.output, job.parts
    work, names = output.work, [_name(place) for place in range(len(parts))]
    known = [_read(work, place) for place in range(len(parts))]
    report = BatchReport(
        rows=sum(part["rows"] for part in known),
        scored=sum(part["rows"] - part["refused"] for part in known),
        refused=sum(part["refused"] for part in known),
        unanswered=sum(part["unanswered"] for part in known),
        at_risk=sum(part["at_risk"] for part in known),
        parts=len(parts),
        resumed=resumed,
        counts=np.sum([part["counts"] for part in known], axis=0, dtype=np.int64),
    )
    with _writable(output.path):
        files = [work / f"{name}.{output.form}" for name in names]
        _join_refused([work / f"{name}.refused.csv" for name in names], work / "_refused.csv")
        replace_file(work / "_farol.json", canonical_json(_summary(job, report)))
        if output.is_folder:
            for leftover in (_PLAN, *(f"{name}{end}" for name in names for end in (".json", ".refused.csv"))):
                (work / leftover).unlink()
            work.replace(output.path)
        else:
            join(files, work / "_all", output.form, job.schema)
            (work / "_refused.csv").replace(output.refused)
            (work / "_farol.json").replace(output.report)
            (work / "_all").replace(output.path)
            shutil.rmtree(work)
    return report


def _join_refused(parts: Sequence[Path], out: Path) -> None:
    with out.open("wb") as file:
        for place, part in enumerate(parts):
            with part.open("rb") as source:
                if place:
                    source.readline()
                shutil.copyfileobj(source, file)


def _summary(job: Job, report: BatchReport) -> dict[str, object]:
    scorer, parts = job.scorer.scorer, job.parts
    bundle = scorer.bundle
    return {
        "task": bundle.task,
        "model_version": bundle.version,
        "threshold": bundle.manifest.threshold,
        "files": list(dict.fromkeys(part.file.source.path for part in parts)),
        "rows": report.rows,
        "scored": report.scored,
        "refused": report.refused,
        "unanswered": report.unanswered,
        "at_risk": report.at_risk,
        "unread_columns": sorted({header for part in parts for header in part.file.columns.unread}),
        "counters": {"layout": scorer.layout.text, "cells": report.counts.tolist()},
    }


def _plan(job: Job) -> bytes:
    """What the finished parts depend on, in JSON."""
    scorer, output, parts = job.scorer, job.output, job.parts
    return canonical_json(
        {
            "task": scorer.scorer.bundle.task,
            "model_version": scorer.scorer.bundle.version,
            "reasons": scorer.reasons,
            "locale": scorer.locale,
            "form": output.form,
            "parts": [
                {
                    "file": part.file.source.path,
                    "stamp": part.file.stamp,
                    "groups": part.groups,
                    "year": part.file.year,
                    "columns": [sorted(part.file.columns.inputs.items()), part.file.columns.carried],
                }
                for part in parts
            ],
        }
    )


def _check_plan(path: Path, plan: bytes) -> None:
    if not path.exists():
        replace_file(path, plan)
    elif path.read_bytes() != plan:
        raise InputError(
            msg("There is unfinished work of another run: other files, columns, options, or another model."),
            where=Place(file=str(path.parent)),
            fix=msg("Finish that run with its own options, or add {option} to throw it away.", option="--restart"),
        )


def _read(work: Path, place: int) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((work / f"{_name(place)}.json").read_bytes())
    return known


def _name(place: int) -> str:
    return f"part-{place:05}"


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """What writing at or below a path raises, as InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            msg("The output cannot be written: {reason}.", reason=error.strerror or type(error).__name__),
            where=Place(file=str(path)),
            fix=msg("Make room or choose another place, then start again: finished parts are kept."),
        ) from error
