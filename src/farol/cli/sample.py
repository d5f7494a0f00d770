"""`farol sample`: invented pupils, as a workbook such as a school has or as panels such as a country has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from farol.cli.output import OverwriteOption, output_file
from farol.cli.terminal import ERR, _, say
from farol.errors import InputError
from farol.i18n import count, decimal, msg

if TYPE_CHECKING:
    from farol.workbook.sample_network import Network

PUPILS, YEARS, SCHOOLS = 100_000, 3, 250


def sample(
    file: Annotated[Path | None, typer.Argument(metavar=_("[FILE]"), help=_("The xlsx file to write."))] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help=_("Another seed, other invented pupils."))] = 2024,
    overwrite: OverwriteOption = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help=_("A new folder for Parquet panels of many schools, in place of a workbook.")),
    ] = None,
    pupils: Annotated[
        int | None, typer.Option("--pupils", help=_("With --out: pupils of each year."), show_default=str(PUPILS))
    ] = None,
    years: Annotated[
        int | None,
        typer.Option("--years", help=_("With --out: how many years, from 2022 on."), show_default=str(YEARS)),
    ] = None,
    schools: Annotated[
        int | None,
        typer.Option("--schools", help=_("With --out: schools, in up to 27 states."), show_default=str(SCHOOLS)),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=256, help=_("With --out: how many files to write at once."))
    ] = None,
) -> None:
    """Write the sample workbook, or panels."""
    if (file is None) == (out is None) or (file and (pupils or years or schools or threads)):
        raise InputError(
            msg("It is not clear what to write."),
            expected=msg("either FILE, for a workbook, or --out DIR with --pupils, --years and --schools, for panels"),
            fix=msg("Run `farol sample FILE` or `farol sample --out DIR`."),
        )
    if file is not None:
        from farol.workbook.sample import sample_bytes

        output = output_file(file, overwrite=overwrite, private=False)
        output.write([sample_bytes(seed=seed)])
        output.say(msg("wrote {path}", path=file))
    elif out is not None:
        from farol.workbook.sample_network import Network

        counts = (PUPILS if pupils is None else pupils, YEARS if years is None else years)
        _write_panels(out, Network(*counts, SCHOOLS if schools is None else schools, seed), threads)


def _write_panels(out: Path, network: Network, threads: int | None) -> None:
    from farol.workbook.sample_panels import PROFILE, write_panels

    began, rows = time.perf_counter(), network.pupils * network.years
    columns = (TextColumn(_("Writing")), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=not ERR.is_terminal) as bars:
        bar = bars.add_task("", total=rows)
        write_panels(out, network, threads=threads, progress=lambda done: bars.update(bar, advance=done))
    seconds = time.perf_counter() - began
    say(
        msg(
            "wrote {path}: rows {rows}, schools {schools}, states {states}, in {seconds} s",
            path=out,
            rows=count(rows),
            schools=count(network.schools),
            states=count(network.states),
            seconds=decimal(seconds, 1),
        )
    )
    say(msg("The profile that reads them: {path}", path=out / PROFILE))
