"""Alerting rules for Prometheus on the metrics of `GET /metrics`, for those who already run an Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from farol.i18n import Message, msg

HEADING = msg("Alerting rules for Farol. Made by `farol alerts rules`; check with `promtool check rules`.")


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One alerting rule. Its texts may name labels, which Prometheus fills in."""

    alert: str
    expression: str
    lasting: str
    severity: str
    summary: Message
    description: Message


_TASK = {"task": "{{ $labels.task }}"}

RULES = (
    AlertingRule(
        "FarolDriftSevere",
        "max by (task) (farol_drift_verdict) == 2",
        "0m",
        "critical",
        msg("Severe drift: {task}", **_TASK),
        msg("The data is very unlike the data the model learned from. See /monitoring/dashboard."),
    ),
    AlertingRule(
        "FarolDriftModerate",
        "max by (task) (farol_drift_verdict) == 1",
        "0m",
        "warning",
        msg("Moderate drift: {task}", **_TASK),
        msg("The data has changed more than chance explains. See /monitoring/dashboard."),
    ),
    AlertingRule(
        "FarolDriftUnchecked",
        "time() - max by (task) (farol_drift_checked_timestamp_seconds) > 3 * 86400",
        "1h",
        "warning",
        msg("No check for drift in three days: {task}", **_TASK),
        msg("Check FAROL_CHECK_SCHEDULE, or the cron job that runs `farol alerts check`."),
    ),
    AlertingRule(
        "FarolAlertsNotDelivered",
        "max by (channel) (farol_alerts_waiting + farol_alerts_set_aside) > 0",
        "1h",
        "warning",
        msg("Alerts do not arrive: {channel}", channel="{{ $labels.channel }}"),
        msg("`farol alerts status` says why; `farol alerts retry` tries again."),
    ),
    AlertingRule(
        "FarolNoModel",
        "absent(farol_bundle_info)",
        "5m",
        "critical",
        msg("No model is in use"),
        msg("`GET /ready` says what is missing."),
    ),
    AlertingRule(
        "FarolRefusing",
        'sum(rate(farol_requests_total{status="503"}[5m])) > 0',
        "5m",
        "critical",
        msg("Predictions are refused because they cannot be stored"),
        msg("`GET /ready` says what is missing; look at the database and its disk."),
    ),
)


def rules_file(locale: str) -> str:
    """The YAML of a rule file, texts in `locale`; `promtool check rules` accepts it."""
    return "\n".join(_lines(locale)) + "\n"


def _lines(locale: str) -> Iterator[str]:
    yield f"# {HEADING.render(locale)}"
    yield "groups:"
    yield "  - name: farol"
    yield "    rules:"
    for rule in RULES:
        yield f"      - alert: {rule.alert}"
        yield f"        expr: {_quoted(rule.expression)}"
        yield f"        for: {rule.lasting}"
        yield "        labels:"
        yield f"          severity: {rule.severity}"
        yield "        annotations:"
        yield f"          summary: {_quoted(rule.summary.render(locale))}"
        yield f"          description: {_quoted(rule.description.render(locale))}"


def _quoted(text: str) -> str:
    """A text as YAML; every JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
