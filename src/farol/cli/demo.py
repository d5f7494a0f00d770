"""`farol demo`: from nothing to a service by one command, with invented pupils or a school's own.

The demonstration has models and a database of its own, in a folder below the data folder: what is invented never meets
a school's own log.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import ProfileOption
from farol.cli.drift import promoted_tasks
from farol.cli.outcomes import print_forecasts, record_for_pages
from farol.cli.serve import DataOption, HostOption, PortOption, check_address, run
from farol.cli.terminal import _, open_panel, open_profile, read_settings, say
from farol.cli.train import ArtifactsOption, train_workbook
from farol.errors import InputError
from farol.i18n import count, msg

if TYPE_CHECKING:
    from farol.model.scoring import Scorer
    from farol.settings import Settings
    from farol.store.database import Store
    from farol.workbook.panel import Panel

SAMPLE = "sample-workbook.xlsx"
OTHER_PUPILS = 7
"""The seed of the invented pupils who ask the demonstration: training must not have seen them."""
SIMULATED = 500
SIMULATED_DAYS = 28
SNAPSHOT_EVERY = 7


def demo(
    workbook: Annotated[
        Path | None,
        typer.Option(
            "--workbook",
            help=_("Your own workbook; without it, a demonstration with invented pupils, in a folder of its own."),
        ),
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
    if workbook is not None:
        settings = prepare(settings, workbook)
    else:
        own, settings = settings, prepare_demonstration(settings)
        if own != settings:
            say_how_to_go_on(settings)
    if serve:
        run(settings)


def prepare(settings: Settings, workbook: Path) -> Settings:
    """A school's own: check the workbook, train, forecast its last year; what is there already is kept.

    Raises:
        InputError: the data folder is a demonstration's.
    """
    from farol.model.workbook_note import digest_of, read_note

    if settings.is_demonstration:
        raise InputError(
            msg("This data folder belongs to a demonstration with invented pupils."),
            got=msg("the folder {folder}", folder=settings.data),
            fix=msg("Choose another folder for your own pupils with --data, or unset FAROL_DATA."),
        )
    panel, file = None, quote(str(workbook))
    note = read_note(settings.artifacts)
    if note is None or not is_sound(settings):
        panel = open_panel(workbook, open_profile(settings), settings)
        print_account(panel, workbook)
        panel = train_workbook(workbook, settings)
    elif not workbook.exists():
        say(msg("There is no file {file}: check its path and name.", file=file))
        say(msg("  The service uses the models of {path}.", path=note.path))
        return settings
    elif note.sha256 == digest_of(workbook):
        say(msg("The models of {file} are there already.", file=workbook.name))
    else:
        say(msg("This workbook is not the one that the models were trained with, or it has changed since."))
        say(msg("  The service uses the models of {path}.", path=note.path))
        say(msg("  See what is in the workbook now: {command}", command=f"farol check {file}"))
        say(msg("  Say what came true of the forecasts: {command}", command=f"farol outcomes {file}"))
        say(msg("  Then train with it: {command}", command=f"farol train {file}"))
        say(msg("  Then forecast its last year: {command}", command=f"farol forecast {file}"))
        return settings
    store_forecasts(settings, workbook, panel)
    return settings


def prepare_demonstration(settings: Settings) -> Settings:
    """The demonstration's settings; its workbook, models and invented predictions are made where they are missing."""
    from farol.model.workbook_note import digest_of, read_note
    from farol.workbook.sample import write_sample

    own, settings = settings, settings.demonstration()
    say(msg("Demonstration: all pupils are invented. It has a folder of its own: {folder}", folder=settings.data))
    say(msg("  With your own pupils: `make run WORKBOOK=workbook.xlsx`, or `farol demo --workbook workbook.xlsx`"))
    if not own.is_demonstration and (note := read_note(own.artifacts)) is not None:
        say(msg("  To see your own ({file}): {command}", file=note.name, command="farol serve"))
    workbook = settings.data / SAMPLE
    if not workbook.exists():
        write_sample(workbook)
    note, panel = read_note(settings.artifacts), None
    if note is not None and note.sha256 == digest_of(workbook) and is_sound(settings):
        say(msg("The models of {file} are there already.", file=workbook.name))
    else:
        panel = train_workbook(workbook, settings)
    store_forecasts(settings, workbook, panel)
    fill_log(settings)
    return settings


def say_how_to_go_on(settings: Settings) -> None:
    """How the other commands find the demonstration: its folder is not the one they look into by themselves."""
    names = f"FAROL_DATA={quote(str(settings.data))} FAROL_ARTIFACTS={quote(str(settings.artifacts))}"
    say(msg("To try other commands on the demonstration, first: {command}", command=f"export {names}"))
    say(msg("  Then, for example: {command}", command=f"farol list {quote(str(settings.data / SAMPLE))}"))


def print_account(panel: Panel, workbook: Path) -> None:
    """Findings in short: years, pupils, how many findings of which gravity, and where to read them."""
    from farol.workbook.doctor import as_dict, summaries

    for summary in summaries(panel):
        file, year = workbook.name, panel.profile.period_text(summary.year)
        of_year = msg("{file}: pupils of {year}: {n}", file=file, n=count(summary.pupils), year=year)
        say(of_year if year else msg("{file}: pupils: {n}", file=file, n=count(summary.pupils)))
    counts = as_dict(panel, "en")["counts"]
    assert isinstance(counts, dict)  # noqa: S101  # our own
    say(
        msg(
            "Findings: errors: {errors}, to look at: {warnings}, normal: {normal}. All of them: {command}",
            errors=count(counts["error"]),
            warnings=count(counts["warning"]),
            normal=count(counts["info"]),
            command=f"farol check {quote(str(workbook))}",
        )
    )


def is_sound(settings: Settings) -> bool:
    """Whether every task of the profile was trained, and what is promoted can be read and is of this profile."""
    from farol.errors import BundleError
    from farol.model.registry import Registry

    registry, profile = Registry(settings.artifacts), open_profile(settings)
    try:
        bundles = [registry.load(task) for task in promoted_tasks(registry, profile)]
    except BundleError:
        return False
    known = set(profile.tasks) <= set(registry.tasks())
    return known and bool(bundles) and all(bundle.profile.fingerprint == profile.fingerprint for bundle in bundles)


def store_forecasts(settings: Settings, workbook: Path, panel: Panel | None) -> None:
    """The last year's forecast of each model that looks ahead, unless it is stored; `panel` None: read when needed."""
    from farol.model.registry import Registry
    from farol.model.scoring import Scorer
    from farol.pupils.forecast import forecast_panel
    from farol.school.recording import latest_answers
    from farol.store.database import Store

    registry = Registry(settings.artifacts)
    with Store.of(settings) as store:
        for task in promoted_tasks(registry, open_profile(settings)):
            scorer = Scorer(registry.load(task))
            bundle = scorer.bundle
            is_stored = store.first_day(task, bundle.version) is not None and latest_answers(store) is not None
            if not bundle.task_spec.horizon or is_stored:
                continue
            panel = panel or open_panel(workbook, open_profile(settings), settings)
            forecasts = forecast_panel(scorer, panel, store, at=datetime.now(UTC))
            record_for_pages(store, scorer, panel, forecasts)
            print_forecasts(forecasts, workbook)


def fill_log(settings: Settings) -> None:
    """Four weeks of invented predictions for each model, with a drift snapshot of each week, unless there are some.

    Other invented pupils ask, of the years that the model learned from: nothing drifts.
    """
    from farol.drift.simulate import SOURCE
    from farol.model.registry import Registry
    from farol.model.scoring import Scorer
    from farol.store.database import Store

    registry, panel = Registry(settings.artifacts), None
    with Store.of(settings) as store:
        for task in promoted_tasks(registry, open_profile(settings)):
            scorer = Scorer(registry.load(task))
            if not store.slices(task, scorer.bundle.version, date.min, date.max).get(f"source={SOURCE}"):
                panel = panel or other_pupils(settings)
                invent(store, scorer, panel)


def other_pupils(settings: Settings) -> Panel:
    """The panel of another sample workbook."""
    import tempfile

    from farol.workbook.sample import write_sample

    with tempfile.TemporaryDirectory() as folder:
        return open_panel(write_sample(Path(folder, SAMPLE), seed=OTHER_PUPILS), open_profile(settings), settings)


def invent(store: Store, scorer: Scorer, panel: Panel) -> None:
    """The invented predictions of one model, and their snapshots."""
    from farol.drift.report import take_snapshot
    from farol.drift.simulate import simulate
    from farol.drift.windows import parse_window

    bundle, now = scorer.bundle, datetime.now(UTC)
    years = bundle.served_years
    n = simulate(panel, scorer, store, n=SIMULATED, shift="none", seed=0, days=SIMULATED_DAYS, now=now, years=years)
    say(msg("{task}: simulated predictions stored: {n}", task=bundle.task, n=count(n)))
    for weeks in reversed(range(SIMULATED_DAYS // SNAPSHOT_EVERY)):
        moment = now - timedelta(days=weeks * SNAPSHOT_EVERY)
        take_snapshot(store, bundle, parse_window("7d", now=moment), at=moment)
