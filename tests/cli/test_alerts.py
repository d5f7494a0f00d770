"""`farol alerts`, `farol report` and `farol store compact`, as a person runs them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from farol.alerts.delivery import SECRET_PREFIX, make_secret
from farol.drift.pairwise import PairDrift, pairwise_report
from farol.drift.report import take_snapshot
from farol.drift.windows import parse_window
from farol.model.registry import Registry
from farol.profile import Text
from farol.store.alerts import Outbox
from farol.store.database import Store
from farol.web import printing
from tests.alerts.receiver import mail_receiver, web_receiver
from tests.bundles import put_into_use
from tests.cli.conftest import Run
from tests.counted import answered

NOW = datetime.now(UTC)
SECRET = make_secret()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_into_use(tmp_path_factory.mktemp("cli-alerts") / "artifacts", "current")


@pytest.fixture
def store(tmp_path: Path, artifacts: Path) -> Store:
    """The database of a service whose pupils have changed."""
    (tmp_path / "artifacts").symlink_to(artifacts)
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}")
    answered(store, Registry(artifacts).load("current"), at=NOW, n=500, moved=True)
    store.close()
    return store


def use_webhook(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FAROL_ALERT_WEBHOOK_URL", url)
    monkeypatch.setenv("FAROL_ALERT_WEBHOOK_SECRET", SECRET)


def test_a_check_tells_what_changed_and_sends_it_once(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_receiver() as received:
        use_webhook(monkeypatch, received.url)
        printed = run("alerts", "check")
        assert "current: Severe drift, predictions: 500" in printed
        assert "in alarm: Self-evaluation" in printed
        assert "changed: No drift → Severe drift" in printed
        assert "Alerts sent: 1" in printed
        again = json.loads(run("alerts", "check", "--window", "7d", "--format", "json"))
    assert len(received.requests) == 1
    (each,) = again["checks"]
    assert (each["verdict"], each["window"]["name"], each["alarms"], each["change"]) == ("severe", "7d", ["IAA"], None)
    assert again["alerts"] == {"arrived": 0, "failed": 0}
    assert len(store.snapshots("current", 9)) == 2


def test_a_check_compares_pairs_where_the_setting_says_so(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, artifacts: Path
) -> None:
    monkeypatch.setenv("FAROL_CHECK_MULTIVARIATE", "true")
    assert "pairs of features: Insufficient data, 0 of 45 compared" in run("alerts", "check")
    meanings = (Text(pt="Engajamento", en="Effort"), Text(pt="Notas", en="Marks"))
    message = PairDrift("IEG", "IDA", meanings, 100, 900, 0.05, -0.1, 0.2, 0.62, -0.7, 0.0001, "severe", "severe")
    whole = pairwise_report(store, Registry(artifacts).load("current"), parse_window("30d", now=NOW))
    monkeypatch.setattr("farol.alerts.check.pairwise_report", lambda *_, **__: replace(whole, pairs=(message,), n=100))
    printed = run("alerts", "check")
    assert "“Effort” and “Marks” used to rise together (correlation 0.62); now they hardly do (0.05)." in printed
    (body,) = json.loads(run("alerts", "check", "--format", "json"))["checks"]
    assert body["multivariate"]["pairs"][0]["verdict"] == "severe"


def test_nothing_is_sent_by_a_check_unless_a_channel_is_set_up(store: Store, run: Run) -> None:
    printed = run("alerts", "check")
    assert "changed: No drift → Severe drift" in printed
    assert "sent" not in printed
    assert Outbox(store).latest(9) == []


def test_what_a_receiver_did_not_take_waits_and_is_tried_again(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    use_webhook(monkeypatch, f"http://127.0.0.1:{free_port}/t0ken")
    assert "Alerts not accepted: 1" in run("alerts", "check")
    message = run("alerts", "status")
    assert (
        "webhook: waiting, attempts: 1. The receiver cannot be reached: nothing answers at this address and port."
        in message
    )
    assert "t0ken" not in message
    assert "Alerts sent: 0, not accepted: 1" in run("alerts", "retry", code=1)
    with web_receiver(port=free_port):
        assert "Alerts sent: 1, not accepted: 0" in run("alerts", "retry")
    assert "webhook: delivered, attempts: 3" in run("alerts", "status")


def test_the_status_says_where_alerts_go_and_what_was_found(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    assert "Alerts go nowhere" in run("alerts", "status")
    assert "FAROL_CHECK_SCHEDULE is empty" in run("alerts", "status")
    use_webhook(monkeypatch, f"http://127.0.0.1:{free_port}/t0ken")
    monkeypatch.setenv("FAROL_CHECK_SCHEDULE", "0 6 * * *")
    run("alerts", "check")
    (letter,) = Outbox(store).latest(9)
    Outbox(store).failed(letter, "out of order", None)
    message = run("alerts", "status")
    assert "Alerts go to: webhook" in message
    assert "The service checks: 0 6 * * *, window 30d" in message
    assert "current: Severe drift since " in message
    assert "set aside, attempts: 1. out of order" in message
    body = json.loads(run("alerts", "status", "--format", "json"))
    assert (body["schedule"], body["channels"], body["set_aside"]) == ("0 6 * * *", ["webhook"], {"webhook": 1})
    assert [each["state"] for each in body["states"]] == ["severe"]
    assert body["letters"][0]["problem"] == "out of order"
    assert SECRET not in str(body)
    Outbox(store).delivered(letter, NOW)
    assert json.loads(run("alerts", "status", "--format", "json"))["letters"][0]["delivered"] is not None


def test_a_test_message_says_of_each_channel_whether_it_arrived(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    assert "No channel for alerts is set up." in run("alerts", "test", code=2)
    monkeypatch.setenv("FAROL_ALERT_EMAIL_TO", "ana@example.org")
    monkeypatch.setenv("FAROL_ALERT_EMAIL_FROM", "farol@example.org")
    monkeypatch.setenv("FAROL_ALERT_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("FAROL_ALERT_SMTP_PORT", str(free_port))
    monkeypatch.setenv("FAROL_ALERT_SMTP_SECURITY", "none")
    with web_receiver() as received:
        use_webhook(monkeypatch, received.url)
        printed = run("alerts", "test", code=1)
        assert "webhook: delivered" in printed
        assert "email: not delivered. The mail server cannot be reached" in printed
        assert "What to do: Correct the settings of this channel" in printed
        with mail_receiver(free_port) as mailed:
            assert "email: delivered" in run("alerts", "test")
    assert len(received.requests) == 2
    assert mailed.mails[0]["Subject"] == "Farol: A test message of Farol"
    assert Outbox(store).latest(9) == []


def test_a_secret_and_the_rules_are_printed(run: Run) -> None:
    assert run("alerts", "secret").startswith(SECRET_PREFIX)
    assert yaml.safe_load(run("alerts", "rules"))["groups"][0]["name"] == "farol"


def test_the_history_is_thinned_out(store: Store, run: Run, artifacts: Path) -> None:
    bundle = Registry(artifacts).load("current")
    for hour in range(3):
        at = NOW - timedelta(days=50, hours=hour)
        take_snapshot(store, bundle, parse_window("7d", now=NOW), at=at)
    left = len({(NOW - timedelta(days=50, hours=hour, minutes=180)).date() for hour in range(3)})
    assert f"removed snapshots: {3 - left}; removed alerts that were delivered long ago: 0" in run("store", "compact")


def test_a_report_is_one_file_and_the_same_as_json(store: Store, run: Run, tmp_path: Path) -> None:
    run("alerts", "check")
    printed = run("report", "--task", "current", "--out", "out/report.html", "--json")
    assert "wrote out/report.html" in printed
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Severe drift" in page
    body = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (body["summary"]["verdict"], body["distributions"]) == ("severe", ["IAA"])
    assert "wrote report.html" in run("report", "--task", "current", "--window", "7d")
    assert not (tmp_path / "report.json").exists()
    (tmp_path / "file").write_text("")
    assert "cannot be written" in run("report", "--task", "current", "--out", "file/report.html", code=2)


@pytest.mark.browser
def test_a_report_is_printed_by_the_browser_that_is_there(store: Store, run: Run, tmp_path: Path) -> None:
    if printing.find_browser() is None:
        pytest.skip("no Chromium on this machine")
    run("report", "--task", "current", "--pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_without_a_browser_a_pdf_is_refused_and_not_written(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "find_browser", lambda: None)
    assert "There is no browser" in run("report", "--task", "current", "--pdf", code=2)
    assert not (tmp_path / "report.html").exists()


def test_a_browser_that_fails_to_print_or_start_is_reported(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("/bin/true", "/bin/no-such-browser"):
        monkeypatch.setattr(printing, "find_browser", lambda name=name: name)
        assert "The browser made no PDF." in run("report", "--task", "current", "--pdf", code=2)


def test_a_browser_is_searched_on_the_path_then_at_playwrights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert printing.find_browser() == str(browser)
    browser.unlink()
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    assert printing.find_browser() is None
    monkeypatch.setattr(printing, "find_spec", lambda _: None)
    assert printing.find_browser() is None
    assert shutil.which("chromium") is None
