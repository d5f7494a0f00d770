"""`farol forecast` and `farol outcomes`: the loop that closes a year later."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption, ProfileOption, WorkbookArgument, YearOption
from farol.cli.explain import TaskOption, scorer_and_panel
from farol.cli.output import CsvFormatOption, OverwriteOption, output_file
from farol.cli.serve import DataOption
from farol.cli.terminal import (
    OUT,
    _,
    cell,
    number,
    open_panel,
    open_tasks,
    print_table,
    read_settings,
    say,
    say_heading,
    say_json,
    say_reading,
)
from farol.cli.train import ArtifactsOption
from farol.csv_form import Audience, CsvForm
from farol.errors import InputError
from farol.i18n import Message, count, msg, terminal_locale

if TYPE_CHECKING:
    from collections.abc import Callable

    from farol.evaluation.metrics import Estimate
    from farol.model.scoring import Scorer
    from farol.outcomes.estimation import ExpectedMeasure
    from farol.outcomes.report import OutcomeReport, Part
    from farol.profile import Profile
    from farol.pupils.forecast import Forecasts
    from farol.store.database import Store
    from farol.store.outcomes import Recorded
    from farol.workbook.panel import Panel


def forecast(
    workbook: WorkbookArgument,
    task: TaskOption = None,
    year: YearOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar=_("DAY"),
            help=_("Store them as if it were noon of this day, such as 2023-12-01, to replay a past year."),
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", "--out", help=_("Write the answers to this CSV file as well; - is standard output.")),
    ] = None,
    csv_format: CsvFormatOption = Audience.people,
    overwrite: OverwriteOption = False,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Score a sheet and keep the answers."""
    from farol.api.answers.pupils import ForecastsAnswer
    from farol.pupils.forecast import forecast_panel
    from farol.store.database import Store
    from farol.store.exporting import write_csv

    file = None if csv is None else output_file(csv, overwrite=overwrite)
    settings = read_settings(artifacts=artifacts, data=data)
    moment = datetime.now(UTC) if at is None else noon(at, ZoneInfo(settings.timezone))
    scorer, panel = scorer_and_panel(workbook, task, settings, year)
    bundle = scorer.bundle
    with Store.of(settings) as store:
        forecasts = forecast_panel(scorer, panel, store, year=year, at=moment)
        record_for_pages(store, scorer, panel, forecasts)
    tell = say
    if file is not None:
        form = CsvForm(csv_format, terminal_locale())
        pieces = write_csv(forecasts.rows, bundle.profile, settings.timezone, form)
        file.write(piece.encode() for piece in pieces)
        tell = file.say
    say_reading(panel, workbook, year=forecasts.year, aside=output is Format.json)
    if output is Format.json:
        say_json(ForecastsAnswer.of(forecasts).model_dump_json(indent=2))
        return
    print_forecasts(forecasts, workbook, tell)
    if csv is not None:
        tell(msg("wrote pupils to {path}: {n}", n=count(len(forecasts.rows)), path=csv))
    if bundle.profile.follows_pupils and bundle.profile.has_periods:
        tell(msg("When the next sheet arrives, `farol outcomes` says what came true."))


def record_for_pages(store: Store, scorer: Scorer, panel: Panel, forecasts: Forecasts) -> None:
    """Keep a workbook and the answers for one of its years for the lists of the pages."""
    from farol.school.recording import record_answers, record_years

    record_years(store, panel)
    record_answers(store, scorer, panel, forecasts)


def print_forecasts(forecasts: Forecasts, workbook: Path, tell: Callable[[Message], None] = say) -> None:
    """How many were stored, how many are marked, and how many to expect."""
    from farol.api.answers.pupils import ForecastsAnswer
    from farol.pupils.ranking import left_out_words, marked_words, unknown_words

    bundle, answer = forecasts.bundle, ForecastsAnswer.of(forecasts)
    tell(
        msg(
            "{task} {version}: pupils of {year}: {n}; forecasts stored now: {stored}; stored before: {known}",
            task=bundle.task,
            version=bundle.version,
            n=count(answer.pupils),
            year=bundle.profile.period_text(forecasts.year) or workbook.name,
            stored=count(forecasts.stored),
            known=count(answer.already_stored),
        )
    )
    tell(marked_words(forecasts.at_risk, bundle))
    expected = forecasts.expected
    tell(
        msg(
            "Pupils with an answer: {n}. Expected at risk: about {value}, most likely {low} to {high}.",
            n=count(expected.n),
            value=count(round(expected.value)),
            low=count(expected.low),
            high=count(expected.high),
        )
    )
    if forecasts.unknown:
        tell(unknown_words(forecasts.unknown))
    if forecasts.unanswered:
        tell(
            msg("Pupils without an answer, because too little is known about them: {n}.", n=count(forecasts.unanswered))
        )
    if forecasts.left_out:
        tell(left_out_words(forecasts.left_out))
    if forecasts.unusable:
        tell(msg("Pupils without a forecast, because their code cannot be stored: {n}.", n=count(forecasts.unusable)))


def noon(day: str, zone: ZoneInfo) -> datetime:
    """Noon of a day written YYYY-MM-DD.

    Raises:
        InputError: the day cannot be read, or is still to come.
    """
    try:
        moment = datetime.combine(date.fromisoformat(day), time(12), zone)
    except ValueError as error:
        raise InputError(
            msg("The day cannot be read."),
            expected=msg("a day such as {example}", example="2023-12-01"),
            fix=msg("Correct --at, or leave it out for today."),
        ) from error
    if moment > datetime.now(UTC):
        raise InputError(
            msg("This day is in the future."),
            expected=msg("a past day; without --at it is today"),
            fix=msg("Correct --at, or leave it out for today."),
        )
    return moment


def outcomes(
    workbook: WorkbookArgument,
    task: Annotated[
        str, typer.Option("--task", help=_("Which task of the profile to report, or all that have forecasts."))
    ] = "all",
    year: YearOption = None,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
    profile: ProfileOption = None,
) -> None:
    """Keep what came true and print it beside what was promised."""
    from farol.api.answers.outcomes import OutcomeReportAnswer
    from farol.cli.train import chosen_tasks
    from farol.model.registry import Registry
    from farol.outcomes.matching import record_panel
    from farol.outcomes.report import outcome_report
    from farol.store.database import Store
    from farol.workbook.selection import SheetNeeds

    settings = read_settings(artifacts=artifacts, data=data, profile=profile)
    school = open_tasks(settings).profile
    tasks = chosen_tasks(dict(school.tasks), task)
    panel = open_panel(workbook, school, settings, SheetNeeds(year=year))
    registry = Registry(settings.artifacts)
    with Store.of(settings) as store:
        recorded = record_panel(store, registry, panel, year=year, at=datetime.now(UTC))
        made = [outcome_report(store, registry, school, name, recorded.year) for name in tasks]
    say_reading(panel, workbook, year=recorded.year, aside=output is Format.json)
    reports = [report for report in made if report is not None and (report.counts.forecast or task != "all")]
    if output is Format.json:
        answers = [OutcomeReportAnswer.of(report, terminal_locale()).model_dump(mode="json") for report in reports]
        say_json(json.dumps({"recorded": recorded.as_dict(), "reports": answers}, ensure_ascii=False, indent=2))
        return
    print_recorded(recorded, tasks)
    for report in reports:
        print_outcomes(report, school)
    if not any(report.counts.forecast for report in reports):
        say(
            msg(
                "No forecast counts for this year. `farol forecast` stores forecasts from the sheet of the year before."
            )
        )


def print_recorded(recorded: Recorded, tasks: list[str]) -> None:
    """What the sheet brought, and the forecasts that do not count."""
    say(
        msg(
            "Sheet of {year}: pupils: {n}; new: {added}; with another answer than before: {changed}; no "
            "longer in the sheet: {removed}",
            year=recorded.year,
            n=count(recorded.pupils),
            added=count(recorded.added),
            changed=count(recorded.changed),
            removed=count(recorded.removed),
        )
    )
    for task in tasks:
        eligible = recorded.tasks[task]
        if eligible.late:
            say(
                msg(
                    "{task}: forecasts stored after this sheet, which do not count: {n}",
                    task=task,
                    n=count(eligible.late),
                )
            )
        if eligible.learned:
            say(
                msg(
                    "{task}: forecasts of models that had learned from these answers, which do not count: {n}",
                    task=task,
                    n=count(eligible.learned),
                )
            )


def print_outcomes(report: OutcomeReport, profile: Profile) -> None:
    """One task: how many pupils were matched, promised and realised, calibration, groups, and notes."""
    counts = report.counts
    OUT.print()
    say_heading(profile.tasks[report.task].title.in_locale(terminal_locale()), f" · {report.task} · {report.year}")
    say(
        msg(
            "Pupils with a forecast: {forecast}; in the sheet: {matched}; left: {left}. New pupils: "
            "{new}. In the sheet, without an answer there: {without_label}; without an answer from the "
            "model: {unanswered}; measured: {measured}. Answers replaced by a later one: {replaced}.",
            **{name: count(n) for name, n in asdict(counts).items()},
        )
    )
    if not counts.measured:
        return
    state = profile.label.state.in_locale(terminal_locale())
    titles = {
        "all": _("All pupils"),
        "onset": _("Not {state} at the time of the forecast").format(state=state),
        "recovery": _("{state} at the time of the forecast").format(state=state[:1].upper() + state[1:]),
        "onset_below_top": _("Not {state} at the time of the forecast, and still able to be so").format(state=state),
    }
    for part in (report.together, *report.groups, *report.versions):
        print_part(part, titles.get(part.name, part.name))
    print_estimate(report)
    print_bands(report)
    print_divisions(report, profile)
    leavers = report.leavers
    if leavers.left is not None and leavers.stayed is not None:
        say(
            msg(
                "Mean risk in the forecasts: {left} of those who left, {stayed} of those who stayed.",
                left=_interval(leavers.left),
                stayed=_interval(leavers.stayed),
            )
        )
    for note in report.notes:
        OUT.print(f"• {note.render(terminal_locale())}", style="yellow", markup=False)


def print_part(part: Part, title: str) -> None:
    """Promised and realised of some pupils, metric by metric."""
    from farol.evaluation.metrics import MEASURES
    from farol.outcomes.card_comparison import WORDS

    OUT.print()
    say_heading(title)
    before, came = part.prevalence
    say(
        msg(
            "Pupils: {n}; share at risk: {came}; on the card: {before}",
            n=count(part.evaluation.n),
            came=_interval(came),
            before=_interval(before),
        )
    )
    table = _table(_("metric"), _("promised"), _("came true"), _("verdict"))
    for comparison in part.comparisons:
        verdict = WORDS[comparison.verdict].render(terminal_locale())
        reason = "" if comparison.reason is None else f" ({comparison.reason.render(terminal_locale())})"
        title = MEASURES[comparison.metric].title.render(terminal_locale())
        table.add_row(title, _interval(comparison.promised), _interval(comparison.realised), verdict + reason)
    print_table(table)


def print_estimate(report: OutcomeReport) -> None:
    """The estimate from the probabilities alone, beside what came true, and its assumptions."""
    from farol.drift.verdicts import MIN_SAMPLES

    estimate = report.expected_before
    OUT.print()
    say_heading(_("What could be expected before the sheet arrived"))
    if not estimate.is_enough:
        say(msg("With fewer than {n} pupils nothing is estimated.", n=count(MIN_SAMPLES)))
        return
    say(msg("Estimated only from the probabilities of these pupils ({n}), beside what came true:", n=count(estimate.n)))
    table = _table(_("metric"), _("expected"), _("came true"), _("in the interval"))
    for pair in estimate.pairs:
        inside = "–" if pair.is_inside is None else _("yes") if pair.is_inside else _("no")
        came = "–" if pair.realised is None else number(pair.realised.value)
        table.add_row(pair.title.render(terminal_locale()), _between(pair.expected), came, inside)
    print_table(table)
    say(msg("Before you use these figures:"))
    for words in estimate.assumptions:
        OUT.print(f"• {words.render(terminal_locale())}", markup=False)


def print_bands(report: OutcomeReport) -> None:
    """The mean probability, the expected share and the actual share, by band of probability."""
    OUT.print()
    say_heading(_("What happened in each band of probability"))
    table = _table(_("risk"), _("pupils"), _("mean risk"), _("expected"), _("came true"), _("difference seen"))
    for band in report.bands:
        differs = "–" if band.kept is None else _("no") if band.kept else _("yes")
        said = "–" if band.said is None else number(band.said, 2)
        expected = "–" if band.expected is None else f"{number(band.expected.low, 2)}–{number(band.expected.high, 2)}"
        edges = f"{band.low:.0%}–{band.high:.0%}"
        table.add_row(edges, cell(band.n), said, expected, _interval(band.came), differs)
    print_table(table)


def print_divisions(report: OutcomeReport, profile: Profile) -> None:
    """By level and group."""
    from farol.evaluation.fairness import MEASURES

    for division in report.divisions:
        OUT.print()
        say_heading(profile.columns[division.column].meaning.in_locale(terminal_locale()))
        titles = (title.render(terminal_locale()) for title in MEASURES.values())
        table = _table("", _("pupils"), _("at risk"), _("pointed out"), *titles)
        for group in division.groups:
            figures = [_interval(group.figures[name]) for name in MEASURES]
            table.add_row(group.name, *map(cell, (group.n, group.positives, group.flagged)), *figures)
        print_table(table)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    return table


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return f"{number(estimate.value)} ({number(estimate.low)}–{number(estimate.high)})"


def _between(measure: ExpectedMeasure) -> str:
    if measure.value is None or measure.low is None or measure.high is None:
        return "–"
    return f"{number(measure.value)} ({number(measure.low)}–{number(measure.high)})"
