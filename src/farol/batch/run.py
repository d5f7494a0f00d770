"""A run: parts are scored side by side by an engine, and what is finished stays finished.

While the work is under way, everything stands in a folder beside the output, `OUT.partial`. A part counts as finished
when its `.json` is there, which is written last. The same command after a crash goes on with the rest. The output
appears at the end, whole, by renaming.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from farol.batch.job import Job, Progress, output_schema, plan_of, score_part
from farol.batch.output import PLAN, Output, check_plan, is_finished, part_name, read_part, rows_of, send
from farol.batch.parts import FilePart
from farol.batch.score import BatchScorer
from farol.batch.writing import join_refused, joined_to, partitioned_to, replace_folder, require_writable, writable
from farol.errors import InputError, Place
from farol.files import canonical_json, replace_file
from farol.i18n import msg
from farol.model.counters import Counts

_WHOLE = "_all"


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
    require_writable(job.schema, output.form, output.partition_by)
    report = _reported(job) if _waits_to_be_sent(job) else _scored(job, engine)
    if output.address:
        send(output)
    return report


def _waits_to_be_sent(job: Job) -> bool:
    """Whether an earlier run finished these very answers and could not send them. InputError for those of another."""
    finished = job.output.finished_plan
    if not job.output.address or not finished.exists():
        return False
    check_plan(finished, plan_of(job))
    return True


def _scored(job: Job, engine: Engine) -> BatchReport:
    """What became of all rows, when the answers are at the output's path."""
    output, progress = job.output, job.progress
    work = output.work
    with writable(work):
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_plan(work / PLAN, plan_of(job))
    waiting = [place for place in job.parts if not is_finished(output, place)]
    for place in sorted({*job.parts} - {*waiting}):
        progress(rows_of(output, place), job.parts[place].size)
    with writable(work), _gathered(job) as gather:
        engine(job, waiting, gather)
        gather()
    report = _finish(job, resumed=len(job.parts) - len(waiting))
    if output.address:
        replace_file(output.finished_plan, plan_of(job))
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
                append(work / f"{part_name(turn)}.{output.part_form}")
                turn += 1

        yield gather


def _finish(job: Job, *, resumed: int) -> BatchReport:
    output, parts = job.output, job.parts
    work, names = output.work, [part_name(place) for place in range(len(parts))]
    known = [read_part(work, place) for place in range(len(parts))]
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
    with writable(output.path):
        join_refused([work / f"{name}.refused.csv" for name in names], work / "_refused.csv")
        replace_file(work / "_farol.json", canonical_json(_summary(job, report)))
        if output.partition_by:
            for name in ("_refused.csv", "_farol.json"):
                (work / name).replace(work / _WHOLE / name)
            replace_folder(work / _WHOLE, output.path)
            shutil.rmtree(work)
        elif output.is_folder:
            for leftover in (PLAN, *(f"{name}{end}" for name in names for end in (".json", ".refused.csv"))):
                (work / leftover).unlink()
            for unfinished in work.glob(".*"):  # of a run that was killed
                unfinished.unlink()
            replace_folder(work, output.path)
        else:
            (work / "_refused.csv").replace(output.refused)
            (work / "_farol.json").replace(output.report)
            (work / _WHOLE).replace(output.path)
            shutil.rmtree(work)
    return report


def _reported(job: Job) -> BatchReport:
    """What the report of finished answers says became of all rows."""
    known = json.loads(job.output.report.read_bytes())
    return BatchReport(
        **{name: known[name] for name in ("rows", "scored", "refused", "unanswered", "at_risk")},
        parts=len(job.parts),
        resumed=len(job.parts),
        counts=np.array(known["counters"]["cells"], dtype=np.int64),
    )


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
