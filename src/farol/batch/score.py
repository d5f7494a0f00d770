"""The one function of every engine: Arrow record batches in, answers, refused rows and counts out.

The answers are those of the API for the same rows, since `farol.model.scoring.Scorer` gives both: the label is equal to
the bit. A row that the API would refuse is refused here, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farol.batch.arrow import arrow
from farol.batch.columns import ColumnMap
from farol.batch.reading import Rows
from farol.i18n import Message, msg
from farol.model.counters import Counts
from farol.model.features import Floats
from farol.model.reasons import explain_scores
from farol.model.scoring import NO_ANSWER, Scorer, Scores, label_text
from farol.model.vocabulary import Vocabulary
from farol.profile import Column, fold
from farol.workbook.cells import Objects, number_column
from farol.workbook.csv_parquet import plain_bytes
from farol.workbook.periods import period_reader
from farol.workbook.raw import FROM_TEXT
from farol.workbook.rows import is_summary
from farol.workbook.texts import parse_number


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be scored: its place among those read with it, from 0, the header of the column, and why.

    Of a row that a workbook's reader left out, the place is that in the `sheet`.
    """

    row: int
    column: str
    reason: Message
    sheet: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredBatch:
    """What became of `rows` rows of a file: `answers` has them without the refused ones, in their order."""

    answers: Any  # pyarrow.RecordBatch
    rows: int
    refused: Sequence[RefusedRow]
    counts: Counts  # in the scorer's layout
    at_risk: int
    unanswered: int


class BatchScorer:
    """Scores record batches by a bundle. Safe to use from several threads at once."""

    def __init__(self, scorer: Scorer, *, reasons: int, locale: str) -> None:
        """`reasons` is how many features each answer names, 0 for none; `locale` is the language of the labels."""
        self.scorer = scorer
        self.reasons = reasons
        self.locale = locale
        self._pa = arrow()
        self._labels = self._pa.array([label_text(scorer.bundle, answer, locale) for answer in (0, 1, None)])
        self._version = self._pa.array([scorer.bundle.version])
        self._features = self._pa.array(list(scorer.bundle.task_spec.features))

    def score(self, rows: Rows, columns: ColumnMap, year: int, *, first: int = 0) -> ScoredBatch:
        """The answers for rows whose columns `columns` names.

        `year` is that of the rows where there is no column for it; `first` rows of the file stand before them: where
        there are no codes, the number of a row stands for its code.
        """
        batch = self._with_texts(rows.batch)
        size = batch.num_rows
        refused = np.zeros(size, dtype=np.bool_)
        reasons: list[RefusedRow] = []
        values: dict[str, Floats | Objects] = {}
        inputs = self.scorer.bundle.inputs
        for name, place in columns.inputs.items():
            column = inputs.columns[name]
            if column.kind == "category":
                array = batch.column(place)
                if not self._is_plain(array.type):
                    odd, header = self._is_given(array), batch.schema.names[place]
                    fresh = np.flatnonzero(odd & ~refused).tolist()
                    reasons += [RefusedRow(row, header, msg("{field} is not a text.", field=header)) for row in fresh]
                    refused |= odd
                    array = self._pa.nulls(size, self._pa.string())
                is_asked = name in inputs.asked.words
                values[name] = self._words(array) if is_asked else self._places(array, inputs.vocabularies[name])
                continue
            numbers = self._numbers(batch.column(place), partial(_read_text, column))
            _refuse(refused, reasons, batch.schema.names[place], column, numbers)
            values[name] = numbers
        for place in columns.codes:
            lost = self._have_lost_digits(batch.column(place)) & ~refused
            header = batch.schema.names[place]
            reasons += [RefusedRow(row, header, _LOST_DIGITS) for row in np.flatnonzero(lost).tolist()]
            refused |= lost
            summaries = self._are_summaries(batch.column(place)) & ~refused
            reasons += [RefusedRow(row, header, _SUMMARY) for row in np.flatnonzero(summaries).tolist()]
            refused |= summaries
        years = self._years(batch, columns, year, refused, reasons)
        scores = self.scorer.score(values, years, in_bulk=True)
        empty = np.isnan(scores.features).all(axis=1) & ~refused
        reasons += [RefusedRow(row, "", _NOTHING) for row in np.flatnonzero(empty).tolist()]
        strangers = ~scores.asked & ~refused & ~empty
        reasons += [RefusedRow(row, "", _NOT_ASKED) for row in np.flatnonzero(strangers).tolist()]
        kept = np.flatnonzero(~(refused | empty | strangers))
        if kept.size < size:
            scores = _rows(scores, kept)
            batch = batch.take(self._pa.array(kept))
        places = rows.places
        if places is not None:
            reasons = [replace(reason, row=int(places[reason.row])) for reason in reasons]
            reasons += [RefusedRow(row, "", _ODD_CELLS) for row in np.delete(np.arange(rows.total), places).tolist()]
        reasons += [RefusedRow(lost.row - 1, "", lost.reason, lost.sheet) for lost in rows.lost]
        return ScoredBatch(
            answers=self._answers(batch, columns, scores, first + 1 + (kept if places is None else places[kept])),
            rows=rows.total,
            refused=sorted(reasons, key=lambda reason: (reason.sheet, reason.row)),
            counts=self.scorer.counts(scores),
            at_risk=int((scores.prediction == 1).sum()),
            unanswered=int((scores.prediction == NO_ANSWER).sum()),
        )

    def _numbers(self, array: Any, read: Callable[[str], float]) -> Floats:
        """A column (n,) as floats, NaN where null; infinity stands for what cannot be read as a number."""
        pa = self._pa
        kind = array.type
        if pa.types.is_dictionary(kind):
            array, kind = array.dictionary_decode(), kind.value_type
        if _is_text(pa, kind):
            return _by_text(array, read)
        if pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or not self._is_plain(kind):
            return np.where(self._is_given(array), np.inf, np.nan)
        floats: Floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return floats

    def _is_plain(self, kind: Any) -> bool:
        """Whether a type is one of numbers, texts or times, and so can be written as a text."""
        types = self._pa.types
        if types.is_dictionary(kind):
            kind = kind.value_type
        return not types.is_nested(kind)

    def _is_given(self, array: Any) -> NDArray[np.bool_]:
        """Which values (n,) are there."""
        given: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
        return given

    def _with_texts(self, batch: Any) -> Any:
        """A batch whose bytes and views are texts, as those of a workbook: of views Arrow can take no rows."""
        if not any(self._is_odd_text(kind) for kind in batch.schema.types):
            return batch
        columns = [self._as_text(column) if self._is_odd_text(column.type) else column for column in batch]
        return self._pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    def _is_odd_text(self, kind: Any) -> bool:
        types = self._pa.types
        if types.is_dictionary(kind):
            kind = kind.value_type
        return bool(types.is_string_view(kind) or isinstance(kind, self._pa.BaseExtensionType) or "binary" in str(kind))

    def _as_text(self, array: Any) -> Any:
        pa = self._pa
        if pa.types.is_string_view(array.type):
            return array.cast(pa.string())
        if isinstance(array.type, pa.BaseExtensionType):
            return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
        return pa.array([None if value is None else plain_bytes(value) for value in array.to_pylist()], pa.string())

    def _have_lost_digits(self, array: Any) -> NDArray[np.bool_]:
        """Which codes (n,) are numbers so long that their kind of float does not tell them from their neighbours."""
        pa = self._pa
        if not pa.types.is_floating(array.type):
            return np.zeros(len(array), dtype=np.bool_)
        exact = 2.0 ** (np.finfo(array.type.to_pandas_dtype()).nmant + 1)
        codes: Floats = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.abs(codes) >= exact

    def _are_summaries(self, array: Any) -> NDArray[np.bool_]:
        """Which codes (n,) are words for a sum or a note, as below a table that a person made: see `is_summary`."""
        pa = self._pa
        summaries = np.zeros(len(array), dtype=np.bool_)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if not _is_text(pa, array.type):
            return summaries
        have_digits = pa.compute.match_substring_regex(array, "[0-9]")
        bare = np.flatnonzero(~pa.compute.fill_null(have_digits, fill_value=True).to_numpy(zero_copy_only=False))
        if bare.size:
            alike = 2 * bare.size > len(array)
            words = array.take(pa.array(bare)).dictionary_encode()
            is_word = np.array([is_summary(fold(word), alike=alike) for word in words.dictionary.to_pylist()])
            summaries[bare] = is_word[words.indices.to_numpy()]
        return summaries

    def _places(self, array: Any, vocabulary: Vocabulary) -> Floats:
        """The places (n,) of the words of a category, NaN for what is missing or unknown."""
        return _by_text(self._texts(array), vocabulary.place)

    def _words(self, array: Any) -> Objects:
        """The words (n,) of a category as they stand there, None missing."""
        words: Objects = np.array(self._texts(array).to_pylist(), dtype=np.object_)
        return words

    def _texts(self, array: Any) -> Any:
        pa = self._pa
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return array if _is_text(pa, array.type) else array.cast(pa.string())

    def _years(
        self, batch: Any, columns: ColumnMap, year: int, refused: NDArray[np.bool_], reasons: list[RefusedRow]
    ) -> Floats:
        if columns.year is None:
            return np.full(batch.num_rows, float(year))
        array, periods = batch.column(columns.year), self.scorer.bundle.profile.periods
        if periods is not None:
            read = period_reader(periods)
            texts = self._texts(array) if self._is_plain(array.type) else self._pa.array(["?"] * len(array))
            years = _by_text(texts, lambda text: np.nan if (period := read(text)) is None else float(period))
            odd = np.isnan(years)
        else:
            years = self._numbers(array, _number_in)
            odd = ~((years >= FIRST_YEAR) & (years <= LAST_YEAR) & (years == np.floor(years)))
        reasons += [RefusedRow(row, "year", _NO_YEAR) for row in np.flatnonzero(odd & ~refused).tolist()]
        refused |= odd
        return np.where(odd, float(year), years)

    def _answers(self, batch: Any, columns: ColumnMap, scores: Scores, rows: NDArray[np.int64]) -> Any:
        """The answers; `rows` (n,) are the numbers of the rows in their file, from 1."""
        pa = self._pa
        arrays = [batch.column(place) for place in columns.carried]
        names = [batch.schema.names[place] for place in columns.carried]
        if not columns.codes:
            arrays, names = [pa.array(rows), *arrays], ["row", *names]
        none = scores.prediction == NO_ANSWER
        label = np.where(none, 2, scores.prediction).astype(np.int8)
        arrays += [
            pa.array(scores.probability, mask=none),
            pa.array(scores.prediction.astype(np.int8), mask=none),
            pa.DictionaryArray.from_arrays(pa.array(label), self._labels),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(none.size, dtype=np.int8)), self._version),
        ]
        names += ["probability", "prediction", "prediction_label", "model_version"]
        if self.reasons:
            explained = explain_scores(self.scorer, scores, self.reasons)
            for rank in range(self.reasons):
                chosen = explained.chosen[:, rank]
                effect = np.take_along_axis(explained.contributions, np.maximum(chosen, 0)[:, np.newaxis], axis=1)[:, 0]
                absent = chosen < 0
                indices = pa.array(np.maximum(chosen, 0).astype(np.int16), mask=absent)
                arrays += [pa.DictionaryArray.from_arrays(indices, self._features), pa.array(effect, mask=absent)]
                names += [f"reason_{rank + 1}", f"reason_{rank + 1}_effect"]
        return pa.RecordBatch.from_arrays(arrays, names=names)


FIRST_YEAR, LAST_YEAR = 1900, 2100

_NOTHING = msg("The request has no information to answer from.")
_LOST_DIGITS = msg("The code is a number of more digits than the file keeps; write codes as text.")
_SUMMARY = msg("The row is a sum or a note, not a pupil.")
_NOT_ASKED = msg("This question is not asked of this pupil.")
_ODD_CELLS = msg("The row has more or fewer cells than the headers.")
_NO_YEAR = msg("This is not a year or term of the profile.")


def _is_text(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _by_text(array: Any, number: Callable[[str], float]) -> Floats:
    """The number (n,) of each text, NaN for a gap; each text that occurs is read once."""
    encoded = array.dictionary_encode()
    read = [number(text) for text in encoded.dictionary.to_pylist()]
    indices = encoded.indices.fill_null(len(read)).to_numpy(zero_copy_only=False)
    numbers: Floats = np.array([*read, np.nan])[indices]
    return numbers


def _number_in(text: str) -> float:
    number = parse_number(text)
    return np.nan if number is None else number


def _read_text(column: Column, text: str | None) -> float:
    """NaN for what the workbook's reader takes as missing, infinity for what is no number."""
    if text is None or not text.strip():
        return np.nan
    number = parse_number(text)
    if number is not None:
        return number
    read = number_column([text], column, FROM_TEXT)
    value = float(read.values[0])
    return np.inf if np.isnan(value) and any(note.code == "unreadable_text" for note in read.notes) else value


def _refuse(refused: NDArray[np.bool_], reasons: list[RefusedRow], header: str, column: Column, values: Floats) -> None:
    """Marks the rows (n,) whose value the API would not take, with the first reason of each."""
    for wrong, reason in _problems(header, column, values):
        fresh = wrong & ~refused
        if fresh.any():
            reasons += [RefusedRow(row, header, reason) for row in np.flatnonzero(fresh).tolist()]
            refused |= fresh


def _problems(header: str, column: Column, values: Floats) -> Iterator[tuple[NDArray[np.bool_], Message]]:
    infinite = np.isinf(values)
    if infinite.any():
        yield infinite, msg("{field} is not a number.", field=header)
    low = -np.inf if column.minimum is None else column.minimum - column.tolerance
    high = np.inf if column.maximum is None else column.maximum + column.tolerance
    yield (values < low) | (values > high), msg("{field} is out of its range.", field=header)
    if column.integer:
        yield ~np.isnan(values) & (values != np.rint(values)), msg("{field} is not a whole number.", field=header)


def _rows(scores: Scores, kept: NDArray[np.int64]) -> Scores:
    return Scores(**{field.name: getattr(scores, field.name)[kept] for field in fields(scores)})
