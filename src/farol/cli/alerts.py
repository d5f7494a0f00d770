"""`farol alerts`: checks by hand or by cron, and whether alerts arrive."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from farol.cli.check import Format, FormatOption
from farol.cli.i18n import Command, Group
from farol.cli.serve import DataOption
from farol.cli.terminal import OUT, _, open_tasks, read_settings, say, say_json
from farol.cli.train import ArtifactsOption
from farol.errors import InputError
from farol.i18n import count, day, msg, terminal_locale

if TYPE_CHECKING:
    from farol.alerts.check import CheckPlan, CheckResult
    from farol.settings import Settings
    from farol.store.alerts import AlertState, Letter

app = typer.Typer(
    cls=Group,
    help=_("Checks for drift and the alerts about it: docs/alerts.md says how to set them up."),
    no_args_is_help=True,
)

SHOWN = 20
"""Messages shown one by one."""


@app.command(
    cls=Command,
    help=_("Check every model in use, store the figures, and send an alert where the state changed. For cron."),
)
def check(
    window: Annotated[
        str | None,
        typer.Option(
            "--window", help=_("7d, 30d, 90d, all, year:2024, or 2024-03-01..2024-05-31."), show_default="30d"
        ),
    ] = None,
    output: FormatOption = Format.text,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
) -> None:
    """The same check that the service makes by its schedule, once."""
    from farol.alerts.check import CheckPlan, check_all
    from farol.alerts.delivery import deliver
    from farol.alerts.events import notice_served
    from farol.cli.drift import promoted_tasks
    from farol.model.registry import Registry
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data, check_window=window)
    plan, registry = CheckPlan.of(settings), Registry(settings.artifacts)
    bundles = [registry.load(task) for task in promoted_tasks(registry, open_tasks(settings).profile)]
    with Store.open(settings.store_url, existing=True) as store:
        for bundle in bundles:
            notice_served(store, registry, bundle, _now())
        results = check_all(store, bundles, plan.window, _now(), plan.messages, multivariate=plan.multivariate)
        sent = deliver(store, plan.channels, _now, terminal_locale())
    if output is Format.json:
        counts = {"arrived": sent.arrived, "failed": sent.failed}
        say_json(
            json.dumps(
                {"checks": [_result(result) for result in results], "alerts": counts}, ensure_ascii=False, indent=2
            )
        )
        return
    for result in results:
        _say_result(result)
    if sent.arrived:
        say(msg("Alerts sent: {n}", n=count(sent.arrived)))
    if sent.failed:
        say(msg("Alerts not accepted: {n}; the next check, or the service, tries again", n=count(sent.failed)))


@app.command(cls=Command, help=_("Show where alerts go, the state of each model, and which messages wait."))
def status(output: FormatOption = Format.text, data: DataOption = None) -> None:
    """Sends nothing and shows no secret."""
    from farol.alerts.check import CheckPlan
    from farol.store.alerts import AlertStates, Outbox
    from farol.store.database import Store

    settings = read_settings(data=data)
    plan = CheckPlan.of(settings)
    with Store.open(settings.store_url, existing=True) as store:
        states = AlertStates(store).all()
        outbox = Outbox(store)
        letters, (waiting, aside) = outbox.latest(SHOWN), outbox.depth()
    if output is Format.json:
        body = {
            "schedule": None if plan.schedule is None else plan.schedule.text,
            "window": plan.window,
            "channels": [channel.name for channel in plan.channels],
            "states": [_state(state) for state in states],
            "waiting": waiting,
            "set_aside": aside,
            "letters": [_letter(letter) for letter in letters],
        }
        say_json(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        _say_status(plan, settings, states, letters)


@app.command(cls=Command, help=_("Send a test message to every channel that is set up, now."))
def test() -> None:
    """Without the outbox, so that errors are printed here."""
    from farol.alerts.channel import DeliveryError
    from farol.alerts.check import CheckPlan
    from farol.alerts.messages import letters_of_a_test

    plan = CheckPlan.of(read_settings())
    if not plan.channels:
        raise InputError(
            msg("No channel for alerts is set up."),
            expected=msg("FAROL_ALERT_WEBHOOK_URL or FAROL_ALERT_EMAIL_TO"),
            fix=msg("docs/alerts.md lists the settings that alerts need."),
        )
    letters = {letter.channel: letter for letter in letters_of_a_test(_now(), plan.messages)}
    failed = False
    for channel in plan.channels:
        try:
            channel.send(letters[channel.name])
        except DeliveryError as error:
            failed = True
            say(msg("{channel}: not delivered. {problem}", channel=channel.name, problem=error.problem))
        else:
            say(msg("{channel}: delivered", channel=channel.name))
    if failed:
        fix = msg("Correct the settings of this channel, which docs/alerts.md lists, then test again.")
        say(msg("What to do: {text}", text=fix))
        raise typer.Exit(1)


@app.command(
    cls=Command, help=_("Try again now to deliver all undelivered messages, also those set aside after a month.")
)
def retry(data: DataOption = None) -> None:
    """Release the messages, then deliver them."""
    from farol.alerts.check import CheckPlan
    from farol.alerts.delivery import deliver
    from farol.store.alerts import Outbox
    from farol.store.database import Store

    settings = read_settings(data=data)
    plan = CheckPlan.of(settings)
    with Store.open(settings.store_url, existing=True) as store:
        Outbox(store).release(_now())
        sent = deliver(store, plan.channels, _now, terminal_locale())
    say(msg("Alerts sent: {n}, not accepted: {m}", n=count(sent.arrived), m=count(sent.failed)))
    if sent.failed:
        raise typer.Exit(1)


@app.command(cls=Command, help=_("Make a new secret for FAROL_ALERT_WEBHOOK_SECRET."))
def secret() -> None:
    """A secret for the environment of the service and for the receiver."""
    from farol.alerts.delivery import make_secret

    print(make_secret())


@app.command(cls=Command, help=_("Print alerting rules for Prometheus: farol alerts rules > farol.rules.yml"))
def rules() -> None:
    """YAML on standard output."""
    from farol.alerts.prometheus_rules import rules_file

    print(rules_file(terminal_locale()), end="")


def _result(result: CheckResult) -> dict[str, object]:
    from farol.api.answers.drift import WindowAnswer
    from farol.api.answers.pairwise import PairwiseAnswer

    report, change, pairwise = result.report, result.change, result.pairwise
    pairs = (
        None
        if pairwise is None
        else PairwiseAnswer.of(pairwise, terminal_locale()).model_dump(mode="json", by_alias=True)
    )
    return {
        "task": report.task,
        "model_version": report.version,
        "window": WindowAnswer.of(report.window).model_dump(mode="json", by_alias=True),
        "n": report.n,
        "verdict": report.verdict,
        "alarms": [figure.feature for figure in report.features if figure.alarm],
        **({} if pairs is None else {"multivariate": pairs}),
        "change": None if change is None else dict(change.details),
    }


def _say_result(result: CheckResult) -> None:
    from farol.drift.verdicts import verdict_label

    report, change, pairwise = result.report, result.change, result.pairwise
    values = {"task": report.task, "verdict": verdict_label(report.verdict, terminal_locale()), "n": count(report.n)}
    say(msg("{task}: {verdict}, predictions: {n}", **values))
    alarms = ", ".join(figure.meaning.in_locale(terminal_locale()) for figure in report.features if figure.alarm)
    if alarms:
        say(msg("  in alarm: {features}", features=alarms))
    if pairwise is not None:
        verdict = verdict_label(pairwise.verdict, terminal_locale())
        pairs = {"compared": count(pairwise.compared), "pairs": count(len(pairwise.pairs))}
        say(msg("  pairs of features: {verdict}, {compared} of {pairs} compared", verdict=verdict, **pairs))
        for pair in pairwise.alarms:
            OUT.print(f"  {pair.words(terminal_locale())}", markup=False)
    if change is not None:
        before, after = (verdict_label(str(change.details[key]), terminal_locale()) for key in ("from", "to"))
        say(msg("  changed: {before} → {after}", before=before, after=after))


def _say_status(plan: CheckPlan, settings: Settings, states: list[AlertState], letters: list[Letter]) -> None:
    from farol.drift.verdicts import verdict_label

    names = ", ".join(channel.name for channel in plan.channels)
    say(msg("Alerts go to: {channels}", channels=names) if names else msg("Alerts go nowhere: no channel is set up."))
    if plan.schedule is None:
        say(msg("The service does not check by itself: FAROL_CHECK_SCHEDULE is empty."))
    else:
        say(msg("The service checks: {schedule}, window {window}", schedule=plan.schedule.text, window=plan.window))
    zone = ZoneInfo(settings.timezone)
    for state in states:
        values = {"task": state.task, "verdict": verdict_label(state.verdict, terminal_locale())}
        times = {"since": _moment(state.since, zone), "checked": _moment(state.checked, zone)}
        say(msg("{task}: {verdict} since {since}, last checked {checked}", **values, **times))
    for letter in letters:
        attempt = {"at": _moment(letter.at, zone), "channel": letter.channel, "n": letter.attempts}
        if letter.delivered is not None:
            say(msg("{at} {channel}: delivered, attempts: {n}", **attempt))
        elif letter.is_set_aside:
            say(msg("{at} {channel}: set aside, attempts: {n}. {problem}", **attempt, problem=letter.problem))
        else:
            say(msg("{at} {channel}: waiting, attempts: {n}. {problem}", **attempt, problem=letter.problem or ""))


def _state(state: AlertState) -> dict[str, object]:
    return {
        "task": state.task,
        "model_version": state.version,
        "state": state.verdict,
        "since": state.since.isoformat(timespec="seconds"),
        "checked": state.checked.isoformat(timespec="seconds"),
    }


def _letter(letter: Letter) -> dict[str, object]:
    return {
        "id": letter.message,
        "channel": letter.channel,
        "at": letter.at.isoformat(timespec="seconds"),
        "attempts": letter.attempts,
        "delivered": None if letter.delivered is None else letter.delivered.isoformat(timespec="seconds"),
        "next_attempt": None if letter.due is None else letter.due.isoformat(timespec="seconds"),
        "problem": letter.problem,
    }


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{day(local.date()).render(terminal_locale())} {local:%H:%M}"


def _now() -> datetime:
    return datetime.now(UTC)
