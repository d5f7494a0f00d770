"""The inputs of the advice, and the advice itself. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.drift.slices import SliceSearch
from farol.errors import FarolError
from farol.i18n import Message, msg
from farol.outcomes.card_comparison import CardMetrics
from farol.outcomes.estimation import Estimation
from farol.outcomes.report import OutcomeReport
from farol.store.records import Snapshot

Kind = Literal["distrust", "retrain", "look", "cohort", "too_little", "nothing"]
KINDS: Mapping[Kind, Message] = {
    "distrust": msg("Do not rely on it for now"),
    "retrain": msg("Train again"),
    "look": msg("Look at the data"),
    "cohort": msg("Different pupils, same answers"),
    "too_little": msg("Not certain yet"),
    "nothing": msg("Nothing to do"),
}
"""Each kind in a few words, the gravest first."""
TO_DO: frozenset[Kind] = frozenset(("distrust", "retrain", "look"))
"""The kinds that ask somebody to do something."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of a task's model. `learned` are the years of its rows, `horizon` how far ahead they answer.

    `levels` is the report against training rows of the same levels (None: it cannot be made); `card` has the test
    metrics of the model's card; `outcome_year` is the last sheet that answers forecasts of the task; `asked` the year
    of the pupils whom the model was asked about of late; `of_sheet` how many forecasts of the window are for the sheet
    that the model was trained with; `snapshots` are of this version, the latest first. Where the promoted model cannot
    be read, `problem` says why, and all the rest is empty.
    """

    task: str
    problem: FarolError | None = None
    version: str | None = None
    learned: tuple[int, ...] = ()
    horizon: int = 0
    drift: DriftReport | None = None
    levels: DriftReport | None = None
    looked: SliceSearch = field(default_factory=SliceSearch)
    estimation: Estimation | None = None
    card: CardMetrics | None = None
    outcomes: OutcomeReport | None = None
    outcome_year: int | None = None
    asked: int | None = None
    of_sheet: int = 0
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """One advice: a sentence, why (the plain reason first), and the steps to take. `numbers` are the figures behind the
    words, for whoever asks for them.

    `figure` has the two distributions of a feature to look at, of the slice `part` ("": the whole window).
    """

    kind: Kind
    summary: Message
    why: tuple[Message, ...]
    steps: tuple[Message, ...]
    figure: FeatureDrift | None = None
    part: str = ""
    numbers: tuple[Message, ...] = ()


def gravest_of(advices: Sequence[Advice]) -> Kind:
    """The kind that comes first."""
    kinds = {advice.kind for advice in advices}
    return next(kind for kind in KINDS if kind in kinds)
