"""`farol list`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from farol.cli.check import Format, FormatOption, WorkbookArgument, YearOption
from farol.cli.explain import MOST_REASONS, TaskOption, scorer_and_panel
from farol.cli.output import CsvFormatOption, OverwriteOption, output_file
from farol.cli.terminal import OUT, _, cell, print_table, read_settings, say, say_heading, say_json, say_reading
from farol.cli.train import ArtifactsOption
from farol.csv_form import Audience, CsvForm
from farol.i18n import count, msg, terminal_locale

if TYPE_CHECKING:
    from farol.pupils.ranking import PupilList


class Whom(StrEnum):
    """Of whom the list is made."""

    all = "all"
    onset = "onset"
    recovery = "recovery"


def list_(
    workbook: WorkbookArgument,
    task: TaskOption = None,
    year: YearOption = None,
    capacity: Annotated[
        str,
        typer.Option(
            "--capacity", metavar=_("PLACES"), help=_("How many pupils the team can attend to, such as 60 or 20%.")
        ),
    ] = "20%",
    by: Annotated[
        Whom, typer.Option("--by", help=_("Everybody, only pupils not at risk now (onset), or only those who are."))
    ] = Whom.all,
    reasons: Annotated[
        int, typer.Option("--reasons", min=0, max=MOST_REASONS, help=_("The greatest number of reasons to give."))
    ] = 0,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", "--out", help=_("Write the list to this CSV file; - is standard output.")),
    ] = None,
    csv_format: CsvFormatOption = Audience.people,
    overwrite: OverwriteOption = False,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
) -> None:
    """Score a year, by default the last one, and print the likeliest."""
    from farol.api.answers.pupils import PupilListAnswer
    from farol.evaluation.capacity import parse_capacity
    from farol.pupils.ranking import By, pupil_list

    places = parse_capacity(capacity)
    file = None if csv is None else output_file(csv, overwrite=overwrite)
    scorer, panel = scorer_and_panel(workbook, task, read_settings(artifacts=artifacts), year)
    ranked = pupil_list(scorer, panel.of_year(year), places, by=By(by.value), reasons=reasons)
    if file is not None:
        file.write([ranked.csv(CsvForm(csv_format, terminal_locale())).encode()])
    say_reading(panel, workbook, year=ranked.year, aside=output is Format.json)
    if output is Format.json:
        say_json(PupilListAnswer.of(ranked, terminal_locale()).model_dump_json(by_alias=True, indent=2))
    elif file is None:
        show(ranked)
    else:
        file.say(msg("wrote pupils to {path}: {n}", n=count(len(ranked.pupils)), path=csv))
        for note in ranked.notes():
            file.say(note)


def show(ranked: PupilList) -> None:
    """The list, the expected cases by level, and notes."""
    from farol.model.risk_bands import risk_text

    task, profile = ranked.bundle.task_spec, ranked.bundle.profile
    state, level_name = (words.in_locale(terminal_locale()) for words in (profile.label.state, profile.level_name))
    say_heading(task.question.in_locale(terminal_locale()))
    places, pupils, year = count(len(ranked.pupils)), ranked.group.n, profile.period_text(ranked.year)
    of_year = msg("Pupils of {year}: {n}. On the list: {places}.", places=places, n=count(pupils), year=year)
    say(of_year if year else msg("Pupils: {n}. On the list: {places}.", places=places, n=count(pupils)))
    table = Table(box=None, pad_edge=False)
    asked = any(pupil.reasons for pupil in ranked.pupils)
    level_names = () if profile.level is None else (level_name,)
    headings = ("", _("pupil"), *level_names, _("risk"), _("{state} now").format(state=state), _("tied"))
    for heading in (*headings, _("reasons")) if asked else headings:
        table.add_column(heading)
    for pupil in ranked.pupils:
        now = "–" if pupil.at_risk_now is None else _("yes") if pupil.at_risk_now else _("no")
        level = "–" if pupil.level is None else f"{pupil.level:g}"
        cells = [
            cell(pupil.rank),
            pupil.student,
            *([] if profile.level is None else [level]),
            risk_text(pupil.probability, terminal_locale()),
            now,
            "=" if pupil.tied else "",
        ]
        words = " ".join(reason.text(terminal_locale()) for reason in pupil.reasons)
        table.add_row(*cells, *([words] if asked else []))
    print_table(table)
    levels = Table(box=None, pad_edge=False)
    for heading in (level_name, _("pupils"), _("expected at risk"), _("most likely")):
        levels.add_column(heading)
    for stage, expected in ranked.levels:
        likely = msg("{low} to {high}", low=count(expected.low), high=count(expected.high)).render(terminal_locale())
        levels.add_row(f"{stage:g}", cell(expected.n), cell(round(expected.value)), likely)
    OUT.print()
    if profile.level is not None:
        print_table(levels)
    for note in ranked.notes():
        say(note)
    OUT.print(task.limits.in_locale(terminal_locale()), style="yellow", markup=False)
