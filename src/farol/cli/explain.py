"""`farol explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.terminal import OUT, _, open_panel, read_settings, say_json
from farol.cli.train import ArtifactsOption
from farol.i18n import terminal_locale

if TYPE_CHECKING:
    from farol.model.scoring import Scorer
    from farol.settings import Settings
    from farol.workbook.panel import Panel

MOST_REASONS = 10

TaskOption = Annotated[str, typer.Option("--task", help=_("Which task: current or next-year."))]


def explain(
    student: Annotated[str, typer.Argument(metavar=_("RA"), help=_("The pupil's code, as the workbook has it."))],
    workbook: Annotated[Path, typer.Option("--workbook", help=_("The workbook that has the pupil."))],
    task: TaskOption = "next-year",
    year: Annotated[
        int | None, typer.Option("--year", help=_("Of which year; without it, the last one that has the pupil."))
    ] = None,
    reasons: Annotated[
        int, typer.Option("--reasons", min=0, max=MOST_REASONS, help=_("Up to how many reasons to give."))
    ] = 3,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
) -> None:
    """Print one pupil's answer."""
    from farol.api.answers.pupils import ExplanationAnswer
    from farol.pupils.explain import explain_pupil

    settings = read_settings(artifacts=artifacts)
    scorer, panel = scorer_and_panel(workbook, task, settings)
    explanation = explain_pupil(scorer, panel, student, year=year, k=reasons)
    if output is Format.json:
        say_json(ExplanationAnswer.of(explanation, terminal_locale()).model_dump_json(indent=2))
        return
    for line in explanation.lines(terminal_locale()):
        OUT.print(line, markup=False)


def scorer_and_panel(workbook: Path, task: str, settings: Settings) -> tuple[Scorer, Panel]:
    """The promoted model of a task, and a workbook as that model's own profile reads it."""
    from farol.model.registry import Registry
    from farol.model.scoring import Scorer

    scorer = Scorer(Registry(settings.artifacts).load(task))
    return scorer, open_panel(workbook, scorer.bundle.profile, settings)
