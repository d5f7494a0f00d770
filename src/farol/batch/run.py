"""A run: parts are scored side by side by an engine, and what is finished stays finished.

While the work is under way, everything stands in a folder beside the output, `OUT.partial`. A part counts as finished
when its `.json` is there, which is written last. The same command after a crash goes on with the rest. The output
appears at the end, whole, by renaming.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np

from farol.batch.arrow import arrow
from farol.batch.filesystem import stamp, without_secrets
from farol.batch.parts import FilePart
from farol.batch.reading import Piece, Rows, pieces_of, readable
from farol.batch.score import BatchScorer, ScoredBatch
from farol.batch.sending import beside, send_file, send_folder
from farol.batch.writing import OutputFormat, joined_to, partitioned_to, require_writable, write_refused, writer_to
from farol.errors import InputError, Place
from farol.files import canonical_json, replace_file
from farol.i18n import msg
from farol.model.counters import Counts

Progress = Callable[[int, int], None]
"""Called with the rows and the bytes of files (`FilePart.size`) done since it was called last, in any thread."""

_PLAN = "plan.json"
_WHOLE = "_all"


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
        return self.path.with_name("plan.json")

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
    """Parts, by their places, to be scored into an output; `schema` is the pyarrow.Schema of the answers."""

    scorer: BatchScorer
    parts: Mapping[int, FilePart]
    output: Output
    schema: Any
    progress: Progress


Engine = Callable[[Job, Sequence[int], Callable[[], None]], None]
"""Finishes some parts of a job, wherever it does that, and calls now and then, when some are finished."""


def run(
    scorer: BatchScorer, parts: Sequence[FilePart], output: Output, *, engine: Engine, progress: Progress
) -> BatchReport:
    """Score the parts into the output.

    Raises InputError: for a file that cannot be read or changed meanwhile, for another run's unfinished work, and when
    the output cannot be written. What was finished stays, and the same call again does the rest.
    """
    job = Job(scorer, dict(enumerate(parts)), output, output_schema(scorer, parts[0]), progress)
    _check_partitions(job)
    require_writable(job.schema, output.form)
    report = _reported(job) if _waits_to_be_sent(job) else _scored(job, engine)
    if output.address:
        _send(output)
    return report


def _waits_to_be_sent(job: Job) -> bool:
    """Whether an earlier run finished these very answers and could not send them. InputError for those of another."""
    finished = job.output.finished_plan
    if not job.output.address or not finished.exists():
        return False
    _check_plan(finished, _plan(job))
    return True


def _send(output: Output) -> None:
    """Sends finished answers and removes them here."""
    if output.is_folder:
        send_folder(output.path, output.address, output.report.name)
    else:
        send_file(output.refused, beside(output.address, ".refused.csv"))
        send_file(output.report, beside(output.address, ".farol.json"))
        send_file(output.path, output.address)
    shutil.rmtree(output.path.parent)


def _scored(job: Job, engine: Engine) -> BatchReport:
    """What became of all rows, when the answers are at the output's path."""
    output, progress = job.output, job.progress
    work = output.work
    with _writable(work):
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_plan(work / _PLAN, _plan(job))
    waiting = [place for place in job.parts if not is_finished(output, place)]
    for place in sorted({*job.parts} - {*waiting}):
        progress(rows_of(output, place), job.parts[place].size)
    with _writable(work), _gathered(job) as gather:
        engine(job, waiting, gather)
        gather()
    report = _finish(job, resumed=len(job.parts) - len(waiting))
    if output.address:
        replace_file(output.finished_plan, _plan(job))
    return report


def _check_partitions(job: Job) -> None:
    unknown = sorted(set(job.output.partition_by) - set(job.schema.names))
    if unknown:
        raise InputError(
            msg("The answers have no column {name}.", name=repr(unknown[0])),
            expected=msg("one of {names}", names=", ".join(job.schema.names)),
            where=Place(field="--partition-by"),
            fix=msg("A column of the files is carried into the answers by {option}.", option="--keep"),
        )


def on_this_machine(threads: int) -> Engine:
    """The engine that is always there: as many parts at once as `threads`; of fewer parts, blocks of each."""

    def engine(job: Job, places: Sequence[int], gather: Callable[[], None]) -> None:
        blocks = ThreadPoolExecutor(threads, "farol-block") if 0 < len(places) < threads else None
        parts = ThreadPoolExecutor(threads, "farol-part")
        try:
            tasks = {parts.submit(score_part, job, place, blocks, threads) for place in places}
            while tasks:
                done, tasks = wait(tasks, return_when=FIRST_COMPLETED)
                for task in done:
                    task.result()
                gather()
        finally:  # after an error, or Ctrl-C, no further part is begun
            parts.shutdown(cancel_futures=True)
            if blocks is not None:
                blocks.shutdown(cancel_futures=True)

    return engine


@contextmanager
def _gathered(job: Job) -> Iterator[Callable[[], None]]:
    """Where the answers become one file: what appends those parts that are finished and whose turn it is."""
    output, work = job.output, job.output.work
    if output.is_folder and not output.partition_by:
        yield lambda: None
        return
    if output.partition_by:
        shutil.rmtree(work / _WHOLE, ignore_errors=True)
        whole = partitioned_to(work / _WHOLE, output.form, job.schema, output.partition_by)
    else:
        whole = joined_to(work / _WHOLE, output.form, job.schema)
    with whole as append:
        turn = 0

        def gather() -> None:
            nonlocal turn
            while turn < len(job.parts) and is_finished(output, turn):
                append(work / f"{_name(turn)}.{output.part_form}")
                turn += 1

        yield gather


def output_schema(scorer: BatchScorer, part: FilePart) -> Any:
    """The pyarrow.Schema of the answers to a part."""
    pa = arrow()
    file = part.file
    empty = pa.RecordBatch.from_arrays(
        [pa.array([], type=file.schema.types[place]) for place in file.columns.wanted],
        names=[file.schema.names[place] for place in file.columns.wanted],
    )
    return scorer.score(Rows(empty, 0), file.columns.among_wanted(), file.year).answers.schema


def score_part(job: Job, place: int, blocks: ThreadPoolExecutor | None = None, ahead: int = 0) -> None:
    """Score one part and finish it: its answers and refused rows first, and last what says so.

    Whoever does it again, or at the same time, comes to the same files. `blocks` decodes, scores and encodes up to
    `ahead` pieces at the same time.
    """
    part, output = job.parts[place], job.output
    file, work, name = part.file, output.work, _name(place)
    columns = file.columns.among_wanted()
    rows = unanswered = at_risk = passed = 0
    refused: list[tuple[str, int, str, str]] = []
    counts = np.zeros(job.scorer.scorer.layout.width, dtype=np.int64)
    answers = work / f".{name}.{uuid4().hex}"
    if not file.columns.codes:  # the number of a row stands for its code, and is known when those before are
        blocks = None
    try:
        with _writable(answers), writer_to(answers, output.part_form, job.schema, headers=output.is_folder) as writer:

            def score(piece: Piece) -> tuple[Any, ScoredBatch, int | None]:
                given = piece()
                scored = job.scorer.score(given, columns, file.year, first=part.first + rows)
                return writer.encode(scored.answers), scored, given.read

            for encoded, scored, read in _in_order(score, pieces_in(part, job.scorer), blocks, ahead):
                writer.write(encoded)
                for refusal in scored.refused:
                    reason = refusal.reason.render(job.scorer.locale)
                    before = 0 if refusal.sheet else part.first + rows
                    source = f"{file.name}, {refusal.sheet}" if refusal.sheet else file.name
                    refused.append((source, before + refusal.row + 1, refusal.column, reason))
                rows += scored.rows
                unanswered += scored.unanswered
                at_risk += scored.at_risk
                counts += scored.counts
                before, passed = passed, _passed(part, rows, read)
                job.progress(scored.rows, passed - before)
        if stamp(file.source.path) != file.stamp:
            raise InputError(
                msg("The file changed while it was read."),
                where=Place(file=file.name),
                fix=msg("Wait until it is whole, then start again; add {option} to begin anew.", option="--restart"),
            )
        with _writable(work):
            write_refused(work / f"{name}.refused.csv", refused)
            answers.replace(work / f"{name}.{output.part_form}")
            known = {"rows": rows, "refused": len(refused), "unanswered": unanswered, "at_risk": at_risk}
            replace_file(_finished(work, place), canonical_json({**known, "counts": counts.tolist()}))
        job.progress(0, part.size - passed)
    except (MemoryError, arrow().ArrowMemoryError) as error:
        raise InputError(
            msg("There is not enough memory."),
            where=Place(file=part.name),
            fix=msg(
                "Score fewer parts at once with {option}, or give a cluster's workers more memory; finished parts are "
                "kept.",
                option="--threads",
            ),
        ) from error
    finally:
        answers.unlink(missing_ok=True)
        arrow().default_memory_pool().release_unused()


def _passed(part: FilePart, rows: int, read: int | None) -> int:
    """How many bytes of a part are done when these rows are."""
    if part.rows:
        return part.size * rows // part.rows
    return min(read or 0, part.size)


def pieces_in(part: FilePart, scorer: BatchScorer) -> Iterator[Piece]:
    """The rows of a part in pieces, in their order. Raises InputError where the file cannot be read."""
    file, profile = part.file, scorer.scorer.bundle.profile
    with readable(file.source.path):
        yield from pieces_of(file.source, part.groups, file.columns, file.schema, profile)


Given = TypeVar("Given")
Made = TypeVar("Made")


def _in_order(
    make: Callable[[Given], Made], given: Iterable[Given], pool: ThreadPoolExecutor | None, ahead: int
) -> Iterator[Made]:
    """What is made of each, in order, while the pool works on up to `ahead` of those that follow."""
    if pool is None:
        yield from map(make, given)
        return
    waiting: deque[Future[Made]] = deque()
    try:
        for item in given:
            waiting.append(pool.submit(make, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for task in waiting:
            task.cancel()


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
        _join_refused([work / f"{name}.refused.csv" for name in names], work / "_refused.csv")
        replace_file(work / "_farol.json", canonical_json(_summary(job, report)))
        if output.partition_by:
            for name in ("_refused.csv", "_farol.json"):
                (work / name).replace(work / _WHOLE / name)
            _replace_folder(work / _WHOLE, output.path)
            shutil.rmtree(work)
        elif output.is_folder:
            for leftover in (_PLAN, *(f"{name}{end}" for name in names for end in (".json", ".refused.csv"))):
                (work / leftover).unlink()
            for unfinished in work.glob(".*"):  # of a run that was killed
                unfinished.unlink()
            _replace_folder(work, output.path)
        else:
            (work / "_refused.csv").replace(output.refused)
            (work / "_farol.json").replace(output.report)
            (work / _WHOLE).replace(output.path)
            shutil.rmtree(work)
    return report


def _replace_folder(new: Path, path: Path) -> None:
    """Puts a folder in the place of another; no system does that in one step."""
    old = path.with_name(f".{path.name}.{uuid4().hex}")
    if path.exists():
        path.replace(old)
    new.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def _reported(job: Job) -> BatchReport:
    """What the report of finished answers says became of all rows."""
    known = json.loads(job.output.report.read_bytes())
    return BatchReport(
        **{name: known[name] for name in ("rows", "scored", "refused", "unanswered", "at_risk")},
        parts=len(job.parts),
        resumed=len(job.parts),
        counts=np.array(known["counters"]["cells"], dtype=np.int64),
    )


def _join_refused(parts: Sequence[Path], out: Path) -> None:
    with out.open("wb") as file:
        for place, part in enumerate(parts):
            with part.open("rb") as source:
                if place:
                    source.readline()
                shutil.copyfileobj(source, file)


def _summary(job: Job, report: BatchReport) -> dict[str, object]:
    scorer, parts = job.scorer.scorer, job.parts.values()
    bundle = scorer.bundle
    return {
        "task": bundle.task,
        "model_version": bundle.version,
        "threshold": bundle.manifest.threshold,
        "files": list(dict.fromkeys(part.file.name for part in parts)),
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
    scorer, output, parts = job.scorer, job.output, job.parts.values()
    return canonical_json(
        {
            "task": scorer.scorer.bundle.task,
            "model_version": scorer.scorer.bundle.version,
            "reasons": scorer.reasons,
            "locale": scorer.locale,
            "form": output.form,
            "partition_by": output.partition_by,
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
    known: dict[str, Any] = json.loads(_finished(work, place).read_bytes())
    return known


def _name(place: int) -> str:
    return f"part-{place:05}"


def is_finished(output: Output, place: int) -> bool:
    """Whether a part is finished."""
    return _finished(output.work, place).exists()


def rows_of(output: Output, place: int) -> int:
    """How many rows a finished part has."""
    return int(_read(output.work, place)["rows"])


def _finished(work: Path, place: int) -> Path:
    """The file that is there when a part is finished, with what became of its rows."""
    return work / f"{_name(place)}.json"


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
