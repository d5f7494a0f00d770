"""`farol status`: what to do about each model, in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.explain import WindowOption
from farol.cli.serve import DataOption
from farol.cli.terminal import OUT, open_tasks, read_settings, say, say_heading, say_json
from farol.cli.train import ArtifactsOption
from farol.errors import StoreError
from farol.i18n import msg, terminal_locale

if TYPE_CHECKING:
    from farol.advice.status import ModelStatus


def status(
    window: WindowOption = "30d",
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Exit code 0: nothing to do; 1: something to do; 2: it could not be checked."""
    from farol.advice.status import model_statuses, promoted, unreadable
    from farol.api.answers.status import StatusAnswer
    from farol.model.registry import Registry
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data)
    registry = Registry(settings.artifacts)
    served, problems = promoted(registry, open_tasks(settings))
    try:
        with Store.open(settings.store_url, existing=True) as store:
            statuses = model_statuses(store, registry, served, problems, window=window, now=datetime.now(UTC))
    except StoreError as error:
        statuses = tuple(unreadable(task, error) for task in (*(bundle.task for bundle in served), *problems))
    if output is Format.json:
        say_json(StatusAnswer.of(statuses, terminal_locale()).model_dump_json(by_alias=True, indent=2))
    elif not statuses:
        say(msg("No model is in use yet. {command} makes one.", command=msg("`farol train WORKBOOK`")))
    else:
        for model in statuses:
            print_status(model)
    if any(model.to_do for model in statuses):
        raise typer.Exit(1)


def print_status(model: ModelStatus) -> None:
    """A task's advice: the sentence, why, and the next steps."""
    from farol.advice.inputs import KINDS

    title = model.task if model.title is None else model.title.in_locale(terminal_locale())
    say_heading(title, f" ({model.task} {model.version or '–'})")
    for advice in model.advice:
        say_heading(KINDS[advice.kind].render(terminal_locale()), ": ", end="")
        say(advice.summary)
        for words in advice.why:
            say(msg("  {words}", words=words))
        for words in advice.numbers:
            say(msg("  {words}", words=words))
        for words in advice.steps:
            say(msg("  → {words}", words=words))
    OUT.print()
