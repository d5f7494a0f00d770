"""Panels that are dealt out to shards: every row once, every pupil whole, read as the panel in memory is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from farol.errors import InputError, WorkbookError
from farol.profile import Profile, load_profile
from farol.workbook import shards as module
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample_network import Network
from farol.workbook.sample_panels import PROFILE, write_panels
from farol.workbook.shards import deal_out, is_large
from tests.workbook.making import PEDE, pupils

FEW = Network(pupils=400, years=3, schools=9, seed=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "panel"
    write_panels(folder, FEW)
    return folder


@pytest.fixture
def profile(source: Path) -> Profile:
    return load_profile(str(source / PROFILE))


def by_pupil(panel: Panel) -> dict[tuple[object, int], tuple[object, ...]]:
    keys = zip(panel.student.tolist(), panel.year.tolist(), strict=True)
    columns = [*panel.numbers.values(), panel.label, panel.next_label, *panel.categories.values()]
    rows = zip(*([repr(value) for value in column.tolist()] for column in columns), strict=True)  # NaN equals nothing
    return dict(zip(keys, rows, strict=True))


def test_shards_together_are_the_panel_in_memory(
    source: Path, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 300)
    done: list[float] = []
    shards = deal_out(source, profile, tmp_path / "shards", done.append)
    assert shards.count == 4
    assert shards.rows == FEW.pupils * FEW.years
    assert done[-1] == 1.0
    panels = [shards.panel(shard, profile) for shard in range(shards.count)]
    seen = [set(panel.student.tolist()) for panel in panels]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert min(len(panel.year) for panel in panels) > 200
    dealt = {key: row for panel in panels for key, row in by_pupil(panel).items()}
    assert dealt == by_pupil(read_panel(source / "part-00000.parquet", profile))


def sheet(path: Path, codes: list[object]) -> None:
    headers, *rows = pupils(len(codes))
    table = {str(header): [row[at] for row in rows] for at, header in enumerate(headers)}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({**table, "RA": codes}), path)


@pytest.mark.parametrize(
    "names", [("PEDE2022.parquet", "PEDE2023.parquet"), ("year=2022/a.parquet", "year=2023/b.parquet")]
)
def test_sheets_of_years_are_dealt_out_with_their_years(tmp_path: Path, names: tuple[str, str]) -> None:
    sheet(tmp_path / "in" / names[0], ["RA-1", "RA-2", None])
    sheet(tmp_path / "in" / names[1], [b" ra-1", b"RA-3", b"RA-4"])
    shards = deal_out(tmp_path / "in", PEDE, tmp_path / "shards")
    panel = shards.panel(0, PEDE)
    assert panel.years == (2022, 2023)
    assert np.isnan(panel.next_label[panel.student == "RA-2"]).all()
    assert not np.isnan(panel.next_label[(panel.student == "RA-1") & (panel.year == 2022)]).any()


def test_words_of_a_dictionary_are_words(tmp_path: Path) -> None:
    sheet(tmp_path / "in" / "PEDE2022.parquet", ["RA-1", "RA-2", "RA-3"])
    table = parquet.read_table(tmp_path / "in" / "PEDE2022.parquet")
    table = table.append_column("Gênero", pa.array(["Menina", "Menino", "Menina"]).dictionary_encode())
    parquet.write_table(table, tmp_path / "in" / "PEDE2022.parquet")
    panel = deal_out(tmp_path / "in", PEDE, tmp_path / "shards").panel(0, PEDE)
    assert panel.categories["sex"].tolist() == ["F", "M", "F"]


def test_a_folder_is_large_by_its_years_or_rows(
    source: Path, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet(tmp_path / "in" / "PEDE2022.parquet", ["RA-1"])
    sheet(tmp_path / "in" / ".hidden" / "PEDE2023.parquet", ["RA-1"])
    assert is_large(source, profile)
    assert not is_large(source / "part-00000.parquet", profile)
    assert not is_large(tmp_path, PEDE)
    assert not is_large(tmp_path / "in" / ".hidden" / "..", PEDE)
    assert [path.name for path in module.panel_files(tmp_path / "in")] == ["PEDE2022.parquet"]
    monkeypatch.setattr(module, "MANY_ROWS", 0)
    assert is_large(tmp_path / "in", PEDE)
    shutil.rmtree(tmp_path / "in")
    (tmp_path / "in").mkdir()
    assert not is_large(tmp_path / "in", PEDE)


def test_what_cannot_be_dealt_out_is_named(tmp_path: Path) -> None:
    sheet(tmp_path / "in" / "pupils.parquet", ["RA-1"])
    with pytest.raises(InputError, match=r"pupils\.parquet"):
        deal_out(tmp_path / "in", PEDE, tmp_path / "a")
    table = parquet.read_table(tmp_path / "in" / "pupils.parquet").rename_columns({"RA": "x"})
    (tmp_path / "in" / "pupils.parquet").unlink()
    parquet.write_table(table, tmp_path / "in" / "PEDE2022.parquet")
    with pytest.raises(InputError, match=r"PEDE2022\.parquet"):
        deal_out(tmp_path / "in", PEDE, tmp_path / "b")


def test_a_damaged_page_is_named_by_its_file(source: Path, profile: Profile, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "in")
    file = tmp_path / "in" / "part-00000.parquet"
    content = bytearray(file.read_bytes())
    content[100:2000] = bytes(1900)
    file.write_bytes(content)
    with pytest.raises(WorkbookError, match=r"part-00000\.parquet"):
        deal_out(tmp_path / "in", profile, tmp_path / "shards")
