"""Training on panels that need not fit in memory.

The pupils are dealt out to shards (`farol.workbook.shards`), of which one is a sample: plan, threshold, comparisons and
card come from it as from any panel. The tested model and the model in use learn from the rows of all shards. XGBoost
reads them one shard after the other and keeps of each value only its bin, one byte (`QuantileDMatrix`). In place of the
twelve repetitions of a row (`farol.training.augmentation`) each row is taken once, with one of them drawn at random.

The tested model then answers all test rows, in one pass, for the figures of `farol.training.population`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from farol.errors import PlanError
from farol.i18n import count, msg
from farol.model.features import Preprocessing, feature_matrix
from farol.model.vocabulary import nominal_features
from farol.profile import Profile, Task
from farol.training import models
from farol.training.augmentation import TrainingSet, repetitions_of
from farol.training.plan import Cohort, Plan
from farol.training.population import Population
from farol.training.rows import LabelledRows, rows_of
from farol.workbook.panel import Panel
from farol.workbook.shards import Shards

Singles = NDArray[np.float32]
Share = Callable[[float], None]
Fit = Callable[[Mapping[str, object], Sequence[Path]], xgboost.Booster]
"""Trains trees with settings on the arrays of files, wherever it does that."""

TESTED, SERVED, TEST = "tested", "served", "test"


def _ignore(_population: Population) -> None:
    """For whoever wants no counts."""


def fitted_here(settings: Mapping[str, object], files: Sequence[Path]) -> xgboost.Booster:
    """The trees of this machine. XGBoost reads one file after the other."""
    rows = xgboost.QuantileDMatrix(_Files(list(files)), nthread=settings["nthread"])
    return xgboost.train(dict(settings), rows, models.ROUNDS)


@dataclass(frozen=True, slots=True)
class LargePanel:
    """Shards of which the first is the sample, a folder for what is made of them, and how many processes read them.

    `by`: columns of the profile by whose values the test rows are counted apart, besides those of the fairness audit.
    `counted` is given the counts when they are made. `fit` trains.
    """

    shards: Shards
    work: Path
    processes: int = os.cpu_count() or 1
    by: tuple[str, ...] = ()
    counted: Callable[[Population], None] = _ignore
    fit: Fit = fitted_here

    def prepared(self, profile: Profile, task: Task, plan: Plan, *, seed: int, share: Share) -> Prepared:
        """The rows of all shards as files of arrays, for a plan of the sample.

        Raises PlanError for another test than on a later year.
        """
        if plan.split != "by_time":
            raise PlanError(
                msg("task {task} cannot be trained with this many rows and no later year to test on", task=task.name),
                expected=msg("one more year, or a file of fewer rows"),
                got=msg("rows: {count}", count=count(self.shards.rows)),
                fix=msg("Add the sheet of one more year, or name files of fewer rows."),
            )
        columns = tuple(dict.fromkeys((*profile.audit, *self.by)))
        quiet = replace(self, counted=_ignore, fit=fitted_here)  # what other processes get
        preparation = _Preparation(quiet, profile, task, plan, columns, seed)
        fitted = preparation.preprocessing(self.shards.panel(0, profile))
        self.work.mkdir(parents=True, exist_ok=True)
        rows = dict.fromkeys((TESTED, SERVED, TEST), 0)
        prepare = partial(preparation.shard, fitted)
        with ExitStack() as opened:
            pool = None
            if self.processes > 1:
                pool = opened.enter_context(ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")))
            work = (map if pool is None else pool.map)(prepare, range(self.shards.count))
            for done, counts in enumerate(work, start=1):
                rows = {part: rows[part] + counts[part] for part in rows}
                share(done / self.shards.count)
        return Prepared(self, task, fitted, columns, rows, seed)

    def arrays(self, part: str, shard: int) -> Path:
        """The file of a part's arrays of one shard."""
        return self.work / f"{part}-{shard:05}.npz"


@dataclass(frozen=True, slots=True)
class _Preparation:
    """What makes arrays of shards, in processes of their own."""

    panel: LargePanel
    profile: Profile
    task: Task
    plan: Plan
    columns: tuple[str, ...]
    seed: int

    def preprocessing(self, sample: Panel) -> dict[str, Preprocessing]:
        """Medians and the like, by the sample."""
        nominal = nominal_features(self.profile, self.task).items()
        words = {name: column.categories for name, column in nominal}
        return {
            part: Preprocessing.fit(
                self._rows(sample, cohorts, known).matrix, self.task.features, impute=self.task.impute, words=words
            )
            for part, cohorts, known in self._taught()
        }

    def shard(self, preprocessing: dict[str, Preprocessing], shard: int) -> dict[str, int]:
        """Writes the arrays of one shard; how many rows each part has."""
        whole = self.panel.shards.panel(shard, self.profile)
        counts = {}
        for part, cohorts, known in self._taught():
            rows = self._rows(whole, cohorts, known)
            taught = drawn_rows(self.task, rows, np.random.default_rng([self.seed, shard, known]))
            inputs = preprocessing[part].transform(taught.matrix)
            np.savez(self.panel.arrays(part, shard), x=inputs, y=taught.label.astype(np.float32))
            counts[part] = rows.label.size
        rows = self._rows(whole, self.plan.test, self.plan.known)
        words = self._words(rows.of(whole))
        inputs = preprocessing[TESTED].transform(rows.matrix)
        np.savez(self.panel.arrays(TEST, shard), x=inputs, y=rows.label.astype(np.float32), **words)
        return {**counts, TEST: rows.label.size}

    def _words(self, panel: Panel) -> dict[str, Any]:
        """The words (n,) of the columns by which test rows are counted apart; "" where a row has no word."""
        categories = panel.categories
        return {name: np.array([word or "" for word in categories[name]], dtype=np.str_) for name in self.columns}

    def _taught(self) -> tuple[tuple[str, tuple[Cohort, ...], int], ...]:
        plan = self.plan
        return (TESTED, plan.train, plan.known), (SERVED, plan.serve, plan.last_year)

    def _rows(self, panel: Panel, cohorts: tuple[Cohort, ...], known: int) -> LabelledRows:
        matrix = feature_matrix(self.profile, self.task, panel.columns, panel.year.astype(np.float64), known)
        return rows_of(panel, self.plan, matrix, cohorts, repetitions_of(panel, self.task, known))


def drawn_rows(task: Task, rows: LabelledRows, rng: np.random.Generator) -> TrainingSet:
    """What a model learns of many rows: of each one repetition, and once more without the features that are hidden."""
    taught = TrainingSet(rows.matrix, rows.label, None)
    if rows.repetitions is not None:
        taught = rows.repetitions.drawn(rows.matrix, rows.label, rng)
    if not task.hidden:
        return taught
    without = models.without(task, taught.matrix)
    return TrainingSet(np.concatenate((taught.matrix, without)), np.tile(taught.label, 2), None)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The rows of all shards as arrays in files. `rows` counts those of each part."""

    panel: LargePanel
    task: Task
    preprocessing: dict[str, Preprocessing]
    columns: tuple[str, ...]
    rows: dict[str, int]
    seed: int

    def fitted(self, part: str) -> models.Fitted:
        """The model of the rows of all shards. Other numbers of processors may change its last digits."""
        preprocessing = self.preprocessing[part]
        chosen = {
            **models.SETTINGS,
            "seed": self.seed,
            "nthread": self.panel.processes,
            "monotone_constraints": models.constraints(self.task, preprocessing),
        }
        files = [self.panel.arrays(part, shard) for shard in range(self.panel.shards.count)]
        return models.Fitted(preprocessing, self.panel.fit(chosen, files))

    def population(self, tested: models.Fitted, threshold: float) -> Population:
        """What the tested model answers for all test rows."""
        counted = Population.empty(threshold, self.columns)
        for arrays in self._test():
            probability = tested.booster.inplace_predict(arrays["x"]).astype(np.float64)
            counted.add(arrays["y"], probability, {name: arrays[name] for name in self.columns})
        self.panel.counted(counted)
        return counted

    def _test(self) -> Iterator[dict[str, NDArray[np.generic]]]:
        for shard in range(self.panel.shards.count):
            with np.load(self.panel.arrays(TEST, shard)) as file:
                yield dict(file)


class _Files(xgboost.DataIter):
    """The arrays of all shards, one after the other, as XGBoost asks for them."""

    def __init__(self, files: list[Path]) -> None:
        self._files, self._at = files, 0
        super().__init__()

    def next(self, input_data: Callable[..., None]) -> bool:
        """The next shard's rows, if there is one."""
        if self._at == len(self._files):
            return False
        with np.load(self._files[self._at]) as arrays:
            input_data(data=arrays["x"], label=arrays["y"])
        self._at += 1
        return True

    def reset(self) -> None:
        """From the beginning."""
        self._at = 0
