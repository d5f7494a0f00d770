"""`farol forecast` and `farol outcomes`: the loop that closes a year later."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption, ProfileOption, WorkbookArgument
from farol.cli.explain import TaskOption, scorer_and_panel
from farol.cli.serve import DataOption
from farol.cli.terminal import LOCALE, OUT, _, open_panel, open_profile, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import InputError
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.evaluation.metrics import Estimate
    from farol.outcomes.estimation import Expected
    from farol.outcomes.report import Part, Realised
    from farol.profile import Profile
    from farol.store.outcomes import Recorded

YearOption = Annotated[
    int | None, typer.Option("--year", help=_("Of which year's sheet; without it, the workbook's last one."))
]


def forecast(
    workbook: WorkbookArgument,
    task: TaskOption = "next-year",
    year: YearOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar=_("DAY"),
            help=_("Store them as of noon of this day, such as 2023-12-01, to play a past year through."),
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help=_("Write the answers to this CSV file as well."))] = None,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Score a sheet and keep the answers."""
    from farol.pupils.forecast import forecast_panel
    from farol.store.database import Store
    from farol.store.exporting import write_csv_file

    settings = read_settings(artifacts=artifacts, data=data)
    moment = datetime.now(UTC) if at is None else noon(at, ZoneInfo(settings.timezone))
    scorer, panel = scorer_and_panel(workbook, task, settings)
    with Store.open(settings.store_url) as store:
        found = forecast_panel(scorer, panel, store, year=year, at=moment)
    if csv is not None:
        write_csv_file(found.rows, csv, scorer.bundle.profile, settings.timezone)
    body = found.as_dict()
    if output is Format.json:
        print(json.dumps(body, ensure_ascii=False, indent=2))
        return
    say(
        msg(
            "{task} {version}: {n} pupils of {year}, {stored} forecasts stored now, {known} there already",
            task=found.task,
            version=found.version,
            n=body["pupils"],
            year=found.year,
            stored=found.stored,
            known=body["already_stored"],
        )
    )
    say(msg("at risk: {n}; no answer, too little is known: {none}", n=body["at_risk"], none=found.unanswered))
    if found.unusable:
        say(msg("{n} pupils have a code that cannot be stored, and no forecast", n=found.unusable))
    if csv is not None:
        say(msg("wrote {n} pupils to {path}", n=len(found.rows), path=csv))
    say(msg("When the next sheet is there, `farol outcomes` says what came true."))


def noon(day: str, zone: ZoneInfo) -> datetime:
    """Noon of a day written YYYY-MM-DD.

    Raises:
        InputError: it is none, or it is still to come.
    """
    try:
        found = datetime.combine(datetime.strptime(day, "%Y-%m-%d").date(), time(12), zone)  # noqa: DTZ007  a day has none
    except ValueError as error:
        raise InputError(
            msg("The day cannot be read."), expected=msg("a day such as {example}", example="2023-12-01")
        ) from error
    if found > datetime.now(UTC):
        raise InputError(msg("The day is still to come."), expected=msg("a day that is past, or none for now"))
    return found


def outcomes(
    workbook: WorkbookArgument,
    task: Annotated[
        str, typer.Option("--task", help=_("Which task to report: current, next-year, or all that have forecasts."))
    ] = "all",
    year: YearOption = None,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
    profile: ProfileOption = None,
) -> None:
    """Keep what came true and print it beside what was promised."""
    from farol.cli.train import chosen_tasks
    from farol.model.registry import Registry
    from farol.outcomes.matching import record_panel
    from farol.outcomes.report import realised
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data, profile=profile)
    school = open_profile(settings)
    tasks = chosen_tasks(dict(school.tasks), task)
    panel = open_panel(workbook, school, settings)
    registry = Registry(settings.artifacts)
    with Store.open(settings.store_url) as store:
        recorded = record_panel(store, registry, panel, year=year, at=datetime.now(UTC))
        found = [realised(store, registry, school, name, recorded.year) for name in tasks]
    reports = [one for one in found if one is not None and (one.counts.forecast or task != "all")]
    if output is Format.json:
        body = {"recorded": recorded.as_dict(), "reports": [one.as_dict(LOCALE) for one in reports]}
        print(json.dumps(body, ensure_ascii=False, indent=2))
        return
    print_recorded(recorded, tasks)
    for report in reports:
        print_realised(report, school)
    if not any(one.counts.forecast for one in reports):
        say(msg("No forecast counts for this year: `farol forecast` stores them from the sheet of the year before."))


def print_recorded(recorded: Recorded, tasks: list[str]) -> None:
    """What the sheet brought, and the forecasts that do not count."""
    changes = {"year": recorded.year, "n": recorded.pupils, "added": recorded.added, "changed": recorded.changed}
    say(
        msg(
            "Sheet of {year}: {n} pupils; new to the store {added}, said otherwise before {changed}, no longer in the "
            "sheet {removed}",
            **changes,
            removed=recorded.removed,
        )
    )
    for task in tasks:
        one = recorded.tasks[task]
        if one.late:
            say(msg("{task}: {n} forecasts were stored after this sheet, and do not count", task=task, n=one.late))
        if one.learned:
            say(
                msg(
                    "{task}: {n} forecasts are of models that had learned from these answers, and do not count",
                    task=task,
                    n=one.learned,
                )
            )


def print_realised(report: Realised, profile: Profile) -> None:
    """One task: where the pupils are, promised and realised, calibration, groups, and what to know."""
    counts = report.counts
    OUT.print()
    OUT.print(f"[bold]{profile.tasks[report.task].title.in_locale(LOCALE)}[/bold] · {report.task} · {report.year}")
    say(
        msg(
            "forecast {forecast}: matched {matched}, left {left}; new in the sheet {new}; without an answer in the "
            "sheet {without_label}, in the forecast {unanswered}; measured {measured}; replaced by a later answer "
            "{replaced}",
            **counts.as_dict(),
        )
    )
    if not counts.measured:
        return
    titles = {
        "all": _("All pupils"),
        "onset": _("Not behind when asked"),
        "recovery": _("Behind when asked"),
        "onset_below_top": _("Not behind when asked, and able to fall behind"),
    }
    for part in (report.together, *report.groups, *report.versions):
        print_part(part, titles.get(part.name, part.name), report.version)
    print_before(report)
    print_bands(report)
    print_divisions(report, profile)
    leavers = report.leavers
    if leavers.left is not None and leavers.stayed is not None:
        say(
            msg(
                "Mean risk forecast: {left} of those who left, {stayed} of those who stayed.",
                left=_interval(leavers.left),
                stayed=_interval(leavers.stayed),
            )
        )
    for note in report.notes:
        OUT.print(f"• {note.render(LOCALE)}", style="yellow", markup=False)


def print_part(part: Part, title: str, version: str | None) -> None:
    """Promised and realised of some pupils, metric by metric."""
    OUT.print()
    OUT.print(f"[bold]{title}[/bold]")
    before, came = part.prevalence
    say(
        msg(
            "{n} pupils; share at risk {came}, on the card {before}",
            n=part.evaluation.n,
            came=_interval(came),
            before=_interval(before),
        )
    )
    table = Table(box=None, pad_edge=False)
    headings = (_("metric"), _("promised"), _("came true"), _("verdict"))
    for heading in headings:
        table.add_column(heading)
    for one in part.comparisons:
        body = one.as_dict(LOCALE)
        reason = f" ({body['reason']})" if body["reason"] else ""
        table.add_row(one.metric, _interval(one.promised), _interval(one.realised), f"{body['verdict_label']}{reason}")
    OUT.print(table)


def print_before(report: Realised) -> None:
    """What the probabilities alone let expect before, beside what came true, and what had to hold for it."""
    from farol.drift.verdicts import MIN_SAMPLES

    before = report.before
    OUT.print()
    OUT.print(f"[bold]{_('What could be expected before the sheet was there')}[/bold]")
    if not before.is_enough:
        say(msg("Nothing is expected of fewer than {n} pupils.", n=MIN_SAMPLES))
        return
    say(msg("From the probabilities of {n} pupils alone, beside what came true of the same pupils:", n=before.n))
    table = Table(box=None, pad_edge=False)
    for heading in (_("metric"), _("expected"), _("came true"), _("in the interval")):
        table.add_column(heading)
    for one in before.figures:
        inside = "–" if one.is_inside is None else _("yes") if one.is_inside else _("no")
        came = "–" if one.realised is None else f"{one.realised.value:.3f}"
        table.add_row(one.measure, _between(one.expected), came, inside)
    OUT.print(table)
    say(msg("What had to hold for it:"))
    for words in before.assumptions:
        OUT.print(f"• {words.render(LOCALE)}", markup=False)


def print_bands(report: Realised) -> None:
    """What was said, expected, and came true, by band of probability."""
    OUT.print()
    OUT.print(f"[bold]{_('What probabilities were worth')}[/bold]")
    table = Table(box=None, pad_edge=False)
    for heading in (_("risk said"), "n", _("mean said"), _("expected"), _("came true"), _("as expected")):
        table.add_column(heading)
    for band in report.bands:
        kept = "–" if band.kept is None else _("yes") if band.kept else _("no")
        said = "–" if band.said is None else f"{band.said:.2f}"
        expected = "–" if band.expected is None else f"{band.expected.low:.2f}–{band.expected.high:.2f}"
        table.add_row(f"{band.low:g}–{band.high:g}", str(band.n), said, expected, _interval(band.came), kept)
    OUT.print(table)


def print_divisions(report: Realised, profile: Profile) -> None:
    """By level and group."""
    from farol.evaluation.fairness import MEASURES

    for division in report.divisions:
        OUT.print()
        OUT.print(f"[bold]{profile.columns[division.column].meaning.in_locale(LOCALE)}[/bold]")
        table = Table(box=None, pad_edge=False)
        for heading in ("", "n", _("at risk"), _("pointed out"), *(one.render(LOCALE) for one in MEASURES.values())):
            table.add_column(heading)
        for group in division.groups:
            figures = [_interval(group.figures[name]) for name in MEASURES]
            table.add_row(group.name, str(group.n), str(group.positives), str(group.flagged), *figures)
        OUT.print(table)


def _interval(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})"


def _between(one: Expected) -> str:
    return "–" if one.value is None else f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})"
