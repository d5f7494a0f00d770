"""`farol score`."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from farol.cli.explain import MOST_REASONS, TaskOption
from farol.cli.serve import DataOption
from farol.cli.terminal import ERR, _, open_model, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import InputError, Place
from farol.i18n import Listing, Message, count, decimal, msg, terminal_locale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farol.batch.output import Output
    from farol.batch.parts import FilePart
    from farol.batch.run import BatchReport
    from farol.model.bundle import Bundle
    from farol.model.scoring import Scorer
    from farol.profile import Profile


_NAMED = 40
"""Columns that a line names; the report beside the answers names all."""


class EngineName(StrEnum):
    """Who does the work."""

    local = "local"
    spark = "spark"


class Form(StrEnum):
    """The form of the answers."""

    parquet = "parquet"
    csv = "csv"
    ndjson = "ndjson"
    arrow = "arrow"


def score(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar=_("INPUT…"),
            help=_(
                "The rows: Parquet, csv and NDJSON (also .gz, .zst), Arrow, workbooks; files, folders, "
                "patterns, or addresses such as s3://…"
            ),
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar=_("PATH"),
            help=_(
                "Where the answers go: one file, if the name has an ending; else a folder of files. Also an address "
                "such as s3://…"
            ),
        ),
    ],
    task: TaskOption = None,
    reasons: Annotated[
        int, typer.Option("--reasons", min=0, max=MOST_REASONS, help=_("The greatest number of reasons to give."))
    ] = 0,
    year: Annotated[
        int | None,
        typer.Option(
            "--year", min=1900, max=2100, help=_("The year of all rows, if neither the rows nor their folders say it.")
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help=_("A column to carry into the output, besides the codes."))
    ] = None,
    partition_by: Annotated[
        list[str] | None,
        typer.Option("--partition-by", help=_("A column of the answers: each of its values gets a folder.")),
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help=_("Form of the answers."), show_default=_("by the ending of --out"))
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=256, help=_("How many parts to answer at once."))
    ] = None,
    engine: Annotated[
        EngineName | None, typer.Option("--engine", help=_("Who does the work: this machine, or Spark."))
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(
            "--master", help=_("The Spark cluster, such as spark://host:7077; this machine if none is named.")
        ),
    ] = None,
    remote: Annotated[
        str | None, typer.Option("--remote", help=_("A server of Spark Connect or Sail, such as sc://host:15002."))
    ] = None,
    work: Annotated[
        Path,
        typer.Option(
            "--work",
            help=_("A folder for answers that are not finished or not sent yet, where --out is an address."),
            show_default=_("this folder"),
        ),
    ] = Path(),
    recorded: Annotated[
        bool,
        typer.Option("--record", help=_("Add the counts to the log, for `farol drift --slice source=file`.")),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace an output that is there already."))] = False,
    restart: Annotated[bool, typer.Option("--restart", help=_("Throw away unfinished work of another run."))] = False,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Score files of any size."""
    from farol.batch.filesystem import is_address
    from farol.batch.monitoring import record
    from farol.batch.parts import plan_parts
    from farol.batch.run import on_this_machine, run
    from farol.batch.score import BatchScorer
    from farol.batch.spark import on_spark, open_session
    from farol.model.scoring import Scorer
    from farol.model.tasks import NEXT_YEAR
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data)
    workers = threads or os.cpu_count() or 1
    on_cluster = engine is EngineName.spark or (engine is None and bool(master or remote))
    if on_cluster:  # which has another folder to start from
        out, work = out if is_address(out) else str(Path(out).absolute()), work.absolute()
        inputs = [given if is_address(given) else str(Path(given).absolute()) for given in inputs]
    elif master or remote:
        option = "--master" if master else "--remote"
        raise InputError(
            msg("{option} names a Spark cluster, and --engine local does without.", option=option),
            fix=msg("Leave out either {option} or --engine local.", option=option),
        )
    output = output_at(out, form, partition_by or [], work=work)
    _check_output(output, overwrite=overwrite, restart=restart)
    scorer = Scorer(open_model(settings, task, NEXT_YEAR))
    this_year = scorer.bundle.present_period(datetime.now(UTC).astimezone(ZoneInfo(settings.timezone)).year)
    parts = plan_parts(scorer.bundle, inputs, year=year, this_year=this_year, keep=keep or [])
    _require_apart(output, inputs, parts)
    tell_columns(scorer.bundle, parts)
    finish = (
        on_spark(open_session(master=master or f"local[{workers}]", remote=remote))
        if on_cluster
        else on_this_machine(workers)
    )
    began = time.perf_counter()
    with _progress_bar(sum(part.size for part in parts)) as progress:
        batch_scorer = BatchScorer(scorer, reasons=reasons, locale=terminal_locale())
        report = run(batch_scorer, parts, output, engine=finish, progress=progress)
    tell(scorer, report, output, time.perf_counter() - began)
    if recorded:
        with Store.of(settings) as store:
            record(store, scorer, report, at=datetime.now(UTC))


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar of `total` bytes: yields what takes the rows and the bytes that are done, from any thread."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    began = time.perf_counter()
    with Progress(*columns, console=ERR, transient=not ERR.is_terminal) as bars:
        bar = bars.add_task(_("Answering"), total=total, speed="")
        lock, done = Lock(), 0

        def progress(rows: int, size: int) -> None:
            nonlocal done
            with lock:
                done += rows
                rate = count(round(done / max(time.perf_counter() - began, 1e-9)))
                speed = msg("{rows} rows, {rate} a second", rows=count(done), rate=rate)
                bars.update(bar, advance=size, speed=speed.render(terminal_locale()))

        yield progress


def output_at(given: str, form: Form | None, partition_by: Sequence[str] = (), *, work: Path = Path()) -> Output:
    """Where the answers go. InputError where the ending fits neither --format nor --partition-by."""
    from farol.batch.filesystem import is_address
    from farol.batch.output import Output
    from farol.batch.sending import UNDER_WAY

    if given == "-":
        raise InputError(
            msg("Answers go to a file or a folder, not to standard output."),
            where=Place(field="--out"),
            fix=msg("They appear whole or not at all: name a file, then read it."),
        )
    out, address = Path(given), ""
    if is_address(given):
        base, _question, query = given.partition("?")
        address = f"{base.rstrip('/')}?{query}" if query else base.rstrip("/")
        name = PurePosixPath(base).name
        out = work / f"{name}{UNDER_WAY}" / name
    elif out.is_symlink():  # what it leads to is written, and it stays
        out = Path(os.path.realpath(out))
    ending = {".parquet": Form.parquet, ".csv": Form.csv, ".ndjson": Form.ndjson, ".jsonl": Form.ndjson}.get(
        out.suffix.lower(), Form.arrow if out.suffix.lower() in (".arrow", ".feather") else None
    )
    if ending is None and form is None and re.fullmatch(r"\.[a-zA-Z]\w{1,4}", out.suffix):
        raise InputError(
            msg("Answers are not written in files of this ending."),
            expected=msg(".csv, .parquet, .ndjson, .jsonl, .arrow or .feather, or none for a folder"),
            where=Place(file=str(out)),
            fix=msg("Spreadsheet programs open the .csv. A folder of this name is written with --format."),
        )
    if ending is not None and form is not None and form is not ending:
        raise InputError(
            msg("The ending of the output does not fit --format."),
            expected=msg("an ending of {form}, or none for a folder", form=form.value),
            where=Place(file=given),
            fix=msg("Change the ending of --out, or leave --format out."),
        )
    if ending is not None and partition_by:
        raise InputError(
            msg("An output with partitions is a folder."),
            where=Place(file=given),
            fix=msg("Give --out a name without an ending, and --format."),
        )
    columns = tuple(dict.fromkeys(partition_by))
    return Output(out, (form or ending or Form.parquet).value, ending is None, columns, address)


def _check_output(output: Output, *, overwrite: bool, restart: bool) -> None:
    if output.address:
        _check_address(output, overwrite=overwrite, restart=restart)
        return
    if restart and output.work.exists():
        shutil.rmtree(output.work)
    if not output.path.exists():
        return
    if not output.path.is_dir() and (output.is_folder or not output.path.is_file()):
        raise InputError(
            msg("This is no folder, and only a folder can be put in its place.")
            if output.path.is_file()
            else msg("This is neither a file nor a folder, so it is not replaced."),
            where=Place(file=str(output.path)),
            fix=msg("Choose another place."),
        )
    if not overwrite:
        raise InputError(
            msg("The output is there already."),
            where=Place(file=str(output.path)),
            fix=msg("Choose another place, or replace it with --overwrite."),
        )
    if output.path.is_dir() and not output.report.exists():
        raise InputError(
            msg("The folder is not an output of this command, so it is not replaced."),
            where=Place(file=str(output.path)),
            fix=msg("Choose another place."),
        )


def _check_address(output: Output, *, overwrite: bool, restart: bool) -> None:
    from farol.batch.sending import is_there

    if restart and output.path.parent.exists():
        shutil.rmtree(output.path.parent)
    # What an earlier run could not send to the end may be there in part.
    if is_there(output.address) and not (overwrite or output.finished_plan.exists()):
        raise InputError(
            msg("The output is there already."),
            where=Place(file=output.name),
            fix=msg("Choose another place, or replace it with --overwrite."),
        )


def _require_apart(output: Output, inputs: Sequence[str], parts: Sequence[FilePart]) -> None:
    """InputError where the output would replace an input, or the same command again would read it as one."""
    target = _path_here(output.address) if output.address else output.path.resolve()
    if target is None:
        place = output.address.partition("?")[0]
        sources = [path.partition("?")[0].rstrip("/") for path in (*inputs, *(part.file.source.path for part in parts))]
        taken = any(f"{path}/".startswith(f"{place}/") or place.startswith(f"{path}/") for path in sources)
    else:
        beside = [
            target.with_name(f"{target.name}{ending}") for ending in ("", ".partial", ".refused.csv", ".farol.json")
        ]
        folders = [path for path in map(_path_here, inputs) if path is not None and path.is_dir()]
        files = [path for part in parts if (path := _path_here(part.file.source.path)) is not None]
        taken = (
            any(target.is_relative_to(folder) for folder in folders)
            or any(path.is_relative_to(place) for path in files for place in beside)
            or any(place.is_file() and path.samefile(place) for path in files for place in beside)  # a hard link
        )
    if taken:
        raise InputError(
            msg("The output stands among the inputs: the same command again would read answers in place of rows."),
            where=Place(file=output.name),
            fix=msg("Choose a place for --out that is neither an input nor within one."),
        )


def _path_here(given: str) -> Path | None:
    """The file or folder of this machine that is meant; None for that of another."""
    from farol.batch.filesystem import is_address

    if given.startswith("file://"):
        given = unquote(given.removeprefix("file://"))
    return None if is_address(given) else Path(given).resolve()


def tell_columns(bundle: Bundle, parts: Sequence[FilePart]) -> None:
    """The columns that a file has and nobody reads, and those that the answers miss, on standard error."""
    plan, features = bundle.inputs.plan, bundle.task_spec.features
    assumed = next((part.file for part in parts if not part.file.is_year_said and part.file.columns.year is None), None)
    if assumed is not None and bundle.profile.has_periods:
        ERR.print(
            msg(
                "{file}: nothing says the year of the rows, so it is taken as {year}; {option} names another.",
                file=assumed.name,
                year=str(assumed.year),
                option="--year",
            ).render(terminal_locale())
        )
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for part in parts:
        columns, file = part.file.columns, part.file.name
        known = frozenset(columns.inputs)
        missing = tuple(dict.fromkeys(name for feature in features for name in plan.needed(feature, known)))
        if (columns.unread, missing) in seen:  # many files of the same columns say it once
            continue
        seen.add((columns.unread, missing))
        if columns.unread:
            ERR.print(
                msg("{file}: not read: {names}", file=file, names=_called(bundle.profile, columns.unread)).render(
                    terminal_locale()
                )
            )
        if missing:
            ERR.print(
                msg(
                    "{file}: missing: {names}. With less information the answers are less reliable.",
                    file=file,
                    names=_called(bundle.profile, missing),
                ).render(terminal_locale())
            )


def _called(profile: Profile, names: Sequence[str]) -> Listing | Message:
    """What a reader calls columns of the profile; other headers as the file has them. Of very many, the first."""
    called = tuple(profile.columns[name].meaning if name in profile.columns else name for name in names)
    more = len(called) - _NAMED
    if more <= 0:
        return Listing(called)
    return msg("{names}, {count} more", names=Listing(called[:_NAMED]), count=count(more))


def tell(scorer: Scorer, report: BatchReport, output: Output, seconds: float) -> None:
    """What became of the rows, with numbers that add up, and whether they are like those of training."""
    from farol.batch.monitoring import drift_of_counts
    from farol.drift.verdicts import verdict_label

    drift = drift_of_counts(scorer, report.counts, name=output.path.name, at=datetime.now(UTC))
    say(
        msg(
            "rows read: {rows} = accepted: {scored} + refused: {refused}",
            rows=count(report.rows),
            scored=count(report.scored),
            refused=count(report.refused),
        )
    )
    say(
        msg(
            "of those accepted: at risk {at_risk}, without an answer {unanswered}",
            at_risk=count(report.at_risk),
            unanswered=count(report.unanswered),
        )
    )
    if report.refused:
        say(msg("Each refused row and its reason: {path}", path=output.refused_name))
    say(msg("Drift against training: {verdict}", verdict=verdict_label(drift.verdict, terminal_locale())))
    if report.resumed:
        say(
            msg(
                "Parts finished before: {resumed} of {parts}.", resumed=count(report.resumed), parts=count(report.parts)
            )
        )
    say(
        msg(
            "wrote {path} in {seconds} s (rows a second: {rate})",
            path=output.name,
            seconds=decimal(seconds, 1),
            rate=count(round(report.rows / max(seconds, 1e-9))),
        )
    )
