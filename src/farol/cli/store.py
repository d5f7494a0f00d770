"""`farol store`: the database of predictions, looked after."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.output import output_file
from farol.cli.serve import DataOption
from farol.cli.terminal import _, read_settings, say, say_json
from farol.cli.train import ArtifactsOption
from farol.i18n import count, day, msg, terminal_locale

if TYPE_CHECKING:
    from farol.store.recount import Recount

app = typer.Typer(
    cls=Group,
    help=_("The database of predictions: check its counters, remove old rows, back it up, restore it."),
    no_args_is_help=True,
)

_PIECE = 1_000_000

SHOWN = 20
"""Differences told one by one to a person."""


@app.command(
    cls=Command,
    help=_(
        "Compare the counters, by which drift is measured, with the stored predictions. Exit code 1 where they differ."
    ),
)
def recount(
    repair: Annotated[
        bool, typer.Option("--repair", help=_("Correct the counters from the stored predictions."))
    ] = False,
    output: FormatOption = Format.text,
    data: DataOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Bin every stored row again by the model that answered it."""
    from farol.model.registry import Registry
    from farol.store.database import Store
    from farol.store.recount import recount as compare
    from farol.store.recount import repair as mend

    settings = read_settings(data=data, artifacts=artifacts)
    registry = Registry(settings.artifacts)
    with Store.open(settings.store_url, existing=True) as store:
        result = compare(store, registry)
        if repair:
            mend(store, registry, result.cells)
    if output is Format.json:
        say_json(json.dumps(_as_dict(result, repaired=repair), ensure_ascii=False, indent=2))
    else:
        _print(result, repaired=repair)
    if result.differences and not repair:
        raise typer.Exit(1)


@app.command(cls=Command, help=_("Remove old predictions, and their counters, by whole days."))
def purge(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar=_("DAYS"),
            help=_("Remove predictions older than this number of days, such as 400d."),
        ),
    ],
    data: DataOption = None,
) -> None:
    """Retention: whole days go."""
    from farol.intake.uploads import prune
    from farol.store.database import Store
    from farol.store.privacy import parse_age
    from farol.store.privacy import purge as remove
    from farol.store.records import start_of

    settings = read_settings(data=data)
    first = parse_age(older_than, now=datetime.now(UTC))
    with Store.open(settings.store_url, existing=True) as store:
        prune(settings, store, datetime.now(UTC), before=start_of(first))
        purged = remove(store, first)
    say(
        msg(
            "removed predictions from before {day}, with their part in the counters: {n}",
            n=count(purged.rows),
            day=day(first),
        )
    )
    if purged.outcomes:
        say(msg("removed outcomes: {n}", n=count(purged.outcomes)))
    if purged.pages:
        say(
            msg(
                "removed of the pages: years, answers, names, cases, lines of the audit and jobs: {n}",
                n=count(purged.pages),
            )
        )
    if purged.is_pending:
        say_pending()
    say(msg("Still kept: snapshots of drift (counts only), and every backup and export made before."))


@app.command(
    cls=Command,
    help=_(
        "Thin out the history of drift: keep all snapshots for a month, then one a day up to 400 days, then one a week."
    ),
)
def compact(data: DataOption = None) -> None:
    """What every check does afterwards, too."""
    from farol.store.alerts import Outbox
    from farol.store.database import Store
    from farol.store.history import compact as thin_out

    now = datetime.now(UTC)
    with Store.open(read_settings(data=data).store_url, existing=True) as store:
        removed, forgotten = thin_out(store, now), Outbox(store).forget(now)
    say(
        msg(
            "removed snapshots: {n}; removed alerts that were delivered long ago: {m}",
            n=count(removed),
            m=count(forgotten),
        )
    )


@app.command(cls=Command, help=_("Copy the database to a file, also while the service is running."))
def backup(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The new file to write."))],
    data: DataOption = None,
) -> None:
    """SQLite's online backup."""
    from farol.store.backup import backup as write

    output = output_file(file)
    url = read_settings(data=data).store_url
    if output.is_stream:
        with TemporaryDirectory(prefix="farol-") as folder:
            copied = write(url, Path(folder) / "copy.db")
            with (Path(folder) / "copy.db").open("rb") as copy:
                output.write(iter(lambda: copy.read(_PIECE), b""))
    else:
        copied = write(url, file)
    output.say(msg("wrote predictions to {path}: {n}", n=count(copied.rows), path=file))
    output.say(msg("The copy holds data of pupils: keep it as you keep the workbook. The models are not in it."))


@app.command(cls=Command, help=_("Restore a backup in place of the content of the database."))
def restore(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("A file that `farol store backup` wrote."))],
    force: Annotated[
        bool, typer.Option("--force", help=_("Replace a database that is not empty. Its content is lost."))
    ] = False,
    data: DataOption = None,
) -> None:
    """Verify, then replace in one transaction."""
    from farol.store.backup import restore as put_back

    copied = put_back(read_settings(data=data).store_url, file, force=force)
    say(msg("restored predictions from {path}: {n}", n=count(copied.rows), path=file))
    say(msg("Pupils erased after this backup was made are back: erase them again."))
    say(msg("Users, roles and keys are those of that day: look them through. Everybody has to sign in again."))


def say_pending() -> None:
    """What is said where erased rows are still in a file."""
    say(
        msg(
            "Their bytes are still in the file that ends in -wal, because somebody is reading the database. A running "
            "service removes them as soon as it can; GET /ready says so until then. Or run this command again later."
        )
    )


def _as_dict(result: Recount, *, repaired: bool) -> dict[str, object]:
    return {
        "rows": result.rows,
        "repaired": repaired,
        "differences": [asdict(difference) | {"day": difference.day.isoformat()} for difference in result.differences],
        "unproven": [
            {
                "task": version.task,
                "version": version.version,
                "rows": version.rows,
                "problem": version.problem.as_dict(terminal_locale()),
            }
            for version in result.unproven
        ],
    }


def _print(result: Recount, *, repaired: bool) -> None:
    say(msg("predictions counted again: {n}", n=count(result.rows)))
    for unproven in result.unproven:
        problem = unproven.problem.problem
        values = {"task": unproven.task, "version": unproven.version, "n": count(unproven.rows), "problem": problem}
        say(msg("{task} {version}: predictions that cannot be counted again: {n}. {problem}", **values))
    for difference in result.differences[:SHOWN]:
        sides = {"counted": count(difference.counted), "rows": count(difference.rows)}
        values = asdict(difference) | sides | {"slice": difference.slice or "*"}
        say(msg("{task} {version}, {day}, {slice}, {name}, bin {bin}: counter {counted}, predictions {rows}", **values))
    if len(result.differences) > SHOWN:
        say(msg("… and {n} more; --format json has all", n=count(len(result.differences) - SHOWN)))
    if not result.differences:
        say(msg("all counters agree with the predictions"))
    elif repaired:
        say(msg("wrong counters, now corrected: {n}", n=count(len(result.differences))))
    else:
        say(msg("wrong counters: {n}; correct them with --repair", n=count(len(result.differences))))
