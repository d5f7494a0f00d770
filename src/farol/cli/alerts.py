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
from farol.cli.terminal import LOCALE, _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import InputError
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.alerts.check import Checked
    from farol.alerts.plan import Plan
    from farol.settings import Settings
    from farol.store.alerts import AlertState, Letter

app = typer.Typer(
    cls=Group,
    help=_("Checks for drift and the alerts about it: docs/alerts.md says how to set them up."),
    no_args_is_help=True,
)

SHOWN = 20
"""Letters told one by one."""


@app.command(
    cls=Command,
    help=_("Check every model served, keep the figures, and send an alert where the state changed. For cron."),
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
    """What the service does by its schedule, once."""
    from farol.alerts.check import check_all
    from farol.alerts.delivery import deliver
    from farol.alerts.events import notice_served
    from farol.alerts.plan import Plan
    from farol.cli.drift import promoted_tasks
    from farol.model.registry import Registry
    from farol.store.database import Store

    settings = read_settings(artifacts=artifacts, data=data, check_window=window)
    plan, registry = Plan.of(settings), Registry(settings.artifacts)
    bundles = [registry.load(task) for task in promoted_tasks(registry)]
    with Store.open(settings.store_url) as store:
        for bundle in bundles:
            notice_served(store, registry, bundle, _now())
        found = check_all(store, bundles, plan.window, _now(), plan.wording, multivariate=plan.multivariate)
        sent = deliver(store, plan.channels, _now, LOCALE)
    if output is Format.json:
        counts = {"arrived": sent.arrived, "failed": sent.failed}
        print(json.dumps({"checks": [_checked(one) for one in found], "alerts": counts}, ensure_ascii=False, indent=2))
        return
    for one in found:
        _say_checked(one)
    if sent.arrived:
        say(msg("{n} alerts were sent", n=sent.arrived))
    if sent.failed:
        say(msg("{n} alerts were not taken; they are tried again at the next check, or by the service", n=sent.failed))


@app.command(cls=Command, help=_("Show where alerts go, the state of each model, and what waits to be sent."))
def status(output: FormatOption = Format.text, data: DataOption = None) -> None:
    """Nothing is sent, and no secret shown."""
    from farol.alerts.plan import Plan
    from farol.store.alerts import AlertStates, Outbox
    from farol.store.database import Store

    settings = read_settings(data=data)
    plan = Plan.of(settings)
    with Store.open(settings.store_url) as store:
        states = AlertStates(store).all()
        outbox = Outbox(store)
        letters, (waiting, aside) = outbox.latest(SHOWN), outbox.depth()
    if output is Format.json:
        body = {
            "schedule": None if plan.schedule is None else plan.schedule.text,
            "window": plan.window,
            "channels": [channel.name for channel in plan.channels],
            "states": [_state(one) for one in states],
            "waiting": waiting,
            "set_aside": aside,
            "letters": [_letter(one) for one in letters],
        }
        print(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        _say_status(plan, settings, states, letters)


@app.command(cls=Command, help=_("Send a test message to every channel that is set up, now."))
def test() -> None:
    """Past the outbox: what goes wrong is told here."""
    from farol.alerts.channel import DeliveryError
    from farol.alerts.messages import letters_of_a_test
    from farol.alerts.plan import Plan

    plan = Plan.of(read_settings())
    if not plan.channels:
        raise InputError(
            msg("No channel for alerts is set up."),
            expected=msg("FAROL_ALERT_WEBHOOK_URL or FAROL_ALERT_EMAIL_TO"),
            fix=msg("docs/alerts.md says what an alert needs."),
        )
    letters = {letter.channel: letter for letter in letters_of_a_test(_now(), plan.wording)}
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
        raise typer.Exit(1)


@app.command(cls=Command, help=_("Try at once again what was not delivered, also what was set aside after a month."))
def retry(data: DataOption = None) -> None:
    """Then deliver."""
    from farol.alerts.delivery import deliver
    from farol.alerts.plan import Plan
    from farol.store.alerts import Outbox
    from farol.store.database import Store

    settings = read_settings(data=data)
    plan = Plan.of(settings)
    with Store.open(settings.store_url) as store:
        Outbox(store).release(_now())
        sent = deliver(store, plan.channels, _now, LOCALE)
    say(msg("{n} alerts were sent, {m} were not taken", n=sent.arrived, m=sent.failed))
    if sent.failed:
        raise typer.Exit(1)


@app.command(cls=Command, help=_("Make a new secret for FAROL_ALERT_WEBHOOK_SECRET."))
def secret() -> None:
    """For the service's environment and for the receiver."""
    from farol.alerts.channels import make_secret

    print(make_secret())


@app.command(cls=Command, help=_("Print alerting rules for Prometheus: farol alerts rules > farol.rules.yml"))
def rules() -> None:
    """YAML on standard output."""
    from farol.alerts.prometheus_rules import rules_file

    print(rules_file(LOCALE), end="")


def _checked(one: Checked) -> dict[str, object]:
    report, change = one.report, one.change
    return {
        "task": report.task,
        "model_version": report.version,
        "window": report.window.as_dict(),
        "n": report.n,
        "verdict": report.verdict,
        "alarms": [feature.feature for feature in report.features if feature.alarm],
        **({} if one.together is None else {"multivariate": one.together.as_dict(LOCALE)}),
        "change": None if change is None else dict(change.details),
    }


def _say_checked(one: Checked) -> None:
    from farol.drift.report import verdict_label

    report, change = one.report, one.change
    values = {"task": report.task, "verdict": verdict_label(report.verdict, LOCALE), "n": report.n}
    say(msg("{task}: {verdict}, {n} predictions", **values))
    alarms = ", ".join(feature.feature for feature in report.features if feature.alarm)
    if alarms:
        say(msg("  in alarm: {features}", features=alarms))
    if one.together is not None:
        verdict = verdict_label(one.together.verdict, LOCALE)
        pairs = {"compared": one.together.compared, "pairs": len(one.together.pairs)}
        say(msg("  features together: {verdict}, {compared} of {pairs} pairs compared", verdict=verdict, **pairs))
        for pair in one.together.alarms:
            say(msg("  {text}", text=pair.words()))
    if change is not None:
        before, after = (verdict_label(str(change.details[key]), LOCALE) for key in ("from", "to"))
        say(msg("  changed: {before} → {after}", before=before, after=after))


def _say_status(plan: Plan, settings: Settings, states: list[AlertState], letters: list[Letter]) -> None:
    from farol.drift.report import verdict_label

    names = ", ".join(channel.name for channel in plan.channels)
    say(msg("Alerts go to: {channels}", channels=names) if names else msg("Alerts go nowhere: no channel is set up."))
    if plan.schedule is None:
        say(msg("The service does not check by itself: FAROL_CHECK_SCHEDULE is empty."))
    else:
        say(msg("The service checks: {schedule}, window {window}", schedule=plan.schedule.text, window=plan.window))
    zone = ZoneInfo(settings.timezone)
    for one in states:
        values = {"task": one.task, "verdict": verdict_label(one.verdict, LOCALE)}
        times = {"since": _moment(one.since, zone), "checked": _moment(one.checked, zone)}
        say(msg("{task}: {verdict} since {since}, last checked {checked}", **values, **times))
    for letter in letters:
        told = {"at": _moment(letter.at, zone), "channel": letter.channel, "n": letter.attempts}
        if letter.delivered is not None:
            say(msg("{at} {channel}: delivered after {n} attempts", **told))
        elif letter.is_set_aside:
            say(msg("{at} {channel}: set aside after {n} attempts. {problem}", **told, problem=letter.problem))
        else:
            say(msg("{at} {channel}: waiting after {n} attempts. {problem}", **told, problem=letter.problem or ""))


def _state(one: AlertState) -> dict[str, object]:
    return {
        "task": one.task,
        "model_version": one.version,
        "state": one.verdict,
        "since": one.since.isoformat(timespec="seconds"),
        "checked": one.checked.isoformat(timespec="seconds"),
    }


def _letter(one: Letter) -> dict[str, object]:
    return {
        "id": one.message,
        "channel": one.channel,
        "at": one.at.isoformat(timespec="seconds"),
        "attempts": one.attempts,
        "delivered": None if one.delivered is None else one.delivered.isoformat(timespec="seconds"),
        "next_attempt": None if one.due is None else one.due.isoformat(timespec="seconds"),
        "problem": one.problem,
    }


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _now() -> datetime:
    return datetime.now(UTC)
