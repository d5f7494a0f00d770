"""A run is whole or not there, goes on where it was interrupted, and names the file that is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farol.batch import parts as planning
from farol.errors import InputError
from farol.model.registry import Registry
from tests.batch.conftest import Score, pupils, write
from tests.bundles import make_bundle
from tests.waiting import eventually

FAROL = Path(sys.executable).with_name("farol")


def folder_of(path: Path, files: int, rows: int = 50) -> Path:
    path.mkdir()
    for place in range(files):
        write(pupils(rows, seed=place), path / f"{place:02}.parquet", row_group_size=20)
    return path


def test_a_folder_becomes_a_folder_in_order(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PART_ROWS", 40)
    source = folder_of(tmp_path / "in", 3)
    (source / "_SUCCESS").touch()
    report = score([source], tmp_path / "out")
    assert (report.rows, report.parts) == (150, 6)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_farol.json", "_refused.csv", *(f"part-{place:05}.parquet" for place in range(6))
    ]  # fmt: skip
    codes = pq.read_table(tmp_path / "out")["RA"].to_pylist()
    assert codes == pq.read_table(source)["RA"].to_pylist()
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_one_file_has_the_rows_of_all_parts(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PART_ROWS", 20)
    source = folder_of(tmp_path / "in", 2)
    for form in ("parquet", "csv", "arrow", "ndjson"):
        assert score([source], tmp_path / f"out.{form}").parts == 6
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out")) == sorted(
        f"out.{form}{end}"
        for form in ("parquet", "csv", "arrow", "ndjson")
        for end in ("", ".farol.json", ".refused.csv")
    )
    assert (tmp_path / "out.csv").read_text("utf-8").count("probability") == 1


def test_what_was_finished_is_not_scored_again(score: Score, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 3)
    whole = (source / "01.parquet").read_bytes()
    damaged = bytearray(whole)
    damaged[200:1200] = b"x" * 1000
    stat = (source / "01.parquet").stat()
    (source / "01.parquet").write_bytes(damaged)
    os.utime(source / "01.parquet", ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    with pytest.raises(InputError, match=r"01\.parquet") as error:
        score([source], tmp_path / "out", threads=1)
    assert "row group 0" in str(error.value)
    assert not (tmp_path / "out").exists()
    first = (tmp_path / "out.partial" / "part-00000.parquet").stat().st_ino
    (source / "01.parquet").write_bytes(whole)
    os.utime(source / "01.parquet", ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    report = score([source], tmp_path / "out")
    assert report.rows == 150
    assert report.resumed >= 1
    assert (tmp_path / "out" / "part-00000.parquet").stat().st_ino == first


def test_a_killed_run_leaves_no_output_and_goes_on(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 40, rows=4000)
    made = make_bundle(tmp_path / "artifacts", "next-year")
    Registry(tmp_path / "artifacts").promote("next-year", made.name)
    command = [str(FAROL), "score", str(source), "--out", str(tmp_path / "out"), "--year", "2024", "--threads", "1"]
    environ = {**os.environ, "FAROL_ARTIFACTS": str(tmp_path / "artifacts"), "FAROL_LOCALE": "en"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually((tmp_path / "out.partial" / "part-00002.json").exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rows read: 160000 = accepted: 160000 + refused: 0" in done.stdout
    assert "Parts finished before: " in done.stdout
    codes = pq.read_table(tmp_path / "out")["RA"].to_pylist()
    assert len(codes) == len(set(codes)) == 160_000


def test_unfinished_work_of_another_run_is_not_mixed_in(score: Score, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 1)
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "plan.json").write_text("{}")
    with pytest.raises(InputError, match="--restart"):
        score([source], tmp_path / "out")


def test_a_missing_column_is_found_before_any_work(score: Score, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 2)
    write(pa.table({"RA": ["RA-1"], "cor": ["azul"]}), source / "37.parquet")
    with pytest.raises(InputError, match=r"37\.parquet"):
        score([source], tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_another_type_in_a_later_file_is_named(score: Score, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 2)
    table = pupils(5).set_column(0, "RA", pa.array(range(5)))
    write(table, source / "37.parquet")
    with pytest.raises(InputError, match=r"RA \(int64\)") as error:
        score([source], tmp_path / "out")
    assert "37.parquet" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"", "empty"),
        ("a.parquet", b"PAR1 no", "cannot be read"),
        ("a.csv", b"RA,IAA\n", None),
        ("a.ndjson", b"[1, 2]", "cannot be read"),
        ("a.arrow", b"no arrow", "cannot be read"),
        ("a.txt", b"RA,IAA", "kind of file"),
    ],
)
def test_a_bad_file_is_one_clear_error(
    score: Score, tmp_path: Path, name: str, content: bytes, words: str | None
) -> None:
    (tmp_path / name).write_bytes(content)
    if words is None:
        assert score([tmp_path / name], tmp_path / "out").rows == 0
        return
    with pytest.raises(InputError, match=words) as error:
        score([tmp_path / name], tmp_path / "out")
    assert name in str(error.value)


def test_nothing_fits_a_pattern(score: Score, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        score([tmp_path / "*.parquet"], tmp_path / "out")


def test_two_columns_of_one_meaning_are_refused(score: Score, tmp_path: Path) -> None:
    table = pupils(3).append_column("Mat", pa.array([1.0, 2.0, 3.0]))
    with pytest.raises(InputError, match="MATEMATICA"):
        score([write(table, tmp_path / "a.parquet")], tmp_path / "out")


def test_a_file_that_changes_meanwhile_is_refused(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(pupils(30), tmp_path / "a.parquet")
    planned = planning.plan_parts

    def touched(*arguments: object, **options: object) -> object:
        parts = planned(*arguments, **options)  # type: ignore[arg-type]
        os.utime(source, ns=(1, 1))
        return parts

    monkeypatch.setattr("tests.batch.conftest.plan_parts", touched)
    with pytest.raises(InputError, match="changed"):
        score([source], tmp_path / "out")
