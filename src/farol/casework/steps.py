"""The steps of a case, the reasons to close one, and when it is late. The words are those of the Brazilian services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from farol.i18n import Message, msg


class Step(StrEnum):
    """How far the work with a pupil is, in order."""

    flagged = "flagged"
    talk = "talk"
    plan = "plan"
    follow_up = "follow-up"
    closed = "closed"

    @property
    def next(self) -> Step | None:
        """The step that usually comes after this one."""
        steps = list(Step)
        place = steps.index(self) + 1
        return steps[place] if place < len(steps) else None


class ClosingReason(StrEnum):
    """Why a case was closed."""

    done = "done"
    mistake = "mistake"
    not_applicable = "not-applicable"
    moved = "moved"
    left = "left"
    declined = "declined"
    other_service = "other-service"
    other = "other"


STEP_NAMES: Mapping[Step, Message] = {
    Step.flagged: msg("flagged"),
    Step.talk: msg("talk"),
    Step.plan: msg("plan"),
    Step.follow_up: msg("being followed"),
    Step.closed: msg("closed"),
}

REASON_NAMES: Mapping[ClosingReason, Message] = {
    ClosingReason.done: msg("the support is complete"),
    ClosingReason.mistake: msg("flagged by mistake"),
    ClosingReason.not_applicable: msg("does not apply"),
    ClosingReason.moved: msg("moved to another school"),
    ClosingReason.left: msg("left the programme"),
    ClosingReason.declined: msg("the family did not want the support"),
    ClosingReason.other_service: msg("another service has taken over"),
    ClosingReason.other: msg("another reason (say it in the comment)"),
}

NEEDS_SUPPORT = frozenset({Step.plan, Step.follow_up})
"""Steps that say which support there is."""


def is_late(step: Step, due: date | None, today: date) -> bool:
    """Whether what was due has not been done: the day itself still counts as in time."""
    return step is not Step.closed and due is not None and due < today
