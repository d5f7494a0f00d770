"""The served model.

It is gradient-boosted trees (Chen & Guestrin, XGBoost, 2016): six leaves, one hundred rounds at a rate
of 0.05, monotone where the profile says that sense demands it. No other setting tried was clearly better across the
rules that next year may bring (`benchmarks.selection`, docs/model.md); nothing here looks at the test year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import xgboost
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from farol.model.features import Preprocessing
from farol.profile import Task
from farol.training.plan import FOLDS, MINIMUM_ROWS
from farol.training.rows import LabelledRows, folds

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ROUNDS = 100
SETTINGS: Mapping[str, object] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "max_leaves": 6,
    "max_depth": 0,
    "learning_rate": 0.05,
    "nthread": 1,  # sums in one order, so the same rows give the same trees; a year trains in 0.1 s anyway
}
ONNX_OPSET = 15
IR_VERSION = 8
"""The version of the file format that came with this opset."""
ONNX_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained model with the preprocessing that its inputs go through."""

    preprocessing: Preprocessing
    booster: xgboost.Booster

    def probability(self, matrix: Floats) -> Floats:
        """The probability (n,) of being at risk for raw features (n, k)."""
        inputs = self.preprocessing.transform(matrix)
        probability: Floats = self.booster.inplace_predict(inputs).astype(np.float64)
        return probability

    @property
    def is_constant(self) -> bool:
        """Whether no tree asks for any feature, so that everybody gets the same answer."""
        return not self.booster.get_fscore()


def fit_served(
    task: Task, train: LabelledRows, *, seed: int, rounds: int = ROUNDS, settings: Mapping[str, object] = SETTINGS
) -> Fitted:
    """The served model of a task, from training rows.

    Where the rule of ages may move, the rows are repeated over what it may be (`farol.training.augmentation`).
    Where the task hides features, every row is seen a second time without them, so that the answer for a pupil
    without them is learned and not invented. Preprocessing is learned from the rows as they are.
    """
    preprocessing = Preprocessing.fit(train.matrix, task.features, impute=task.impute, words=train.words)
    taught = train.taught()
    seen, answers, weight = taught.matrix, taught.label, taught.weight
    if task.hidden:
        seen, answers = np.concatenate((seen, without(task, seen))), np.tile(answers, 2)
        weight = None if weight is None else np.tile(weight, 2)
    chosen = {**settings, "seed": seed, "monotone_constraints": constraints(task, preprocessing)}
    rows = xgboost.DMatrix(preprocessing.transform(seen), label=answers, weight=weight, nthread=1)
    return Fitted(preprocessing, xgboost.train(chosen, rows, rounds))


def without(task: Task, matrix: Floats) -> Floats:
    """A copy of raw features (n, k) in which the task's hidden features are missing."""
    hidden = matrix.copy()
    hidden[:, [task.features.index(name) for name in task.hidden]] = np.nan
    return hidden


def constraints(task: Task, preprocessing: Preprocessing) -> str:
    """One sign per model input; the words of categories, and the missing flags behind the values, are free."""
    signs = [task.monotone.get(name, 0) for name in preprocessing.value_features]
    free = [0] * (preprocessing.width - len(signs))
    return f"({','.join(map(str, signs + free))})"


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Models of the rows (n,) of a training, each with the rows that it has not seen: of some pupils, of a year.

    `years` has those for which the other years have enough rows to learn from.
    """

    pupils: tuple[tuple[NDArray[np.bool_], Fitted], ...]
    years: tuple[tuple[NDArray[np.bool_], Fitted], ...]

    def by_pupil(self, matrix: Floats) -> Floats:
        """Probabilities (n,) for the rows' raw features (n, k), by models that never saw any row of that pupil.

        Where rows are split by the values of a column, and there are enough of them, no row of that value either.
        """
        return _unseen(self.pupils, matrix)

    def by_year(self, matrix: Floats) -> Floats | None:
        """Probabilities (n,) by models that never saw a row of that year, NaN where no model is; None without any."""
        return _unseen(self.years, matrix) if self.years else None


def _unseen(models: tuple[tuple[NDArray[np.bool_], Fitted], ...], matrix: Floats) -> Floats:
    probability = np.full(matrix.shape[0], np.nan)
    for held, fitted in models:
        probability[held] = fitted.probability(matrix[held])
    return probability


def folded(task: Task, train: LabelledRows, *, seed: int) -> Folded:
    """The models of `FOLDS` parts of the pupils, or of a column's values, and of all years but one."""
    units = train.unit if np.unique(train.unit.astype(np.str_)).size >= FOLDS else train.student

    def without(held: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Fitted]:
        return held, fit_served(task, train.select(~held), seed=seed)

    years = [year for year in np.unique(train.year) if _teaches(train.label[train.year != year])]
    return Folded(
        tuple(map(without, folds(units, seed))),
        tuple(without(train.year == year) for year in years),
    )


def _teaches(label: Floats) -> bool:
    return bool(label.size >= MINIMUM_ROWS and label.min() < label.max())


def onnx_bytes(fitted: Fitted, matrix: Floats) -> bytes:
    """The model as ONNX: input `x` (n, m) float32, output `probabilities` (n, 2); the same trees, the same bytes.

    It is run against XGBoost on `matrix` (n, k), each feature missing once, and all missing at once.

    Raises:
        ArithmeticError: the two differ by more than `ONNX_TOLERANCE`; the conversion cannot be trusted.
    """
    inputs = fitted.preprocessing.transform(_with_gaps(matrix))
    converted = _constant_onnx(fitted) if fitted.is_constant else _converted(fitted)
    source: bytes = converted.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    (answers,) = session.run(["probabilities"], {"x": inputs})
    difference = float(np.abs(answers[:, 1] - fitted.booster.inplace_predict(inputs)).max())
    if difference > ONNX_TOLERANCE:
        raise ArithmeticError(f"ONNX differs from XGBoost by {difference:.1e}, more than {ONNX_TOLERANCE:.0e}")
    return source


def _converted(fitted: Fitted) -> onnx.ModelProto:
    converted: onnx.ModelProto = convert_xgboost(
        fitted.booster,
        name="farol",  # else a random one, and other bytes each time
        initial_types=[("x", FloatTensorType([None, fitted.preprocessing.width]))],
        target_opset=ONNX_OPSET,
    )
    return converted


def _constant_onnx(fitted: Fitted) -> onnx.ModelProto:
    """The same answer for every row. The converter makes no model of trees without a split."""
    nothing = fitted.preprocessing.transform(np.full((1, len(fitted.preprocessing.features)), np.nan))
    (risk,) = fitted.booster.inplace_predict(nothing).tolist()
    helper, width, real = onnx.helper, fitted.preprocessing.width, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"]),
            helper.make_node("Concat", ["rows", "two"], ["size"], axis=0),
            helper.make_node("Expand", ["answer", "size"], ["probabilities"]),
        ],
        "farol",
        [helper.make_tensor_value_info("x", real, [None, width])],
        [helper.make_tensor_value_info("probabilities", real, [None, 2])],
        [
            helper.make_tensor("first", onnx.TensorProto.INT64, [1], [0]),
            helper.make_tensor("two", onnx.TensorProto.INT64, [1], [2]),
            helper.make_tensor("answer", real, [1, 2], [1 - risk, risk]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=IR_VERSION)


def _with_gaps(matrix: Floats) -> Floats:
    """The rows, then a row for each feature missing alone, then one with nothing at all."""
    gaps = np.resize(matrix, (matrix.shape[1], matrix.shape[1]))
    np.fill_diagonal(gaps, np.nan)
    return np.concatenate((matrix, gaps, np.full((1, matrix.shape[1]), np.nan)))


def model_json(fitted: Fitted) -> bytes:
    """XGBoost's own JSON of the model, as `Booster.load_model` reads it."""
    return bytes(fitted.booster.save_raw("json"))
