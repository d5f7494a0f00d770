"""Next year's sheet beside the forecasts: what it says of each pupil, and the pupils of whom both are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from farol.errors import BundleError, InputError
from farol.evaluation.fairness import Values
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.profile import Profile, Task
from farol.store.database import Store
from farol.store.outcomes import Forecast, Outcome, Recorded, Year, record
from farol.store.records import student_code
from farol.workbook.labels import at_risk

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The pupils of whom both are known, the answer that was given and the one that came true: n of each.

    `now` is whether the pupil was at risk when the forecast was made (NaN: not known, or the question is of that very
    year). What an estimate of performance made before (`farol.outcomes.estimation`) needs is `probability` and
    `threshold`; `Realised.together` is what it is to be held against.
    """

    student: tuple[str, ...]
    version: NDArray[np.object_]
    label: Floats
    probability: Floats
    threshold: Floats
    now: Floats
    columns: Mapping[str, Values]  # what pupils are divided by: the level, and the profile's audit columns

    def select(self, mask: Mask) -> Matched:
        """Only the pupils of `mask` (n,)."""
        return Matched(
            student=tuple(one for one, chosen in zip(self.student, mask, strict=True) if chosen),
            version=self.version[mask],
            label=self.label[mask],
            probability=self.probability[mask],
            threshold=self.threshold[mask],
            now=self.now[mask],
            columns={name: values[mask] for name, values in self.columns.items()},
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the pupils are. `forecast` = `matched` + `left`; `pupils` (of the sheet) = `matched` + `new`; `matched` =
    `measured` + `without_label` + `unanswered`. `replaced`: answers that a later one of the same pupil stands for.
    """

    forecast: int
    pupils: int
    matched: int
    left: int
    new: int
    without_label: int
    unanswered: int
    measured: int
    replaced: int

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def sheet_outcomes(panel: Panel, year: int | None = None) -> tuple[int, list[Outcome]]:
    """The year and what its sheet says of each pupil: the answer, the level, the audit columns.

    Pupils whose code cannot be stored are passed over. InputError when the panel has no such year.
    """
    chosen = panel.years[-1] if year is None else year
    rows = panel.select(panel.year == chosen)
    if not rows.years:
        raise InputError(
            msg("The workbook has no sheet of {year}.", year=chosen),
            expected=msg("one of {names}", names=", ".join(map(str, panel.years))),
            fix=msg("Choose one of them with --year."),
        )
    profile, found = panel.profile, []
    for i, text in enumerate(rows.student):
        code = student_code(str(text))
        if code is None:
            continue
        groups = {name: str(rows.categories[name][i]) for name in profile.audit if rows.categories[name][i] is not None}
        if profile.level is not None and not np.isnan(rows.numbers[profile.level][i]):
            groups[profile.level] = f"{rows.numbers[profile.level][i]:g}"
        label = None if np.isnan(rows.label[i]) else int(rows.label[i])
        found.append(Outcome(code, label, groups))
    return int(chosen), found


def record_panel(store: Store, registry: Registry, panel: Panel, *, year: int | None = None, at: datetime) -> Recorded:
    """Keep what a sheet says came true, and match it to the forecasts of every task of the profile."""
    chosen, said = sheet_outcomes(panel, year)
    horizons = {name: task.horizon for name, task in panel.profile.tasks.items()}
    return record(store, chosen, said, horizons, _knew(registry, horizons, chosen), at=at)


def _knew(registry: Registry, horizons: Mapping[str, int], year: int) -> Callable[[str, str], bool]:
    """Whether a version learned from the answers of `year`. Of one that is gone, its name says its last year."""

    @cache
    def knew(task: str, version: str) -> bool:
        bundle = bundle_of(registry, task, version)
        if bundle is None:
            last, _, _ = version.partition("-")
            return not last.isdigit() or int(last) >= year
        return year - horizons[task] in bundle.served_years

    return knew


def bundle_of(registry: Registry, task: str, version: str) -> Bundle | None:
    """A version as it answered; None where it is gone or damaged."""
    try:
        return registry.load(task, version)
    except BundleError:
        return None


def counts_of(known: Year, last: Mapping[str, Forecast], matched: Matched) -> Counts:
    """Where the pupils of a year are; `last` has the forecast of each that counts."""
    there = [one for student, one in last.items() if student in known.outcomes]
    unlabelled = [one for one in there if known.outcomes[one.student].label is None]
    return Counts(
        forecast=len(last),
        pupils=len(known.outcomes),
        matched=len(there),
        left=len(last) - len(there),
        new=len(known.outcomes) - len(there),
        without_label=len(unlabelled),
        unanswered=len(there) - len(unlabelled) - matched.label.size,
        measured=matched.label.size,
        replaced=sum(one.answers for one in known.forecasts) - len(last),
    )


def matched_of(forecasts: Sequence[Forecast], known: Year, profile: Profile, task: Task) -> Matched:
    """The forecasts that have an answer, of pupils whose answer the sheet has; one forecast a pupil."""
    rows = [
        (one, known.outcomes[one.student], one.probability)
        for one in forecasts
        if one.probability is not None and one.student in known.outcomes
    ]
    rows = [row for row in rows if row[1].label is not None]
    columns: dict[str, Values] = {
        name: np.array([outcome.groups.get(name) for _, outcome, _ in rows], dtype=np.object_) for name in profile.audit
    }
    if profile.level is not None:
        levels = [_level(one, outcome, profile.level, task) for one, outcome, _ in rows]
        columns[profile.level] = np.array(levels, dtype=np.float64)
    return Matched(
        student=tuple(one.student for one, _, _ in rows),
        version=np.array([one.version for one, _, _ in rows], dtype=np.object_),
        label=np.array([outcome.label for _, outcome, _ in rows], dtype=np.float64),
        probability=np.array([probability for _, _, probability in rows], dtype=np.float64),
        threshold=np.array([one.threshold for one, _, _ in rows], dtype=np.float64),
        now=np.array([_now(one, profile) if task.horizon else np.nan for one, _, _ in rows], dtype=np.float64),
        columns=columns,
    )


def _level(forecast: Forecast, outcome: Outcome, level: str, task: Task) -> float:
    """The level when the forecast was made, as on the card; for a question of the sheet's own year, the sheet's."""
    given = forecast.features.get(level)
    if given is None and task.horizon == 0:
        given = float(outcome.groups[level]) if level in outcome.groups else None
    return np.nan if given is None else given


def _now(forecast: Forecast, profile: Profile) -> float:
    """Whether the pupil was at risk already, by what the forecast was given; NaN where that does not say it."""
    label = profile.label
    given = {name: np.nan if value is None else value for name, value in forecast.features.items()}
    value = given.get(label.column, np.nan)
    if np.isnan(value) and label.minuend is not None and label.subtrahend is not None:
        value = given.get(label.minuend, np.nan) - given.get(label.subtrahend, np.nan)
    return float(at_risk(label, {label.column: np.array([value])})[0])
