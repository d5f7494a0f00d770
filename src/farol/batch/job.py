"""A job: parts to be scored into an output, and how one of them is scored and finished."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np

from farol.batch.arrow import arrow
from farol.batch.filesystem import stamp
from farol.batch.output import Output, files_of_part, finished_at, part_name
from farol.batch.parts import FilePart, pieces_in
from farol.batch.reading import Piece, Rows
from farol.batch.score import BatchScorer, ScoredBatch
from farol.batch.writing import writable, write_refused, writer_to
from farol.errors import InputError, Place
from farol.files import canonical_json, replace_file
from farol.i18n import msg

Progress = Callable[[int, int], None]
"""Called with the rows and the bytes of files (`FilePart.size`) done since it was called last, in any thread."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Parts, by their places, to be scored into an output; `schema` is the pyarrow.Schema of the answers."""

    scorer: BatchScorer
    parts: Mapping[int, FilePart]
    output: Output
    schema: Any
    progress: Progress


def output_schema(scorer: BatchScorer, part: FilePart) -> Any:
    """The pyarrow.Schema of the answers to a part."""
    pa = arrow()
    file = part.file
    empty = pa.RecordBatch.from_arrays(
        [pa.array([], type=file.schema.types[place]) for place in file.columns.wanted],
        names=[file.schema.names[place] for place in file.columns.wanted],
    )
    schema = scorer.score(Rows(empty, 0), file.columns.among_wanted(), file.year).answers.schema
    twice = next((name for name, times in Counter(schema.names).items() if times > 1), None)
    if twice is not None:
        raise InputError(
            msg("The answers would have two columns called {name}.", name=repr(twice)),
            where=Place(file=file.name),
            fix=msg("Rename the column in the file, or leave it out of {option}.", option="--keep"),
        )
    return schema


def plan_of(job: Job) -> bytes:
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


def score_part(job: Job, place: int, blocks: ThreadPoolExecutor | None = None, ahead: int = 0) -> None:
    """Score one part and finish it: its answers and refused rows first, and last what says so.

    Whoever does it again, or at the same time, comes to the same files. `blocks` decodes, scores and encodes up to
    `ahead` pieces at the same time.
    """
    part, output = job.parts[place], job.output
    file, work, name = part.file, output.work, part_name(place)
    columns = file.columns.among_wanted()
    rows = unanswered = at_risk = passed = 0
    refused: list[tuple[str, int, str, str]] = []
    counts = np.zeros(job.scorer.scorer.layout.width, dtype=np.int64)
    answers = work / f".{name}.{uuid4().hex}"
    if not file.columns.codes:  # the number of a row stands for its code, and is known when those before are
        blocks = None
    try:
        with writable(answers), writer_to(answers, output.part_form, job.schema, headers=output.is_folder) as writer:

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
        with writable(work):
            files = files_of_part(output, place)
            write_refused(files[1], refused)
            answers.replace(files[0])
            known = {
                "rows": rows,
                "refused": len(refused),
                "unanswered": unanswered,
                "at_risk": at_risk,
                "sizes": [path.stat().st_size for path in files],
                "counts": counts.tolist(),
            }
            replace_file(finished_at(work, place), canonical_json(known))
        job.progress(0, part.size - passed)
    except (MemoryError, arrow().ArrowMemoryError) as error:
        raise _too_little_memory(part) from error
    finally:
        answers.unlink(missing_ok=True)
        arrow().default_memory_pool().release_unused()


def _too_little_memory(part: FilePart) -> InputError:
    return InputError(
        msg("There is not enough memory."),
        where=Place(file=part.name),
        fix=msg(
            "Score fewer parts at once with {option}, or give a cluster's workers more memory; finished parts are "
            "kept.",
            option="--threads",
        ),
    )


def _passed(part: FilePart, rows: int, read: int | None) -> int:
    """How many bytes of a part are done when these rows are."""
    if part.rows:
        return part.size * rows // part.rows
    return min(read or 0, part.size)


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
