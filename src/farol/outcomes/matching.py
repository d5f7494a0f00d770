"""Next year's sheet matched to the forecasts: the pupils who have both an answer and a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from farol.errors import BundleError, InputError, Place, WorkbookError
from farol.evaluation.fairness import Values
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.profile import Profile, Task
from farol.store.database import Store
from farol.store.outcomes import Forecast, Outcome, Recorded, Year, record
from farol.workbook.derived import holds
from farol.workbook.student_code import student_code

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPupils:
    """The n pupils who have both an answer and a label.

    `now` says whether the pupil was at risk when the forecast was made (NaN: not known, or the question is about that
    very year). `columns` divide the pupils: the level, and the profile's audit columns.
    """

    student: tuple[str, ...]
    version: NDArray[np.object_]
    label: Floats
    probability: Floats
    threshold: Floats
    now: Floats
    columns: Mapping[str, Values]

    def select(self, mask: Mask) -> MatchedPupils:
        """Only the pupils of `mask` (n,)."""
        return MatchedPupils(
            student=tuple(student for student, chosen in zip(self.student, mask, strict=True) if chosen),
            version=self.version[mask],
            label=self.label[mask],
            probability=self.probability[mask],
            threshold=self.threshold[mask],
            now=self.now[mask],
            columns={name: values[mask] for name, values in self.columns.items()},
        )


@dataclass(frozen=True, slots=True)
class PupilCounts:
    """How many pupils were matched. `forecast` = `matched` + `left`; `pupils` (of the sheet) = `matched` + `new`;
    `matched` = `measured` + `without_label` + `unanswered`. `replaced`: answers that a later one of the pupil replaced.
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


def sheet_outcomes(panel: Panel, year: int | None = None) -> tuple[int, list[Outcome]]:
    """The year, and from its sheet the label, the level and the audit columns of each pupil.

    Pupils whose code cannot be stored are left out. InputError when the panel has no such year, or no answer in it;
    WorkbookError when the year's sheet repeats an earlier one, whose answers would be taken for this year's.
    """
    rows = panel.of_year(year)
    chosen = rows.years[0]
    for finding in panel.findings:
        if finding.code == "repeated_sheet" and finding.message.values["year"] == chosen:
            raise WorkbookError(
                msg("The sheet repeats an earlier one, so it does not say what came true."),
                expected=msg("the values of {later} itself", **finding.message.values),
                got=msg(
                    "the values of {earlier} for {same} of the {pupils} pupils that are in both",
                    **finding.message.values,
                ),
                where=Place(sheet=finding.sheet),
                fix=msg("Put its own values there, or delete the copy. Nothing was stored."),
            )
    if np.isnan(rows.label).all():
        raise InputError(
            msg("The sheet of {year} does not say of any pupil whether they are at risk.", year=chosen),
            expected=msg("a sheet with the answers, in the column that the profile's label names"),
            fix=msg("Read it again once the column is filled in, or choose another year with --year."),
        )
    profile, outcomes = panel.profile, []
    for i, text in enumerate(rows.student):
        code = student_code(str(text))
        if code is None:
            continue
        groups = {name: str(rows.categories[name][i]) for name in profile.audit if rows.categories[name][i] is not None}
        if profile.level is not None and not np.isnan(rows.numbers[profile.level][i]):
            groups[profile.level] = f"{rows.numbers[profile.level][i]:g}"
        label = None if np.isnan(rows.label[i]) else int(rows.label[i])
        outcomes.append(Outcome(code, label, groups))
    return int(chosen), outcomes


def record_panel(store: Store, registry: Registry, panel: Panel, *, year: int | None = None, at: datetime) -> Recorded:
    """Store a sheet's outcomes, and match them to the forecasts of every task of the profile.

    InputError when pupils have no code by which to follow them; WorkbookError when the sheet repeats an earlier one.
    """
    if not panel.profile.follows_pupils:
        raise InputError(
            msg("Outcomes cannot be matched: a pupil is a row here, and no row tells which pupil it was before."),
            expected=msg("a profile with a column of kind identifier"),
            fix=msg("Name the column of the pupils' codes in the profile, if the school has one."),
        )
    chosen, outcomes = sheet_outcomes(panel, year)
    horizons = {name: task.horizon for name, task in panel.profile.tasks.items()}
    return record(store, chosen, outcomes, horizons, _knew(registry, horizons, chosen), at=at)


def _knew(registry: Registry, horizons: Mapping[str, int], year: int) -> Callable[[str, str], bool]:
    """Whether a version learned from the answers of `year`. A version that is gone has its last year in its name."""

    @cache
    def knew(task: str, version: str) -> bool:
        bundle = bundle_of(registry, task, version)
        if bundle is None:
            last, _, _ = version.partition("-")
            return not last.isdigit() or int(last) >= year
        return year - horizons[task] in bundle.served_years

    return knew


def bundle_of(registry: Registry, task: str, version: str) -> Bundle | None:
    """The bundle of a version; None where it is gone or damaged."""
    try:
        return registry.load(task, version)
    except BundleError:
        return None


def pupil_counts(known: Year, last: Mapping[str, Forecast], matched: MatchedPupils) -> PupilCounts:
    """How many pupils of a year were matched; `last` has the forecast of each that counts."""
    there = [known.outcomes[student] for student in last if student in known.outcomes]
    unlabelled = sum(outcome.label is None for outcome in there)
    return PupilCounts(
        forecast=len(last),
        pupils=len(known.outcomes),
        matched=len(there),
        left=len(last) - len(there),
        new=len(known.outcomes) - len(there),
        without_label=unlabelled,
        unanswered=len(there) - unlabelled - matched.label.size,
        measured=matched.label.size,
        replaced=sum(forecast.answers for forecast in known.forecasts) - len(last),
    )


def match_forecasts(forecasts: Sequence[Forecast], known: Year, profile: Profile, task: Task) -> MatchedPupils:
    """The forecasts that have an answer, of pupils who have a label in the sheet; one forecast a pupil."""
    rows = [
        (forecast, known.outcomes[forecast.student])
        for forecast in forecasts
        if forecast.probability is not None and forecast.student in known.outcomes
    ]
    rows = [(forecast, outcome) for forecast, outcome in rows if outcome.label is not None]
    columns: dict[str, Values] = {
        name: np.array([outcome.groups.get(name) for _, outcome in rows], dtype=np.object_) for name in profile.audit
    }
    if profile.level is not None:
        levels = [_level(forecast, outcome, profile.level, task) for forecast, outcome in rows]
        columns[profile.level] = np.array(levels, dtype=np.float64)
    now = [_now(forecast, profile) if task.horizon else np.nan for forecast, _ in rows]
    return MatchedPupils(
        student=tuple(forecast.student for forecast, _ in rows),
        version=np.array([forecast.version for forecast, _ in rows], dtype=np.object_),
        label=np.array([outcome.label for _, outcome in rows], dtype=np.float64),
        probability=np.array([forecast.probability for forecast, _ in rows], dtype=np.float64),
        threshold=np.array([forecast.threshold for forecast, _ in rows], dtype=np.float64),
        now=np.array(now, dtype=np.float64),
        columns=columns,
    )


def _level(forecast: Forecast, outcome: Outcome, level: str, task: Task) -> float:
    """The level when the forecast was made, as on the card; for a question about the sheet's own year, the sheet's."""
    given = forecast.features.get(level)
    if given is None and task.horizon == 0:
        given = outcome.groups.get(level)
    return np.nan if given is None else float(given)


def _now(forecast: Forecast, profile: Profile) -> float:
    """Whether the pupil was at risk already, by the forecast's inputs; NaN where they do not say it."""
    label = profile.label
    given = {name: float(value) for name, value in forecast.features.items() if isinstance(value, float | int)}
    value = given.get(label.column, np.nan)
    if np.isnan(value) and label.minuend is not None and label.subtrahend is not None:
        value = given.get(label.minuend, np.nan) - given.get(label.subtrahend, np.nan)
    return float(holds(label, np.array([value]))[0])
