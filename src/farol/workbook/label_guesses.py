"""Which column of an unfamiliar file probably says how it ended, which of its values are the bad end, and what comes of
that for other columns. Every guess is for a person to confirm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from farol.i18n import Message, msg
from farol.profile import fold
from farol.workbook.cells import Floats
from farol.workbook.guesses import ColumnGuess, says
from farol.workbook.labels import OPEN_RESULT

TOO_LATE = 0.95
"""A column that alone tells pupils at risk from the others as well as this (ROC AUC) may be the answer itself."""

_ENDED_WELL = re.compile(
    r"aprovad[oa]|aprovacao|aprobad[oa]|aprobacion|pass|passed|success|sucesso|exito|completed?|completion|concluiu|"
    r"concluido|graduated?|graduation|promovido|promoted|persist(?:ed|ence)?|admis|reussite|bestanden"
)
_ENDED_BADLY = re.compile(
    r"reprovad[oa]|reprovacao|reprobad[oa]|evasao|evadiu|dropout|drop|dropped|desistencia|desercion|abandon[oe]?|"
    r"abandonou|fail|failed|failure|withdrawn|withdrew|retido|at[_ ]?risk|risk|risco|riesgo|abbruch|echec"
)
_RESULT = re.compile(
    r"resultado|situacao|situacion|status|result|resultat|ergebnis|outcome|target|label|desfecho|rendimento|"
    rf"rendimiento|final|class|gpa|{_ENDED_WELL.pattern}|{_ENDED_BADLY.pattern}"
)
_NOT = re.compile(r"nao|not|non|sem|without")
_YES = re.compile(r"1|y|yes|true|t|sim|s|si|oui|ja|wahr|verdadeiro|да|是")
_NO = re.compile(r"0|n|no|false|f|nao|non|nein|falsch|falso|нет|否")
_NOT_RESULT = re.compile(r"marital|civil|parents?|pais|mother|father|familia|family|socio.*")
_BAD = re.compile(
    r"(?:reprov|retid|evad|evas|aband|desist|cancel|insuf|baix|nao aprov|fail|drop|withdr|left|low|poor|behind|at risk)"
    r".*|l|f|r"
)
_LATE = re.compile(r"final|post|recuperacao|conselho|resultado|result")
_CLASS = re.compile(
    r"(?:turma|class|classe|classroom|section|secao|seccion|grupo|klasse|класс|班级)(?:id|nr|no|code)?|id|code|codigo"
)
_OF_CLASS = msg("the pupils' class: pages list by the column of this name")


@dataclass(frozen=True, slots=True)
class LabelGuess:
    """How it ended: the column's key, the operator and value where known, and the words of rows that do not count."""

    key: str
    operator: str | None = None
    value: float | str | tuple[str, ...] | None = None
    unfinished: tuple[str, ...] = ()


def label_guess(guesses: Sequence[ColumnGuess]) -> LabelGuess | None:
    """The column that says how it ended, by its header and its few values. None where no header says so."""
    likely = [guess for guess in guesses if _is_result(guess)]
    few = [guess for guess in likely if guess.kind == "category" and 2 <= len(guess.words) <= 6 and not guess.rare]
    if few:
        return label_of_words(few[-1])
    numbers = [guess for guess in likely if guess.kind == "number"]
    return LabelGuess(numbers[-1].key) if numbers else None


def _is_result(guess: ColumnGuess) -> bool:
    is_result = says(guess.header_words, _RESULT) and not says(guess.header_words, _NOT_RESULT)
    return is_result and guess.kind in ("category", "number")


def label_of_words(guess: ColumnGuess) -> LabelGuess:
    """At risk is a yes or a no by what the header asks, else the words that sound so, else the rarer of two, if any.

    A header that asks of neither a good end nor a bad one, such as "status", says nothing of yes and no.
    """
    unfinished = tuple(word for word in guess.words if OPEN_RESULT.fullmatch(fold(word)))
    counted = [word for word in guess.words if word not in unfinished]
    bad = _yes_or_no(guess, counted) or tuple(word for word in counted if _BAD.fullmatch(fold(word)))
    bad = bad or tuple(counted[1:] if len(counted) == 2 else ())
    if len(bad) == 1:
        return LabelGuess(guess.key, "==", bad[0], unfinished)
    return LabelGuess(guess.key, "in", bad, unfinished) if bad else LabelGuess(guess.key, unfinished=unfinished)


def _yes_or_no(guess: ColumnGuess, words: Sequence[str]) -> tuple[str, ...]:
    """Of a yes and a no, the one that is the bad end by the header: "dropout" yes, "passed" no. Empty where unclear."""
    well, badly = (says(guess.header_words, pattern) for pattern in (_ENDED_WELL, _ENDED_BADLY))
    yes, no = ([word for word in words if pattern.fullmatch(fold(word))] for pattern in (_YES, _NO))
    if well == badly or len(words) != 2 or not (len(yes) == len(no) == 1) or says(guess.header_words, _NOT):
        return ()
    return tuple(no if well else yes)


def at_risk(label: LabelGuess, guess: ColumnGuess) -> Floats:
    """1 at risk, 0 not, NaN unknown (n), of a label that says a value."""
    unknown = np.array([text is None or text in label.unfinished for text in guess.column.texts])
    if isinstance(label.value, float):
        numbers = guess.column.numbers
        holds = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "!=": np.not_equal}
        answer = holds.get(label.operator or "", np.equal)(numbers, label.value)
        return np.where(unknown | np.isnan(numbers), np.nan, answer.astype(np.float64))
    wanted = {fold(word) for word in ((label.value,) if isinstance(label.value, str) else label.value or ())}
    inside = np.array([text is not None and fold(text) in wanted for text in guess.column.texts])
    answer = ~inside if label.operator == "!=" else inside
    return np.where(unknown, np.nan, answer.astype(np.float64))


def with_class(
    guesses: Sequence[ColumnGuess], label: LabelGuess | None, others: Sequence[str | None]
) -> tuple[list[ColumnGuess], LabelGuess | None]:
    """The guesses and the label with the column that names each pupil's class, if there is one, called `class`.

    That is the name by which pages know it, and a result that is headed "Class" gets another one. `others` are keys of
    columns that are no classes.
    """
    of_label = None if label is None else label.key
    own = [
        guess
        for guess in guesses
        if guess.kind == "category" and guess.key not in (of_label, *others)
        and all(map(_CLASS.fullmatch, guess.header_words[:-1]))
        and any(word not in ("id", "code", "codigo") for word in guess.header_words[:-1])
    ]  # fmt: skip
    names = {"class": "class_result"}
    if own:
        names |= {own[0].key: "class"}
    named = [replace(guess, key=names.get(guess.key, guess.key)) for guess in guesses]
    named = [
        replace(guess, doubts=(*guess.doubts, _OF_CLASS)) if own and guess.column is own[0].column else guess
        for guess in named
    ]
    return named, None if label is None else replace(label, key=names.get(label.key, label.key))


def known_too_late(guess: ColumnGuess, risk: Floats) -> Message | None:
    """Why a column may be known only when the label is: it or its gaps tell almost all, or it is called so."""
    known = ~np.isnan(risk)
    values = guess.column.numbers
    if guess.kind == "category":
        texts = np.array([fold(text or "") for text in guess.column.texts])
        names, place = np.unique(texts, return_inverse=True)
        values = np.array([_share(risk[known & (place == n)]) for n in range(len(names))])[place]
    given = known & ~np.isnan(values)
    missing = np.array([text is None for text in guess.column.texts], dtype=np.float64)
    if max(_separation(values[given], risk[given]), _separation(missing[known], risk[known])) >= TOO_LATE:
        return msg("it tells almost alone who is at risk: is it known in time?")
    return msg("by its name it may be known too late") if says(guess.header_words, _LATE) else None


def _share(answers: Floats) -> float:
    return float(answers.mean()) if len(answers) else 0.0


def _separation(values: Floats, risk: Floats) -> float:
    """The ROC AUC of the values (n) for `risk` (n), in the better direction; 0.5 where it cannot be said."""
    positive = int(np.count_nonzero(risk == 1))
    negative = len(risk) - positive
    if not positive or not negative:
        return 0.5
    place = np.unique(values, return_inverse=True)[1]
    ill = np.bincount(place, weights=risk)
    well = np.bincount(place, weights=1 - risk)
    area = float((ill * (np.cumsum(well) - well / 2)).sum() / (positive * negative))
    return max(area, 1 - area)
