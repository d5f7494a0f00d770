"""`farol models`: the versions of each task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.output import OverwriteOption, output_file
from farol.cli.terminal import _, number, print_table, read_settings, say, say_json
from farol.cli.train import ArtifactsOption, ForceOption, require_training
from farol.i18n import msg, terminal_locale

if TYPE_CHECKING:
    from farol.model.registry import Registry

app = typer.Typer(
    cls=Group, help=_("The trained models: list, verify, promote, roll back, export."), no_args_is_help=True
)

TaskArgument = Annotated[
    str, typer.Argument(metavar=_("TASK"), help=_("A task of the profile, such as `farol models list` shows."))
]
VersionArgument = Annotated[
    str | None, typer.Argument(metavar=_("VERSION"), help=_("A version; without it, the one in use."))
]


def open_registry(artifacts: Path | None) -> Registry:
    """The registry of the artifacts folder in force."""
    from farol.model.registry import Registry

    return Registry(read_settings(artifacts=artifacts).artifacts)


@app.command("list", cls=Command, help=_("List every version of every task, with its state."))
def list_(output: FormatOption = Format.text, artifacts: ArtifactsOption = None) -> None:
    """One row a version."""
    from farol.evaluation.metrics import MEASURES

    registry = open_registry(artifacts)
    rows = [
        {
            "task": task,
            "version": entry.version,
            "promoted": entry.promoted,
            "problem": entry.problem.as_dict(terminal_locale()) if entry.problem else None,
            "headline": dict(entry.manifest.headline) if entry.manifest else {},
        }
        for task in registry.tasks()
        for entry in registry.versions(task)
    ]
    if output is Format.json:
        say_json(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        say(
            msg(
                "No models here yet. Train with `farol train WORKBOOK`. If your models are in another folder, name it "
                "with --artifacts or FAROL_ARTIFACTS."
            )
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in (_("task"), _("version"), _("state"), MEASURES["roc_auc"].title.render(terminal_locale())):
        table.add_column(heading)
    for row in rows:
        state = _("damaged") if row["problem"] else _("in use") if row["promoted"] else ""
        headline = row["headline"]
        auc = headline.get("roc_auc") if isinstance(headline, dict) else None
        table.add_row(str(row["task"]), str(row["version"]), state, number(auc if isinstance(auc, float) else None))
    print_table(table)


@app.command(cls=Command, help=_("Show what a version is made of: years, features, metrics, files."))
def show(task: TaskArgument, version: VersionArgument = None, artifacts: ArtifactsOption = None) -> None:
    """The manifest and the report, as JSON."""
    bundle = open_registry(artifacts).load(task, version)
    manifest = json.loads((bundle.path / "manifest.json").read_bytes())
    say_json(json.dumps({"manifest": manifest, "report": bundle.report}, ensure_ascii=False, indent=2))


@app.command(cls=Command, help=_("Check every file of a version against its manifest."))
def verify(task: TaskArgument, version: VersionArgument = None, artifacts: ArtifactsOption = None) -> None:
    """Exit code 2 and the difference when something is not as it was written."""
    bundle = open_registry(artifacts).load(task, version)
    say(msg("{task} {version}: every file is as it was written.", task=task, version=bundle.version))
    for note in bundle.notes:
        say(note)


@app.command(cls=Command, help=_("Use this version of a task from now on."))
def promote(
    task: TaskArgument,
    version: Annotated[str, typer.Argument(metavar=_("VERSION"), help=_("The version to put into use."))],
    force: ForceOption = False,
    artifacts: ArtifactsOption = None,
) -> None:
    """Verify, then promote."""
    open_registry(artifacts).promote(task, version, force=force)
    say(msg("{task} now uses {version}.", task=task, version=version))


@app.command(cls=Command, help=_("Go back to the version that was in use before."))
def rollback(task: TaskArgument, artifacts: ArtifactsOption = None) -> None:
    """Promote the previous version again."""
    version = open_registry(artifacts).rollback(task)
    say(msg("{task} now uses {version}.", task=task, version=version))


@app.command(cls=Command, help=_("Write model.pkl, scaler.pkl, imputer.pkl and features_used.pkl for notebooks."))
def export(
    task: TaskArgument,
    folder: Annotated[Path, typer.Argument(metavar=_("FOLDER"), help=_("Where to write them."))],
    version: Annotated[str | None, typer.Option("--version", help=_("A version; without it, the one in use."))] = None,
    overwrite: OverwriteOption = False,
    artifacts: ArtifactsOption = None,
) -> None:
    """Pickles for scikit-learn users; Farol itself never loads one."""
    require_training()
    from farol.model.export import NAMES, export_pickles

    for name in NAMES:
        output_file(folder / name, overwrite=overwrite, private=False)
    for path in export_pickles(open_registry(artifacts).load(task, version), folder):
        say(msg("wrote {path}", path=path))
