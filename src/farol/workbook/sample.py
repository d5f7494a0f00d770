"""The sample workbook: invented pupils, written down with the headers and habits of each year of PEDE.

`farol demo` runs on it, and the tests read it where the real workbook is absent. Every quirk is one of the real sheets
(see the comments). A column is a header and its cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farol.errors import InputError
from farol.files import replace_file
from farol.i18n import msg
from farol.workbook.sample_pupils import Flags, Floats, Ints, SchoolYear, pick, scaled, school_years
from farol.workbook.sample_xlsx import Cell, DateCell, ErrorCell, PercentCell, date_cell, workbook_bytes

SMALLEST_SCALE = 0.05

Column = tuple[str, Iterable[Cell]]
Sheet = list[Sequence[Cell]]

_NOTHING: Iterable[Cell] = repeat(None)
NOT_AVAILABLE = ErrorCell("#N/A")
DIVIDED_BY_ZERO = ErrorCell("#DIV/0!")

SHOWN_AS_PERCENTAGES = 13
"""Rows of 2023 whose IPS somebody formatted as a percentage: 7.5 is shown as 750%."""
_STONES = ("Quartzo", "Ágata", "Ametista", "Topázio")
_STONES_PLAIN = ("Quartzo", "Agata", "Ametista", "Topázio")
_IDEAL_2022 = (
    "ALFA  (2º e 3º ano)", "Fase 1 (4º ano)", "Fase 2 (5º e 6º ano)", "Fase 3 (7º e 8º ano)", "Fase 4 (9º ano)",
    "Fase 5 (1º EM)", "Fase 6 (2º EM)", "Fase 7 (3º EM)", "Fase 8 (Universitários)",
)  # fmt: skip
_IDEAL = (
    "ALFA (1° e 2° ano)", "Fase 1 (3° e 4° ano)", "Fase 2 (5° e 6° ano)", "Fase 3 (7° e 8° ano)", "Fase 4 (9° ano)",
    "Fase 5 (1° EM)", "Fase 6 (2° EM)", "Fase 7 (3° EM)", "Fase 8 (Universitários)",
)  # fmt: skip
_PRIVATE_2022 = (("Rede Decisão", 0.97), ("Escola JP II", 0.03))
_PRIVATE_2023 = (
    ("Privada - Programa de Apadrinhamento", 0.48), ("Privada *Parcerias com Bolsa 100%", 0.28), ("Privada", 0.13),
    ("Privada - Pagamento por *Empresa Parceira", 0.04), ("Concluiu o 3º EM", 0.04),
    ("Nenhuma das opções acima", 0.03),
)  # fmt: skip
_PRIVATE_2024 = (
    ("Privada - Programa de Apadrinhamento", 0.4), ("Privada", 0.3), ("Privada *Parcerias com Bolsa 100%", 0.15),
    ("Bolsista Universitário *Formado (a)", 0.08), ("Concluiu o 3º EM", 0.04),
    ("Privada - Pagamento por *Empresa Parceira", 0.03),
)  # fmt: skip
_RECOMMENDED = ("Mantido na Fase atual", "Promovido de Fase", "Promovido de Fase + Bolsa", "Não avaliado")
_PSYCHOLOGY = ("Não atendido", "Sem limitações", "Requer avaliação", "Não indicado", "Não avaliado")
_HIGHLIGHTS = {
    "IEG": ("Melhorar: Melhorar a sua entrega de lições de casa.", "Destaque: A sua boa entrega das lições de casa."),
    "IDA": ("Melhorar: Empenhar-se mais nas aulas e avaliações.", "Destaque: As suas boas notas na Passos Mágicos."),
    "IPV": (
        "Melhorar: Integrar-se mais aos Princípios Passos Mágicos.",
        "Destaque: A sua boa integração aos Princípios Passos Mágicos.",
    ),
}


def write_sample(path: Path, *, seed: int = 2024, scale: float = 1.0) -> Path:
    """Write the workbook of `sample_bytes` to `path` (its folder is made) and return `path`."""
    content = sample_bytes(seed=seed, scale=scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)
    return path


def sample_bytes(*, seed: int = 2024, scale: float = 1.0) -> bytes:
    """The sample workbook, an xlsx file.

    It has the real workbook's shape and every quirk of it: sheets PEDE2022, PEDE2023 and PEDE2024 of 860, 1,014 and
    1,156 pupils times `scale`, of which about 600 and 765 stay for the next year. The same arguments give the same
    bytes; nobody in it exists. Raises `InputError` for a `scale` below 0.05, at which the quirks no longer fit in.
    """
    if not scale >= SMALLEST_SCALE:
        raise InputError(
            msg("The sample workbook cannot be that small."),
            expected=msg("a scale of {smallest} or more", smallest=SMALLEST_SCALE),
            got=msg("a scale of {scale}", scale=scale),
            fix=msg("Choose a greater scale."),
        )
    pupils, quirks = (np.random.default_rng([seed, part]) for part in range(2))
    first, second, third = school_years(pupils, scale)
    return workbook_bytes(
        [
            ("PEDE2022", sheet_2022(quirks, first)),
            ("PEDE2023", sheet_2023(quirks, first, second)),
            ("PEDE2024", sheet_2024(quirks, first, second, third, scale)),
        ]
    )


def sheet_2022(rng: np.random.Generator, school: SchoolYear) -> Sheet:
    """Phases as text digits, birth years only, no IPP, and a blank last row."""
    people, values = school.roster, school.values
    n = len(people.number)
    columns: list[Column] = [
        ("RA", _codes(people.number)),
        ("Fase", [str(phase) for phase in people.phase]),
        ("Turma", _letters(rng, n)),
        ("Nome", _names(people.number)),
        ("Ano nasc", (people.birth.astype("datetime64[Y]").astype(np.int64) + 1970).tolist()),
        ("Idade 22", school.age.tolist()),
        ("Gênero", np.where(people.girl, "Menina", "Menino").tolist()),
        ("Ano ingresso", people.joined.tolist()),
        ("Instituição de ensino", _schools(rng, school, "Escola Pública", _PRIVATE_2022)),
        ("Pedra 20", _words(people.stone_2020)),
        ("Pedra 21", _words(people.stone_2021)),
        ("Pedra 22", _words(_stone(values["INDE"]))),
        ("INDE 22", _numbers(values["INDE"])),
        *((header, rng.permutation(np.arange(1, n + 1)).tolist()) for header in ("Cg", "Cf", "Ct")),
        ("Nº Av", _numbers(values["assessments"])),
    ]
    for place in range(1, 5):
        columns.append((f"Avaliador{place}", _assessors(rng, values["assessments"], place)))
        columns.append((f"Rec Av{place}", _given(rng.choice(_RECOMMENDED, n), values["assessments"] >= place)))
    columns += [
        *((name, _numbers(values[name])) for name in ("IAA", "IEG", "IPS")),
        ("Rec Psicologia", rng.choice(_PSYCHOLOGY, n).tolist()),
        ("IDA", _numbers(values["IDA"])),
        ("Matem", _numbers(values["MATEMATICA"])),
        ("Portug", _numbers(values["PORTUGUES"])),
        ("Inglês", _numbers(values["INGLES"])),
        ("Indicado", np.where(values["INDE"] > 8.0, "Sim", "Não").tolist()),
        ("Atingiu PV", np.where(values["IPV"] > 8.5, "Sim", "Não").tolist()),
        ("IPV", _numbers(values["IPV"])),
        ("IAN", _numbers(values["IAN"])),
        ("Fase ideal", [_IDEAL_2022[phase] for phase in school.ideal_phase]),
        ("Defas", school.lag.tolist()),
        *(
            (f"Destaque {name}", [texts[int(value > 7.5)] for value in values[name]])
            for name, texts in _HIGHLIGHTS.items()
        ),
    ]
    return [*_rows(columns), [""] * len(columns)]


def sheet_2023(rng: np.random.Generator, first: SchoolYear, school: SchoolYear) -> Sheet:
    """Ages as dates, days and months swapped, error cells, and sixteen columns nobody filled in."""
    people, values = school.roster, school.values
    # A spreadsheet that expects day/month takes 3/7 for the third of July, and leaves 3/17 as it is: text.
    born = people.birth.tolist()
    births = [date_cell(date(day.year, day.day, day.month)) if day.day <= 12 else _month_first(day) for day in born]
    # The same command dressed the ages of these rows as dates: 11 became 11 January 1900. It missed one.
    ages: list[Cell] = [
        DateCell(float(age)) if isinstance(birth, DateCell) else int(age)
        for age, birth in zip(school.age, births, strict=True)
    ]
    for spared in [row for row, birth in enumerate(births) if isinstance(birth, DateCell)][:1]:
        ages[spared] = int(school.age[spared])
    # INDE fails with its parts: #DIV/0! where there were no grades to average, #N/A where a part was never looked up.
    no_grades = np.isnan(values["IDA"]) & ~np.isnan(values["IPV"])
    failure = [DIVIDED_BY_ZERO if row else NOT_AVAILABLE for row in no_grades]
    ips = _numbers(values["IPS"], repeat(NOT_AVAILABLE))
    columns: list[Column] = [
        ("RA", _codes(people.number)),
        ("Fase", ["ALFA" if phase == 0 else f"FASE {phase}" for phase in people.phase]),
        ("INDE 2023", _numbers(values["INDE"], failure)),
        ("Pedra 2023", _words(_stone(values["INDE"]), _STONES_PLAIN, failure)),
        ("Turma", _classes(rng, people.phase)),
        ("Nome Anonimizado", _names(people.number)),
        ("Data de Nasc", births),
        ("Idade", ages),
        ("Gênero", np.where(people.girl, "Feminino", "Masculino").tolist()),
        ("Ano ingresso", people.joined.tolist()),
        ("Instituição de ensino", _misspelt(_schools(rng, school, "Pública", _PRIVATE_2023))),
        ("Pedra 20", _words(people.stone_2020)),
        ("Pedra 21", _words(people.stone_2021)),
        ("Pedra 22", _words(_stone(_history(first, people.number)))),
        ("Pedra 23", _empty()),
        ("INDE 22", _numbers(_history(first, people.number))),
        *((header, _empty()) for header in ("INDE 23", "Cg", "Cf", "Ct")),
        ("Nº Av", _numbers(values["assessments"])),
    ]
    for place in range(1, 5):
        columns.append((f"Avaliador{place}", _assessors(rng, values["assessments"], place)))
        columns.append((f"Rec Av{place}", _empty()))
    columns += [
        *((name, _numbers(values[name])) for name in ("IAA", "IEG")),
        ("IPS", [*map(_as_percentage, ips[:SHOWN_AS_PERCENTAGES]), *ips[SHOWN_AS_PERCENTAGES:]]),
        ("IPP", _numbers(values["IPP"], repeat(NOT_AVAILABLE))),
        ("Rec Psicologia", _empty()),
        ("IDA", _numbers(values["IDA"], [DIVIDED_BY_ZERO if row else None for row in no_grades])),
        ("Mat", _numbers(values["MATEMATICA"])),
        ("Por", _numbers(values["PORTUGUES"])),
        ("Ing", _numbers(values["INGLES"])),
        ("Indicado", _empty()),
        ("Atingiu PV", _empty()),
        ("IPV", _numbers(values["IPV"], repeat(NOT_AVAILABLE))),
        ("IAN", _numbers(values["IAN"])),
        ("Fase Ideal", [_IDEAL[phase] for phase in school.ideal_phase]),
        ("Defasagem", school.lag.tolist()),
        *((f"Destaque {name}", _empty()) for name in ("IEG", "IDA", "IPV", "IPV")),
    ]
    return _rows(columns)


def sheet_2024(
    rng: np.random.Generator, first: SchoolYear, second: SchoolYear, school: SchoolYear, scale: float
) -> Sheet:
    """Classes where phases belong, INCLUIR, empty texts, changed years of entry, two lags that are wrong."""
    people, values = school.roster, school.values
    n = len(people.number)
    lag = school.lag.copy()
    lag[pick(rng, (lag == -1) & (people.phase < 8), 2)] -= 1  # still behind, and IAN the same
    joined = np.maximum(people.joined, 2021)
    joined[pick(rng, people.joined == 2023, scaled(8, scale))] = 2021
    fractions = np.zeros(n)
    fractions[pick(rng, np.ones(n, dtype=np.bool_), scaled(78, scale))] = 0.125  # midnight of another time zone
    missing = np.isnan(values["INDE"])
    failure: list[Cell] = ["INCLUIR" if phase == 9 else DIVIDED_BY_ZERO for phase in people.phase]
    for row in np.flatnonzero(missing & (people.phase == 8))[:1]:
        failure[row] = NOT_AVAILABLE
    inde_2023 = _history(second, people.number)
    was_there = np.isin(people.number, second.roster.number)
    history_failure = [NOT_AVAILABLE if row else "" for row in was_there]
    classes = _classes(rng, people.phase)
    columns: list[Column] = [
        ("RA", _codes(people.number)),
        ("Fase", ["ALFA" if phase == 0 else written for phase, written in zip(people.phase, classes, strict=True)]),
        ("INDE 2024", _numbers(values["INDE"], failure)),
        ("Pedra 2024", _words(_stone(values["INDE"]), _STONES_PLAIN, failure)),
        ("Turma", classes),
        ("Nome Anonimizado", _names(people.number)),
        (
            "Data de Nasc",
            [date_cell(day, part) for day, part in zip(people.birth.tolist(), fractions.tolist(), strict=True)],
        ),
        ("Idade", school.age.tolist()),
        ("Gênero", np.where(people.girl, "Feminino", "Masculino").tolist()),
        ("Ano ingresso", joined.tolist()),
        ("Instituição de ensino", _schools(rng, school, "Pública", _PRIVATE_2024)),
        ("Pedra 20", _words(people.stone_2020, missing=repeat(""))),
        ("Pedra 21", _words(people.stone_2021, missing=repeat(""))),
        ("Pedra 22", _words(_stone(_history(first, people.number)), missing=repeat(""))),
        ("Pedra 23", _words(_stone(inde_2023), _STONES_PLAIN, history_failure)),
        ("INDE 22", _numbers(_history(first, people.number), repeat(""))),
        ("INDE 23", _numbers(inde_2023, history_failure)),
        *((header, _empty()) for header in ("Cg", "Cf", "Ct")),
        ("Nº Av", _numbers(values["assessments"])),
    ]
    for place in range(1, 7):
        columns.append((f"Avaliador{place}", _assessors(rng, values["assessments"], place, missing="")))
        if place <= 2:
            columns.append((f"Rec Av{place}", _empty()))
    columns += [
        ("IAA", _numbers(values["IAA"], repeat(""))),
        ("IEG", _numbers(values["IEG"])),
        *((name, _numbers(values[name], repeat(NOT_AVAILABLE))) for name in ("IPS", "IPP")),
        ("Rec Psicologia", _empty()),
        ("IDA", _numbers(values["IDA"], repeat(DIVIDED_BY_ZERO))),
        ("Mat", _numbers(values["MATEMATICA"], repeat(""))),
        ("Por", _numbers(values["PORTUGUES"], repeat(""))),
        ("Ing", _numbers(values["INGLES"], repeat(""))),
        ("Indicado", _empty()),
        ("Atingiu PV", _empty()),
        ("IPV", _numbers(values["IPV"], repeat(NOT_AVAILABLE))),
        ("IAN", _numbers(values["IAN"])),
        ("Fase Ideal", [_IDEAL[phase] for phase in school.ideal_phase]),
        ("Defasagem", lag.tolist()),
        *((f"Destaque {name}", _empty()) for name in ("IEG", "IDA", "IPV")),
        ("Escola", [f"Escola-{place}" for place in rng.integers(1, 48, n)]),
        ("Ativo/ Inativo", repeat("Cursando")),
        ("Ativo/ Inativo", repeat("Cursando")),
    ]
    return _rows(columns)


def _rows(columns: Sequence[Column]) -> Sheet:
    # A column that repeats one cell has no end; the first, the pupils' codes, says how many rows there are.
    return [[header for header, _ in columns], *zip(*(cells for _, cells in columns), strict=False)]


def _empty() -> Iterable[Cell]:
    return repeat(None)


def _codes(number: Ints) -> list[Cell]:
    return [f"RA-{pupil}" for pupil in number]


def _names(number: Ints) -> list[Cell]:
    return [f"Aluno-{pupil}" for pupil in number]


def _numbers(values: Floats, missing: Iterable[Cell] = _NOTHING) -> list[Cell]:
    return [other if np.isnan(value) else value for value, other in zip(values.tolist(), missing, strict=False)]


def _words(index: Ints, words: Sequence[str] = _STONES, missing: Iterable[Cell] = _NOTHING) -> list[Cell]:
    return [other if place < 0 else words[place] for place, other in zip(index, missing, strict=False)]


def _given(words: NDArray[np.str_], given: Flags, missing: Cell = None) -> list[Cell]:
    return [word if there else missing for word, there in zip(words.tolist(), given, strict=True)]


def _stone(inde: Floats) -> Ints:
    return np.where(np.isnan(inde), -1, np.digitize(inde, [6, 7, 8]))


def _history(school: SchoolYear, number: Ints) -> Floats:
    """INDE of an earlier year by pupil; NaN for who was not there."""
    known = dict(zip(school.roster.number.tolist(), school.values["INDE"].tolist(), strict=True))
    return np.array([known.get(pupil, np.nan) for pupil in number.tolist()])


def _misspelt(schools: list[Cell]) -> list[Cell]:
    """The last school of the commonest private kind without its capital, as somebody typed it once."""
    usual = _PRIVATE_2023[0][0]
    last = max(position for position, school in enumerate(schools) if school == usual)
    return [*schools[:last], usual.replace("Apadrinhamento", "apadrinhamento"), *schools[last + 1 :]]


def _schools(
    rng: np.random.Generator, school: SchoolYear, public: str, private: Sequence[tuple[str, float]]
) -> list[Cell]:
    names, shares = zip(*private, strict=True)
    return list(np.where(school.roster.public, public, rng.choice(names, len(school.lag), p=shares)).tolist())


def _assessors(rng: np.random.Generator, assessments: Floats, place: int, missing: Cell = None) -> list[Cell]:
    who = [f"Avaliador-{number}" for number in rng.integers(6 * place - 5, 6 * place + 1, len(assessments))]
    return _given(np.array(who), assessments >= place, missing)


def _letters(rng: np.random.Generator, count: int) -> list[str]:
    return [chr(65 + letter) for letter in rng.integers(0, 24, count)]


def _classes(rng: np.random.Generator, phase: Ints) -> list[Cell]:
    """Classes such as 7E; those of ALFA have long names, and phase 9 is just the number."""
    return [_class(level, letter) for level, letter in zip(phase.tolist(), _letters(rng, len(phase)), strict=True)]


def _class(level: int, letter: str) -> Cell:
    if level == 0:
        return f"ALFA {letter} - {'G0/G1' if letter in 'ACFHKMNY' else 'G2/G3'}"
    return 9 if level == 9 else f"{level}{chr(65 + ord(letter) % 9)}"


def _month_first(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def _as_percentage(cell: Cell) -> Cell:
    return PercentCell(cell) if isinstance(cell, float) else cell
