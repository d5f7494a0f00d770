"""A profile TOML for an unfamiliar file, with comments that say what a person must fill in and what to confirm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farol.errors import InputError, ProfileError
from farol.i18n import LOCALES, Message, count, msg
from farol.profile import fold, parse_profile
from farol.workbook.guesses import (
    MOST_NOMINAL,
    ColumnGuess,
    column_guesses,
    identifiers,
    is_school,
    is_sensitive,
    period_column,
    repeated_code,
    without_codes,
)
from farol.workbook.label_guesses import LabelGuess, at_risk, known_too_late, label_guess, label_of_words, with_class
from farol.workbook.sheets import DEFAULT_LIMITS, Limits
from farol.workbook.texts import parse_number
from farol.workbook.unfamiliar import UnfamiliarTable, read_unfamiliar

FILL_IN = msg("FILL IN")
"""Marks a line without which the profile does not work."""

CONFIRM = msg("CONFIRM")
"""Marks a line that was guessed."""

_CONDITION = re.compile(r"(?P<header>.+?)\s*(?P<operator><=|>=|==|!=|=|<|>)\s*(?P<value>.+)")
_AGAIN = 30
"""At least as many pupils must come in two terms or sheets, before the next one is asked about."""

_LEAST_SCHOOLS = 10
"""Fewer schools than this say little about an unseen one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The text of a profile. `to_fill_in` and `to_confirm` are its lines (1-based) that wait for a person.

    `problem` is what the format still has against it: None where it can be used as it is.
    """

    text: str
    to_fill_in: tuple[int, ...]
    to_confirm: tuple[int, ...]
    problem: ProfileError | None


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    name: str
    table: UnfamiliarTable
    guesses: Sequence[ColumnGuess]
    codes: Sequence[str]
    period: str | None
    label: LabelGuess | None
    late: dict[str, Message]
    again: str | None
    locale: str

    def say(self, text: Message) -> str:
        return f"# {text.render(self.locale)}"

    def confirm(self, text: Message) -> str:
        return f"  # {CONFIRM.render(self.locale)}: {text.render(self.locale)}"

    def fill_in(self, text: Message) -> str:
        return f"  # {FILL_IN.render(self.locale)}: {text.render(self.locale)}"

    def guess(self, key: str) -> ColumnGuess:
        return next(guess for guess in self.guesses if guess.key == key)


def propose(path: Path, label: str | None, locale: str, limits: Limits = DEFAULT_LIMITS) -> Proposal:
    """A profile for the file at `path`, its comments in `locale`.

    `label` says how it ended: a header, or a condition on one such as `G3 < 10`. No value of a pupil stays in the text
    but words and limits that many rows share.

    Raises:
        WorkbookError: the file cannot be read.
        InputError: it has no column of the label's name.
    """
    table = read_unfamiliar(path, limits)
    guesses = column_guesses(table)
    period = period_column(guesses, table)
    codes = identifiers(guesses, table, period)
    again = repeated_code(guesses, table, codes)
    guesses = without_codes(guesses, table, codes, period)
    answer = label_guess([guess for guess in guesses if guess.key != period])
    if label is not None:
        answer = _given_label(label, guesses)
    guesses, answer = with_class(guesses, answer, (*codes, period, again))
    late: dict[str, Message] = {}
    if answer is not None and answer.value is not None:
        risk = at_risk(answer, next(guess for guess in guesses if guess.key == answer.key))
        asked = [guess for guess in guesses if guess.key not in (answer.key, again)]
        reasons = {guess.key: known_too_late(guess, risk) for guess in asked}
        late = {key: reason for key, reason in reasons.items() if reason is not None}
    name = "-".join(re.findall(r"[a-z0-9]+", fold(path.stem))) or "school"
    text = "\n".join(_lines(_Draft(name, table, guesses, codes, period, answer, late, again, locale))) + "\n"
    try:
        parse_profile(text.encode(), f"{name}.toml")
    except ProfileError as error:
        return Proposal(text, marked_lines(text, FILL_IN), marked_lines(text, CONFIRM), error)
    return Proposal(text, marked_lines(text, FILL_IN), marked_lines(text, CONFIRM), None)


def marked_lines(text: str, mark: Message) -> tuple[int, ...]:
    """The lines (1-based) of a proposed profile that have a mark, in whatever language it was written."""
    marks = tuple(f"# {mark.render(locale)}:" for locale in LOCALES)
    return tuple(number for number, line in enumerate(text.splitlines(), start=1) if any(m in line for m in marks))


def _given_label(text: str, guesses: Sequence[ColumnGuess]) -> LabelGuess:
    parts = _CONDITION.fullmatch(text.strip())
    by_header = {fold(header): guess for guess in guesses for header in guess.column.headers}
    guess = by_header.get(fold(text)) or by_header.get(fold(parts["header"]) if parts else "")
    if guess is None or guess.kind in ("personal", "identifier", "date"):
        raise InputError(
            msg("The file has no column {name} that could say how it ended.", name=repr(text)),
            expected=msg(
                "one of {names}, or a condition such as {example}",
                names=", ".join(each.header for each in guesses if each.kind in ("number", "category")),
                example='"G3 < 10"',
            ),
            fix=msg("Write the header as it stands in the file, in quotation marks, with --label."),
        )
    if parts is None or fold(text) in by_header:
        return label_of_words(guess) if guess.kind == "category" else LabelGuess(guess.key)
    operator = "==" if parts["operator"] == "=" else parts["operator"]
    number = parse_number(parts["value"]) if guess.kind == "number" else None
    if guess.kind == "number" and number is None:
        raise InputError(
            msg("The column {name} has numbers, and the condition none.", name=guess.header),
            expected=msg("a condition such as {example}", example=f'"{guess.header} < 10"'),
            fix=msg("Write a number in the condition."),
        )
    value = parts["value"].strip().strip("'\"") if number is None else number
    unfinished = label_of_words(guess).unfinished if guess.kind == "category" else ()
    return LabelGuess(guess.key, operator, value, unfinished)


def _lines(draft: _Draft) -> Iterator[str]:
    table = draft.table
    yield draft.say(
        msg("Proposed by `farol profile new` from {file}: {rows} rows.", file=table.file, rows=count(table.rows))
    )
    explained = msg(
        "Lines with {fill_in} must be filled in; lines with {confirm} were guessed: read them, and correct them.",
        fill_in=FILL_IN,
        confirm=CONFIRM,
    )
    yield draft.say(explained)
    yield draft.say(msg("Then: `farol profile check` with this file and the data. How to: docs/profile.md."))
    yield "format = 1"
    yield f"name = {_quoted(draft.name)}"
    yield f"title = {_both(table.file)}" + draft.confirm(msg("the school and the data, in both languages"))
    if table.sheets:
        yield f"sheets = {_quoted(table.sheets)}"
    audit = [guess.key for guess in draft.guesses if _is_audited(draft, guess)]
    about = msg("groups for which the errors are compared; the model does not see them unless a task names them")
    yield f"audit = {_list(audit)}" + draft.confirm(about)
    yield from _period_lines(draft)
    yield from _label_lines(draft)
    yield ""
    for remark in (
        msg("The columns. aliases: the headers that mean it; add other spellings. meaning and words: for pages."),
        msg("range: the least and the greatest possible number; what is outside is not read."),
        msg("kind: identifier, number, category, date, personal (dropped at once), or ignored."),
    ):
        yield draft.say(remark)
    for guess in draft.guesses:
        yield from _column_lines(draft, guess)
    yield from _remarks(draft)
    yield from _task_lines(draft)


def _period_lines(draft: _Draft) -> Iterator[str]:
    if draft.period is None:
        return
    guess = draft.guess(draft.period)
    texts = {text for text in guess.column.texts if text is not None}
    yield ""
    yield "[periods]"
    yield f"column = {_quoted(guess.key)}" + draft.confirm(msg("the year or term of each row"))
    if not all(re.fullmatch(r"[0-9]+", text) for text in texts):
        ordered = sorted(texts, key=lambda text: (parse_number(text) or 0.0, text))
        pairs = ", ".join(f"{_quoted(text)} = {place}" for place, text in enumerate(ordered, start=1))
        yield f"values = {{ {pairs} }}" + draft.confirm(msg("their order in time"))


def _label_lines(draft: _Draft) -> Iterator[str]:
    label = draft.label
    yield ""
    yield "[label]"
    if label is None:
        names = ", ".join(guess.key for guess in draft.guesses if guess.kind in ("number", "category"))
        yield 'column = ""' + draft.fill_in(msg("the column that says how it ended; one of {names}", names=names))
        yield 'operator = "<"'
        yield 'value = ""' + draft.fill_in(msg("with which value a pupil counts as at risk"))
        said = "?"
    else:
        guess = draft.guess(label.key)
        yield f"column = {_quoted(label.key)}" + draft.confirm(msg("the column that says how it ended"))
        if label.value is not None:
            yield f"operator = {_quoted(label.operator or '')}"
            yield f"value = {_value(label.value)}" + draft.confirm(msg("with which value a pupil counts as at risk"))
            said = f"{guess.header} {label.operator} {_shown(label.value)}"
        else:
            words = ", ".join(map(_quoted, guess.words))
            about = msg("with which words a pupil counts as at risk, of {words}", words=words)
            number = msg("below which number a pupil counts as at risk")
            yield f"operator = {_quoted('in' if guess.kind == 'category' else '<')}"
            empty = "[]" if guess.kind == "category" else '""'
            yield f"value = {empty}" + draft.fill_in(about if guess.kind == "category" else number)
            said = guess.header
    about = msg("how pages call the two answers")
    yield f"negative = {_text(f'Não deve: {said}', f'Should not: {said}')}" + draft.confirm(about)
    yield f"positive = {_text(f'Em risco: {said}', f'At risk: {said}')}"


def _column_lines(draft: _Draft, guess: ColumnGuess) -> Iterator[str]:
    yield ""
    for doubt in (guess.reason, *guess.doubts, draft.late.get(guess.key)):
        if doubt is not None:
            yield draft.confirm(doubt).strip()
    yield f"[columns.{guess.key}]"
    yield f"kind = {_quoted(guess.kind)}"
    yield f"aliases = {_list(guess.column.headers)}"
    if guess.kind == "number" and guess.minimum is not None and guess.maximum is not None:
        if guess.integer:
            yield "integer = true"
        yield f"range = [{guess.minimum:g}, {guess.maximum:g}]"
    if guess.kind in ("number", "category") and guess.column.nothing:
        rules = ", ".join(
            f"{{ pattern = {_quoted(re.escape(word))}, missing = true }}" for word in guess.column.nothing
        )
        yield f"recode = [{rules}]"
    if guess.kind == "category":
        closed = guess.has_spellings or (draft.label is not None and draft.label.key == guess.key)
        if guess.words and closed and not guess.rare:
            yield f"categories = {_list(guess.words)}"
        if guess.words:
            pairs = ", ".join(f"{_quoted(word)} = {_both(word)}" for word in guess.words)
            meaning = draft.confirm(msg("say what each code means")) if guess.is_code else ""
            yield f"words = {{ {pairs} }}{meaning}"
        if guess.rare:
            hidden = msg(
                "words not written here, because few rows have them or they are many: {count}", count=count(guess.rare)
            )
            yield draft.say(hidden)
    yield f"meaning = {_both(guess.header)}"


def _remarks(draft: _Draft) -> Iterator[str]:
    remarks = []
    if not draft.codes:
        remarks.append(
            msg(
                "No column is a pupil's code: a pupil is a row, and no answer can be followed up later. If one is, "
                'give it kind = "identifier".'
            )
        )
    if draft.table.unnamed:
        remarks.append(msg("Columns without a header, which are left out: {count}.", count=count(draft.table.unnamed)))
    if draft.table.repeated:
        names = ", ".join(draft.table.repeated)
        remarks.append(msg("Headers that stand twice; the first column counts: {names}.", names=names))
    if remarks:
        yield ""
        yield from map(draft.say, remarks)


def _task_lines(draft: _Draft) -> Iterator[str]:
    has_periods = draft.period is not None or "{year}" in draft.table.sheets
    yield from _one_task(draft, "this-year" if has_periods else "end", 0)
    if has_periods and draft.codes and _pupils_again(draft) >= _AGAIN:
        yield from _one_task(draft, "next-year", 1)


def _one_task(draft: _Draft, name: str, horizon: int) -> Iterator[str]:
    label = draft.label
    has_periods = draft.period is not None or "{year}" in draft.table.sheets
    header = draft.guess(label.key).header if label is not None else "?"
    features = [guess.key for guess in draft.guesses if _is_feature(draft, guess, horizon)]
    when = (("next", "no próximo período") if horizon else ("this", "neste período")) if has_periods else ("", "")
    pt = f"{header}, {when[1]}" if when[1] else header
    en = f"{header}, {when[0]} period" if when[0] else header
    title = _text(pt, en)
    question = _text(f"O aluno vai ficar em risco? ({pt})", f"Will the pupil be at risk? ({en})")
    yield ""
    yield f"[tasks.{name}]"
    yield f"title = {title}" + draft.confirm(msg("what the task is called"))
    yield f"question = {question}" + draft.confirm(msg("what it asks, as a teacher would"))
    yield f"horizon = {horizon}"
    if not has_periods:
        schools = [
            guess.key for guess in draft.guesses if is_school(guess) and len(set(guess.column.texts)) >= _LEAST_SCHOOLS
        ]
        about = msg("how it is tested: rows at random, or a column whose values are kept apart, such as the school")
        apart = [*schools, *([draft.again] if draft.again else []), "rows"]
        yield f"split = {_quoted(apart[0])}" + draft.confirm(about)
    if label is not None and label.unfinished:
        rules = ", ".join(
            f'{{ column = {_quoted(label.key)}, operator = "!=", value = {_quoted(word)} }}'
            for word in label.unfinished
        )
        yield f"only = [{rules}]" + draft.confirm(msg("pupils who are still at it do not count"))
    about = msg("only what is known when the question is asked")
    yield f"features = {_list(features)}" + (draft.confirm(about) if features else draft.fill_in(about))
    late = [key for key in draft.late if key not in features and draft.guess(key).kind in ("number", "category")]
    if late:
        yield draft.say(msg("Left out, because they may be known too late: {names}", names=", ".join(late)))
    yield "impute = false"
    warning = msg("Proposed by a program from one file: not yet confirmed by the school.")
    about = msg("what a reader must know before trusting an answer")
    yield f"limits = {_text(warning.render('pt_BR'), warning.render('en'))}" + draft.confirm(about)


def _is_audited(draft: _Draft, guess: ColumnGuess) -> bool:
    return is_sensitive(guess) and not (draft.label is not None and draft.label.key == guess.key)


def _is_feature(draft: _Draft, guess: ColumnGuess, horizon: int) -> bool:
    # What is learned of a class holds for no other year's, and `class` in a request says who the pupil is.
    if (
        guess.kind not in ("number", "category")
        or guess.key in (draft.period, draft.again, "class")
        or is_sensitive(guess)
    ):
        return False
    if guess.kind == "category" and len(set(guess.column.texts)) > MOST_NOMINAL:
        return False
    if draft.label is not None and guess.key == draft.label.key:
        return horizon > 0
    return horizon > 0 or guess.key not in draft.late


def _pupils_again(draft: _Draft) -> int:
    """How many pupils come in more than one sheet or term."""
    parts = [draft.guess(key).column.texts for key in draft.codes]
    texts = draft.guess(draft.period).column.texts if draft.period else draft.table.sheet
    seen: dict[tuple[object, ...], set[object]] = {}
    for code, when in zip(zip(*parts, strict=True), texts, strict=True):
        seen.setdefault(code, set()).add(when)
    return sum(len(times) > 1 for times in seen.values())


def _quoted(text: str) -> str:
    """A text as TOML: JSON writes it the same way, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _text(pt: str, en: str) -> str:
    return f"{{ pt = {_quoted(pt)}, en = {_quoted(en)} }}"


def _both(text: str) -> str:
    return _text(text, text)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _value(value: float | str | tuple[str, ...]) -> str:
    return f"{value:g}" if isinstance(value, float) else _quoted(value) if isinstance(value, str) else _list(value)


def _shown(value: float | str | tuple[str, ...]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else value
