"""The promises of the invented panels: the same everywhere, whole, and the pupils of the sample workbook."""

from __future__ import annotations

import hashlib
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

from farol.errors import InputError, MissingExtraError
from farol.profile import load_profile
from farol.workbook.panel import read_panel
from farol.workbook.sample_draws import Draws
from farol.workbook.sample_network import BLOCK, MISSING, BlockYear, Network, block_years
from farol.workbook.sample_panels import FILE_BLOCKS, PROFILE, write_panels
from farol.workbook.sample_pupils import SchoolYear, school_years

FEW = Network(pupils=900, years=3, schools=12, seed=1)
SOME = Network(pupils=BLOCK + 1000, years=2, schools=40, seed=1)


def digest(*arrays: NDArray[np.generic]) -> str:
    return hashlib.sha256(b"".join(array.astype("<i8").tobytes() for array in arrays)).hexdigest()[:16]


def years_of(network: Network, block: int = 0) -> list[BlockYear]:
    return list(block_years(network, block, network.ends()))


def test_every_machine_makes_the_same_numbers() -> None:
    draws = Draws(7, 1000, 1, 2, 3)
    assert digest(draws.uniform(), np.rint(1e6 * draws.normal())) == "f6c100c55023928e"
    last = years_of(FEW)[-1]
    assert digest(last.attending.number, last.lag, *last.values.values()) == "ca3e7b975620da38"


def test_threads_do_not_change_a_byte(tmp_path: Path) -> None:
    network = Network(pupils=FILE_BLOCKS * BLOCK + 1, years=1, schools=500, seed=3)
    for threads in (1, 3):
        write_panels(tmp_path / str(threads), network, threads=threads)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("1", "3"))
    assert first == second
    assert len(first) == 3  # two files of pupils and the profile


def test_a_block_does_not_need_the_ones_before() -> None:
    alone = years_of(SOME, 1)
    again = years_of(SOME, 1)
    assert all(np.array_equal(first.lag, second.lag) for first, second in zip(alone, again, strict=True))
    assert not np.array_equal(alone[0].attending.ability, years_of(SOME)[0].attending.ability[:1000])


def test_another_seed_makes_other_pupils() -> None:
    other = Network(FEW.pupils, FEW.years, FEW.schools, seed=2)
    assert not np.array_equal(years_of(FEW)[0].lag, years_of(other)[0].lag)


def test_every_year_has_as_many_pupils_as_asked(tmp_path: Path) -> None:
    done: list[int] = []
    write_panels(tmp_path / "panel", SOME, progress=done.append)
    table = parquet.read_table(tmp_path / "panel")
    codes, years = table["student"].to_numpy(), table["year"].to_numpy()
    assert [int((years == year).sum()) for year in (2022, 2023)] == [SOME.pupils, SOME.pupils]
    assert sum(done) == table.num_rows == SOME.pupils * SOME.years
    assert len(set(zip(codes.tolist(), years.tolist(), strict=True))) == table.num_rows
    assert len(set(table["school"].to_pylist())) == SOME.schools
    assert len(set(table["state"].to_pylist())) == 27


def test_a_pupil_stays_the_same_in_all_years() -> None:
    first, second, third = years_of(Network(20_000, 3, 30, seed=5))
    for before, after in ((first, second), (second, third)):
        same = np.isin(after.attending.number, before.attending.number)
        place = {number: at for at, number in enumerate(before.attending.number.tolist())}
        rows = [place[number] for number in after.attending.number[same].tolist()]
        for name in ("birth_year", "birthday", "girl", "joined"):
            assert np.array_equal(getattr(before.attending, name)[rows], getattr(after.attending, name)[same])
        step = after.attending.phase[same] - before.attending.phase[rows]
        assert set(step.tolist()) == {0, 1, 2}


def behind(lag: NDArray[np.integer]) -> float:
    return float((lag < 0).mean())


def test_the_pupils_are_those_of_the_sample_workbook() -> None:
    panels = years_of(Network(BLOCK, 3, 400, seed=9))
    workbook = school_years(np.random.default_rng(0), 20)
    for many, few in zip(panels, workbook, strict=True):
        assert behind(many.lag) == pytest.approx(behind(few.lag), abs=0.08)
        for name in ("IAA", "IEG", "IPS", "IDA", "IPV", "PORTUGUES", "MATEMATICA"):
            assert mean_of(many, name) == pytest.approx(float(np.nanmean(given(few, name))), abs=0.25), name
    for (many, later), (few, after) in zip(itertools.pairwise(panels), itertools.pairwise(workbook), strict=True):
        stay = np.isin(many.attending.number, later.attending.number).mean()
        assert stay == pytest.approx(np.isin(few.roster.number, after.roster.number).mean(), abs=0.04)


def given(school: SchoolYear, name: str) -> NDArray[np.float64]:
    values = school.values[name]
    return np.where(values > 0, values, np.nan) if name in ("IAA", "IEG") else values


def mean_of(block: BlockYear, name: str) -> float:
    values = block.values[name]
    return float(values[values != MISSING].mean() / 100)


def test_states_and_schools_differ() -> None:
    last = years_of(Network(BLOCK, 2, 270, seed=4))[-1]
    shares = [behind(last.lag[last.places.state == state]) for state in range(27)]
    assert max(shares) - min(shares) > 0.05
    sizes = np.bincount(last.places.school)
    assert sizes.min() > 0
    assert sizes.max() > 4 * sizes.min()


def test_the_profile_reads_the_panels(tmp_path: Path) -> None:
    write_panels(tmp_path / "panel", FEW)
    profile = load_profile(str(tmp_path / "panel" / PROFILE))
    panel = read_panel(tmp_path / "panel" / "part-00000.parquet", profile)
    assert panel.years == (2022, 2023, 2024)
    assert len(panel.year) == FEW.pupils * FEW.years
    assert not [finding for finding in panel.findings if finding.severity == "error"]
    assert np.array_equal(panel.numbers["lag"], panel.numbers["phase"] - panel.numbers["ideal_phase"])
    assert 0.5 < (~np.isnan(panel.next_label[panel.year < 2024])).mean() < 0.9
    assert set(panel.categories["state"]) == {f"state-{number:02}" for number in range(1, 13)}


@pytest.mark.parametrize(
    "network", [Network(0, 1, 1, 0), Network(10, 31, 1, 0), Network(10, 1, 11, 0), Network(10, 1, 0, 0)]
)
def test_impossible_numbers_are_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_panels(tmp_path / "panel", network)
    assert any("--" in line for line in caught.value.lines())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        write_panels(tmp_path, FEW)


def test_an_interrupted_panel_leaves_nothing(tmp_path: Path) -> None:
    def stop(_rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_panels(tmp_path / "panel", FEW, progress=stop)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_panels(tmp_path / "file" / "panel", FEW)


def test_panels_without_pyarrow_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError) as caught:
        write_panels(tmp_path / "panel", FEW)
    assert any("parquet" in line for line in caught.value.lines())
