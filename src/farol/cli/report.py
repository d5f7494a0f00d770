"""`farol report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from farol.cli.explain import TaskOption, WindowOption
from farol.cli.output import OverwriteOption, output_file
from farol.cli.serve import DataOption
from farol.cli.terminal import _, open_model, read_settings
from farol.cli.train import ArtifactsOption
from farol.i18n import msg, terminal_locale


def report(
    task: TaskOption = None,
    window: WindowOption = "30d",
    out: Annotated[
        Path | None,
        typer.Option("--out", help=_("The HTML file to write; it needs no other."), show_default="report.html"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Write the same as JSON, beside it."))] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help=_("Write it as PDF beside it, through a Chromium."))] = False,
    overwrite: OverwriteOption = False,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """One window of one task, as files."""
    from farol.advice.report import report_of
    from farol.api.answers.report import ReportAnswer
    from farol.drift.windows import window_of
    from farol.model.registry import Registry
    from farol.model.tasks import NEXT_YEAR
    from farol.store.database import Store
    from farol.web.locale import Reader
    from farol.web.printing import print_pdf
    from farol.web.report import report_html

    path = out or Path("report.html")
    endings = {".html": True, ".json": as_json, ".pdf": pdf}
    outputs = {
        ending: output_file(path if ending == ".html" else path.with_suffix(ending), overwrite=overwrite, private=False)
        for ending, wanted in endings.items()
        if wanted
    }
    settings = read_settings(artifacts=artifacts, data=data)
    now, zone = datetime.now(UTC), ZoneInfo(settings.timezone)
    registry = Registry(settings.artifacts)
    bundle = open_model(settings, task, NEXT_YEAR)
    with Store.open(settings.store_url, existing=True) as store:
        made = report_of(store, registry, bundle, window_of(window, store=store, task=bundle.task, now=now), now)
    html = report_html(made, Reader(terminal_locale(), False, zone), is_demonstration=settings.is_demonstration)
    contents = {".html": html.encode()}
    if as_json:
        answer = ReportAnswer.of(made, zone, terminal_locale())
        contents[".json"] = answer.model_dump_json(by_alias=True, indent=2).encode()
    if pdf:
        contents[".pdf"] = print_pdf(html)
    for ending, output in outputs.items():
        output.write([contents[ending]])
        output.say(msg("wrote {path}", path=output.path))
