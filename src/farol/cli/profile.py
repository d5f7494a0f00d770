"""`farol profile`: propose a profile for a school's own file, and check one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from farol.cli.check import Format, FormatOption, SheetYearOption
from farol.cli.i18n import Command, Group
from farol.cli.output import OverwriteOption, output_file
from farol.cli.terminal import (
    ERR,
    OUT,
    _,
    number,
    open_panel,
    read_settings,
    say,
    say_heading,
    say_json,
    say_reading,
)
from farol.errors import Place, PlanError, ProfileError
from farol.i18n import Message, count, msg, terminal_locale
from farol.profile import BY_ROWS, Profile, Task, load_profile

if TYPE_CHECKING:
    from farol.workbook.cells import Floats, Objects
    from farol.workbook.panel import Panel

app = typer.Typer(
    cls=Group,
    help=_("Describe another school's data: propose a profile for a file, and check it (docs/profile.md)."),
    no_args_is_help=True,
)

NOT_READY = 1
"""The exit code where a profile is valid and its file cannot train a task."""

ProfileArgument = Annotated[Path, typer.Argument(metavar=_("PROFILE"), help=_("The profile: a TOML file, or `pede`."))]


@app.command(cls=Command, help=_("Propose a profile for a file, with comments that say what to fill in and confirm."))
def new(
    file: Annotated[
        Path,
        typer.Argument(metavar=_("FILE"), help=_("The data: csv, xlsx, xls, ods, parquet, or a folder of such files.")),
    ],
    out: Annotated[Path, typer.Option("--out", help=_("Where to write it; - for standard output."))] = Path(
        "school.toml"
    ),
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar=_("COLUMN"),
            help=_("The column that says how it ended, alone or with who is at risk: “G3 < 10”, “Result = failed”."),
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write the proposal and say what a person must do with it."""
    from farol.workbook.isolated import isolated
    from farol.workbook.limits import Limits
    from farol.workbook.proposal import propose

    output = output_file(out, overwrite=overwrite, private=False)
    limits = Limits.of(read_settings())
    proposal = isolated(propose, limits, file.name, file, label, terminal_locale(), limits)
    output.write([proposal.text.encode()])
    output.say(msg("wrote {path}", path=out))
    if proposal.to_fill_in:
        output.say(msg("Fill in first, lines: {lines}.", lines=_numbers(proposal.to_fill_in)))
        if label is None:
            output.say(msg("Or say how it ended, and run this again: --label “COLUMN < NUMBER” or “COLUMN = WORD”."))
    output.say(msg("Guessed, to confirm, lines: {lines}.", lines=_numbers(proposal.to_confirm)))
    output.say(msg("Then: `farol profile check {profile} {file}`.", profile=out, file=file))


def _numbers(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


@app.command(
    cls=Command,
    help=_("Say whether a profile is valid and, with a file, what of it is read and whether a model can be trained."),
)
def check(
    profile: ProfileArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar=_("FILE"), help=_("Data that it should describe."), show_default=False),
    ] = None,
    year: SheetYearOption = None,
    output: FormatOption = Format.text,
) -> None:
    """Exit code 2 for a profile that is not valid, 1 where a file cannot train each task."""
    loaded = _valid_profile(profile)
    answer = {"profile": loaded.name, "tasks": {name: _task_facts(loaded, task) for name, task in loaded.tasks.items()}}
    if output is Format.text:
        _say_profile(loaded)
    readings = []
    for file in files or []:
        from farol.workbook.selection import SheetNeeds

        panel = open_panel(file, loaded, read_settings(), SheetNeeds(year=year))
        facts = _file_facts(panel, file)
        readings.append(facts)
        if output is Format.text:
            _say_file(panel, file, profile, facts)
    if output is Format.json:
        for task in (task for reading in readings for task in reading["tasks"].values()):
            task.pop("error", None)
        say_json(json.dumps(answer | {"files": readings}, ensure_ascii=False, indent=2))
    if not all(task["trains"] for reading in readings for task in reading["tasks"].values()):
        raise typer.Exit(NOT_READY)


def _valid_profile(path: Path) -> Profile:
    """The profile at a path. Raises ProfileError, after saying which lines of a proposal still wait to be filled in."""
    from farol.workbook.proposal import FILL_IN, marked_lines

    try:
        return load_profile(str(path))
    except ProfileError:
        if path.is_file():
            waiting = marked_lines(path.read_text("utf-8", "replace"), FILL_IN)
            if waiting:
                message = msg("Lines that still wait to be filled in: {lines}.", lines=_numbers(waiting))
                ERR.print(message.render(terminal_locale()), markup=False)
        raise


def _task_facts(profile: Profile, task: Task) -> dict[str, object]:
    return {
        "horizon": task.horizon,
        "features": len(task.features),
        "tested_by": task.split or "time",
        "follows_pupils": profile.follows_pupils,
    }


def _say_profile(profile: Profile) -> None:
    say(msg("The profile {name} is valid.", name=profile.name))
    for task in profile.tasks.values():
        say_heading(task.title.in_locale(terminal_locale()), f" · {task.name}")
        OUT.print(f"  {task.question.in_locale(terminal_locale())}", markup=False)
        say(msg("  features: {count}; {tested}", count=count(len(task.features)), tested=_tested_words(task)))
    if not profile.follows_pupils:
        say(msg("No column is a pupil's code: answers cannot be followed up later."))


def _tested_words(task: Task) -> Message:
    if task.split is None:
        return msg("tested on the last year or term")
    if task.split == BY_ROWS:
        return msg("tested on rows at random")
    return msg("tested on values of {column} that the model has not seen", column=task.split)


def _file_facts(panel: Panel, file: Path) -> dict[str, Any]:
    """What of a file a profile reads: columns with and without values, and for each task its rows and answers."""
    read = {name: _filled(values) for name, values in {**panel.columns, **panel.dates}.items()}
    return {
        "file": str(file),
        "rows": len(panel.year),
        "columns": {name: count for name, count in read.items() if count},
        "columns_without_values": [name for name, count in read.items() if not count],
        "unknown_headers": sorted({f.column or "" for f in panel.findings if f.code == "unknown_column"}),
        "tasks": {task.name: _training_facts(panel, task) for task in panel.profile.tasks.values()},
    }


def _filled(values: Floats | Objects) -> int:
    return sum(value is not None and value == value for value in values.tolist())  # noqa: PLR0124 - NaN is no value


def _training_facts(panel: Panel, task: Task) -> dict[str, Any]:
    from farol.training.plan import MINIMUM_ROWS, NO_ANSWERS, answer_counts, plan_of

    counts = answer_counts(panel, task)
    try:
        plan = plan_of(panel, task)
    except PlanError as error:
        return {"rows": 0, "at_risk": 0, "trains": False, "problem": error.as_dict(terminal_locale()), "error": error}
    answers = sum((counts[cohort.as_of] for cohort in plan.cohorts), NO_ANSWERS)
    facts: dict[str, Any] = {"rows": answers.rows, "at_risk": answers.at_risk, "trains": answers.is_enough}
    facts["not_counted"] = int(np.count_nonzero(~panel.counts(task)))
    if not answers.is_enough:
        few = PlanError(
            msg("There are too few known answers to learn from and to test."),
            expected=msg("at least {least} rows, of pupils at risk and of others", least=MINIMUM_ROWS),
            got=msg(
                "known answers: {rows}, at risk: {at_risk}", rows=count(answers.rows), at_risk=count(answers.at_risk)
            ),
            where=Place(field="label"),
            fix=msg("Check the column, operator and value of the label, and the conditions of the task (only)."),
        )
        facts |= {"problem": few.as_dict(terminal_locale()), "error": few}
    return facts


def _say_file(panel: Panel, file: Path, profile: Path, facts: dict[str, Any]) -> None:
    OUT.print()
    say_reading(panel, file)
    columns, without = facts["columns"], facts["columns_without_values"]
    say(
        msg(
            "Columns of the profile with values: {count} of {all}.",
            count=count(len(columns)),
            all=count(len(columns) + len(without)),
        )
    )
    for name in without:
        aliases = ", ".join(panel.profile.columns[name].aliases)
        say(msg("  [columns.{name}]: no value. Expected: a header among {aliases}, and values of its kind.",
                name=name, aliases=aliases))  # fmt: skip
    if without:
        say(msg("  What to do: add the file's own header to aliases, or correct kind, range or categories."))
    for name, task in facts["tasks"].items():
        command = f"farol train {file} --profile {profile} --task {name}"
        _say_training(panel.profile.tasks[name], task, command)


def _say_training(task: Task, facts: dict[str, Any], command: str) -> None:
    share = 100 * facts["at_risk"] / facts["rows"] if facts["rows"] else None
    say_heading(task.title.in_locale(terminal_locale()), f" · {task.name}")
    say(
        msg(
            "  rows with a known answer: {rows}; at risk: {at_risk} ({share}%)",
            rows=count(facts["rows"]),
            at_risk=count(facts["at_risk"]),
            share=number(share, 1),
        )
    )
    if facts.get("not_counted"):
        say(msg("  rows that do not count, by the task's conditions: {count}", count=count(facts["not_counted"])))
    error = facts.pop("error", None)
    if error is None:
        say(msg("  A model can be trained: `{command}`", command=command))
        return
    say(msg("  No model can be trained:"))
    for line in error.lines(terminal_locale()):
        OUT.print(f"    {line}", style="yellow", markup=False)
