"""The invented pupils of many schools and states, by the rules of `farol.workbook.sample_pupils`.

The shares are that file's, and beyond its last year they stay the same. Besides, states and schools differ: in what
their pupils know, how they grade and promote, who leaves, and what they do not record. Each year has the same number of
places; whoever leaves makes room for another pupil.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from farol.workbook import sample_pupils as rules
from farol.workbook.sample_draws import Draws, Flags, Shorts, Singles, ten_logistic

Whole = NDArray[np.integer]
Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
"""After which place each school ends, and after which school each state."""

FIRST_YEAR = rules.YEARS[0]
STATES = 27
BLOCK = 65_536
"""Places that are made at once."""
MISSING = -1
"""In place of a grade that was not given."""

_STATE, _SCHOOL, _SIZES, _PUPILS = range(4)  # positions of random numbers
_HALF = np.float32(1 / 32_768)


@dataclass(frozen=True, slots=True)
class Network:
    """How many pupils each of the years has, and in how many schools they are."""

    pupils: int
    years: int
    schools: int
    seed: int

    @property
    def states(self) -> int:
        """States to which the schools belong."""
        return min(STATES, self.schools)

    @property
    def blocks(self) -> int:
        """How many blocks of places there are."""
        return -(-self.pupils // BLOCK)

    def ends(self) -> Ends:
        """After which place each school ends, and after which school each state. All have something, and differ."""
        schools = _ends(self.pupils, Draws(self.seed, self.schools, _SIZES, 0).uniform())
        return schools, _ends(self.schools, Draws(self.seed, self.states, _SIZES, 1).uniform())


def _ends(total: int, sizes: NDArray[np.uint16]) -> NDArray[np.int64]:
    parts = np.arange(1, sizes.size + 1)
    reached = np.cumsum(sizes.astype(np.int64) // 256 + 32)  # the largest has nine times as many as the smallest
    return np.asarray(parts + reached * (total - sizes.size) // reached[-1], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class SchoolPlaces:
    """The places (n,) of a block: their school and state, from 0, and in what these differ from others."""

    first: int
    school: NDArray[np.int32]
    state: NDArray[np.int8]
    ability: Singles
    grading: Singles  # added to every grade
    promotion: Singles  # log-odds
    weight: Singles  # how much grades count in promotion, by 1
    leaving: Singles  # log-odds
    unrecorded: Singles  # log-odds that the two psychological indicators were not assessed


@dataclass(frozen=True, slots=True, eq=False)
class Attending:
    """Who has the places (n,) of a block in one year."""

    number: NDArray[np.int64]
    birth_year: Shorts
    birthday: Shorts  # month × 100 + day
    girl: Flags
    public: Flags
    joined: Shorts
    ability: Singles
    phase: NDArray[np.int8]

    def replaced(self, at: Whole, others: Attending) -> Attending:
        """The same with others at these places."""
        arrays = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in arrays.items():
            values[at] = getattr(others, name)
        return Attending(**arrays)


@dataclass(frozen=True, slots=True, eq=False)
class BlockYear:
    """One year of a block: whole numbers (n,), `values` in hundredths and MISSING where nothing was given."""

    year: int
    places: SchoolPlaces
    attending: Attending
    age: Shorts
    ideal_phase: NDArray[np.int8]
    lag: NDArray[np.int8]
    values: Mapping[str, Shorts]


def block_years(network: Network, block: int, ends: Ends) -> Iterator[BlockYear]:
    """The years of a block of places, with the network's `ends()`."""
    places = _places(network, block, ends)
    n = places.school.size
    everybody = np.arange(n)
    attending = _entering(network, block, 0, places, everybody)
    for at in range(network.years):
        year = FIRST_YEAR + at
        draws = Draws(network.seed, n, at, block, _PUPILS)
        assessed = _assessed(draws, year, places, attending)
        yield assessed
        staying = _staying(draws, assessed)
        phase = _promoted(draws, assessed)
        joined = replace(attending, phase=phase)
        free = np.flatnonzero(~staying)
        attending = joined.replaced(free, _entering(network, block, at + 1, places, free))


def rules_of(year: int) -> int:
    """The year of the sample workbook whose shares a year has."""
    return min(year, rules.YEARS[-1])


def _places(network: Network, block: int, ends: Ends) -> SchoolPlaces:
    first, last = block * BLOCK, min((block + 1) * BLOCK, network.pupils)
    school = np.searchsorted(ends[0], np.arange(first, last), side="right")
    state = np.searchsorted(ends[1], school, side="right")
    own = _differences(network.seed, _SCHOOL, network.schools)[:, school]
    whole = _differences(network.seed, _STATE, network.states)[:, state]
    return SchoolPlaces(
        first=first,
        school=school.astype(np.int32),
        state=state.astype(np.int8),
        ability=np.float32(0.5) * whole[0] + np.float32(0.5) * own[0],
        grading=np.float32(0.8) * whole[1] + np.float32(0.4) * own[1],
        promotion=np.float32(1.2) * whole[2] + np.float32(0.4) * own[2],
        weight=np.float32(1) + np.float32(0.8) * whole[3],
        leaving=np.float32(0.4) * whole[4] + np.float32(0.4) * own[3],
        unrecorded=np.float32(-3) + np.float32(2) * whole[5],
    )


def _differences(seed: int, kind: int, n: int) -> Singles:
    """Six numbers from −1 to 1 for each of n schools or states."""
    draws = Draws(seed, n, kind, 2)
    return np.stack([draws.uniform().astype(np.float32) * _HALF - np.float32(1) for _ in range(6)])


def _entering(network: Network, block: int, at: int, places: SchoolPlaces, where: Whole) -> Attending:
    """Pupils who take the free places `where` in the year number `at`."""
    year, n = FIRST_YEAR + at, where.size
    draws = Draws(network.seed, n, at, block, _PUPILS + 1)
    by_phase, behind = rules.ENTERING[rules_of(year)]
    odds = np.float32(_LOG_ODDS[behind])
    ability = draws.normal() + places.ability[where]
    phase = draws.choose(by_phase)
    late = draws.happens(odds - np.float32(0.55) * ability)
    lag = np.where(late, -1 - draws.choose([0.73, 0.24, 0.03]), draws.choose([0.93, 0.07])).astype(np.int8)
    low, high = _AGES[rules_of(year)][np.clip(phase - lag, 0, 8)].T
    age = draws.between(low, high)
    birthday = (draws.between(1, 13) * 100 + draws.between(1, 29)).astype(np.int16)
    ago = draws.choose(rules.JOINED_YEARS_AGO) if at == 0 else np.zeros(n, dtype=np.int8)
    return Attending(
        number=np.int64(network.pupils) * at + places.first + where + 1,
        birth_year=(year - age - (birthday > _reference(year))).astype(np.int16),
        birthday=birthday,
        girl=draws.choose([0.46, 0.54]) == 1,
        public=draws.choose([0.15, 0.85]) == 1,
        joined=(np.int16(year) - ago).astype(np.int16),
        ability=ability,
        phase=phase,
    )


_LOG_ODDS = {0.70: 0.847, 0.53: 0.120}  # of the shares behind
_AGES = {}
for _year in rules.YEARS:
    _ages = rules.AGES_OF_IDEAL.astype(np.int16)
    _ages[0, 1] = _ages[1, 0] = rules.YOUNGEST_OF_PHASE_1[_year]
    _AGES[_year] = _ages


def _reference(year: int) -> int:
    month, day = rules.REFERENCE_DAY[rules_of(year)]
    return month * 100 + day


def _assessed(draws: Draws, year: int, places: SchoolPlaces, attending: Attending) -> BlockYear:
    age = (year - attending.birth_year - (attending.birthday > _reference(year))).astype(np.int16)
    by_age = rules.IDEAL_OF_AGE.astype(np.int8)
    by_age[8] = int(rules.YOUNGEST_OF_PHASE_1[rules_of(year)] <= 8)
    ideal = by_age[np.minimum(age, 18)]
    lag = attending.phase - ideal
    values = _indicators(draws, year, places, attending)
    values["IAN"] = np.where(lag >= 0, 1000, np.where(lag >= -2, 500, 250)).astype(np.int16)
    return BlockYear(year, places, attending, age, ideal, lag, values)


def _indicators(draws: Draws, year: int, places: SchoolPlaces, attending: Attending) -> dict[str, Shorts]:
    by, phase = rules_of(year), attending.phase
    form = np.float32(0.8) * attending.ability + np.float32(0.6) * draws.normal()

    def seen(share: float, rest: float) -> Singles:
        return np.float32(share) * form + np.float32(rest) * draws.normal()

    def hundredths(values: Singles, low: int = 0) -> Shorts:
        return np.asarray(np.clip(np.rint(values * np.float32(100)), low, 1000), dtype=np.int16)

    level = places.grading - np.float32(0.2) * (phase - np.float32(2.5))
    mathematics, portuguese, english = (
        np.clip(np.rint((np.float32(mean) + np.float32(2.1) * seen(0.75, 0.6614) + level) * np.float32(10)), 0, 100)
        .astype(np.int16) * np.int16(10)
        for mean in rules.GRADES[by]
    )  # fmt: skip
    scale = np.array([round(100 * value) for value in rules.IPS[by]], dtype=np.int16)
    values = {
        "IAA": ten_logistic(np.float32(2.1) + np.float32(0.9) * seen(0.25, 0.9682)),
        "IEG": ten_logistic(np.float32(rules.IEG[by]) + np.float32(0.8) * seen(0.7, 0.7141)),
        "IPS": scale[draws.choose(list(rules.IPS[by].values()))],
        "IPP": hundredths(np.float32(7.5) + np.float32(0.95) * seen(0.5, 0.866), 200),
        "IPV": hundredths(np.float32(rules.IPV[by]) + seen(0.75, 0.6614), 250),
        "MATEMATICA": mathematics,
        "PORTUGUES": portuguese,
        "INGLES": english,
    }
    _spoil(draws, by, phase, values, draws.happens(places.unrecorded))
    english = values["INGLES"]
    without = values["MATEMATICA"] == MISSING
    given = np.where(english == MISSING, 2, 3)
    total = values["MATEMATICA"] + values["PORTUGUES"] + np.where(english == MISSING, 0, english)
    mean = (total + 5 * given) // (10 * given) * 10
    values["IDA"] = np.where(without, MISSING, mean).astype(np.int16)
    return values


def _spoil(draws: Draws, by: int, phase: Whole, values: dict[str, Shorts], unrecorded: Flags) -> None:
    """What a year did not assess."""
    unanswered = draws.choose([1 - rules.UNANSWERED[by] / rules.PUPILS[by], rules.UNANSWERED[by] / rules.PUPILS[by]])
    no_english = draws.choose([0.88, 0.12] if by == FIRST_YEAR else [0.99, 0.01])
    values["IAA"][unanswered == 1] = MISSING
    values["INGLES"][(phase < 3) | (no_english == 1)] = MISSING
    for name in ("IPS", "IPP"):
        values[name][unrecorded] = MISSING
    if by == FIRST_YEAR:
        values["IPP"][:] = MISSING
        return
    finished = phase >= 8
    for name in ("IAA", "IPS", "IPP", "IPV", "MATEMATICA", "PORTUGUES", "INGLES", "IEG"):
        values[name][finished] = MISSING


def _staying(draws: Draws, school: BlockYear) -> Flags:
    """Who stays for the next year: rather those who lag less, and fewer of the oldest."""
    known = min(school.year, max(rules.STAYING))
    oldest = (school.attending.phase >= 8).astype(np.float32)
    pull = np.float32(rules.PULL[known]) * school.lag - oldest - school.places.leaving
    return draws.happens(np.float32(_STAYING[known]) + pull)


_STAYING = {2022: 1.0, 2023: 1.5}  # log-odds at which the shares of the sample workbook stay


def _promoted(draws: Draws, school: BlockYear) -> NDArray[np.int8]:
    """The phase a year later: who did well goes up, a few by two, nobody beyond phase 9."""
    known = min(school.year, max(rules.PROMOTION))
    merit = np.zeros(school.lag.size, dtype=np.float32)
    for name, weight, usual, spread in (("IDA", 1.5, 620, 190), ("IPV", 1.2, 770, 95), ("IEG", 0.8, 810, 110)):
        values = school.values[name]
        known_merit = np.float32(weight / spread) * (values - np.float32(usual))
        merit += np.where(values == MISSING, np.float32(0), known_merit)
    lag = school.lag + np.float32(0.8)
    logit = np.float32(rules.PROMOTION[known]) - np.float32(rules.CATCHING_UP) * lag + school.places.promotion
    up = draws.happens(logit + school.places.weight * merit)
    phase = school.attending.phase
    leap = up & (phase < 6) & (draws.choose([0.95, 0.05]) == 1)
    return np.asarray(np.minimum(phase + up + leap, 9), dtype=np.int8)
