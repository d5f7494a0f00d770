"""`farol train`, and the training that `farol demo` shares with it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from farol.cli.check import ProfileOption, WorkbookArgument
from farol.cli.terminal import ERR, OUT, _, number, open_panel, open_profile, read_settings, say
from farol.errors import InputError, MissingExtraError
from farol.i18n import Message, msg, terminal_locale

if TYPE_CHECKING:
    from farol.evaluation.capacity import Capacity
    from farol.profile import Task
    from farol.settings import Settings
    from farol.workbook.panel import Panel

ArtifactsOption = Annotated[
    Path | None,
    typer.Option("--artifacts", help=_("Folder of the trained models."), show_default="artifacts"),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help=_("Seed of everything random: the same seed, the same bundle."))
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help=_("Serve the model even if its own report says that it should not be served.")),
]

HEADLINES = ("precision", "recall", "f1", "roc_auc", "average_precision", "brier", "precision_top")


def train(
    workbook: WorkbookArgument,
    task: Annotated[
        str, typer.Option("--task", help=_("Which task of the profile: current, next-year, or all."))
    ] = "all",
    artifacts: ArtifactsOption = None,
    profile: ProfileOption = None,
    seed: SeedOption = 0,
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help=_("Serve the new models, or only keep them."))
    ] = True,
    force: ForceOption = False,
    capacity: Annotated[
        str,
        typer.Option(
            "--capacity",
            metavar=_("PLACES"),
            help=_(
                "How many pupils the team can attend to, such as 60 or 20%: the report measures lists of that length."
            ),
        ),
    ] = "20%",
    quick: Annotated[
        bool,
        typer.Option("--quick", help=_("Leave the slow comparisons out and measure more roughly; the report says so.")),
    ] = False,
) -> None:
    """Train the tasks asked for and write a bundle of each."""
    from farol.evaluation.capacity import parse_capacity

    settings = read_settings(artifacts=artifacts, profile=profile)
    options = Options(parse_capacity(capacity), quick, promote, force)
    train_workbook(workbook, settings, task=task, seed=seed, options=options)


def require_training() -> None:
    """Raise MissingExtraError where a library that trains is not installed. It loads none of them."""
    for name in ("xgboost", "sklearn", "onnx", "onnxmltools"):
        if find_spec(name) is None:
            raise MissingExtraError(
                msg("Training needs the Python package {name}, which is not installed.", name=name), extra="train"
            )


def chosen_tasks(tasks: dict[str, Task], task: str) -> list[str]:
    """The names that `--task` means.

    Raises:
        InputError: the profile has no such task.
    """
    if task == "all":
        return list(tasks)
    if task not in tasks:
        raise InputError(
            msg("There is no task {task}.", task=task),
            expected=msg("{names} or all", names=", ".join(tasks)),
            fix=msg("Choose one of them with --task."),
        )
    return [task]


@dataclass(frozen=True, slots=True)
class Options:
    """How to train: the capacity (None: the usual one), in a hurry or not, and whether and how to promote."""

    capacity: Capacity | None = None
    quick: bool = False
    promote: bool = True
    force: bool = False


def train_workbook(
    workbook: Path, settings: Settings, *, task: str = "all", seed: int = 0, options: Options | None = None
) -> Panel:
    """Read, train, write, promote and print; the panel comes back for who goes on with it."""
    require_training()
    from farol.evaluation.capacity import USUAL
    from farol.model.bundle import write_bundle
    from farol.model.registry import Registry
    from farol.training.train import train as fit

    options = options or Options()
    capacity = options.capacity or USUAL
    profile = open_profile(settings)
    names = chosen_tasks(dict(profile.tasks), task)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    written: list[tuple[str, Path]] = []
    with Progress(*columns, console=ERR, transient=not ERR.is_terminal) as bars:
        bar = bars.add_task(msg("Reading {file}", file=workbook.name).render(terminal_locale()), total=1.0)
        panel = open_panel(workbook, profile, settings)
        bars.update(bar, completed=1.0)
        for name in names:
            bar = bars.add_task(name, total=1.0)

            def progress(message: Message, fraction: float, bar: object = bar, name: str = name) -> None:
                bars.update(bar, completed=fraction, description=f"{name}: {message.render(terminal_locale())}")  # type: ignore[arg-type]

            trained = fit(panel, name, seed=seed, quick=options.quick, capacity=capacity, progress=progress)
            written.append((name, write_bundle(settings.artifacts, trained)))
            bars.update(bar, completed=1.0)
    registry = Registry(settings.artifacts)
    for name, path in written:
        report = json.loads((path / "report.json").read_bytes())
        print_report(report, profile.tasks[name], path)
        if not options.promote:
            continue
        if report["promotable"] or options.force:
            registry.promote(name, path.name, force=options.force)
        else:
            say(msg("Not served: to serve it all the same, use --force."))
    remember_workbook(workbook, settings, panel)
    return panel


def print_report(report: dict[str, object], task: Task, path: Path) -> None:
    """The headline metrics of a bundle's test, with their intervals."""
    test = report["test"]
    assert isinstance(test, dict)  # noqa: S101  # report.json is our own, verified by its bundle
    OUT.print()
    OUT.print(f"[bold]{task.title.in_locale(terminal_locale())}[/bold] · {task.name} · {path.name}")
    say(
        msg(
            "Trained on {train} ({n_train} rows), tested on {test} ({n_test} rows)",
            train=_years(report["train_years"]),
            n_train=report["n_train"],
            test=_years(report["test_years"]),
            n_test=report["n_test"],
        )
    )
    from farol.evaluation.metrics import MEASURES

    table = Table(box=None, pad_edge=False)
    for heading in (_("metric"), _("value"), _("95% interval")):
        table.add_column(heading, justify="left" if heading == _("metric") else "right")
    for name in HEADLINES:
        metric = test[name]
        interval = "–" if metric["low"] is None else f"{number(metric['low'])}–{number(metric['high'])}"
        table.add_row(MEASURES[name].title.render(terminal_locale()), number(metric["value"]), interval)
    OUT.print(table)
    OUT.print(task.limits.in_locale(terminal_locale()), style="yellow", markup=False)
    promotion = report["promotion"]
    assert isinstance(promotion, dict)  # noqa: S101  # report.json is our own
    for reason in promotion["reasons"]:
        OUT.print(reason[terminal_locale()[:2]], style="green" if report["promotable"] else "yellow", markup=False)
    if report["quick"]:
        say(msg("Made with --quick: before serving it for good, train without."))


def _years(years: object) -> str:
    """`2022→2023, 2023→2024` for pairs of years, `2022, 2023` for years."""
    assert isinstance(years, list)  # noqa: S101  # report.json is our own
    return ", ".join("→".join(map(str, year)) if isinstance(year, list) else str(year) for year in years)


def remember_workbook(workbook: Path, settings: Settings, panel: Panel) -> None:
    """Note which workbook the models in `artifacts` come from, and how many pupils and findings it had."""
    from farol.model.workbook_note import WorkbookNote, digest_of, write_note

    years = panel.year.tolist()
    note = WorkbookNote(
        path=str(workbook.resolve()),
        sha256=digest_of(workbook),
        pupils={year: years.count(year) for year in panel.years},
        findings=dict(Counter(finding.severity for finding in panel.findings)),
    )
    write_note(settings.artifacts, note)
