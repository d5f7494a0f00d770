"""`farol train`, and the training that `farol demo` shares with it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from farol.cli.check import ProfileOption, SheetYearOption, WorkbookArgument
from farol.cli.output import output_file
from farol.cli.terminal import (
    ERR,
    OUT,
    _,
    number,
    open_panel,
    open_profile,
    print_table,
    read_settings,
    say,
    say_heading,
    say_reading,
)
from farol.errors import InputError, MissingExtraError, Place, PlanError
from farol.i18n import Message, count, msg, terminal_locale

if TYPE_CHECKING:
    from farol.evaluation.capacity import Capacity
    from farol.model.trained import TrainedModel
    from farol.profile import Profile, Task
    from farol.settings import Settings
    from farol.training.large import Fit, LargePanel
    from farol.training.population import Population
    from farol.workbook.panel import Panel

ArtifactsOption = Annotated[
    Path | None,
    typer.Option("--artifacts", help=_("Folder of the trained models."), show_default="artifacts"),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help=_("Seed of everything random: the same seed gives the same model."))
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help=_("Use the model even if its own report says that it should not be used.")),
]

HEADLINES = ("precision", "recall", "f1", "roc_auc", "average_precision", "brier", "precision_top")


def train(
    workbook: WorkbookArgument,
    task: Annotated[str, typer.Option("--task", help=_("Which task of the profile, or all."))] = "all",
    artifacts: ArtifactsOption = None,
    profile: ProfileOption = None,
    seed: SeedOption = 0,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help=_("Put the new models into use, or only keep them."),
            show_default=_("--promote; with --as-of, --no-promote"),
        ),
    ] = None,
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
    as_of: Annotated[
        int | None,
        typer.Option("--as-of", metavar=_("YEAR"), help=_("Replay a year: know only the sheets up to it.")),
    ] = None,
    year: SheetYearOption = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help=_("With a folder of panels: a column by whose values the figures are given apart, such as school."),
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            help=_("With a folder of panels: write the figures of every group, such as school, to a csv file."),
        ),
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(
            "--master",
            help=_("With a folder of panels: the Spark cluster that trains the trees, such as spark://n1:7077."),
        ),
    ] = None,
) -> None:
    """Train the tasks asked for and write a bundle of each."""
    from farol.evaluation.capacity import parse_capacity

    settings = read_settings(artifacts=artifacts, profile=profile)
    options = Options(
        parse_capacity(capacity),
        quick,
        promote=as_of is None or force if promote is None else promote,
        force=force,
        as_of=as_of,
        year=year,
        by=tuple(by or ()),
        figures=figures,
        master=master,
    )
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
    """How to train: the capacity (None: the usual one), in a hurry or not, whether and how to promote.

    `as_of`: know only the sheets up to that year; `year`: that of a file whose name has none; `by`: columns by whose
    values the figures of a large panel are given apart, `figures`: the csv file that has them; `master`: the Spark
    cluster that trains on a large panel.
    """

    capacity: Capacity | None = None
    quick: bool = False
    promote: bool = True
    force: bool = False
    as_of: int | None = None
    year: int | None = None
    by: tuple[str, ...] = ()
    figures: Path | None = None
    master: str | None = None


def train_workbook(
    workbook: Path, settings: Settings, *, task: str = "all", seed: int = 0, options: Options | None = None
) -> Panel:
    """Read, train, write, promote and print; the panel comes back for who goes on with it."""
    require_training()
    from farol.model.bundle import write_bundle
    from farol.model.registry import Registry
    from farol.workbook.selection import SheetNeeds
    from farol.workbook.shards import is_large

    options = options or Options()
    profile = open_profile(settings)
    names = chosen_tasks(dict(profile.tasks), task)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    written: list[tuple[str, Path]] = []
    refused: list[PlanError] = []
    with ExitStack() as opened:
        bars = opened.enter_context(Progress(*columns, console=ERR, transient=not ERR.is_terminal))
        large = _deal_out(workbook, profile, options, opened, bars) if is_large(workbook, profile) else None
        if large is None:
            _check_no_cluster(workbook, options)
            bar = bars.add_task(msg("Reading {file}", file=workbook.name).render(terminal_locale()), total=1.0)
            panel = open_panel(workbook, profile, settings, SheetNeeds(year=options.year))
            bars.update(bar, completed=1.0)
        else:
            panel = large.shards.panel(0, profile)
        for name in names:
            try:
                trained = _fit(panel, name, seed, options, bars, large)
            except PlanError as error:
                refused.append(error)
            else:
                written.append((name, write_bundle(settings.artifacts, trained)))
    if not written:
        raise refused[0]
    reports = {name: json.loads((path / "report.json").read_bytes()) for name, path in written}
    served = {name for name, report in reports.items() if options.promote and (report["promotable"] or options.force)}
    # Everything is done before anything is printed.
    for name, path in written:
        if name in served:
            Registry(settings.artifacts).promote(name, path.name, force=options.force)
    _say_read(workbook, settings, panel, large)
    for name, path in written:
        print_report(reports[name], profile, profile.tasks[name], path)
        if not options.promote:
            say(
                msg(
                    "Kept, but not put into use. To use it: `farol models promote {task} {version}`.",
                    task=name,
                    version=path.name,
                )
            )
        elif name not in served:
            say(msg("Not put into use. To use it all the same: --force."))
    for refusal in refused:
        _say_refused(refusal)
    return panel


def _check_no_cluster(workbook: Path, options: Options) -> None:
    if options.master is not None:
        raise InputError(
            msg("A Spark cluster trains only on a folder of panels."),
            where=Place(file=str(workbook)),
            fix=msg("Leave {option} out: this machine trains on a workbook in seconds.", option="--master"),
        )


def _say_refused(refusal: PlanError) -> None:
    OUT.print()
    say(msg("This task was not trained; the others were:"))
    for line in refusal.lines(terminal_locale()):
        OUT.print(line, style="yellow", markup=False)


def _deal_out(workbook: Path, profile: Profile, options: Options, opened: ExitStack, bars: Progress) -> LargePanel:
    """The shards of a folder of panels, in a folder of their own that goes with `opened`."""
    from farol.training.large import LargePanel, fitted_here
    from farol.workbook.shards import deal_out

    _require_columns(profile, options.by)
    bar = bars.add_task(msg("Reading {file}", file=workbook.name).render(terminal_locale()), total=1.0)
    folder = Path(opened.enter_context(TemporaryDirectory(prefix="farol-train-")))
    fit = fitted_here if options.master is None else _spark_fit(options.master, opened)
    shards = deal_out(workbook, profile, folder, lambda share: bars.update(bar, completed=share))
    counted = partial(_write_figures, options.figures)
    return LargePanel(shards, folder / "arrays", by=options.by, counted=counted, fit=fit)


def _spark_fit(master: str, opened: ExitStack) -> Fit:
    """What trains on a cluster. Its session ends with `opened`."""
    from farol.batch.spark import open_session
    from farol.batch.spark_training import fitted_on_spark

    session = open_session(master=master, remote=None)
    opened.callback(session.stop)
    return partial(fitted_on_spark, session)


def _write_figures(path: Path | None, population: Population) -> None:
    """A task's figures by group; those of another task are replaced."""
    from farol.csv_form import PROGRAMS

    if path is not None:
        text = PROGRAMS.start + PROGRAMS.lines(population.lines())
        output_file(path, overwrite=True, private=False).write([text.encode()])


def _say_read(workbook: Path, settings: Settings, panel: Panel, large: LargePanel | None) -> None:
    if large is None:
        remember_workbook(workbook, settings, panel)
    else:
        say(
            msg(
                "Of {rows} rows, {sample} were read as a sample, with these findings:",
                rows=count(large.shards.rows),
                sample=count(len(panel.year)),
            )
        )
    say_reading(panel, workbook)


def _require_columns(profile: Profile, names: tuple[str, ...]) -> None:
    known = [name for name, column in profile.columns.items() if column.kind == "category"]
    for name in names:
        if name not in known:
            raise InputError(
                msg("The profile has no column of words {name}.", name=name),
                expected=msg("one of {names}", names=", ".join(known)),
                fix=msg("Choose one of them with --by."),
            )


def _fit(
    panel: Panel, name: str, seed: int, options: Options, bars: Progress, large: LargePanel | None
) -> TrainedModel:
    from farol.evaluation.capacity import USUAL
    from farol.training.train import train as fit

    bar = bars.add_task(name, total=1.0)

    def progress(message: Message, fraction: float) -> None:
        bars.update(bar, completed=fraction, description=f"{name}: {message.render(terminal_locale())}")

    capacity = options.capacity or USUAL
    return fit(
        panel,
        name,
        seed=seed,
        quick=options.quick,
        capacity=capacity,
        as_of=options.as_of,
        large=large,
        progress=progress,
    )


def print_report(report: dict[str, Any], profile: Profile, task: Task, path: Path) -> None:
    """The headline metrics of a bundle's test, with their intervals."""
    test = report["test"]
    OUT.print()
    say_heading(task.title.in_locale(terminal_locale()), f" · {task.name} · {path.name}")
    say(_rows_words(report, profile))
    for note in report["notes"]:
        OUT.print(note[terminal_locale()[:2]], markup=False)
    from farol.evaluation.metrics import MEASURES

    table = Table(box=None, pad_edge=False)
    for heading in (_("metric"), _("value"), _("95% interval")):
        table.add_column(heading, justify="left" if heading == _("metric") else "right")
    for name in HEADLINES:
        metric = test[name]
        interval = "–" if metric["low"] is None else f"{number(metric['low'])}–{number(metric['high'])}"
        table.add_row(MEASURES[name].title.render(terminal_locale()), number(metric["value"]), interval)
    print_table(table)
    OUT.print(task.limits.in_locale(terminal_locale()), style="yellow", markup=False)
    for reason in report["promotion"]["reasons"]:
        OUT.print(reason[terminal_locale()[:2]], style="green" if report["promotable"] else "yellow", markup=False)
    if report["quick"]:
        say(msg("Made with --quick: train without it before you rely on the model."))


def _rows_words(report: dict[str, Any], profile: Profile) -> Message:
    """Which rows taught and which tested the model of a report."""
    plan = report["plan"]
    if not profile.has_periods:
        return msg(
            "Rows in training: {n_train}; other rows in the test: {n_test}",
            n_train=count(report["n_train"]),
            n_test=count(report["n_test"]),
        )
    years = {
        part: ", ".join(
            _cohort_years(profile.period_text(cohort["features"][-1]), profile.period_text(cohort["label"]))
            for cohort in plan[part]
        )
        for part in ("train", "test")
    }
    if plan["split"] == "folds":
        return msg(
            "Tested on pupils of {test} ({n_test} rows), leaving out one group at a time",
            n_test=count(report["n_test"]),
            **years,
        )
    return msg(
        "Trained on {train} ({n_train} rows), tested on {test} ({n_test} rows)",
        n_train=count(report["n_train"]),
        n_test=count(report["n_test"]),
        **years,
    )


def _cohort_years(as_of: str, label: str) -> str:
    """`2023`, or `2023→2024` where the answer is of a later year."""
    return as_of if as_of == label else f"{as_of}→{label}"


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
