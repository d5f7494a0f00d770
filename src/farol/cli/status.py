"""`farol status`: what to do about each model, in plain words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.serve import DataOption
from farol.cli.terminal import LOCALE, OUT, _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import StoreError
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.advice.status import Standing


def status(
    window: Annotated[
        str, typer.Option("--window", help=_("7d, 30d, 90d, all, year:2024, 2024-03-01..2024-05-31, or since:VERSION."))
    ] = "30d",
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """Exit code 0: nothing to do; 1: something is; 2: it could not be told."""
    from farol.advice.inputs import TO_DO
    from farol.advice.status import broken, promoted, standings
    from farol.model.registry import Registry
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data)
    registry = Registry(settings.artifacts)
    served, problems = promoted(registry)
    try:
        with Store.open(settings.store_url) as store:
            found = standings(store, registry, served, problems, window=window, now=datetime.now(UTC))
    except StoreError as error:
        found = tuple(broken(task, error) for task in (*(bundle.task for bundle in served), *problems))
    to_do = any(one.lead in TO_DO for one in found)
    if output is Format.json:
        body = {"to_do": to_do, "tasks": [one.as_dict(LOCALE) for one in found]}
        print(json.dumps(body, ensure_ascii=False, indent=2))
    elif not found:
        say(msg("No model is in use yet. {command} makes one.", command="`farol train WORKBOOK`"))
    else:
        for one in found:
            print_standing(one)
    if to_do:
        raise typer.Exit(1)


def print_standing(one: Standing) -> None:
    """A task's advice: what, why, and the next steps."""
    from farol.advice.inputs import KINDS

    title = one.task if one.title is None else one.title.in_locale(LOCALE)
    OUT.print(f"[bold]{title}[/bold] ({one.task} {one.version or '–'})")
    for advice in one.advice:
        OUT.print(f"[bold]{KINDS[advice.kind].render(LOCALE)}[/bold]: ", end="")
        say(advice.what)
        for words in advice.why:
            say(msg("  {words}", words=words))
        for words in advice.steps:
            say(msg("  → {words}", words=words))
    OUT.print()
