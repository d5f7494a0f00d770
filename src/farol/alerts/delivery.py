"""The channels that the settings name, and the delivery of the outbox through them.

Nothing is sent unless the settings name a channel. The pauses between attempts are those of the Standard Webhooks
specification, then one a day: a receiver that is down for a night or a weekend gets its message. After KEEP_TRYING a
letter is set aside, as `/metrics` and `farol alerts status` show; `farol alerts retry` tries it again.
"""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from farol.alerts.channel import SECONDS, Channel, DeliveryError
from farol.alerts.email import EmailChannel, addresses
from farol.alerts.webhook import WebhookChannel
from farol.errors import InputError, Place
from farol.i18n import Message, msg, negotiate
from farol.settings import Settings
from farol.store.alerts import Letter, Outbox
from farol.store.database import Store

logger = logging.getLogger("farol.alerts")

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""Between one attempt and the next; the last one repeats."""
KEEP_TRYING = timedelta(days=30)
CLAIM = timedelta(seconds=12 * SECONDS)
"""How long a letter is reserved for the worker that took it: a session with a mail server has many answers."""
AT_ONCE = 20

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every such secret begins with
_SECRET_BYTES = (24, 64)


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many letters were delivered, and how many were not this time."""

    arrived: int
    failed: int


def deliver(
    store: Store,
    channels: Sequence[Channel],
    now: Callable[[], datetime],
    locale: str,
    *,
    going_on: Callable[[], bool] = lambda: True,
) -> DeliveryCounts:
    """Send what is due on these channels, once each; asks `going_on` before each letter. It blocks. StoreError."""
    outbox = Outbox(store)
    arrived = failed = 0
    for channel in channels:
        for letter in outbox.due(channel.name, now(), AT_ONCE):
            if not going_on():
                break
            if not outbox.take(letter, now() + CLAIM):
                continue  # another worker has it
            try:
                channel.send(letter)
            except DeliveryError as error:
                failed += 1
                again = next_attempt(letter, now())
                outbox.failed(letter, error.problem.render(locale), again)
                logger.warning("An alert was not taken by the %s. %s", channel.name, error)
            else:
                arrived += 1
                outbox.delivered(letter, now())
    return DeliveryCounts(arrived, failed)


def next_attempt(letter: Letter, now: datetime) -> datetime | None:
    """When a letter that failed just now is tried again; None: no more. `letter` is as it was before this attempt."""
    again = now + PAUSES[min(letter.attempts, len(PAUSES) - 1)]
    return again if again - letter.at <= KEEP_TRYING else None


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set up. Raises InputError for one whose settings are incomplete."""
    channels: list[Channel] = []
    if settings.alert_webhook_url is not None:
        if settings.alert_webhook_secret is None:
            raise _missing("alert_webhook_secret", msg("The webhook has no secret to sign with."))
        key = secret_bytes(settings.alert_webhook_secret.get_secret_value())
        channels.append(WebhookChannel.to(settings.alert_webhook_url.get_secret_value(), key))
    if settings.alert_email_to:
        for name in ("alert_email_from", "alert_smtp_host"):
            if not getattr(settings, name):
                raise _missing(name, msg("Without this setting no e-mail can be sent."))
        password = settings.alert_smtp_password
        if settings.alert_smtp_user and (password is None or settings.alert_smtp_security == "none"):
            problem = msg("The mail server's user needs a password and an encrypted connection.")
            raise _missing("alert_smtp_password", problem)
        channels.append(
            EmailChannel(
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
    return tuple(channels)


def make_secret() -> str:
    """A new signing secret, of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """The bytes of a secret such as `make_secret` gives. Raises InputError, which does not repeat the text."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise _missing("alert_webhook_secret", msg("The webhook's secret is not valid."))
    return key


def _missing(setting: str, problem: Message) -> InputError:
    return InputError(
        problem,
        where=Place(field=f"FAROL_{setting.upper()}"),
        fix=msg("docs/alerts.md lists the settings that alerts need."),
    )
