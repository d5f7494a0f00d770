"""`farol students`: what is stored of one pupil."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from farol.cli.i18n import Command, Group
from farol.cli.output import OverwriteOption, output_file
from farol.cli.serve import DataOption
from farol.cli.terminal import _, read_settings, say, say_json
from farol.cli.train import ArtifactsOption
from farol.errors import InputError
from farol.i18n import count, msg

app = typer.Typer(cls=Group, help=_("The stored data of one pupil: export them, erase them."), no_args_is_help=True)

StudentArgument = Annotated[
    str, typer.Argument(metavar="RA", help=_("The pupil's code, as it was given with `student`."))
]


@app.command(cls=Command, help=_("Write all stored data of a pupil, as JSON."))
def export(
    student: StudentArgument,
    output: Annotated[
        Path | None, typer.Option("--output", metavar=_("FILE"), help=_("A new file; without it, standard output."))
    ] = None,
    overwrite: OverwriteOption = False,
    data: DataOption = None,
) -> None:
    """Every row of the pupil; an empty list for an unknown code."""
    from farol.store.database import Store
    from farol.store.privacy import export as rows_of

    file = None if output is None else output_file(output, overwrite=overwrite)
    settings = read_settings(data=data)
    with Store.open(settings.store_url, existing=True) as store:
        exported = rows_of(store, _code(student), timezone=ZoneInfo(settings.timezone), now=datetime.now(UTC))
    text = json.dumps(exported, ensure_ascii=False, indent=2)
    if file is None:
        say_json(text)
        return
    file.write([f"{text}\n".encode()])
    file.say(msg("wrote {path}; keep it as you keep the workbook", path=output))


@app.command(
    cls=Command, help=_("Erase all stored predictions and outcomes of a pupil, and say what is still kept elsewhere.")
)
def erase(student: StudentArgument, data: DataOption = None, artifacts: ArtifactsOption = None) -> None:
    """All rows and what they added to the counters, in one transaction."""
    from farol.cli.store import say_pending
    from farol.intake.uploads import forget_uploads
    from farol.model.registry import Registry
    from farol.store.database import Store
    from farol.store.privacy import erase as erase_rows

    settings = read_settings(data=data, artifacts=artifacts)
    with Store.open(settings.store_url, existing=True) as store:
        code = _code(student)
        forget_uploads(settings, store, datetime.now(UTC))
        erased = erase_rows(store, code, Registry(settings.artifacts))
    say(msg("erased predictions of this pupil: {n}", n=count(erased.rows)))
    if erased.outcomes:
        say(msg("erased outcomes of this pupil: {n}", n=count(erased.outcomes)))
    if erased.pages:
        say(msg("erased from the pages: years, answers, name and cases of this pupil: {n}", n=count(erased.pages)))
    say(msg("deleted workbooks that were sent by a page, and what was said of them: they may have had this pupil"))
    if erased.kept:
        versions = ", ".join(f"{task} {version}" for task, version in erased.kept)
        say(
            msg(
                "The counters of {versions} still count some of them. They do not say whose they are.",
                versions=versions,
            )
        )
        say(msg("These models are gone. When they are back, `farol store recount --repair` removes these counts too."))
    elif erased.rows:
        say(msg("They no longer count in the measurement of drift."))
    if erased.is_pending:
        say_pending()
    say(
        msg(
            "Still kept: predictions stored without a code, snapshots of drift (counts only), trained models, and "
            "every backup or export made before. Erase those where they are kept. See docs/privacy.md."
        )
    )


def _code(given: str) -> str:
    """The code as it is stored.

    Raises:
        InputError: no pupil can have it.
    """
    from farol.workbook.student_code import LONGEST_CODE, student_code

    code = student_code(given)
    if code is None:
        raise InputError(
            msg("{field} is not the code of a pupil.", field="RA"),
            expected=msg("a text of 1 to {most} characters", most=LONGEST_CODE),
            fix=msg("Copy the code from the workbook."),
        )
    return code
