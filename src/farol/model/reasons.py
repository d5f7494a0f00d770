"""The reasons for an answer, in words for people who know the pupil.

A reason is a feature with its exact contribution to the answer (`farol.model.tree_shap`). It states an association,
never a cause. Features that nobody can change, such as an age, stand apart from those that can be worked on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.features import Floats, meanings_of
from farol.model.scoring import NO_ANSWER, Answer, Scorer, Scores
from farol.model.vocabulary import Objects
from farol.profile import LEVEL, Column, Text

NEGLIGIBLE = 0.05
"""Log-odds below which a contribution is no reason: it moves no probability by more than about one point."""

Direction = Literal["raises", "lowers"]
Position = Literal["below", "at", "above"]


@dataclass(frozen=True, slots=True)
class LevelComparison:
    """Where a value stands among pupils of the same level."""

    level: float
    median: float
    position: Position


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in an answer. `contribution` is in log-odds; `is_chance`: the value is a probability.

    Of a category the value is its word, and `word` what a reader calls it; a number that is a code may have words too.
    """

    feature: str
    meaning: Text
    value: float | str | None
    contribution: float
    changeable: bool
    standing: LevelComparison | None
    is_chance: bool = False
    word: Text | None = None
    level_name: Text = LEVEL  # what the profile calls a level, as in "phase 3"

    @property
    def direction(self) -> Direction:
        """Whether this part raises the risk or lowers it."""
        return "raises" if self.contribution > 0 else "lowers"

    @property
    def is_usual(self) -> bool:
        """Whether most pupils of the level have the same: it moves the answer, and does not set this pupil apart."""
        return self.standing is not None and self.standing.position == "at"

    def text(self, locale: str) -> str:
        """The reason in words that stand alone: what cannot be worked on is called so."""
        if self.changeable:
            return self.sentence(locale)
        template = msg("{sentence} It is context, not something to work on directly.", sentence=self.sentence(locale))
        return template.render(locale)

    def sentence(self, locale: str) -> str:
        """What the pupil has, and what it is associated with."""
        fact = self.fact(locale)
        raises = self.contribution > 0
        if self.value is None and raises:
            whole = msg("{fact}. Pupils without this information tend to have a higher risk.", fact=fact)
        elif self.value is None:
            whole = msg("{fact}. Pupils without this information tend to have a lower risk.", fact=fact)
        elif raises:
            whole = msg("{fact}. This is associated with a higher risk.", fact=fact)
        else:
            whole = msg("{fact}. This is associated with a lower risk.", fact=fact)
        return whole.render(locale)

    def fact(self, locale: str) -> Message:
        """What the pupil has, without what it is associated with."""
        meaning = self.meaning.in_locale(locale)
        if self.value is None:
            return msg("{meaning}: not informed", meaning=meaning)
        value = self.word.in_locale(locale) if self.word else self._number(float(self.value), locale)
        if self.standing is None or self.word:
            return msg("{meaning}: {value}", meaning=meaning, value=value)
        values = {
            "meaning": meaning,
            "value": value,
            "level": f"{self.level_name.in_locale(locale)} {self.standing.level:g}",
            "usual": self._number(self.standing.median, locale),
        }
        if self.standing.position == "below":
            return msg("{meaning}: {value}, below what is usual ({level}: {usual})", **values)
        if self.standing.position == "above":
            return msg("{meaning}: {value}, above what is usual ({level}: {usual})", **values)
        return msg("{meaning}: {value}, as is usual ({level}: {usual})", **values)

    def brief(self, locale: str) -> Message:
        """The same, for where the level stands beside it, and many reasons below each other."""
        if self.standing is None or self.value is None or self.word:
            return self.fact(locale)
        value, usual = (self._number(float(number), locale) for number in (self.value, self.standing.median))
        meaning = self.meaning.in_locale(locale)
        return msg("{meaning}: {value} (usual: {usual})", meaning=meaning, value=value, usual=usual)

    def _number(self, value: float, locale: str) -> str:
        return f"{value:.0%}" if self.is_chance else number_text(value, locale)


def number_text(value: float, locale: str) -> str:
    """A number as its reader writes it, with up to two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
    return text if locale == "en" else text.replace(".", ",")


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Answers for n rows with what led to each: `chosen` are the features of up to k reasons, in their order."""

    bundle: Bundle
    scores: Scores
    contributions: Floats  # (n, features)
    chosen: NDArray[np.int64]  # (n, k) positions in the task's features, -1 where there is no further reason

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The reasons of one row."""
        order = self.bundle.task_spec.features
        values = self.scores.features[row].tolist()
        features = {name: None if isnan(value) else value for name, value in zip(order, values, strict=True)}
        return _reasons(self.bundle, features, self.contributions[row], self.chosen[row].tolist())


def explain_rows(
    scorer: Scorer, columns: Mapping[str, Floats | Objects], year: Floats, k: int, *, raising_first: bool = False
) -> Explained:
    """Score rows as `Scorer.score` does, with up to `k` reasons for each that has an answer."""
    return explain_scores(scorer, scorer.score(columns, year), k, raising_first=raising_first)


def explain_scores(scorer: Scorer, scores: Scores, k: int, *, raising_first: bool = False) -> Explained:
    """Up to `k` reasons for each row of `scores` that has an answer.

    Those that point the way of the answer come first; with `raising_first` those that raise the risk, whatever the
    answer: so reads a list of whom to see.
    """
    contributions = scorer.contributions(scores.features)
    of_pupil = _of_the_pupil(scorer.bundle, contributions, scores.features)
    chosen = _first(of_pupil, (scores.prediction == 1) | raising_first, k)
    chosen[scores.prediction == NO_ANSWER] = -1
    return Explained(scorer.bundle, scores, contributions, chosen)


def reasons_for(scorer: Scorer, answer: Answer, k: int) -> tuple[Reason, ...]:
    """Up to `k` reasons for an answer: those that point its way first, each side by size; none that is negligible.

    No answer has no reasons.
    """
    if answer.abstained or k == 0:
        return ()
    values = np.array([[np.nan if value is None else value for value in answer.known]], dtype=np.float64)
    contributions = scorer.contributions(values)
    chosen = _first(_of_the_pupil(scorer.bundle, contributions, values), np.array([answer.prediction == 1]), k)
    return _reasons(scorer.bundle, answer.features, contributions[0], chosen[0].tolist())


def _of_the_pupil(bundle: Bundle, contributions: Floats, features: Floats) -> Floats:
    """The contributions (n, k), nothing where a feature is missing of which training knew no pupil without it.

    Of a hidden one training left it out at will, so that its absence says something of who asks and nothing of the
    pupil; of one that every training row had it says nothing at all.
    """
    hidden = np.isin(bundle.task_spec.features, bundle.task_spec.hidden)
    complete = np.array([bins.counts[-1] == 0 for bins in bundle.reference.features], dtype=np.bool_)
    return np.where((hidden | complete) & np.isnan(features), 0.0, contributions)


def _first(contributions: Floats, at_risk: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Positions (n, k) of the contributions (n, features) that count, those that point the way of the answer (n,)
    first and the greatest first of either side; -1 where there are fewer.
    """
    size = np.abs(contributions)
    against = (contributions > 0) != at_risk[:, np.newaxis]
    order = np.lexsort((-size, against, size < NEGLIGIBLE), axis=1)[:, :k]
    return np.where(np.take_along_axis(size, order, axis=1) < NEGLIGIBLE, -1, order)


def _reasons(
    bundle: Bundle, features: Mapping[str, float | None], contributions: Floats, chosen: Sequence[int]
) -> tuple[Reason, ...]:
    task, profile, meanings = bundle.task_spec, bundle.profile, meanings_of(bundle.profile)
    reasons = []
    for position in chosen:
        if position < 0:
            break
        name = task.features[position]
        derived = profile.derived.get(name)
        value, word = shown_value(profile.columns.get(name), features[name])
        reasons.append(
            Reason(
                feature=name,
                meaning=meanings[name],
                value=value,
                contribution=float(contributions[position]),
                changeable=name in task.changeable,
                standing=_standing(bundle.report, name, features),
                is_chance=derived is not None and derived.kind == "chance",
                word=word,
                level_name=profile.level_name,
            )
        )
    return tuple(reasons)


def shown_value(column: Column | None, value: float | None) -> tuple[float | str | None, Text | None]:
    """A raw value for a reader, and the words that it has."""
    if column is None or value is None:
        return value, None
    if column.kind == "category":
        category = column.categories[int(value)]
        return category, column.word(category)
    return value, column.word(value) if f"{value:g}" in column.words else None


def _standing(report: Mapping[str, Any], name: str, features: Mapping[str, float | None]) -> LevelComparison | None:
    """Where the feature stands at the pupil's level.

    None where the profile has no level, where the value or the level is unknown, and where training had fewer than ten
    values at that level.
    """
    value, standing = features[name], report.get("standing")
    if value is None or standing is None or name == standing["level"]:
        return None
    level = features.get(standing["level"])
    median = None if level is None else standing["medians"].get(f"{level:g}", {}).get(name)
    if level is None or median is None:
        return None
    position: Position = "below" if value < median else "above" if value > median else "at"
    return LevelComparison(level, float(median), position)
