"""`farol explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.terminal import OUT, _, open_model, open_panel, read_settings, say_json
from farol.cli.train import ArtifactsOption
from farol.i18n import terminal_locale

if TYPE_CHECKING:
    from farol.model.scoring import Scorer
    from farol.settings import Settings
    from farol.workbook.panel import Panel

MOST_REASONS = 10

TaskOption = Annotated[
    str | None,
    typer.Option("--task", help=_("Which task of the profile; without it, the first one about the next year.")),
]
TaskNowOption = Annotated[
    str | None,
    typer.Option("--task", help=_("Which task of the profile; without it, the first one about this year.")),
]
WindowOption = Annotated[
    str, typer.Option("--window", help=_("7d, 30d, 90d, all, year:2024, 2024-03-01..2024-05-31, or since:VERSION."))
]
SliceOption = Annotated[
    str, typer.Option("--slice", help=_("Only these predictions: class=8B, source=api, or a level such as phase=3."))
]


def explain(
    student: Annotated[str, typer.Argument(metavar=_("CODE"), help=_("The pupil's code, as the workbook has it."))],
    workbook: Annotated[Path, typer.Option("--workbook", help=_("The workbook that has the pupil."))],
    task: TaskOption = None,
    year: Annotated[
        int | None, typer.Option("--year", help=_("The year; without it, the last one that has the pupil."))
    ] = None,
    reasons: Annotated[
        int, typer.Option("--reasons", min=0, max=MOST_REASONS, help=_("The greatest number of reasons to give."))
    ] = 3,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
) -> None:
    """Print one pupil's answer."""
    from farol.api.answers.pupils import ExplanationAnswer
    from farol.pupils.explain import explain_pupil

    settings = read_settings(artifacts=artifacts)
    scorer, panel = scorer_and_panel(workbook, task, settings, year)
    explanation = explain_pupil(scorer, panel, student, year=year, k=reasons)
    if output is Format.json:
        say_json(ExplanationAnswer.of(explanation, terminal_locale()).model_dump_json(indent=2))
        return
    for line in explanation.lines(terminal_locale()):
        OUT.print(line, markup=False)


def scorer_and_panel(
    workbook: Path, task: str | None, settings: Settings, year: int | None = None
) -> tuple[Scorer, Panel]:
    """The promoted model of a task, and a workbook as that model's own profile reads it, for that task.

    `year` is that of a file whose name has none.
    """
    from farol.model.scoring import Scorer
    from farol.model.tasks import NEXT_YEAR
    from farol.workbook.selection import SheetNeeds

    scorer = Scorer(open_model(settings, task, NEXT_YEAR))
    needs = SheetNeeds(columns=frozenset(scorer.bundle.inputs.columns), year=year)
    return scorer, open_panel(workbook, scorer.bundle.profile, settings, needs)
