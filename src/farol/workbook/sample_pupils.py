"""The invented pupils of the sample workbook: three years of a programme, by rules taken from the real one.

Nobody here exists. A pupil has an ability that no sheet shows; the year's indicators follow from it, promotion follows
from the indicators, the expected level from the age, and who lags more leaves sooner. Counts and shares are those
measured on the real workbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

YEARS = (2022, 2023, 2024)
PUPILS = {2022: 860, 2023: 1014, 2024: 1156}
STAYING = {2022: 600, 2023: 765}
RETURNING = {2023: 0, 2024: 6}  # who were away for one sheet
_OTHER_SEX = {2023: 12, 2024: 0}  # pupils for whom this sheet and the one before differ
_OTHER_BIRTH = {2023: 4, 2024: 4}
REFERENCE_DAY = {2022: (12, 31), 2023: (10, 26), 2024: (6, 30)}
"""Month and day on which the programme took the pupils' age."""

IDEAL_OF_AGE = np.array([0] * 9 + [1, 2, 2, 3, 3, 4, 5, 6, 7, 8])
AGES_OF_IDEAL = np.array([(7, 9), (9, 10), (10, 12), (12, 14), (14, 15), (15, 16), (16, 17), (17, 18), (18, 22)])
YOUNGEST_OF_PHASE_1 = {2022: 9, 2023: 9, 2024: 8}  # the sheet of 2023 says 8 in words; that of 2024 applies it
ENTERING = {  # pupils new to the sheets: how many of each phase, and the share that is behind
    2022: ((190, 192, 155, 148, 76, 60, 18, 21, 0, 0), 0.70),
    2023: ((154, 57, 71, 29, 24, 18, 7, 10, 44, 0), 0.53),
    2024: ((118, 55, 53, 43, 41, 27, 10, 2, 3, 28), 0.53),
}
JOINED_YEARS_AGO = (0.46, 0.16, 0.06, 0.16, 0.08, 0.05, 0.03)
PROMOTION = {2022: 1.1, 2023: 2.0}  # logit of an average pupil's promotion at the end of the year
CATCHING_UP = 2.3  # a phase of lag makes promotion likelier by this, in logits
PULL = {2022: 0.1, 2023: 0.25}  # what a phase of lag weighs in staying, in logits
GRADES = {2022: (5.9, 6.4, 5.9), 2023: (6.4, 6.9, 6.2), 2024: (6.4, 6.2, 6.7)}
IPS = {  # the scale of each year: its values, and out of how many pupils each is given
    2022: {3.8: 1, 4.4: 2, 5.0: 10, 5.6: 12, 6.3: 5, 6.9: 6, 7.5: 58, 8.1: 4, 8.8: 1, 9.4: 1, 10.0: 1},
    2023: {2.52: 28, 3.77: 8, 4.39: 1, 5.01: 14, 5.63: 4, 6.26: 3, 6.89: 4, 7.52: 31, 8.14: 1, 8.76: 1, 9.38: 1},
    2024: {2.51: 5, 3.76: 1, 4.38: 1, 5.01: 4, 5.63: 7, 6.26: 14, 6.88: 7, 7.51: 46, 8.13: 5, 8.75: 2, 9.38: 2},
}
IPV = {2022: 7.25, 2023: 8.05, 2024: 7.4}
IEG = {2022: 1.45, 2023: 2.15, 2024: 1.9}
UNANSWERED = {2022: 39, 2023: 190, 2024: 20}
_WEIGHTS = {"IAN": 0.1, "IDA": 0.2, "IEG": 0.2, "IAA": 0.1, "IPS": 0.1, "IPP": 0.1, "IPV": 0.2}
_WEIGHTS_2022 = {"IAN": 0.1, "IDA": 0.2, "IEG": 0.2, "IAA": 0.1, "IPS": 0.1, "IPV": 0.3}  # there was no IPP yet


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """Who is there: arrays of one length, one place a pupil, in order of `number`."""

    number: Ints
    birth: NDArray[np.datetime64]
    girl: Flags
    public: Flags  # goes to a public school
    joined: Ints
    ability: Floats
    stone_2020: Ints  # 0 to 3; −1 for who was not there
    stone_2021: Ints
    phase: Ints

    def take(self, which: Flags | Ints) -> Roster:
        """Some of the pupils."""
        return Roster(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class SchoolYear:
    """One year: the roster, what follows from age and phase, and the indicators (NaN: not assessed)."""

    year: int
    roster: Roster
    age: Ints
    ideal_phase: Ints
    lag: Ints
    values: Mapping[str, Floats]  # the indicators, the three grades, INDE, and the number of assessments


def school_years(rng: np.random.Generator, scale: float) -> tuple[SchoolYear, ...]:
    """The three years, of `scale` times the real number of pupils."""
    years = [assessed(rng, 2022, entering(rng, 2022, scaled(PUPILS[2022], scale), 1), scale)]
    for year in YEARS[1:]:
        stay = staying(rng, years[-1], scaled(STAYING[year - 1], scale))
        kept = recorded_again(rng, year, promoted(rng, years[-1]).take(stay), scale)
        away = years[0].roster.take(~np.isin(years[0].roster.number, years[-1].roster.number))
        back = away.take(np.arange(min(scaled(RETURNING[year], scale), len(away.number))))
        back = replace(back, phase=np.minimum(back.phase + 1, 8))
        start = 1 + max(int(past.roster.number.max()) for past in years)
        new = entering(rng, year, scaled(PUPILS[year], scale) - len(kept.number) - len(back.number), start)
        years.append(assessed(rng, year, _together(kept, back, new), scale))
    return tuple(years)


def scaled(count: int, scale: float) -> int:
    """A count of the real workbook at this scale; at least 1 unless it is 0."""
    return max(1, round(count * scale)) if count else 0


def pick(rng: np.random.Generator, among: Flags, count: int) -> Ints:
    """Up to `count` places where `among` is true, ascending."""
    return np.sort(rng.permutation(np.flatnonzero(among))[:count])


def entering(rng: np.random.Generator, year: int, count: int, start: int) -> Roster:
    """Pupils who come into the sheets in `year`, numbered from `start`."""
    by_phase, behind = ENTERING[year]
    bounds = np.round(np.cumsum([0, *by_phase]) / sum(by_phase) * count).astype(np.int64)
    phase = rng.permutation(np.repeat(np.arange(10), np.diff(bounds)))
    ability = rng.normal(size=count)
    late = rng.random(count) < _logistic(np.log(behind / (1 - behind)) - 0.55 * ability)
    lateness = rng.choice([1, 2, 3], count, p=[0.73, 0.24, 0.03])
    lag = np.where(late, -lateness, rng.choice([0, 1], count, p=[0.93, 0.07]))
    low, high = _ages_of_ideal(year)[np.clip(phase - lag, 0, 8)].T
    days_old = (rng.integers(low, high) * 365.25 + rng.random(count) * 364).astype(np.int64) + 1
    years_ago = rng.choice(7, count, p=JOINED_YEARS_AGO) if year == YEARS[0] else np.zeros(count, dtype=np.int64)
    stones = rng.choice(4, (2, count), p=[0.12, 0.24, 0.45, 0.19])
    return Roster(
        number=np.arange(start, start + count),
        birth=_reference(year) - days_old.astype("timedelta64[D]"),
        girl=rng.random(count) < 0.54,
        public=rng.random(count) < 0.85,
        joined=year - years_ago,
        ability=ability,
        stone_2020=np.where(year - years_ago <= 2020, stones[0], -1),
        stone_2021=np.where(year - years_ago <= 2021, stones[1], -1),
        phase=phase,
    )


def _ages_of_ideal(year: int) -> Ints:
    """The youngest age (included) and the oldest (not) of each expected phase, as pupils enter with them."""
    ages = AGES_OF_IDEAL.copy()
    ages[0, 1] = ages[1, 0] = YOUNGEST_OF_PHASE_1[year]
    return ages


def staying(rng: np.random.Generator, school: SchoolYear, count: int) -> Flags:
    """Who stays for the next year, exactly `count`: rather those who lag less, and fewer of the oldest."""
    pull = PULL[school.year] * school.lag - 1.0 * (school.roster.phase >= 8)
    order = np.argsort(-(pull + rng.gumbel(size=len(pull))), kind="stable")
    stay = np.zeros(len(pull), dtype=np.bool_)
    stay[order[:count]] = True
    return stay


def promoted(rng: np.random.Generator, school: SchoolYear) -> Roster:
    """The same pupils a year later: who did well goes up a phase, a few go up two, nobody beyond phase 9."""
    logits = PROMOTION[school.year] - CATCHING_UP * (school.lag + 0.8)
    for name, weight in (("IDA", 1.5), ("IPV", 1.2), ("IEG", 0.8)):
        values = school.values[name]
        known = ~np.isnan(values)
        logits[known] += weight * (values[known] - values[known].mean()) / (values[known].std() + 1e-9)
    phase = school.roster.phase
    up = rng.random(len(phase)) < _logistic(logits)
    leap = up & (phase < 6) & (rng.random(len(phase)) < 0.05)
    return replace(school.roster, phase=np.minimum(phase + up + leap, 9))


def recorded_again(rng: np.random.Generator, year: int, roster: Roster, scale: float) -> Roster:
    """The roster as typed again: for some the sex differs, for some the year of birth."""
    girl, birth = roster.girl.copy(), roster.birth.copy()
    everyone = np.ones(len(girl), dtype=np.bool_)
    girl[pick(rng, everyone, scaled(_OTHER_SEX[year], scale))] ^= True
    birth[pick(rng, everyone, scaled(_OTHER_BIRTH[year], scale))] -= np.timedelta64(365, "D")
    return replace(roster, girl=girl, birth=birth)


def assessed(rng: np.random.Generator, year: int, roster: Roster, scale: float) -> SchoolYear:
    """The year's ages, lags and indicators."""
    age = age_on(roster.birth, year)
    ideal_phase = np.where(age == 8, int(YOUNGEST_OF_PHASE_1[year] <= 8), IDEAL_OF_AGE[np.minimum(age, 18)])
    lag = roster.phase - ideal_phase
    values = _indicators(rng, year, roster, scale)
    values["IAN"] = np.select([lag >= 0, lag >= -2], [10.0, 5.0], 2.5)
    grades = np.array([values[name] for name in ("PORTUGUES", "MATEMATICA", "INGLES")])
    given = (~np.isnan(grades)).sum(axis=0)
    mean = np.where(given > 0, np.nansum(grades, axis=0) / np.maximum(given, 1), np.nan)
    values["IDA"] = mean.round(1) if year < 2024 else mean
    weights = _WEIGHTS_2022 if year == 2022 else _WEIGHTS
    values["INDE"] = np.sum([weight * values[name] for name, weight in weights.items()], axis=0)
    return SchoolYear(year, roster, age, ideal_phase, lag, MappingProxyType(values))


def age_on(birth: NDArray[np.datetime64], year: int) -> Ints:
    """Whole years on the year's reference day."""
    born = birth.astype("datetime64[M]")
    month_and_day = (born.astype(np.int64) % 12 + 1) * 100 + (birth - born).astype(np.int64) + 1
    month, day = REFERENCE_DAY[year]
    born_in = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    return np.asarray(year - born_in - (month_and_day > month * 100 + day))


def _indicators(rng: np.random.Generator, year: int, roster: Roster, scale: float) -> dict[str, Floats]:
    n, phase = len(roster.number), roster.phase
    form = 0.8 * roster.ability + 0.6 * rng.normal(size=n)  # the ability as it shows this year

    def seen(share: float) -> Floats:
        return np.asarray(share * form + np.sqrt(1 - share**2) * rng.normal(size=n))

    def grade(mean: float) -> Floats:
        return np.clip(mean + 2.1 * seen(0.75) - 0.2 * (phase - 2.5), 0, 10).round(1)

    mathematics, portuguese, english = (grade(mean) for mean in GRADES[year])
    values = {
        "IAA": (10 * _logistic(2.1 + 0.9 * seen(0.25))).round(1),
        "IEG": (10 * _logistic(IEG[year] + 0.8 * seen(0.7))).round(1 if year < 2024 else 6),
        "IPS": rng.choice(list(IPS[year]), n, p=np.array(list(IPS[year].values())) / sum(IPS[year].values())),
        "IPP": np.clip(7.5 + 0.95 * seen(0.5), 2, 10).round(4),
        "IPV": np.clip(IPV[year] + seen(0.75), 2.5, 10).round(3),
        "MATEMATICA": mathematics,
        "PORTUGUES": portuguese,
        "INGLES": np.where((phase < 3) | (rng.random(n) < (0.12 if year == 2022 else 0.01)), np.nan, english),
        "assessments": np.select([phase == 0, phase <= 2], [2.0, 3.0], 4.0),
    }
    _spoil(rng, year, phase, values, scale)
    return values


def _spoil(rng: np.random.Generator, year: int, phase: Ints, values: dict[str, Floats], scale: float) -> None:
    """What the year did not assess, and what its own rounding put above the range."""

    def blank(where: Flags | Ints, *names: str) -> None:
        for name in names:
            values[name][where] = np.nan

    grades = ("MATEMATICA", "PORTUGUES", "INGLES")
    values["IAA"][pick(rng, phase < 8, scaled(UNANSWERED[year], scale))] = 0.0
    if year == 2022:
        blank(np.arange(len(phase)), "IPP")
        blank(pick(rng, (phase == 3) & ~np.isnan(values["INGLES"]), scaled(2, scale)), "MATEMATICA", "PORTUGUES")
        return
    few = pick(rng, phase == 7, scaled(13, scale))
    blank(phase >= 8, "IAA", "IPS", "IPP", "IPV", *grades)
    if year == 2023:
        blank(phase >= 8, "IEG", "assessments")
        blank(few, "IEG", "IPP", "IPV", "assessments", *grades)
        blank(pick(rng, phase == 4, scaled(6, scale)), "IPS")
        blank(pick(rng, phase == 2, 1), *grades)
        values["IPV"][_highest(values["IPV"], scaled(26, scale))] = 10.01
    else:
        values["IAA"][_highest(values["IAA"], scaled(122, scale))] = 10.002
        values["assessments"] += rng.choice(3, len(phase), p=[0.6, 0.3, 0.1])
        for where in (phase >= 8, few):
            values["assessments"][where] = values["IEG"][where] = 0.0


def _highest(values: Floats, count: int) -> Ints:
    return np.argsort(np.nan_to_num(-values, nan=np.inf), kind="stable")[:count]


def _together(*parts: Roster) -> Roster:
    whole = Roster(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Roster)))
    return whole.take(np.argsort(whole.number, kind="stable"))


def _reference(year: int) -> np.datetime64:
    month, day = REFERENCE_DAY[year]
    return np.datetime64(f"{year}-{month:02}-{day:02}", "D")


def _logistic(logits: NDArray[np.floating]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)
