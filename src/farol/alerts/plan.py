"""What the settings say of checks and alerts, verified at once: a mistake is told at the start, and not at night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

from farol.alerts.channel import Channel
from farol.alerts.channels import channels_of
from farol.alerts.messages import Wording
from farol.alerts.schedule import Schedule, parse_schedule
from farol.drift.report import parse_window
from farol.i18n import negotiate
from farol.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """When to check (None: never unasked), which window, where alerts go, and in which words.

    `multivariate`: whether checks also look at how each two features go together.
    """

    schedule: Schedule | None
    window: str
    channels: tuple[Channel, ...]
    wording: Wording
    multivariate: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The plan; InputError where it cannot be carried out."""
        parse_window(settings.check_window, now=datetime.now(UTC))
        channels = channels_of(settings)
        names = tuple(channel.name for channel in channels)
        return cls(
            schedule=parse_schedule(settings.check_schedule, ZoneInfo(settings.timezone)),
            window=settings.check_window,
            channels=channels,
            wording=Wording(negotiate(settings.locale), names, settings.alert_link),
            multivariate=settings.check_multivariate,
        )
