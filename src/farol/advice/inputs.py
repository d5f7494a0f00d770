"""What the advice is made of, and what an advice is. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.drift.slices import SliceSearch
from farol.errors import FarolError
from farol.i18n import Message, msg
from farol.outcomes.card_comparison import Promise
from farol.outcomes.estimation import Estimation
from farol.outcomes.report import Realised
from farol.store.records import Snapshot

Kind = Literal["distrust", "retrain", "look", "cohort", "too_little", "nothing"]
KINDS: Mapping[Kind, Message] = {
    "distrust": msg("Do not rely on it for now"),
    "retrain": msg("Train again"),
    "look": msg("Look at the data"),
    "cohort": msg("Other pupils, not other answers"),
    "too_little": msg("Too little to tell yet"),
    "nothing": msg("Nothing to do"),
}
"""Each kind in a few words, the gravest first."""
TO_DO: frozenset[Kind] = frozenset(("distrust", "retrain", "look"))
"""The kinds that ask somebody to do something."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of a task's model. `learned` are the years of its rows, `horizon` how far ahead they answer.

    `levels` is the report against training rows of the same levels (None: it cannot be made); `outcome_year` the last
    sheet that answers forecasts of the task; `snapshots` are of this version, the latest first. All that was looked
    at is None where the promoted model cannot be read, and `problem` says why.
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
    promise: Promise | None = None
    realised: Realised | None = None
    outcome_year: int | None = None
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """One advice: what, why (the plain reason first, its figures after), and what to do.

    `figure` has the two distributions of a feature to look at, of the slice `part` ("": the whole window).
    """

    kind: Kind
    what: Message
    why: tuple[Message, ...]
    steps: tuple[Message, ...]
    figure: FeatureDrift | None = None
    part: str = ""

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON, words in `locale`."""
        one = self.figure
        return {
            "kind": self.kind,
            "label": KINDS[self.kind].render(locale),
            "what": self.what.render(locale),
            "why": [words.render(locale) for words in self.why],
            "steps": [words.render(locale) for words in self.steps],
            "feature": None if one is None else one.feature,
            "meaning": None if one is None else one.meaning.in_locale(locale),
            "slice": self.part,
            "bins": [] if one is None else list(one.labels(locale)),
            "reference": [] if one is None else list(one.reference),
            "current": [] if one is None else list(one.current),
        }


def gravest_of(advice: Sequence[Advice]) -> Kind:
    """The kind that comes first."""
    kinds = {one.kind for one in advice}
    return next(kind for kind in KINDS if kind in kinds)
