"""A second, invented school: a profile of its own and csv files a year, to prove that a TOML alone is enough."""

from __future__ import annotations

from pathlib import Path
from random import Random

from farol.profile import Profile, parse_profile

PROFILE = Path(__file__).with_name("aurora.toml")
TERMS = Path(__file__).with_name("terms.toml")
"""A profile of one file with terms in a column, a code of two columns, and words as features."""

COHORT = Path(__file__).with_name("cohort.toml")
"""A profile of one file without years, terms and codes."""

YEARS = (2021, 2022, 2023)
PUPILS = 300

_HEADERS = {
    2021: ["Matrícula", "Aluno(a)", "Série", "Turno", "Leitura", "Cálculo", "Tarefas (%)", "Faltas", "Entrou em"],
    2022: ["Matrícula", "Turno", "Série", "Calc.", "Leitura 2022", "Tarefas (%)", "Total de faltas", "Entrou em"],
    2023: ["Entrou em", "matricula", "Faltas", "Leitura 2023", "CALCULO", "Tarefas  (%)", "Turno", "Serie"],
}
_ENCODINGS = {2021: "utf-8", 2022: "cp1252", 2023: "utf-8-sig"}


def write_school(folder: Path, *, seed: int = 7) -> Path:
    """Write `Notas 2021.csv` to `Notas 2023.csv` into `folder`, the same bytes for the same seed; the folder.

    Every pupil has a lasting diligence that shows in the grades, in the homework and in the absences of this and the
    next year, so that models have something to learn; about one in three is at risk.
    """
    random = Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pupils = [_pupil(number, random) for number in range(PUPILS)]
    for year in YEARS:
        lines = [";".join(_HEADERS[year])]
        for pupil in pupils:
            values = _year_of(pupil, year, random)
            lines.append(";".join(values[_plain(header)] for header in _HEADERS[year]))
        path = folder / f"Notas {year}.csv"
        path.write_bytes("\r\n".join([*lines, ""]).encode(_ENCODINGS[year]))
    return folder


def _pupil(number: int, random: Random) -> dict[str, float]:
    return {
        "code": 1000 + number,
        "diligence": random.gauss(0, 1),
        "grade": random.randint(1, 7),
        "joined": random.randint(2016, 2021),
        "morning": random.random() < 0.5,
    }


def _year_of(pupil: dict[str, float], year: int, random: Random) -> dict[str, str]:
    diligence = pupil["diligence"] + random.gauss(0, 0.35)
    absences = max(0, round(15 - 9 * diligence + random.gauss(0, 4)))
    homework = _grade(70 + 15 * diligence + random.gauss(0, 6))
    return {
        "code": str(int(pupil["code"])),
        "name": f"Aluno {int(pupil['code'])}",
        "grade": f"{int(pupil['grade']) + year - YEARS[0]}ª série",
        "shift": "Manhã" if pupil["morning"] else "tarde",
        "reading": _grade(60 + 12 * diligence + random.gauss(0, 8)),
        "arithmetic": _grade(55 + 10 * diligence + random.gauss(0, 10)),
        "homework": "dispensada" if random.random() < 0.05 else homework,
        "absences": str(absences),
        "joined": str(int(pupil["joined"])),
    }


def _grade(value: float) -> str:
    return f"{min(100.0, max(0.0, value)):.1f}".replace(".", ",")


def _plain(header: str) -> str:
    """Our own word for a header of any year."""
    first = header.lower().split()[0].strip(".")
    words = {
        "matrícula": "code",
        "matricula": "code",
        "aluno(a)": "name",
        "série": "grade",
        "serie": "grade",
        "turno": "shift",
        "leitura": "reading",
        "cálculo": "arithmetic",
        "calculo": "arithmetic",
        "calc": "arithmetic",
        "tarefas": "homework",
        "faltas": "absences",
        "total": "absences",
        "entrou": "joined",
    }
    return words[first]


def terms_asked_of_some() -> Profile:
    """The profile `TERMS` with a question that is not asked of pupils of the south, nor of a third attempt."""
    known = '{ column = "result", operator = "!=", value = "enrolled" }'
    others = (
        '{ column = "region", operator = "!=", value = "South" }, { column = "attempts", operator = "<", value = 2 }'
    )
    source = TERMS.read_text(encoding="utf-8").replace(f"only = [{known}]", f"only = [{known}, {others}]")
    assert others in source
    source = source.replace('features = ["sex", "region", "attempts", "score", "band"]', 'features = ["sex", "score"]')
    return parse_profile(source.encode(), "terms.toml")


def write_terms(folder: Path, *, seed: int = 11, students: int = 900) -> Path:
    """Write one csv file for the profile `TERMS`, three terms of as many students; the file.

    Who is of the region "2" fails more often, and so does who has a low score; "3" is as "1".
    """
    random = Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["id,module,term,sex,region,attempts,score,result"]
    for number in range(students):
        for term in ("2013B", "2013 J", "2014B"):
            region, sex, ability = random.choice("123"), random.choice("FM"), random.gauss(0, 1)
            score = min(100, max(0, round(60 + 12 * ability + random.gauss(0, 5))))
            failed = random.random() < 1 / (1 + 2.718 ** (2 * ability + (0 if region == "2" else 2.5)))
            result = "enrolled" if random.random() < 0.1 else random.choice(("fail", "withdrawn")) if failed else "pass"
            region = "" if random.random() < 0.05 else region
            lines.append(f"{number},AA,{term},{sex},{region},{random.randint(0, 2)},{score} %,{result}")
    path = folder / "college.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path
