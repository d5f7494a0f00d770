"""The history with its events, and the report, as JSON and as a page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from farol.advice.report import SECTIONS
from farol.alerts.check import check_all
from farol.alerts.events import notice_served
from farol.alerts.messages import MessageSettings
from farol.api.answers.history import EventfulHistoryAnswer
from farol.api.answers.report import ReportAnswer
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.history import OUTCOMES, SERVED, Events
from tests.api.client import Client
from tests.api.shape import error_of
from tests.counted import answered

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def watched(client: Client, settings: Settings) -> Client:
    """A service that was checked, and to which this and that has happened."""
    registry = Registry(settings.artifacts)
    bundle = registry.load("current")
    with Store.open(settings.store_url) as store:
        answered(store, bundle, at=NOW - 40 * DAY, n=400)
        answered(store, bundle, at=NOW - DAY, n=400, moved=True)
        notice_served(store, registry, bundle, NOW - 50 * DAY)
        for ago in (40, 1):
            check_all(store, [bundle], "7d", NOW - ago * DAY, MessageSettings("en", ()))
        events = Events(store)
        events.record(SERVED, NOW - 2 * DAY, "current", {"version": "v2", "previous": "v1", "by": "rollback"})
        events.record(OUTCOMES, NOW - DAY, None, {"year": 2024, "pupils": 412})
        ended = {"reason": "version", "from": "severe", "to": "none"}
        events.record("alert", NOW - DAY / 2, "current", ended)
        events.record("of tomorrow", NOW - DAY / 4, "current", {})
    return client


def test_snapshots_and_events_stand_together_the_latest_first(watched: Client) -> None:
    body = watched.get("/monitoring/history", headers=ENGLISH).json()
    EventfulHistoryAnswer.model_validate(body, strict=True)
    assert [each["verdict"] for each in body["snapshots"]] == ["severe", "none"]
    assert [each["text"] for each in body["events"]][:5] == [
        "of tomorrow",
        "The alarm ended: another version is now in use.",
        "What came true in 2024 was recorded.",
        "The alarm changed: No drift → Severe drift.",
        "Version v2 is in use again: rolled back.",
    ]
    assert body["events"][2]["details"] == {"year": 2024, "pupils": 412}
    assert {each["kind"] for each in body["events"]} >= {"served", "workbook", "outcomes", "alert"}
    assert len(watched.get("/monitoring/history?limit=1").json()["events"]) == 1
    assert "Registrado" not in watched.get("/monitoring/history").text
    assert "Foi registrado o que se confirmou em 2024." in watched.get("/monitoring/history").text
    error_of(watched.get("/monitoring/history?task=segredo"), 422, "invalid_parameter")


def test_the_report_is_of_its_window(watched: Client) -> None:
    body = watched.get("/monitoring/report?task=current&window=7d", headers=ENGLISH).json()
    ReportAnswer.model_validate(body, strict=True)
    assert body["sections"] == list(SECTIONS)
    assert set(SECTIONS) <= body.keys()
    assert (body["summary"]["verdict"], body["summary"]["n"]) == ("severe", 400)
    assert body["summary"]["window"]["days"] == 7
    assert len(body["history"]["snapshots"]) == 1
    assert not any(each["kind"] == "workbook" for each in body["history"]["events"])
    whole = watched.get("/monitoring/report?task=current&window=all").json()
    assert len(whole["history"]["snapshots"]) == 2
    assert any(each["kind"] == "workbook" for each in whole["history"]["events"])
    error_of(watched.get("/monitoring/report?window=segredo"), 422, "invalid_parameter")


def test_a_reports_page_needs_no_file_and_runs_no_script(watched: Client) -> None:
    response = watched.get("/monitoring/report.html?task=current&window=all", headers=ENGLISH)
    assert response.status_code == 200
    page = response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert "url(" not in page
    for words in ("Severe drift", "400", "Event", "Version v2 is in use again", "ROC AUC", "0.750", "IAA"):
        assert words in page
    assert page.count("<svg") > 4


def test_a_report_without_drift_history_or_events_says_so(client: Client) -> None:
    page = client.get("/monitoring/report.html?task=current", headers=ENGLISH).text
    assert "No feature is in alarm" in page
    assert "Snapshots in this period: 0." in page
    assert "Event</th>" not in page


def test_the_dashboard_lists_events_and_links_to_the_report(watched: Client) -> None:
    page = watched.get("/monitoring/dashboard?task=current&window=7d", headers=ENGLISH).text
    assert "The alarm changed: No drift → Severe drift." in page
    assert "/monitoring/report.html?task=current&amp;window=7d" in page
    assert "The greatest PSI of each snapshot" in page


def test_reading_a_report_or_a_history_changes_nothing(watched: Client, settings: Settings) -> None:
    with Store.open(settings.store_url) as store:
        before = store.snapshots("current", 99), Events(store).latest(99)
        for path in ("history?task=current", "report?task=current", "report.html?task=current"):
            assert watched.get(f"/monitoring/{path}").status_code == 200
        assert (store.snapshots("current", 99), Events(store).latest(99)) == before
