"""`farol demo` and `farol sample`: from nothing to a service by one command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import ProfileOption
from farol.cli.drift import Shift, promoted_tasks, simulate_panel
from farol.cli.output import OverwriteOption, output_file
from farol.cli.serve import DataOption, HostOption, PortOption, check_address, run
from farol.cli.terminal import _, open_panel, open_profile, read_settings, say
from farol.cli.train import ArtifactsOption, remembered_workbook, train_workbook, workbook_digest
from farol.files import make_private_folder
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.settings import Settings

SAMPLE = "sample-workbook.xlsx"
SIMULATED = 500
SIMULATED_DAYS = 28
SNAPSHOT_EVERY = 7


def sample(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The xlsx file to write."))],
    seed: Annotated[int, typer.Option("--seed", min=0, help=_("Another seed, other invented pupils."))] = 2024,
    overwrite: OverwriteOption = False,
) -> None:
    """Write the sample workbook."""
    from farol.workbook.sample import sample_bytes

    output = output_file(file, overwrite=overwrite, private=False)
    output.write([sample_bytes(seed=seed)])
    output.say(msg("wrote {path}", path=file))


def demo(
    workbook: Annotated[
        Path | None,
        typer.Option("--workbook", help=_("Your own workbook; without it, an invented sample is written.")),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help=_("Serve at the end, or only prepare."))] = True,
    host: HostOption = None,
    port: PortOption = None,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
    profile: ProfileOption = None,
) -> None:
    """Prepare whatever is not there yet, then serve."""
    settings = read_settings(host=host, port=port, artifacts=artifacts, data=data, profile=profile)
    if serve:
        check_address(settings)
    prepare(settings, workbook)
    if serve:
        run(settings)


def prepare(settings: Settings, workbook: Path | None) -> None:
    """Sample workbook, models and simulated log: each is made when it is missing, and kept when it is there."""
    from farol.store.database import Store
    from farol.workbook.sample import write_sample

    if workbook is None:
        workbook = settings.data / SAMPLE
        if not workbook.exists():
            make_private_folder(settings.data)
            say(msg("No workbook given: wrote invented pupils to {path}", path=write_sample(workbook)))
    if is_trained(settings, workbook):
        say(msg("The models of {file} are there already.", file=workbook.name))
    else:
        train_workbook(workbook, settings)
    with Store.open(settings.store_url) as store:
        empty = store.total() == 0
    if empty:
        fill_log(settings, workbook)


def is_trained(settings: Settings, workbook: Path) -> bool:
    """Whether every task of the profile was trained with this very workbook, and what is served of it is sound."""
    from farol.errors import BundleError
    from farol.model.registry import Registry

    note = remembered_workbook(settings)
    if note is None or not workbook.exists() or note["sha256"] != workbook_digest(workbook):
        return False
    registry, profile = Registry(settings.artifacts), open_profile(settings)
    try:
        bundles = [registry.load(task) for task in promoted_tasks(registry, profile)]
    except BundleError:
        return False
    known = set(profile.tasks) <= set(registry.tasks())
    return known and bool(bundles) and all(bundle.profile.fingerprint == profile.fingerprint for bundle in bundles)


def fill_log(settings: Settings, workbook: Path) -> None:
    """Four weeks of simulated predictions and a drift snapshot of each week, so that the dashboard has a story."""
    from farol.drift.report import take_snapshot
    from farol.drift.windows import parse_window
    from farol.model.registry import Registry
    from farol.store.database import Store

    panel = open_panel(workbook, open_profile(settings), settings)
    simulate_panel(panel, settings, task="all", n=SIMULATED, shift=Shift.none, days=SIMULATED_DAYS)
    registry, now = Registry(settings.artifacts), datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        for task in promoted_tasks(registry, panel.profile):
            bundle = registry.load(task)
            for weeks in reversed(range(SIMULATED_DAYS // SNAPSHOT_EVERY)):
                moment = now - timedelta(days=weeks * SNAPSHOT_EVERY)
                take_snapshot(store, bundle, parse_window("7d", now=moment), at=moment)
