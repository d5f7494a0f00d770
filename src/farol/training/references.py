"""The references that the served model must beat on the same rows: rules a person would use, and simpler models."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from farol.i18n import Message, msg
from farol.model.features import Preprocessing, meanings_of
from farol.model.vocabulary import decoded
from farol.profile import Task, Text
from farol.training.leakage import ColumnRule, Values, best_rules
from farol.training.models import Fitted, without
from farol.training.rows import LabelledRows, SplitRows
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]

EBM = "interpret"
EBM_TITLE = msg("Explainable boosting machine")
FOREST_TITLE = msg("Random forest")


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceModel:
    """A simpler answer to the same question, with its probabilities (n,) for the test rows."""

    name: str
    title: Message
    probability: Floats
    simple: bool = False  # a rule that a person could use without a computer: the model must beat it


@dataclass(frozen=True, slots=True)
class Absent:
    """A reference that was not made, and why."""

    name: str
    title: Message
    reason: Message


def without_hidden(task: Task, fitted: Fitted, test: LabelledRows) -> ReferenceModel:
    """The model's own answers for the test rows when the hidden features are withheld."""
    title = msg("Farol without {names}", names=", ".join(task.hidden))
    return ReferenceModel("without_hidden", title, fitted.probability(without(task, test.matrix)))


def stays_as_it_is(train: LabelledRows, test: LabelledRows) -> ReferenceModel:
    """Pupils at risk now stay at risk; where the present state is unknown, the share of the training rows."""
    probability = np.where(np.isnan(test.now), train.label.mean(), test.now)
    return ReferenceModel("stays_as_it_is", msg("Who is at risk now stays at risk"), probability, simple=True)


def rate_table(meaning: Text, train: LabelledRows, test: LabelledRows) -> ReferenceModel:
    """The share at risk of the training rows with the same value of the label's column; the overall one if new."""
    probability = _rates(train.column, train.label, test.column)
    title = msg("Share at risk of pupils with the same value of “{column}”", column=meaning)
    return ReferenceModel("rate_table", title, probability, simple=True)


def whole_level(meaning: Text, known: Floats, train: LabelledRows, asked: Floats) -> ReferenceModel:
    """The share at risk of the training rows of the same level: `known` (n,) in training, `asked` (m,) in testing."""
    probability = _rates(known, train.label, asked)
    title = msg("Everybody with the same value of “{column}”", column=meaning)
    return ReferenceModel("whole_level", title, probability, simple=True)


def _rates(known: Floats, label: Floats, asked: Floats) -> Floats:
    """For each value asked (m,) the share at risk where the same is known (n,); the overall one if it is new."""
    values = np.unique(known[~np.isnan(known)]).tolist()
    shares = {value: float(label[known == value].mean()) for value in values}
    return np.array([shares.get(value, float(label.mean())) for value in asked.tolist()])


def best_single(
    task: Task, candidates: Sequence[str], meanings: Mapping[str, Text], train: LabelledRows, test: LabelledRows
) -> ReferenceModel | None:
    """Logistic regression on the one candidate with the greatest ROC AUC on the training rows; None without any.

    A pupil without it counts as one of the training median, with a flag for missing.
    """
    best: tuple[float, str, Floats] | None = None
    for name in candidates:
        column = [task.features.index(name)]
        if np.unique(train.matrix[:, column][~np.isnan(train.matrix[:, column])]).size < 2:
            continue
        preprocessing = Preprocessing.fit(train.matrix[:, column], (name,), impute=True, words=train.words)
        known, asked = (preprocessing.transform(rows.matrix[:, column]).astype(np.float64) for rows in (train, test))
        model = LogisticRegression(max_iter=1_000).fit(known, train.label)
        auc = float(roc_auc_score(train.label, model.predict_proba(known)[:, 1]))
        if best is None or auc > best[0]:
            best = auc, name, model.predict_proba(asked)[:, 1]
    if best is None:
        return None
    title = msg("Best single indicator: {column}", column=meanings[best[1]])
    return ReferenceModel("best_single", title, best[2], simple=True)


def single_rule(task: Task, rule: ColumnRule, train: LabelledRows, test: LabelledRows) -> ReferenceModel:
    """One rule on one feature, learned from training rows; without the feature, their share at risk."""
    predicted = rule.split.predict(_values(task, test)[rule.column])
    filled = np.where(np.isnan(predicted), train.label.mean(), predicted)
    return ReferenceModel("single_rule", msg("One rule alone: {rule}", rule=rule.split.words), filled, simple=True)


def _values(task: Task, rows: LabelledRows) -> dict[str, Values]:
    """The raw features by name; categories as words."""
    values: dict[str, Values] = dict(zip(task.features, rows.matrix.T, strict=True))
    return values | {
        name: decoded(words, rows.matrix[:, task.features.index(name)]) for name, words in rows.words.items()
    }


def logistic_regression(task: Task, train: LabelledRows, test: LabelledRows) -> ReferenceModel:
    """L2-penalised logistic regression (C = 1) on the same features, imputed, flagged and scaled."""
    preprocessing = Preprocessing.fit(train.matrix, task.features, impute=True, words=train.words)
    known, asked = (preprocessing.transform(rows.matrix).astype(np.float64) for rows in (train, test))
    model = LogisticRegression(max_iter=1_000).fit(known, train.label)
    return ReferenceModel("logistic_regression", msg("Logistic regression"), model.predict_proba(asked)[:, 1])


def random_forest(task: Task, train: LabelledRows, test: LabelledRows, *, seed: int) -> ReferenceModel:
    """Breiman's random forest, 300 trees, on the same features, imputed and flagged."""
    preprocessing = Preprocessing.fit(train.matrix, task.features, impute=True, words=train.words)
    known, asked = (preprocessing.transform(rows.matrix) for rows in (train, test))
    model = RandomForestClassifier(300, min_samples_leaf=5, random_state=seed, n_jobs=1).fit(known, train.label)
    return ReferenceModel("random_forest", FOREST_TITLE, model.predict_proba(asked)[:, 1])


def boosting_machine(task: Task, train: LabelledRows, test: LabelledRows, *, seed: int) -> ReferenceModel | Absent:
    """Explainable boosting machine (Nori et al., InterpretML, 2019) on the raw features, where it is installed.

    Four bags instead of fourteen and ten interactions: on a year of pupils more of them changed nothing but the time.
    """
    if find_spec(EBM) is None:
        return Absent("boosting_machine", EBM_TITLE, msg("not installed: it is in the extra `references`"))
    types = [("nominal" if name in train.words else "continuous") for name in task.features] if train.words else None
    model = import_module(f"{EBM}.glassbox").ExplainableBoostingClassifier(
        feature_names=list(task.features),
        feature_types=types,
        outer_bags=4,
        interactions=10,
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns with missing or few values, which ours have by nature
        model.fit(train.matrix, train.label.astype(np.int64))
        probability = model.predict_proba(test.matrix)[:, 1].astype(np.float64)
    return ReferenceModel("boosting_machine", EBM_TITLE, probability)


def references_of(
    panel: Panel,
    task: Task,
    train: LabelledRows,
    test: LabelledRows,
    *,
    seed: int,
    quick: bool,
    progress: Callable[[Message, float], None],
) -> tuple[tuple[ReferenceModel, ...], tuple[Absent, ...]]:
    """The references of a task, learned from the training rows, and those left out; `quick` leaves out the slow ones.

    `progress` receives the name of each in turn and the fraction (0–1) already made.
    """
    meanings, level = meanings_of(panel.profile), panel.profile.level
    progress(msg("Comparing with {name}", name=msg("rules a person would use")), 0.0)
    regression = logistic_regression(task, train, test)
    if task.horizon == 0:
        rules = best_rules(_values(task, train), train.label, meanings, panel.profile.columns)
        return (regression, *(single_rule(task, rule, train, test) for rule in rules[:1])), ()
    sheet = task.changeable or tuple(name for name in task.features if name in panel.profile.columns)
    references = [
        regression,
        stays_as_it_is(train, test),
        rate_table(meanings[panel.profile.label.column], train, test),
    ]
    single = best_single(task, sheet, meanings, train, test)
    if single is not None:
        references.append(single)
    if level is not None:
        known, asked = (rows.of(panel).numbers[level] for rows in (train, test))
        references.append(whole_level(meanings[level], known, train, asked))
    if quick:
        reason = msg("left out by --quick")
        slow = (("random_forest", FOREST_TITLE), ("boosting_machine", EBM_TITLE))
        return tuple(references), tuple(Absent(name, title, reason) for name, title in slow)
    progress(msg("Comparing with {name}", name=FOREST_TITLE), 0.2)
    references.append(random_forest(task, train, test, seed=seed))
    progress(msg("Comparing with {name}", name=EBM_TITLE), 0.4)
    machine = boosting_machine(task, train, test, seed=seed)
    if isinstance(machine, Absent):
        return tuple(references), (machine,)
    return (*references, machine), ()


def references_of_folds(
    panel: Panel,
    task: Task,
    split: SplitRows,
    *,
    seed: int,
    quick: bool,
    progress: Callable[[Message, float], None],
) -> tuple[tuple[ReferenceModel, ...], tuple[Absent, ...]]:
    """The references of every fold, learned there anew, with their answers for all test rows together."""
    count = len(split.folds)
    made = []
    for number, fold in enumerate(split.folds):

        def within(message: Message, part: float, number: int = number) -> None:
            progress(message, (number + part) / count)

        made.append(references_of(panel, task, fold.train, fold.test, seed=seed, quick=quick, progress=within))
    by_name = [{reference.name: reference for reference in references} for references, _ in made]
    return tuple(
        replace(
            reference,
            title=reference.title if _alike(by_name, name) else _EACH_TIME[name],
            probability=split.joined([fold[name].probability for fold in by_name]),
        )
        for name, reference in by_name[0].items()
        if all(name in fold for fold in by_name)
    ), made[0][1]


_EACH_TIME = {
    "best_single": msg("Best single indicator, found anew for each part of the pupils"),
    "single_rule": msg("Best rule of one column, found anew for each part of the pupils"),
}


def _alike(folds: Sequence[Mapping[str, ReferenceModel]], name: str) -> bool:
    return name not in _EACH_TIME or len({str(fold[name].title) for fold in folds if name in fold}) == 1
