from __future__ import annotations

import pytest
from pydantic import ValidationError

from farol.alerts.channels import channels_of, make_secret
from farol.alerts.plan import Plan
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
    plan = Plan.of(settings())
    assert (plan.channels, plan.schedule, plan.wording.channels) == ((), None, ())


def test_what_is_set_up_is_used() -> None:
    plan = Plan.of(settings(**WEBHOOK, **EMAIL, locale="en", check_schedule="6h", alert_link="https://f.example.org"))
    assert plan.wording.channels == ("webhook", "email")
    assert (plan.wording.locale, plan.wording.link) == ("en", "https://f.example.org")
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
def test_what_is_set_up_by_half_is_refused_by_its_name(values: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        Plan.of(settings(**values))
    assert caught.value.where.field == field
    assert "t0ken" not in str(caught.value)


def test_a_window_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(InputError):
        Plan.of(settings(check_window="soon"))


def test_settings_never_show_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(settings(**WEBHOOK, alert_smtp_password="s3cret"))
    assert "t0ken" not in shown
    assert "s3cret" not in shown
    assert str(WEBHOOK["alert_webhook_secret"]) not in shown
    monkeypatch.setenv("FAROL_ALERT_LINK", "s3cret")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "s3cret" not in str(caught.value)
