"""`farol store`: the database of predictions, looked after."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.serve import DataOption
from farol.cli.terminal import LOCALE, _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.store.recount import Recount

app = typer.Typer(
    cls=Group,
    help=_("The database of predictions: prove its counters, keep it short, back it up, restore it."),
    no_args_is_help=True,
)

SHOWN = 20
"""Differences told one by one to a person."""


@app.command(
    cls=Command,
    help=_("Compare the counters that drift is measured by with the stored rows; exit code 1 when they differ."),
)
def recount(
    repair: Annotated[bool, typer.Option("--repair", help=_("Make the counters what the rows say."))] = False,
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
    with Store.open(settings.store_url) as store:
        found = compare(store, registry)
        if repair:
            mend(store, registry, found.cells)
    if output is Format.json:
        print(json.dumps(_as_dict(found, repaired=repair), ensure_ascii=False, indent=2))
    else:
        _print(found, repaired=repair)
    if found.differences and not repair:
        raise typer.Exit(1)


@app.command(cls=Command, help=_("Remove the predictions, and their counters, of days longer ago than this."))
def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar=_("DAYS"), help=_("How long to keep them, such as 400d."))
    ],
    data: DataOption = None,
) -> None:
    """Retention: whole days go."""
    from farol.store.database import Store
    from farol.store.retention import parse_age
    from farol.store.retention import purge as remove

    settings = read_settings(data=data)
    first = parse_age(older_than, now=datetime.now(UTC))
    with Store.open(settings.store_url) as store:
        purged = remove(store, first)
    say(msg("removed {n} predictions of before {day}, and what they added to the counters", n=purged.rows, day=first))
    if purged.outcomes:
        say(msg("removed outcomes: {n}", n=purged.outcomes))
    say(msg("What remains: snapshots of drift (counts only), and every backup and export made before."))


@app.command(
    cls=Command,
    help=_("Thin out the history of drift: all of a month, one a day for 400 days, one a week from there on."),
)
def compact(data: DataOption = None) -> None:
    """What every check does afterwards, too."""
    from farol.store.database import Store
    from farol.store.history import compact as thin_out
    from farol.store.outbox import Outbox

    now = datetime.now(UTC)
    with Store.open(read_settings(data=data).store_url) as store:
        removed, forgotten = thin_out(store, now), Outbox(store).forget(now)
    say(msg("removed {n} snapshots, and {m} alerts delivered long ago", n=removed, m=forgotten))


@app.command(cls=Command, help=_("Copy the database to a file, also while the service is running."))
def backup(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The new file to write."))],
    data: DataOption = None,
) -> None:
    """SQLite's online backup."""
    from farol.store.backup import backup as write

    copied = write(read_settings(data=data).store_url, file)
    say(msg("wrote {n} predictions to {path}", n=copied.rows, path=file))
    say(msg("It holds what is known of pupils: keep it as you keep the workbook. The models are not in it."))


@app.command(cls=Command, help=_("Put a backup back in place of what the database holds."))
def restore(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("What `farol store backup` wrote."))],
    force: Annotated[
        bool, typer.Option("--force", help=_("Replace a database that is not empty: what it holds is lost."))
    ] = False,
    data: DataOption = None,
) -> None:
    """Verify, then replace in one transaction."""
    from farol.store.backup import restore as put_back

    copied = put_back(read_settings(data=data).store_url, file, force=force)
    say(msg("restored {n} predictions from {path}", n=copied.rows, path=file))
    say(msg("Pupils erased since this backup was made are back: erase them again."))


def _as_dict(found: Recount, *, repaired: bool) -> dict[str, object]:
    return {
        "rows": found.rows,
        "repaired": repaired,
        "differences": [asdict(one) | {"day": one.day.isoformat()} for one in found.differences],
        "unproven": [
            {"task": one.task, "version": one.version, "rows": one.rows, "problem": one.problem.as_dict(LOCALE)}
            for one in found.unproven
        ],
    }


def _print(found: Recount, *, repaired: bool) -> None:
    say(msg("counted {n} predictions anew", n=found.rows))
    for one in found.unproven:
        values = {"task": one.task, "version": one.version, "n": one.rows, "problem": one.problem.problem}
        say(msg("{task} {version}: its {n} predictions cannot be counted anew. {problem}", **values))
    for difference in found.differences[:SHOWN]:
        values = asdict(difference) | {"slice": difference.slice or "*"}
        say(msg("{task} {version}, {day}, {slice}, {name}, bin {bin}: counted {counted}, rows {rows}", **values))
    if len(found.differences) > SHOWN:
        say(msg("… and {n} more; --format json has all", n=len(found.differences) - SHOWN))
    if not found.differences:
        say(msg("every counter is what the rows say"))
    elif repaired:
        say(msg("{n} counters were not; they are now what the rows say", n=len(found.differences)))
    else:
        say(msg("{n} counters are not what the rows say; mend them with --repair", n=len(found.differences)))
