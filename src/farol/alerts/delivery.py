"""Sends what stands in the outbox, and tries again later what was not taken.

The pauses are those the Standard Webhooks specification proposes, then one a day: a receiver that is down for a night
or a weekend gets its message. After KEEP_TRYING a letter is set aside, which `/metrics` and `farol alerts status`
tell; `farol alerts retry` has it tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from farol.alerts.channel import SECONDS, Channel, DeliveryError
from farol.store.alerts import Letter, Outbox
from farol.store.database import Store

logger = logging.getLogger("farol.alerts")

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""Between one attempt and the next; the last one repeats."""
KEEP_TRYING = timedelta(days=30)
CLAIM = timedelta(seconds=12 * SECONDS)
"""For how long nobody else sends a letter that somebody took: a session with a mail server has many answers."""
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many letters arrived, and how many did not this time."""

    arrived: int
    failed: int


def deliver(
    store: Store,
    channels: Sequence[Channel],
    now: Callable[[], datetime],
    locale: str,
    *,
    going_on: Callable[[], bool] = lambda: True,
) -> Delivered:
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
    return Delivered(arrived, failed)


def next_attempt(letter: Letter, now: datetime) -> datetime | None:
    """When a letter that failed just now is tried again; None: no more. `letter` is as it was before this attempt."""
    again = now + PAUSES[min(letter.attempts, len(PAUSES) - 1)]
    return again if again - letter.at <= KEEP_TRYING else None
