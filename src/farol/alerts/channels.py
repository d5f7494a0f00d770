"""The ways an alert goes out: those that the settings name, and no others. Nothing is sent unless they do."""

from __future__ import annotations

import base64
import binascii
import secrets
from zoneinfo import ZoneInfo

from farol.alerts.channel import Channel
from farol.errors import InputError, Place
from farol.i18n import Message, msg, negotiate
from farol.settings import Settings

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every such secret begins with
_SECRET_BYTES = (24, 64)


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set up; InputError for one that is set up by half."""
    found: list[Channel] = []
    if settings.alert_webhook_url is not None:
        from farol.alerts.webhook import Webhook  # noqa: PLC0415  # serving waits only for what it uses

        if settings.alert_webhook_secret is None:
            raise _missing("alert_webhook_secret", msg("The webhook has no secret to sign with."))
        key = secret_bytes(settings.alert_webhook_secret.get_secret_value())
        found.append(Webhook.to(settings.alert_webhook_url.get_secret_value(), key))
    if settings.alert_email_to:
        from farol.alerts.email import Mail, addresses  # noqa: PLC0415  # as above

        for name in ("alert_email_from", "alert_smtp_host"):
            if not getattr(settings, name):
                raise _missing(name, msg("E-mails cannot be sent without it."))
        password = settings.alert_smtp_password
        if settings.alert_smtp_user and (password is None or settings.alert_smtp_security == "none"):
            problem = msg("The mail server's user needs a password and an encrypted way to it.")
            raise _missing("alert_smtp_password", problem)
        found.append(
            Mail(
                recipients=addresses(settings.alert_email_to, "alert_email_to"),
                sender=addresses(settings.alert_email_from, "alert_email_from")[0],
                host=settings.alert_smtp_host,
                port=settings.alert_smtp_port,
                security=settings.alert_smtp_security,
                user=settings.alert_smtp_user,
                password="" if password is None else password.get_secret_value(),
                locale=negotiate(settings.locale),
                timezone=ZoneInfo(settings.timezone),
            )
        )
    return tuple(found)


def make_secret() -> str:
    """A new secret to sign with, of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """The bytes of a secret such as `make_secret` gives; InputError, which does not repeat it, for other texts."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise _missing("alert_webhook_secret", msg("The webhook's secret is none."))
    return key


def _missing(setting: str, problem: Message) -> InputError:
    return InputError(
        problem,
        where=Place(field=f"FAROL_{setting.upper()}"),
        fix=msg("docs/alerts.md says what an alert needs."),
    )
