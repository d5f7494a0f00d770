"""The references that the served model must beat on the same rows: rules a person would use, and simpler models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from farol.features import Preprocessing
from farol.i18n import Message, msg
from farol.profile import Task
from farol.training.audit import Rule
from farol.training.models import Fitted, without
from farol.training.plan import Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Another answer to the same question, with its probabilities (n,) for the test rows."""

    name: str
    title: Message
    probability: Floats


def without_hidden(task: Task, fitted: Fitted, test: Rows) -> Baseline:
    """The model's own answers for the test rows when the hidden features are withheld."""
    title = msg("Farol without {names}", names=", ".join(task.hidden))
    return Baseline("without_hidden", title, fitted.probability(without(task, test.matrix)))


def stays_as_it_is(train: Rows, test: Rows) -> Baseline:
    """Who is at risk now will be; one whose present state is unknown gets the share of the training rows."""
    found = np.where(np.isnan(test.now), train.label.mean(), test.now)
    return Baseline("stays_as_it_is", msg("Who is behind now stays behind"), found)


def rate_table(column: str, train: Rows, test: Rows) -> Baseline:
    """The share at risk of the training rows with the same value of the label's column; the overall one if new."""
    known = train.column[~np.isnan(train.column)]
    shares = {value: float(train.label[train.column == value].mean()) for value in np.unique(known).tolist()}
    found = np.array([shares.get(value, float(train.label.mean())) for value in test.column.tolist()])
    return Baseline("rate_table", msg("Share at risk for the same {column}", column=column), found)


def single_rule(task: Task, rule: Rule, train: Rows, test: Rows) -> Baseline:
    """One rule on one feature, learned from training rows; who lacks the feature gets their share at risk."""
    found = rule.split.predict(test.matrix[:, task.features.index(rule.column)])
    filled = np.where(np.isnan(found), train.label.mean(), found)
    return Baseline("single_rule", msg("One rule: {rule}", rule=rule.split.words), filled)


def logistic_regression(task: Task, train: Rows, test: Rows) -> Baseline:
    """L2-penalised logistic regression (C = 1) on the same features, imputed, flagged and scaled."""
    preprocessing = Preprocessing.fit(train.matrix, task.features, impute=True)
    known, asked = (preprocessing.transform(rows.matrix).astype(np.float64) for rows in (train, test))
    model = LogisticRegression(max_iter=1_000).fit(known, train.label)
    return Baseline("logistic_regression", msg("Logistic regression"), model.predict_proba(asked)[:, 1])


def random_forest(task: Task, train: Rows, test: Rows, *, seed: int) -> Baseline:
    """Breiman's random forest, 300 trees, on the same features, imputed and flagged."""
    preprocessing = Preprocessing.fit(train.matrix, task.features, impute=True)
    known, asked = (preprocessing.transform(rows.matrix) for rows in (train, test))
    model = RandomForestClassifier(300, min_samples_leaf=5, random_state=seed, n_jobs=1).fit(known, train.label)
    return Baseline("random_forest", msg("Random forest"), model.predict_proba(asked)[:, 1])
