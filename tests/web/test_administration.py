"""The pages of administration over HTTP, on a real server and database: what they change, and what they record."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from farol.accounts.audit import latest
from farol.accounts.site import read_setting
from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.intake.jobs import begin, end
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys
from farol.store.tables import pupil_names
from tests.bundles import make_bundle, put_into_use
from tests.store.rows import total_of
from tests.web.conftest import serving
from tests.web.site import predictions, settings_in

PATH = "/administration"
OURS = {"Accept": "text/html", "Accept-Language": "en"}
SECRET = "whsec_" + "QUJD" * 12


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A site with one version in use, one that may follow, one that did not pass its test, and old predictions."""
    settings = settings_in(tmp_path, alert_webhook_secret=SECRET, alert_smtp_password="Segredo da escola")
    registry = Registry(settings.artifacts)
    registry.promote("next-year", make_bundle(settings.artifacts, "next-year").name)
    make_bundle(settings.artifacts, "next-year", seed=1)
    failed = {"promotable": False, "promotion": {"reasons": [{"pt": "Não supera.", "en": "It beats no rule."}]}}
    make_bundle(settings.artifacts, "next-year", seed=2, report=failed)
    now = datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        scorer = Scorer(registry.load("next-year"))
        store.write(predictions(scorer, n=10, at=now - timedelta(days=900), shift=0, seed=1))
        store.write(predictions(scorer, n=5, at=now, shift=0, seed=2))
    return settings


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    """Somebody at the computer, with English pages."""
    with serving(settings) as address, httpx.Client(base_url=address, headers=OURS, timeout=30) as client:
        yield client


def versions(settings: Settings) -> tuple[str, str, str]:
    """The version in use, the one that may follow, and the one that did not pass."""
    registry = Registry(settings.artifacts)
    served = registry.promoted("next-year")
    others = [entry.version for entry in registry.versions("next-year") if entry.version != served]
    ready, failed = sorted(others, key=lambda name: not registry.load("next-year", name).report["promotable"])
    assert served is not None
    return served, ready, failed


def audited(settings: Settings) -> list[str]:
    """What the audit says, the newest first."""
    with Store.open(settings.store_url) as store:
        return [f"{entry.action} {entry.subject} {entry.details}".strip() for entry in latest(store, 20)]


def test_a_version_is_put_into_use_and_taken_back(settings: Settings, client: httpx.Client) -> None:
    served, ready, _ = versions(settings)
    page = client.get(f"{PATH}/models/next-year/{ready}").text
    assert f"In use ({served})" in page
    done = client.post(f"{PATH}/models/next-year/{ready}/promote", follow_redirects=True)
    assert "The version is in use now" in done.text
    assert client.get("/models/next-year").json()["version"] == ready
    assert f"Go back to {served}" in client.get(f"{PATH}/models/next-year/{served}").text
    back = client.post(f"{PATH}/models/next-year/{served}/rollback", follow_redirects=True)
    assert "The version from before is in use again" in back.text
    assert client.get("/models/next-year").json()["version"] == served
    assert audited(settings) == [
        f"changed model next-year back to {served}",
        f"changed model next-year {ready} promoted",
    ]


def test_a_failed_version_needs_its_box_ticked(settings: Settings, client: httpx.Client) -> None:
    served, _, failed = versions(settings)
    page = client.get(f"{PATH}/models/next-year/{failed}").text
    assert "It beats no rule." in page
    assert '<input type="checkbox" name="despite" value="1" required>' in page
    promote = f"{PATH}/models/next-year/{failed}/promote"
    refused = client.post(promote)
    assert refused.status_code >= 400
    assert "should not be used" in refused.text
    assert Registry(settings.artifacts).promoted("next-year") == served
    client.post(promote, data={"despite": "1"})
    assert Registry(settings.artifacts).promoted("next-year") == failed
    assert audited(settings) == [f"changed model next-year {failed} promoted despite its test"]


def test_going_back_elsewhere_than_shown_is_refused(settings: Settings, client: httpx.Client) -> None:
    served, ready, _ = versions(settings)
    assert client.post(f"{PATH}/models/next-year/{ready}/rollback").status_code == 422
    assert Registry(settings.artifacts).promoted("next-year") == served


@pytest.mark.parametrize("path", ["nowhere/x", "next-year/x", "next-year/..%2F..", "%2e%2e/next-year"])
def test_a_version_that_there_is_not_has_no_page(client: httpx.Client, path: str) -> None:
    assert client.get(f"{PATH}/models/{path}").status_code == 404


def test_a_key_is_shown_once_and_revoked(settings: Settings, client: httpx.Client) -> None:
    answer = client.post(f"{PATH}/keys", data={"name": "Secretaria", "role": "manage", "days": "30"})
    key = re.search(r"farol_[0-9a-f]{12}_[0-9a-f]{64}", answer.text)
    assert key is not None
    assert answer.headers["Cache-Control"] == "no-store"
    client.headers["Authorization"] = f"Bearer {key[0]}"
    listed = client.get(f"{PATH}/keys").text
    assert "Secretaria" in listed
    assert key[0] not in listed
    assert key[0] not in "".join(audited(settings))
    prefix = key[0].split("_")[1]
    assert client.post(f"{PATH}/keys/{prefix}/revoke").status_code == 303
    assert audited(settings) == [f"changed key {prefix} revoked", f"changed key {prefix} manage made"]


@pytest.mark.parametrize(
    "form", [{"name": " ", "role": "read", "days": "0"}, {"name": "x", "role": "all", "days": "0"}, {"name": "x"}]
)
def test_a_key_of_other_values_is_not_made(settings: Settings, client: httpx.Client, form: dict[str, str]) -> None:
    assert client.post(f"{PATH}/keys", data=form).status_code == 422
    assert "There is no key." in client.get(f"{PATH}/keys").text


def test_old_predictions_are_counted_then_removed(settings: Settings, client: httpx.Client) -> None:
    assert client.post(f"{PATH}/retention/period", data={"days": "800"}).status_code == 303
    page = client.get(f"{PATH}/retention").text
    assert "kept for 800 days" in page
    assert "<dd>10</dd>" in page
    assert "Predictions older than the period of retention: 10" in client.get(PATH).text
    assert client.post(f"{PATH}/retention/run", data={"days": "800"}).status_code == 422
    assert total_of(settings) == 15
    assert client.post(f"{PATH}/retention/run", data={"days": "800", "sure": "1"}).status_code == 303
    assert total_of(settings) == 5
    assert audited(settings) == ["changed retention older than 800 days", "changed retention 800 days"]


@pytest.mark.parametrize("days", ["", "0", "29", "-1", "36501", "1e3", "٣٠٠", "1" * 200])
def test_a_period_that_cannot_be_is_refused(settings: Settings, client: httpx.Client, days: str) -> None:
    assert client.post(f"{PATH}/retention/run", data={"days": days, "sure": "1"}).status_code == 422
    assert total_of(settings) == 15


def test_a_pupil_is_shown_kept_and_erased(settings: Settings, client: httpx.Client) -> None:
    with Store.open(settings.store_url) as store, store.exclusive() as connection:
        connection.exec_driver_sql("UPDATE predictions SET student = '17' WHERE seq <= 3")
        connection.execute(pupil_names.insert(), [{"student": "17", "name": "Zé", "folded": "ze"}])
    sent = client.post("/workbooks", files={"files": ("PEDE2024.csv", b"RA;INDE 2024;Turma\n17;5;3B\n")})
    assert sent.status_code == 303
    page = client.post(f"{PATH}/erasure/find", data={"student": "17"})
    assert "<dd>3</dd>" in page.text
    assert "<div><dt>name</dt><dd>1</dd></div>" in re.sub(r"\s*\n\s*", "", page.text)
    copy = client.post(f"{PATH}/erasure/export", data={"student": "17"})
    assert len(copy.json()["predictions"]) == 3
    assert "attachment" in copy.headers["Content-Disposition"]
    assert client.post(f"{PATH}/erasure", data={"student": "17", "again": "18"}).status_code == 422
    assert total_of(settings) == 15
    done = client.post(f"{PATH}/erasure", data={"student": "17", "again": "17"}, follow_redirects=True)
    assert "What was stored of this pupil is erased." in done.text
    assert total_of(settings) == 12
    assert not (settings.data / "uploads").exists()
    assert audited(settings)[0] == "changed erasure one pupil erased"
    assert b"17" not in done.url.raw_path


def test_erasing_takes_the_workbooks_that_were_sent(settings: Settings, client: httpx.Client) -> None:
    sent = client.post("/workbooks", files={"files": ("PEDE2024.csv", b"RA;Fase\nRA-SEGREDO-77;2\n")})
    assert sent.status_code == 303
    with Store.open(settings.store_url) as store:
        job = begin(store, "forecast", NOBODY_IN_PARTICULAR, {}, datetime.now(UTC))
        assert job is not None
        form = {"student": "RA-SEGREDO-77", "again": "RA-SEGREDO-77"}
        refused = client.post(f"{PATH}/erasure", data=form)
        assert "a workbook is being worked on" in refused.text
        assert "changed erasure one pupil erased" not in audited(settings)
        end(store, job.id, "cancelled", {}, datetime.now(UTC))
    assert client.post(f"{PATH}/erasure", data=form).status_code == 303
    assert client.get(sent.headers["Location"]).status_code == 404
    assert [path for path in settings.data.rglob("*") if path.is_file() and b"RA-SEGREDO-77" in path.read_bytes()] == []


def _audit_is_away(settings: Settings) -> None:
    with Store.open(settings.store_url) as store, store.exclusive() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")


def test_nothing_is_done_that_cannot_be_recorded(settings: Settings, client: httpx.Client) -> None:
    served, ready, _ = versions(settings)
    registry = Registry(settings.artifacts)
    registry.promote("next-year", ready)
    made = client.post(f"{PATH}/keys", data={"name": "Secretaria", "role": "manage", "days": "30"})
    shown = re.search(r"farol_[0-9a-f]{12}_[0-9a-f]{64}", made.text)
    assert shown is not None
    client.headers["Authorization"] = f"Bearer {shown[0]}"  # once the key is known, who has none is refused
    with Store.open(settings.store_url) as store, store.exclusive() as connection:
        connection.exec_driver_sql("UPDATE predictions SET student = '17' WHERE seq <= 3")
        (key,) = Keys(store).all()
    _audit_is_away(settings)
    for path, form in {
        f"models/next-year/{served}/promote": {},
        f"models/next-year/{served}/rollback": {},
        f"keys/{key.prefix}/revoke": {},
        "keys": {"name": "Outra", "role": "read", "days": "0"},
        "retention/period": {"days": "800"},
        "retention/run": {"days": "800", "sure": "1"},
        "erasure": {"student": "17", "again": "17"},
    }.items():
        assert client.post(f"{PATH}/{path}", data=form).status_code == 503, path
    assert registry.promoted("next-year") == ready
    assert total_of(settings) == 15
    with Store.open(settings.store_url) as store:
        assert Keys(store).all() == [key]
        assert read_setting(store, "retention_days", 0) == 0


def test_a_backup_is_whole_while_others_read(settings: Settings, client: httpx.Client, tmp_path: Path) -> None:
    with closing(sqlite3.connect(settings.data / "farol.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM predictions").fetchone()
        answer = client.post(f"{PATH}/backup")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    copy = tmp_path / "copy.db"
    copy.write_bytes(answer.content)
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT count(*) FROM predictions").fetchone() == (15,)
        assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(settings.data.glob(".farol-*"))
    assert audited(settings) == ["exported backup"]
    assert "No backup was downloaded" not in client.get(PATH).text


def test_the_settings_page_holds_no_secret(client: httpx.Client) -> None:
    page = client.get(f"{PATH}/settings").text
    assert SECRET not in page
    assert "Segredo" not in page
    assert page.count("set, and not shown") == 2
    for name in Settings.model_fields:
        assert f"<code>FAROL_{name.upper()}</code>" in page


def test_each_page_has_the_way_to_all_others(client: httpx.Client) -> None:
    parts = re.compile(r'<nav class="parts.*?</nav>', re.DOTALL)
    paths = re.findall(r'href="([^"]+)"', parts.findall(client.get(PATH).text)[0])
    assert len(paths) == 13
    for path in paths:
        (shown,) = parts.findall(client.get(path).text)
        assert re.findall(r'href="([^"]+)"', shown) == paths, path
        assert re.findall(r'href="([^"]+)" aria-current="page"', shown) == [path]


def test_a_service_of_others_cannot_be_ended(client: httpx.Client) -> None:
    assert "End Farol" not in client.get(PATH).text
    assert client.post(f"{PATH}/stop").status_code == 422
    assert client.get("/health").status_code == 200


def test_the_overview_answers_while_the_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_in(tmp_path, database_url=f"sqlite:///{tmp_path / 'file' / 'farol.db'}")
    put_into_use(settings.artifacts, "current")
    with serving(settings) as address:
        page = httpx.get(f"{address}{PATH}", headers=OURS, timeout=30)
    assert page.status_code == 200
    assert "The database cannot be used" in page.text
