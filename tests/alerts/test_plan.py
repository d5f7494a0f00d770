from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from farol.alerts.check import CheckPlan, parse_schedule
from farol.alerts.delivery import channels_of, make_secret
from farol.errors import InputError
from farol.settings import Settings

WEBHOOK: dict[str, object] = {"alert_webhook_url": "https://example.org/t0ken", "alert_webhook_secret": make_secret()}
EMAIL: dict[str, object] = {
    "alert_email_to": "ana@example.org",
    "alert_email_from": "farol@example.org",
    "alert_smtp_host": "mail.example.org",
}


def settings(**values: object) -> Settings:
    return Settings(**values)  # type: ignore[arg-type]  # pydantic makes secrets of texts


def test_nothing_is_sent_unless_it_is_set_up() -> None:
    plan = CheckPlan.of(settings())
    assert (plan.channels, plan.schedule, plan.messages.channels) == ((), None, ())


def test_configured_channels_are_used() -> None:
    plan = CheckPlan.of(
        settings(**WEBHOOK, **EMAIL, locale="en", check_schedule="6h", alert_link="https://f.example.org")
    )
    assert plan.messages.channels == ("webhook", "email")
    assert (plan.messages.locale, plan.messages.link) == ("en", "https://f.example.org")
    assert plan.schedule is not None


def test_a_mail_servers_user_is_taken_with_a_password() -> None:
    (mail,) = channels_of(settings(**EMAIL, alert_smtp_user="farol", alert_smtp_password="s3cret"))
    assert mail.name == "email"
    assert "s3cret" not in repr(mail)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"alert_webhook_url": WEBHOOK["alert_webhook_url"]}, "FAROL_ALERT_WEBHOOK_SECRET"),
        ({**WEBHOOK, "alert_webhook_secret": "t0ken"}, "FAROL_ALERT_WEBHOOK_SECRET"),
        ({**WEBHOOK, "alert_webhook_url": "t0ken"}, "FAROL_ALERT_WEBHOOK_URL"),
        ({**EMAIL, "alert_email_from": ""}, "FAROL_ALERT_EMAIL_FROM"),
        ({**EMAIL, "alert_smtp_host": ""}, "FAROL_ALERT_SMTP_HOST"),
        ({**EMAIL, "alert_email_to": "t0ken"}, "FAROL_ALERT_EMAIL_TO"),
        ({**EMAIL, "alert_smtp_user": "farol"}, "FAROL_ALERT_SMTP_PASSWORD"),
        (
            {**EMAIL, "alert_smtp_user": "farol", "alert_smtp_password": "t0ken", "alert_smtp_security": "none"},
            "FAROL_ALERT_SMTP_PASSWORD",
        ),
        ({"check_schedule": "t0ken"}, "FAROL_CHECK_SCHEDULE"),
    ],
)
def test_an_incomplete_channel_is_refused_by_its_setting(values: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        CheckPlan.of(settings(**values))
    assert caught.value.where.field == field
    assert "t0ken" not in str(caught.value)


def test_an_invalid_window_is_refused_at_the_start() -> None:
    with pytest.raises(InputError):
        CheckPlan.of(settings(check_window="soon"))


def test_settings_never_show_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(settings(**WEBHOOK, alert_smtp_password="s3cret"))
    assert "t0ken" not in shown
    assert "s3cret" not in shown
    assert str(WEBHOOK["alert_webhook_secret"]) not in shown
    monkeypatch.setenv("FAROL_ALERT_LINK", "s3cret")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "s3cret" not in str(caught.value)


SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)  # a Sunday, 09:00 in São Paulo


def after(text: str, moment: datetime = NOON, timezone: ZoneInfo = SAO_PAULO) -> datetime:
    schedule = parse_schedule(text, timezone)
    assert schedule is not None
    return schedule.after(moment)


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_schedule(text: str) -> None:
    assert parse_schedule(text, SAO_PAULO) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOON + timedelta(minutes=30)),
        ("6h", NOON + timedelta(hours=6)),
        (" 1d ", NOON + timedelta(days=1)),
        ("0 6 * * *", datetime(2024, 7, 1, 9, 0, tzinfo=UTC)),  # six o'clock in São Paulo
        ("30 9 * * *", datetime(2024, 6, 30, 12, 30, tzinfo=UTC)),
        ("0  8 *  * 1-5", datetime(2024, 7, 1, 11, 0, tzinfo=UTC)),  # Monday
        ("0 8 * * 0", datetime(2024, 7, 7, 11, 0, tzinfo=UTC)),  # Sunday is 0, as in cron
        ("*/15 * * * *", datetime(2024, 6, 30, 12, 15, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_crons_in_the_programmes_time_zone(text: str, expected: datetime) -> None:
    assert after(text) == expected


def test_a_time_that_a_clock_change_skips_is_made_up_for() -> None:
    # São Paulo went from 00:00 to 01:00 on 4 November 2018.
    skipped = after("30 0 * * *", datetime(2018, 11, 3, 12, 0, tzinfo=UTC))
    assert skipped == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)


@given(st.integers(0, 20 * 366 * 24 * 60))
def test_the_next_time_is_later_and_within_two_days(minutes: int) -> None:
    moment = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert moment < after("0 6 * * *", moment) <= moment + timedelta(days=2)


@pytest.mark.parametrize(
    "text", ["soon", "0h", "6w", "1 2 3", "61 * * * *", "0 0 31 2 *", "0 0 6 * * *", "-5m", "@daily"]
)
def test_an_invalid_schedule_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match=r"0 6 \* \* \*") as caught:
        parse_schedule(text, SAO_PAULO)
    assert caught.value.where.field == "FAROL_CHECK_SCHEDULE"
