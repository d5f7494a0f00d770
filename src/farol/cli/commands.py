"""The commands, put together: `app` is the typer application that `farol.cli.main` runs."""

from __future__ import annotations

from typing import Annotated

import typer

from farol import __version__
from farol.cli import (
    alerts,
    check,
    demo,
    drift,
    explain,
    keys,
    lists,
    log,
    models,
    outcomes,
    profile,
    report,
    score,
    serve,
    status,
    store,
    students,
    train,
    users,
)
from farol.cli.i18n import Command, Group
from farol.cli.terminal import _

app = typer.Typer(
    cls=Group,
    name="farol",
    help=_("Early warning for schools: which pupils are at risk, why, and whether the answer still holds."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"farol {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help=_("Show the version and exit.")),
    ] = False,
) -> None:
    """Options of `farol` itself; each is eager and does its work in its callback."""


START = _("Start here")
app.command(
    cls=Command,
    help=_(
        "Do it all with your workbook (check, train, forecast, serve), or show a demonstration with invented pupils."
    ),
    rich_help_panel=START,
)(demo.demo)
app.command(
    cls=Command,
    help=_("Write an invented sample workbook with the shape and the quirks of a real one."),
    rich_help_panel=START,
)(demo.sample)

DATA = _("Data and models")
app.command(
    cls=Command,
    help=_("Read a workbook and tell what is odd in it, where, and what was done about it."),
    rich_help_panel=DATA,
)(check.check)
app.command(
    cls=Command,
    help=_("Train the models with a workbook, test them and put into use those that pass."),
    rich_help_panel=DATA,
)(train.train)
app.add_typer(models.app, name="models", rich_help_panel=DATA)
app.add_typer(profile.app, name="profile", rich_help_panel=DATA)

ANSWERS = _("Answers")
app.command(
    "list",
    cls=Command,
    help=_("List whom to look at first among the pupils of the last year, as many as the team can attend to."),
    rich_help_panel=ANSWERS,
)(lists.list_)
app.command(
    cls=Command,
    help=_("Show one pupil's answer in words: how likely, why, what is not known, and its limits."),
    rich_help_panel=ANSWERS,
)(explain.explain)
app.command(
    cls=Command,
    help=_("Forecast every pupil of a sheet and keep the answers, to compare them with next year's sheet."),
    rich_help_panel=ANSWERS,
)(outcomes.forecast)
app.command(
    cls=Command,
    help=_("Read next year's sheet: what came true of the forecasts, beside what the model's card promised."),
    rich_help_panel=ANSWERS,
)(outcomes.outcomes)

app.command(
    cls=Command,
    help=_(
        "Answer files of any size: rows in, probabilities and answers out. Needs the extra parquet: make install "
        "EXTRAS=parquet."
    ),
    rich_help_panel=ANSWERS,
)(score.score)

SERVICE = _("Service")
app.command(cls=Command, help=_("Serve the API and the pages."), rich_help_panel=SERVICE)(serve.serve)
app.command(
    cls=Command,
    help=_("Say in plain words what to do about each model, and why. Exit code 1 if there is something to do."),
    rich_help_panel=SERVICE,
)(status.status)
app.add_typer(alerts.app, name="alerts", rich_help_panel=SERVICE)
app.add_typer(keys.app, name="keys", rich_help_panel=SERVICE)
app.add_typer(users.app, name="users", rich_help_panel=SERVICE)
app.add_typer(log.app, name="log", rich_help_panel=SERVICE)
app.add_typer(store.app, name="store", rich_help_panel=SERVICE)
app.add_typer(students.app, name="students", rich_help_panel=SERVICE)
app.command(
    cls=Command,
    help=_("Compare the predictions with the training data: can the answers still be trusted?"),
    rich_help_panel=SERVICE,
)(drift.drift)
app.command(
    cls=Command,
    help=_("Say how good the answers of a period probably are, before anybody knows what came true."),
    rich_help_panel=SERVICE,
)(drift.estimate)
app.command(
    cls=Command,
    help=_("Store simulated predictions, to try the pages and the alerts."),
    rich_help_panel=SERVICE,
)(drift.simulate)
app.command(
    cls=Command,
    help=_("Write what was found in a period as one file for people: what changed, how much, since when."),
    rich_help_panel=SERVICE,
)(report.report)
