"""Scoring: from what is known of pupils to answers.

Pupils are scored in columns, one pupil as columns of length one: an answer does not depend on who is scored beside it.
Threshold, band and whether there is an answer are those that training measured for pupils of whom as much was known
(`farol.model.risk_bands.Support`). There is no answer where it would only repeat how frequent the outcome is.

Scoring needs numpy and ONNX Runtime alone, so that the service starts fast and stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from farol.errors import BundleError, InputError, Place
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE, WITHOUT, CounterLayout, Counts
from farol.model.features import Floats
from farol.model.inputs import InputWarning
from farol.model.onnx_graph import require_safe_graph
from farol.model.reference import ANSWERS, SCORE_BINS, score_index
from farol.model.risk_bands import Band
from farol.model.tabulated import Singles, TabulatedTrees
from farol.model.tree_shap import Contributions
from farol.model.vocabulary import Given, Objects
from farol.profile import Text

NO_ANSWER = -1
"""The prediction of a row of `Scores` that has no answer."""

_CLOSE = 1e-6
"""Probabilities that are no further from a threshold, or from an edge of bands or bins, are always ONNX Runtime's."""

_CELLS = 1 << 16
"""Cells of a table over 0 to 1 that says which probabilities are near an edge; each is over twice `_CLOSE` wide."""

_NO_ROWS = np.empty(0, dtype=np.int64)
_ERRORS_ONLY = 3
_OUTPUTS = ["probabilities"]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Answers for n rows: `prediction` is 1 where `probability` is at least the row's `threshold`."""

    probability: Floats  # (n,) NaN where there is no answer
    prediction: NDArray[np.int64]  # (n,) -1 where there is no answer
    threshold: Floats  # (n,)
    band: NDArray[np.int64]  # (n,) places in the bands of the bundle's support, or UNMEASURED
    features: Floats  # (n, k) raw, NaN missing
    asked: NDArray[np.bool_]  # (n,) whether the question is asked of the row, by the task's conditions


class Answer(NamedTuple):
    """The answer for one pupil. `cells`: where it counts, in the scorer's layout. `known`: the values of `features`.

    `probability` and `prediction` are None where too little was given to answer from. `threshold` and `band` are those
    of pupils of whom as much is known; `band` is None where that was never measured. Nor is there an answer where the
    question is not `asked` of the pupil, by the task's conditions.
    """

    probability: float | None
    prediction: int | None
    threshold: float
    band: Band | None
    label: Text
    names: tuple[str, ...]
    known: Sequence[float | None]
    cells: tuple[int, ...]
    asked: bool = True

    @property
    def features(self) -> Mapping[str, float | None]:
        """The raw values by name, None where missing; a category is its word's index in the vocabulary."""
        return dict(zip(self.names, self.known, strict=True))

    @property
    def abstained(self) -> bool:
        """Whether there is no answer."""
        return self.prediction is None


class Scorer:
    """A bundle ready to answer. Safe to use from several threads at once."""

    def __init__(self, bundle: Bundle) -> None:
        """Load the model.

        Raises:
            BundleError: the model takes other features than the bundle's, its reasons cannot be computed, or for rows
                like those of training it answers something other than probabilities.
        """
        try:
            self._load(bundle)
        except BundleError:
            raise
        except Exception as error:
            raise _not_a_model(bundle) from error

    def _load(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.contributions = Contributions.of(bundle.files["model.json"], bundle.preprocessing)
        task, sizes = bundle.task_spec, [bins.size for bins in bundle.reference.features]
        self.layout = CounterLayout.of(task.features, sizes, hides=bool(task.hidden))
        self._hidden = np.array([task.features.index(name) for name in task.hidden], dtype=np.int64)
        self._starts = np.array([self.layout.starts[name] for name in bundle.task_spec.features], dtype=np.int64)
        self._labels = {answer: _label(bundle, answer) for answer in (None, 0, 1)}
        support = bundle.support
        steps = np.concatenate((support.edges, support.thresholds, np.arange(1, SCORE_BINS) / SCORE_BINS))
        self._near_a_step = np.zeros(_CELLS + 1, dtype=np.bool_)
        for side in (-_CLOSE, _CLOSE):
            self._near_a_step[np.clip(((steps + side) * _CELLS).astype(np.int64), 0, _CELLS)] = True
        self._session = _session(bundle)
        (both,) = self._session.run(_OUTPUTS, {"x": bundle.preprocessing.transform(_typical_rows(bundle))})
        if not (both.ndim == 2 and both.shape[1] == 2 and ((both >= 0) & (both <= 1)).all()):  # NaN is neither
            raise _not_a_model(bundle)

    @cached_property
    def _tabulated(self) -> TabulatedTrees:
        return TabulatedTrees.of(self.bundle.files["model.json"], self.bundle.preprocessing.width)

    def score(self, columns: Mapping[str, Floats | Objects], year: Floats, *, in_bulk: bool = False) -> Scores:
        """Score sheet columns (n,) of the sheets' years (n,); a column that is absent is missing for everybody.

        Values are taken as the sheets' cleaning would: see `farol.model.inputs.Inputs.clean`. `in_bulk` is several
        times as fast for thousands of rows: predictions, thresholds and bands are the same, and so are the counts;
        probabilities are within 1e-6. ValueError when the columns' lengths differ.
        """
        inputs = self.bundle.inputs
        words = {name: columns[name] for name in inputs.asked.words if name in columns}
        if in_bulk:
            return self._scores(inputs.clean_columns(columns), words, year, self._inferred_in_bulk)
        return self._scores(self._cleaned(inputs.stacked(columns, year)), words, year, self._inferred)

    def score_rows(self, rows: Sequence[Mapping[str, Given]], years: Sequence[int | None]) -> Scores:
        """Score n pupils, each given as for `score_one`, of n years."""
        inputs = self.bundle.inputs
        words = inputs.asked.words_in(rows)
        year = np.array(years, dtype=np.float64)
        return self._scores(self._cleaned(inputs.stacked_rows(rows)), words, year, self._inferred)

    def score_one(self, values: Mapping[str, Given], year: int) -> Answer:
        """Score one pupil from sheet columns, None or absent where missing; unknown names are passed over.

        Raises InputError when nothing was given from which any feature could be had: such an answer would only
        repeat how frequent the outcome is.
        """
        scores = self.score_rows([values], [year])
        if np.isnan(scores.features).all():
            raise nothing_given(self.bundle)
        (answer,) = self.answers(scores)
        return answer

    def answers(self, scores: Scores) -> list[Answer]:
        """The answer of each row of `scores`, one by one; a row of which nothing is known gets no answer."""
        order = self.bundle.task_spec.features
        cells = self._cells(scores).tolist()
        starts = self.layout.starts
        beyond: dict[int, list[int]] = {}
        for row, position in np.argwhere(self.bundle.reference.outside(scores.features)).tolist():
            beyond.setdefault(row, []).append(starts[OUTSIDE] + position)
        for row, cell in zip(*(part.tolist() for part in self._without(scores)), strict=True):
            beyond.setdefault(row, []).append(cell)
        answers, bands = [], (*self.bundle.support.bands, None)  # the last one for UNMEASURED
        known = scores.features.astype(object)
        known[np.isnan(scores.features)] = None
        rows = zip(
            scores.probability.tolist(),
            scores.prediction.tolist(),
            scores.threshold.tolist(),
            scores.band.tolist(),
            known.tolist(),
            cells,
            scores.asked.tolist(),
            strict=True,
        )
        for row, (probability, prediction, threshold, band, values, inside, asked) in enumerate(rows):
            answer = None if prediction == NO_ANSWER else prediction
            answers.append(
                Answer(
                    probability=None if answer is None else probability,
                    prediction=answer,
                    threshold=threshold,
                    band=bands[band],
                    label=self._labels[answer] if asked else _NOT_ASKED,
                    names=order,
                    known=values,
                    cells=tuple(inside + beyond.get(row, [])),
                    asked=asked,
                )
            )
        return answers

    def counts(self, scores: Scores) -> Counts:
        """The counters (width of the layout,) of the rows of `scores`: the sum of what `answers` gives for each."""
        layout, reference = self.layout, self.bundle.reference
        cells = np.concatenate((*self._answer_cells(scores), self._without(scores)[1]))
        counts: Counts = np.bincount(cells, minlength=layout.width)
        for name, of_bins in zip(self.bundle.task_spec.features, reference.count(scores.features), strict=True):
            counts[layout.starts[name] : layout.starts[name] + len(of_bins)] += np.array(of_bins)
        start = layout.starts[OUTSIDE]
        counts[start : start + scores.features.shape[1]] += reference.outside(scores.features).sum(axis=0)
        return counts

    def _without(self, scores: Scores) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows that lack a hidden feature, and the cell in which each counts for that."""
        if not self._hidden.size:  # then the layout has no such cells
            return _NO_ROWS, _NO_ROWS
        rows = np.flatnonzero(np.isnan(scores.features[:, self._hidden]).any(axis=1))
        return rows, self.layout.starts[WITHOUT] + score_index(scores.probability[rows])

    def _cells(self, scores: Scores) -> NDArray[np.int64]:
        """Where each row counts in any case (n, k + 2): the bins of its features, of its score, and its answer."""
        bins = self.bundle.reference.index(scores.features)
        score, prediction = self._answer_cells(scores)
        return np.concatenate((bins + self._starts, score[:, np.newaxis], prediction[:, np.newaxis]), axis=1)

    def _answer_cells(self, scores: Scores) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the score and the prediction of each row (n,) count."""
        starts = self.layout.starts
        answered = scores.prediction != NO_ANSWER
        return (
            starts[SCORE] + score_index(scores.probability),
            starts[PREDICTION] + np.where(answered, scores.prediction, ANSWERS - 1),
        )

    def _inferred(self, inputs: Singles) -> Floats:
        """The model's probabilities (n,) of its inputs (n, m).

        They are single precision, and widened before they are compared, so that a stored probability and threshold
        agree with the stored prediction.
        """
        (both,) = self._session.run(_OUTPUTS, {"x": np.ascontiguousarray(inputs)})
        probability: Floats = both[:, 1].astype(np.float64)
        return probability

    def _inferred_in_bulk(self, inputs: Singles) -> Floats:
        """The same within 1e-6: where a step from one side to the other would be seen, the very same."""
        probability = self._tabulated.probability(inputs).astype(np.float64)
        close = np.flatnonzero(self._near_a_step.take((probability * _CELLS).astype(np.int32)))
        if close.size:
            probability[close] = self._inferred(inputs[close])
        return probability

    def _cleaned(self, inputs: Floats) -> dict[str, Floats]:
        return dict(zip(self.bundle.inputs.columns, self.bundle.inputs.clean(inputs), strict=True))

    def _scores(
        self,
        clean: Mapping[str, Floats],
        words: Mapping[str, Floats | Objects],
        year: Floats,
        infer: Callable[[Singles], Floats],
    ) -> Scores:
        bundle = self.bundle
        features = bundle.inputs.plan.matrix(clean, year)
        probability = infer(bundle.preprocessing.transform(features))
        judged = bundle.support.judge(features, probability)
        prediction = (probability >= judged.threshold).astype(np.int64)
        asked = bundle.inputs.asked.holds(words, clean, year)
        unanswered = ~judged.answered | ~asked
        probability[unanswered], prediction[unanswered] = np.nan, NO_ANSWER
        return Scores(probability, prediction, judged.threshold, judged.band, features, asked)


def _typical_rows(bundle: Bundle) -> Floats:
    """Features (n, k) within the training rows' ranges: the ends, the middle, and each feature missing once."""
    features = bundle.reference.features
    low = np.array([0.0 if bins.lowest is None else bins.lowest for bins in features])
    high = np.array([1.0 if bins.highest is None else bins.highest for bins in features])
    middle = low / 2 + high / 2
    missing = np.where(np.eye(len(features), dtype=np.bool_), np.nan, middle)
    return np.vstack([low, high, middle, missing])


def nothing_given(bundle: Bundle) -> InputError:
    """The refusal to answer from nothing: the answer would only repeat how frequent the outcome is."""
    names = ", ".join(bundle.inputs.columns)
    return InputError(
        msg("The request has no information to answer from."),
        expected=msg("at least one of {names}", names=names),
        fix=msg("Give at least one of these values."),
    )


def warnings_for(bundle: Bundle, values: Mapping[str, Given]) -> tuple[InputWarning, ...]:
    """What to know of the bundle's answer for `values`: see `farol.model.inputs.Inputs.warnings`."""
    return bundle.inputs.warnings(values)


def abstention(answer: Answer, state: Text) -> Message:
    """Why there is no answer, for the reader; `state` is the label's."""
    if not answer.asked:
        return msg("There is no answer: by the profile's rule this question is not asked of this pupil.")
    given, total = sum(value is not None for value in answer.known), len(answer.known)
    if answer.band is None:
        return msg(
            "There is no answer: {given} of {all} pieces of information are known of this pupil, and what an answer "
            "from these is worth was not measured.",
            given=given,
            all=total,
        )
    return msg(
        "There is no answer: {given} of {all} pieces of information are known of this pupil. Of pupils of whom as much "
        "was known and whom the model found alike, {low} to {high} were {state}; of all of whom as much was known, "
        "{share}. That is too little for a yes or a no.",
        given=given,
        all=total,
        low=f"{answer.band.expected_low:.0%}",
        high=f"{answer.band.expected_high:.0%}",
        share=f"{answer.band.share:.0%}",
        state=state,
    )


def label_text(bundle: Bundle, prediction: int | None, locale: str) -> str:
    """The profile's words for a prediction of 0 or 1, ours for None."""
    return _label(bundle, prediction).in_locale(locale)


def _in_both(words: Message) -> Text:
    return Text(pt=words.render("pt_BR"), en=words.render("en"))


_NOT_ASKED = _in_both(msg("No answer: this question is not asked of this pupil"))


def _label(bundle: Bundle, prediction: int | None) -> Text:
    if prediction is None:
        return _in_both(msg("No answer: too little was given"))
    return bundle.profile.label.positive if prediction else bundle.profile.label.negative


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # One row costs ten microseconds: threads would cost more than they bring, and serving has its own.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        require_safe_graph(bundle.onnx)
        session = onnxruntime.InferenceSession(bundle.onnx, options, providers=["CPUExecutionProvider"])
    except (
        ort_errors.Fail,
        ort_errors.InvalidArgument,
        ort_errors.InvalidGraph,
        ort_errors.InvalidProtobuf,
        ort_errors.NotImplemented,
        ort_errors.RuntimeException,
        ValueError,
    ) as error:
        raise _not_a_model(bundle) from error
    inputs = [(node.name, node.type, node.shape[1:]) for node in session.get_inputs()]
    outputs = {node.name: node.shape[1:] for node in session.get_outputs()}
    if inputs != [("x", "tensor(float)", [bundle.preprocessing.width])] or outputs.get("probabilities") != [2]:
        raise _not_a_model(bundle)
    return session


def _not_a_model(bundle: Bundle) -> BundleError:
    return BundleError(
        msg("model.onnx is not a model that this Farol can run."),
        expected=msg(
            "one input x of {width} numbers, and probabilities of two classes", width=bundle.preprocessing.width
        ),
        where=Place(file=str(bundle.path / "model.onnx")),
        fix=msg("Train again with `farol train`."),
    )
