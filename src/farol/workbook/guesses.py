"""Which kind each column of an unfamiliar file probably is, and which columns say who and when.

Every guess is for a person to confirm. Of the values only that is kept by which no pupil can be known: words that many
rows share, and limits that many rows share or that are rounded outwards.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from farol.i18n import Message, count, msg
from farol.profile import Kind, fold
from farol.workbook.cells import Floats
from farol.workbook.unfamiliar import UnfamiliarColumn, UnfamiliarTable

FREQUENT = 5
"""A value that fewer rows have could be known as some pupil's."""

MOST_WORDS = 20
"""A column of more different words than this is no list of a few categories."""

MOST_NOMINAL = 50
"""Codes and texts of more values than this teach little."""

_MOSTLY = 0.9

_MOST_PERIODS = 24

_LONGEST_HEADER = 200
"""Characters of a header that are looked at."""

_LEAST_CODES = 100
"""From this many on, whole numbers that all differ are neither a count nor a grade."""

_LONGEST_SCALE = 25
"""Whole numbers over a longer way than this are counts or measures, not a scale."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_A-Za-z]+")
_LIKE_CODE = re.compile(r"\S*[0-9]\S*")
_CODE = re.compile(
    r"ra|id|ids|cod|codigo|code|matricula|registro|nr|numero|number|key|chave|student|aluno|pupil|child|sid|"
    r"legajo|expediente|matrikelnummer|alumno|estudiante|eleve|номер|код|学号|学籍番号|學號"
)
_ENDS_LIKE_CODE = re.compile(r"(?:student|pupil|child|aluno|user|person)(?:id|nr|no|code)")
_PUPIL = re.compile(r"aluno|aluna|student|pupil|estudante|estudiante|alumno|alumna|eleve|schuler|schueler")
_NAME = re.compile(
    r"nome|name|nombre|nom|apellidos?|prenom|vorname|nachname|surname|mae|pai|mother|father|parent|cpf|rg|nis|email|mail|"
    r"telefone|telefono|celular|phone|endereco|direccion|address|docente|professor|professora|teacher|tutor|responsavel|"
    rf"фамилия|имя|姓名|{_PUPIL.pattern}"
)
_GROUP = re.compile(
    r"(?:escola|school|sch|colegio|ecole|schule|turma|class|classe|unidade|polo|campus|curso|course|module|modulo|teacher|"
    r"tch)(?:id|nr|no|code)?"
)
_SCHOOL = re.compile(r"(?:escola|school|sch|colegio|ecole|schule|unidade|polo|campus)(?:id|nr|no|code)?")
_PERIOD = re.compile(
    r"ano|year|term|semestre|semester|periodo|presentation|bimestre|trimestre|cuatrimestre|letivo|edicao|wave|annee|"
    r"jahr|schuljahr|год|семестр|学年|学期"
)
_NOT_PERIOD = re.compile(r"nasc|nascimento|birth|born|ingresso|entrada|entry|joined|conclusao|idade|age")
_STAGE = re.compile(r"gr|grade|serie|fase|phase|etapa|nivel|level|wave|ciclo")
_SENSITIVE = re.compile(
    r"sex|sexo|gender|genero|sx|female|male|cor|raca|race|eth|ethnic|ethnicity|etnia|geschlecht|sexe|пол|性别|"
    r"black|white|hispanic|asian|minority|religiao|religion|caste|nacionalidade|nationality|nacionalidad"
)
_OWN_NUMBER = msg('a number of its own in every row: a pupil\'s code? if it counts something, write kind = "number"')
_FULL_NAME = re.compile(r"[^\W\d_a-z][\w'’-]+(?: (?:d[aeo]s?|e|[^\W\d_a-z][\w'’.-]*))+")


@dataclass(frozen=True, slots=True, eq=False)
class ColumnGuess:
    """One column as a profile may describe it. `words` are the commonest first; `rare` counts the words not kept.

    `reason` says why a column is left out; `doubts` what a person should look at. `is_code`: its values are codes.
    """

    key: str
    column: UnfamiliarColumn
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    words: tuple[str, ...] = ()
    rare: int = 0
    is_code: bool = False
    is_row_number: bool = False
    has_spellings: bool = False
    reason: Message | None = None
    doubts: tuple[Message, ...] = ()

    @property
    def header(self) -> str:
        """How the file calls it."""
        return self.column.headers[0]

    @property
    def header_words(self) -> tuple[str, ...]:
        """The words of its header, folded."""
        return tuple(_header_words(self.header))


def column_guesses(table: UnfamiliarTable) -> list[ColumnGuess]:
    """A guess for each column, in the file's order; their keys are unique."""
    taken: set[str] = set()
    guesses = []
    for column in table.columns:
        key = _key(column.headers[0], taken)
        taken.add(key)
        guesses.append(_guess(key, column))
    return guesses


def _key(header: str, taken: set[str]) -> str:
    """A name for the column in the profile, of the header's letters and digits."""
    name = "_".join(re.findall(r"[a-z0-9]+", fold(header))) or "column"
    name = "school_year" if name == "year" else name if name[0].isalpha() else f"c_{name}"
    return next(text for text in (name, *(f"{name}_{n}" for n in range(2, len(taken) + 3))) if text not in taken)


def _header_words(header: str) -> Iterator[str]:
    plain = "".join(
        sign for sign in unicodedata.normalize("NFKD", header[:_LONGEST_HEADER]) if not unicodedata.combining(sign)
    )
    yield from (fold(word) for word in _WORDS.findall(plain))
    yield "".join(fold(header).split())


def says(words: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether the words of a header say something: one of them, or all together, fits the pattern."""
    return any(pattern.fullmatch(word) for word in words)


def _guess(key: str, column: UnfamiliarColumn) -> ColumnGuess:
    values = [text for text in column.texts if text is not None]
    counts = Counter(map(fold, values))
    words = tuple(_header_words(column.headers[0]))
    plain = ColumnGuess(key, column, "ignored")
    if len(counts) <= 1:
        reason = msg("no value") if not counts else msg("the same value in every row")
        return replace(plain, reason=reason)
    if column.dates >= _MOSTLY * len(values):
        return replace(plain, kind="date", reason=msg("a date; dates serve to fill in a year of birth or of entry"))
    given = column.numbers[~np.isnan(column.numbers)]
    if len(given) >= _MOSTLY * len(values):
        return _of_numbers(plain, given, words)
    if _is_personal(words, values, counts):
        return replace(plain, kind="personal", reason=msg("names, contacts or documents: dropped while reading"))
    if len(counts) > MOST_NOMINAL and len(counts) > len(values) / FREQUENT:
        return replace(plain, reason=msg("a text of its own in nearly every row"))
    return _with_words(plain, values)


def _of_numbers(plain: ColumnGuess, given: Floats, words: tuple[str, ...]) -> ColumnGuess:
    whole = bool((given == np.round(given)).all())
    texts = [text for text in plain.column.texts if text is not None]
    low, high, distinct = float(given.min()), float(given.max()), len(np.unique(given))
    if whole and np.array_equal(given, np.arange(given[0], given[0] + len(given))) and not says(words, _CODE):
        return replace(plain, is_row_number=True, reason=msg("the number of the row, not a pupil's code"))
    gaps = whole and distinct <= MOST_NOMINAL and high - low > 3 * distinct and len(given) > 20 * distinct
    if whole and (distinct == 2 or gaps or _is_group(words)):
        guess = _with_words(plain, texts)
        about = msg('numbers that look like codes; if they count something, write kind = "number"')
        return replace(guess, is_code=True, doubts=(*guess.doubts, about) if distinct > 2 else guess.doubts)
    minimum, maximum = _limits(given)
    others = len(texts) - len(given)
    doubts = (
        (msg("cells with words instead of numbers, which are not read: {count}", count=count(others)),)
        if others
        else ()
    )
    return replace(plain, kind="number", minimum=minimum, maximum=maximum, integer=whole, doubts=doubts)


def _is_group(words: tuple[str, ...]) -> bool:
    """Whether a header is the number of a school or class, and not a number about it, such as its size."""
    return says(words, _GROUP) and all(_GROUP.fullmatch(word) or _CODE.fullmatch(word) for word in words[:-1])


def _limits(given: Floats) -> tuple[float, float]:
    """The ends of a short scale where many rows have them; else the next round numbers outside."""
    low, high = float(given.min()), float(given.max())
    scale = bool((given == np.round(given)).all()) and high - low <= _LONGEST_SCALE
    if not scale or np.count_nonzero(given == low) < FREQUENT:
        low = 0.0 if low >= 0 else -_round_above(-low)
    if not scale or np.count_nonzero(given == high) < FREQUENT:
        high = _round_above(high) if high > 0 else 0.0
    if low == high:  # every row has the same number, and a range has two ends
        return (min(low, 0.0), _round_above(high) if high > 0 else float(high == 0))
    return low, high


def _round_above(number: float) -> float:
    power = 10.0 ** math.floor(math.log10(number))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if number <= factor * power)


def _is_personal(words: tuple[str, ...], values: Sequence[str], counts: Counter[str]) -> bool:
    if any("@" in value for value in values):
        return True
    named = sum(bool(_FULL_NAME.fullmatch(value)) for value in values) >= 0.7 * len(values)
    others = [word for word in words[:-1] if not _PUPIL.fullmatch(word)]
    if says(words, _PUPIL) and not says(others, _NAME) and all(map(_LIKE_CODE.fullmatch, values)):
        return False
    if says(words, _NAME) and not says(words, _GROUP):
        return named or len(counts) > MOST_WORDS
    return named and not says(words, _GROUP) and len(counts) > MOST_WORDS


def _with_words(plain: ColumnGuess, values: Sequence[str]) -> ColumnGuess:
    """A category with the words that many rows share; none of a column whose words look like names of persons."""
    spellings = Counter(values)
    counts: Counter[str] = Counter()
    commonest: dict[str, str] = {}
    for text, n in spellings.most_common():
        counts[fold(text)] += n
        commonest.setdefault(fold(text), text)
    frequent = [commonest[folded] for folded, n in counts.most_common() if n >= FREQUENT]
    named = sum(bool(_FULL_NAME.fullmatch(value)) for value in values) >= 0.7 * len(values)
    hidden = len(counts) > MOST_WORDS or (named and says(plain.header_words, _NAME))
    kept = () if hidden else tuple(frequent)
    return replace(
        plain, kind="category", words=kept, rare=len(counts) - len(kept), has_spellings=len(counts) < len(spellings)
    )


def identifiers(guesses: Sequence[ColumnGuess], table: UnfamiliarTable, period: str | None) -> tuple[str, ...]:
    """The keys of the columns that are probably a pupil's code: unique in a sheet and term, alone or with a second.

    Empty where no column is.
    """
    when = _period_texts(guesses, table, period)
    likely = [guess for guess in guesses if _may_be_code(guess, table)]
    likely.sort(key=lambda guess: -len(set(guess.column.texts)))
    for guess in likely:
        if _is_unique(when, guess.column):
            return (guess.key,)
    for guess in likely:
        seconds = [each for each in guesses if each.kind == "category" and each.key not in (guess.key, period)]
        for second in seconds:
            if _is_unique(when, guess.column, second.column):
                return tuple(each.key for each in guesses if each.key in (guess.key, second.key))
    return ()


def _may_be_code(guess: ColumnGuess, table: UnfamiliarTable) -> bool:
    column, words = guess.column, guess.header_words
    distinct = len(set(column.texts))
    if guess.kind == "personal" or says(words, _GROUP) or distinct < table.rows / 30 or distinct < FREQUENT:
        return False
    if column.texts.count(None) > table.rows / 10 or (guess.kind == "number" and not guess.integer):
        return False
    if _is_called_code(guess):
        return True
    texts = [text for text in column.texts if text is not None]
    if guess.kind == "number":
        return distinct == table.rows >= _LEAST_CODES
    is_text = guess.kind in ("category", "ignored") and not guess.is_row_number
    return is_text and all(map(_LIKE_CODE.fullmatch, texts))


def _is_called_code(guess: ColumnGuess) -> bool:
    return says(guess.header_words, _CODE) or _ENDS_LIKE_CODE.fullmatch(guess.header_words[-1]) is not None


def repeated_code(guesses: Sequence[ColumnGuess], table: UnfamiliarTable, codes: Sequence[str]) -> str | None:
    """The key of the column that is called a pupil's code and comes in several rows, where no column is one a row.

    Such pupils must not teach a model and test it too.
    """
    likely = [guess for guess in guesses if not codes and _is_called_code(guess) and _may_be_code(guess, table)]
    return max(likely, key=lambda guess: len(set(guess.column.texts))).key if likely else None


def without_codes(
    guesses: Sequence[ColumnGuess], table: UnfamiliarTable, codes: Sequence[str], period: str | None
) -> list[ColumnGuess]:
    """The guesses, with the pupils' codes as what they are; another column unique in each term has no words to show.

    A code that comes in several rows is a category, by which rows can be kept together.
    """
    when = _period_texts(guesses, table, period)
    again = repeated_code(guesses, table, codes)
    return [_again(guess) if guess.key == again else _safe(guess, guess.key in codes, when) for guess in guesses]


def _again(guess: ColumnGuess) -> ColumnGuess:
    texts = [text for text in guess.column.texts if text is not None]
    about = msg(
        "called a pupil's code, and {codes} codes stand in {rows} rows: of a pupil there must be one row, or the rows "
        "need a year or term, before it can be an identifier",
        codes=len(set(texts)),
        rows=len(texts),
    )
    return replace(guess, kind="category", words=(), rare=0, reason=None, doubts=(about,))


def _safe(guess: ColumnGuess, is_code: bool, when: Sequence[object]) -> ColumnGuess:
    if is_code:
        doubts = () if guess.kind != "number" or _is_called_code(guess) else (_OWN_NUMBER,)
        return replace(guess, kind="identifier", words=(), reason=None, doubts=doubts)
    if guess.kind == "category" and _is_unique(when, guess.column):
        return replace(guess, kind="ignored", words=(), reason=msg("a value of its own for every pupil"))
    return guess


def _is_unique(when: Sequence[object], *columns: UnfamiliarColumn) -> bool:
    rows = list(zip(when, *(column.texts for column in columns), strict=True))
    known = [row for row in rows if None not in row]
    return len(set(known)) == len(known)


def _period_texts(guesses: Sequence[ColumnGuess], table: UnfamiliarTable, period: str | None) -> list[object]:
    texts = next((guess.column.texts for guess in guesses if guess.key == period), ("",) * table.rows)
    return list(zip(table.sheet, texts, strict=True))


def period_column(guesses: Sequence[ColumnGuess], table: UnfamiliarTable) -> str | None:
    """The key of the column that says the year or term of each row. None without one, and where sheets are of years.

    Numbers that are no years, such as 1 to 9, may be a pupil's grade: they count where pupils come again in them.
    """
    if "{year}" in table.sheets:
        return None
    for guess in guesses:
        values = {text for text in guess.column.texts if text is not None}
        if not 2 <= len(values) <= _MOST_PERIODS or guess.column.filled < 0.95 * table.rows:
            continue
        if says(guess.header_words, _NOT_PERIOD) or not any(re.search("[0-9]", text) for text in values):
            continue
        if says(guess.header_words, _PERIOD) and all(re.search(r"(?:19|20)[0-9]{2}", text) for text in values):
            return guess.key
        likely = says(guess.header_words, _PERIOD) or says(guess.header_words, _STAGE)
        if likely and len(identifiers(guesses, table, None)) != 1 and len(identifiers(guesses, table, guess.key)) == 1:
            return guess.key
    return None


def is_sensitive(guess: ColumnGuess) -> bool:
    """Whether a column says a group for which answers should be checked, and by which pupils should not be judged."""
    return guess.kind == "category" and says(guess.header_words, _SENSITIVE)


def is_school(guess: ColumnGuess) -> bool:
    """Whether a category names the school, or a place, of the pupil."""
    return guess.kind == "category" and says(guess.header_words, _SCHOOL)
