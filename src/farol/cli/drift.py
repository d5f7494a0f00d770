"""`farol drift` and `farol simulate`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption, ProfileOption, YearOption
from farol.cli.drift_pairwise import show_pairwise
from farol.cli.explain import SliceOption, TaskNowOption, WindowOption
from farol.cli.serve import DataOption
from farol.cli.terminal import (
    ERR,
    OUT,
    _,
    cell,
    number,
    open_model,
    open_panel,
    open_tasks,
    print_table,
    read_settings,
    say,
    say_heading,
    say_json,
    say_reading,
)
from farol.cli.train import ArtifactsOption, SeedOption
from farol.drift.report import of_years
from farol.errors import InputError
from farol.i18n import count, msg, terminal_locale

if TYPE_CHECKING:
    from farol.drift.report import DriftReport
    from farol.model.bundle import Bundle
    from farol.model.registry import Registry
    from farol.profile import Profile
    from farol.settings import Settings
    from farol.workbook.panel import Panel


class Shift(StrEnum):
    """How far the simulated pupils differ from the real ones."""

    none = "none"
    moderate = "moderate"
    severe = "severe"


def drift(
    task: TaskNowOption = None,
    window: WindowOption = "30d",
    part: SliceOption = "",
    same_levels: Annotated[
        bool,
        typer.Option("--same-levels", help=_("Compare with training rows weighted to the levels of the window.")),
    ] = False,
    file: Annotated[
        str | None,
        typer.Option(
            "--input",
            help=_(
                "Compare a year of this workbook or csv file, or all rows of Parquet, NDJSON, Arrow or packed files "
                "of any size, folders and patterns of them too, instead of the predictions."
            ),
        ),
    ] = None,
    year: YearOption = None,
    snapshot: Annotated[bool, typer.Option("--snapshot", help=_("Store the figures in the history."))] = False,
    multivariate: Annotated[
        bool,
        typer.Option(
            "--multivariate",
            help=_("Compare pairs of features instead of single features: reads rows, not counters."),
        ),
    ] = False,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Print the drift of a window, or of a workbook."""
    from farol.api.answers.drift import DriftAnswer
    from farol.drift.baseline import parse_slice
    from farol.drift.report import drift_of_panel, drift_report, take_snapshot
    from farol.drift.windows import window_of
    from farol.model.tasks import THIS_YEAR
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data)
    bundle = open_model(settings, task, THIS_YEAR)
    if multivariate:
        if snapshot or same_levels:
            raise InputError(
                msg("A comparison of pairs is neither stored in the history nor weighted to levels."),
                fix=msg("Leave out --snapshot and --same-levels, or --multivariate."),
            )
        panel = None if file is None else _panel(Path(file), bundle, settings, year, output)
        show_pairwise(settings, bundle, window, part, panel, output)
        return
    if file is not None:
        if snapshot:
            raise InputError(
                msg("The drift of a workbook is not stored in the history."),
                fix=msg("Leave out --snapshot or --input."),
            )
        if _is_a_sheet(file):
            report = drift_of_panel(bundle, _panel(Path(file), bundle, settings, year, output))
        else:
            report = _of_files(file, bundle, settings, year)
    else:
        wanted = parse_slice(bundle, part)
        with Store.open(settings.store_url, existing=True) as store:
            chosen = window_of(window, store=store, task=bundle.task, now=datetime.now(UTC))
            report = drift_report(store, bundle, chosen, part=wanted, same_levels=same_levels)
            if snapshot:
                take_snapshot(store, bundle, chosen)
    if output is Format.json:
        say_json(DriftAnswer.of(report, terminal_locale()).model_dump_json(by_alias=True, indent=2))
    else:
        title = bundle.task_spec.title.in_locale(terminal_locale())
        say_heading(title, f" ({bundle.task} {bundle.version})")
        print_drift(report)


_SHEETS = (".xlsx", ".xls", ".ods", ".csv", ".tsv")


def _is_a_sheet(file: str) -> bool:
    """Whether an input is one table that the reader of sheets takes; anything else is read in blocks."""
    return file.lower().endswith(_SHEETS) and not any(sign in file for sign in "*?[") and not Path(file).is_dir()


def _of_files(files: str, bundle: Bundle, settings: Settings, year: int | None) -> DriftReport:
    """The drift of all rows of files of any size, read once and in blocks; the model answers them, too."""
    from farol.batch.monitoring import counts_of, drift_of_counts
    from farol.batch.parts import plan_parts
    from farol.batch.score import BatchScorer
    from farol.cli.score import tell_columns
    from farol.model.scoring import Scorer

    now = datetime.now(UTC)
    this_year = now.astimezone(ZoneInfo(settings.timezone)).year
    parts = plan_parts(bundle, [files], year=year, this_year=this_year, keep=())
    tell_columns(bundle, parts)
    scorer = Scorer(bundle)
    batch = BatchScorer(scorer, reasons=0, locale=terminal_locale())
    counts, refused = counts_of(batch, parts, threads=os.cpu_count() or 1)
    if refused:
        ERR.print(msg("{n} rows cannot be scored and do not count; `farol score` names each with its reason.",
                      n=count(refused)).render(terminal_locale()))  # fmt: skip
    return drift_of_counts(scorer, counts, name=files, at=now)


def _panel(file: Path, bundle: Bundle, settings: Settings, year: int | None, output: Format) -> Panel:
    """The rows of a year of a workbook, for what drift needs of them: no pupil's code, and only a task's own columns.

    What was read of them is said.

    A file without a year in its name is of this year, unless a feature depends on the year.
    """
    from farol.model.features import FeaturePlan
    from farol.pupils.ranking import unknown_features, unknown_words
    from farol.workbook.selection import SheetNeeds

    task, columns = bundle.task_spec, frozenset(bundle.inputs.columns)
    without = year is None and not FeaturePlan.of(bundle.profile, task).needs_year
    assumed = datetime.now(ZoneInfo(settings.timezone)).year if without else year
    needs = SheetNeeds(pupils=False, columns=columns, year=assumed, task=bundle.task)
    panel = open_panel(file, bundle.profile, settings, needs).of_year(year)
    if unknown := unknown_features(bundle, panel):
        ERR.print(unknown_words(unknown).render(terminal_locale()), markup=False)
    say_reading(panel, file, year=panel.years[-1], aside=output is Format.json)
    if output is Format.text and _is_of_training(file, panel.years[-1], bundle, settings):
        say(
            msg(
                "This is the very sheet that the model was trained with: next to no drift is to be expected, and it "
                "says nothing of new pupils."
            )
        )
    return panel


def _is_of_training(file: Path, year: int, bundle: Bundle, settings: Settings) -> bool:
    from farol.model.workbook_note import digest_of, read_note

    note = read_note(settings.artifacts)
    return note is not None and note.sha256 == digest_of(file) and year in bundle.served_years


def estimate(
    task: TaskNowOption = None,
    window: WindowOption = "30d",
    part: SliceOption = "",
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    "Say how good the answers of a period probably are, before anybody knows what came true."
    from farol.api.answers.performance import PerformanceAnswer
    from farol.drift.baseline import parse_slice
    from farol.drift.verdicts import MIN_SAMPLES
    from farol.drift.windows import window_of
    from farol.model.tasks import THIS_YEAR
    from farol.outcomes.estimate_vs_actual import measure_title
    from farol.outcomes.estimation import expected_performance
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data)
    bundle = open_model(settings, task, THIS_YEAR)
    wanted = parse_slice(bundle, part)
    with Store.open(settings.store_url, existing=True) as store:
        chosen = window_of(window, store=store, task=bundle.task, now=datetime.now(UTC))
        estimation = expected_performance(store, bundle, chosen, part=wanted)
    if output is Format.json:
        answer = PerformanceAnswer.of(bundle, chosen, wanted, estimation, terminal_locale())
        say_json(answer.model_dump_json(by_alias=True, indent=2))
        return
    if estimation.n < MIN_SAMPLES:
        say(msg("Answers in this period: {n}. With fewer than {enough} nothing is estimated.",
                n=count(estimation.n), enough=MIN_SAMPLES))  # fmt: skip
        if estimation.left_out is not None:
            say(estimation.left_out)
        return
    table = Table(box=None, pad_edge=False)
    for heading in (_("metric"), _("expected"), _("from"), _("to")):
        table.add_column(heading)
    for name, measure in estimation.measures.items():
        title = measure_title(name).render(terminal_locale())
        table.add_row(title, number(measure.value), number(measure.low), number(measure.high))
    print_table(table)
    say(msg("Answers: {n}; expected at risk: {share}", n=count(estimation.n), share=_percent(estimation.at_risk)))
    say(msg("Before you use these figures:"))
    for words in estimation.assumptions:
        OUT.print(f"• {words.render(terminal_locale())}", markup=False)


def print_drift(report: DriftReport) -> None:
    """The report as a table, one row a feature and one for the score, and the verdict in words."""
    from farol.drift.verdicts import kind_label, verdict_label

    headings = (
        _("feature"),
        "PSI",
        _("critical value"),
        _("predictions"),
        _("above training"),
        _("missing: training → now"),
        _("never seen"),
        _("verdict"),
        _("alarm"),
    )
    rows = [
        (
            figure.meaning.in_locale(terminal_locale()),
            number(figure.psi),
            number(figure.critical if isfinite(figure.critical) else None),
            cell(figure.n),
            _percent(None if figure.superiority is None else figure.superiority.value),
            f"{_percent(figure.missing.reference)} → {_percent(figure.missing.value)}",
            _percent(None if figure.unseen is None else figure.unseen.value),
            verdict_label(figure.verdict, terminal_locale()),
            ", ".join(kind_label(kind, terminal_locale()) for kind in figure.alarms) or _("no"),
        )
        for figure in report.figures
    ]
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for texts in zip(headings, *rows, strict=True):
        # A narrow terminal breaks lines between words, and never cuts one.
        table.add_column(texts[0], min_width=max(len(word) for text in texts for word in text.split()))
    for row in rows:
        table.add_row(*row)
    print_table(table)
    rate = report.rate
    if rate is not None and rate.value is not None:
        say(
            msg(
                "Answered “at risk”: {now} ({low} to {high}), {then} in training: {verdict}",
                now=_percent(rate.value),
                low=_percent(rate.low),
                high=_percent(rate.high),
                then=_percent(rate.reference),
                verdict=verdict_label(rate.verdict, terminal_locale()),
            )
        )
    say(
        msg(
            "Compared with: {rows} ({training})",
            rows=report.baseline,
            training=of_years(report.reference_n, report.reference_names),
        )
    )
    if not report.n:
        say(msg("No prediction came in this period, so there is nothing to compare with the training data."))
        return
    say(msg("Verdict: {verdict}", verdict=verdict_label(report.verdict, terminal_locale())))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def simulate(
    n: Annotated[int, typer.Option("--n", min=1, max=1_000_000, help=_("How many predictions."))] = 500,
    shift: Annotated[
        Shift, typer.Option("--shift", help=_("How far the simulated pupils differ from the real ones."))
    ] = Shift.none,
    task: Annotated[str, typer.Option("--task", help=_("Which task of the profile, or all."))] = "all",
    days: Annotated[
        int, typer.Option("--days", min=1, max=3_650, help=_("Over how many past days to spread them."))
    ] = 1,
    seed: SeedOption = 0,
    workbook: Annotated[
        Path | None,
        typer.Option(
            "--workbook",
            help=_(
                "The workbook from which pupils of the last year are drawn; without it, the workbook last trained on."
            ),
        ),
    ] = None,
    profile: ProfileOption = None,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Draw pupils of the last year, shift them, score and store them."""
    settings = read_settings(artifacts=artifacts, data=data, profile=profile)
    require_invented(settings)
    source = workbook or known_workbook(settings)
    panel = open_panel(source, open_tasks(settings).profile, settings)
    simulate_panel(panel, settings, task=task, n=n, shift=shift, days=days, seed=seed)


def require_invented(settings: Settings) -> None:
    """Raise InputError where the log holds predictions that were asked for: invented ones must not be among them."""
    from farol.drift.simulate import is_asked
    from farol.store.database import Store

    with Store.of(settings) as store:
        is_own = not settings.is_demonstration and is_asked(store)
    if is_own:
        raise InputError(
            msg("The log holds predictions of your own pupils; invented ones would be mixed with them."),
            fix=msg("Use the demonstration, or an empty folder, with {option}.", option="--data data/demonstration"),
        )


def promoted_tasks(registry: Registry, profile: Profile) -> list[str]:
    """The tasks with a model in use that was trained under a profile: one that beats no simple rule is not promoted."""
    return [task for task in registry.stamps() if registry.load(task).profile.name == profile.name]


def simulate_panel(
    panel: Panel, settings: Settings, *, task: str, n: int, shift: Shift, days: int = 1, seed: int = 0
) -> None:
    """Simulate `n` predictions of a task (or of each) and say how many were stored."""
    from farol.drift.simulate import simulate as write
    from farol.model.registry import Registry
    from farol.model.scoring import Scorer
    from farol.store.database import Store

    registry = Registry(settings.artifacts)
    with Store.of(settings) as store:
        for name in promoted_tasks(registry, panel.profile) if task == "all" else [task]:
            scorer = Scorer(registry.load(name))
            written = write(panel, scorer, store, n=n, shift=shift.value, seed=seed, days=days, now=datetime.now(UTC))
            say(msg("{task}: simulated predictions stored: {n}", task=name, n=count(written)))


def known_workbook(settings: Settings) -> Path:
    """The workbook last trained on.

    Raises:
        InputError: none is known, or it is no longer where it was.
    """
    from farol.model.workbook_note import read_note

    note = read_note(settings.artifacts)
    if note is None:
        raise InputError(
            msg("There is no workbook to draw pupils from."),
            expected=msg("models trained in {folder}", folder=settings.artifacts),
            fix=msg("Train first with `farol train WORKBOOK`, or name one with --workbook."),
        )
    path = Path(note.path)
    if not path.exists():
        raise InputError(
            msg("The workbook last trained on is no longer where it was."),
            got=msg("no file at {path}", path=path),
            fix=msg("Name it with --workbook."),
        )
    return path
