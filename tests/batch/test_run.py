"""A run is whole or not there, goes on where it was interrupted, and names the file that is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from farol.batch import parts as planning
from farol.batch import reading, writing
from farol.batch.output import Output
from farol.batch.parts import plan_parts
from farol.batch.run import on_this_machine, run
from farol.batch.score import BatchScorer
from farol.cli import main
from farol.cli.score import tell_columns
from farol.errors import InputError
from farol.i18n import msg
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from tests.batch.conftest import Score, pupils, write
from tests.bundles import make_bundle
from tests.installed import FAROL
from tests.waiting import eventually


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


def test_a_killed_run_leaves_no_output_and_continues(tmp_path: Path) -> None:
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
    assert "rows read: 160,000 = accepted: 160,000 + refused: 0" in done.stdout
    assert "Parts finished before: " in done.stdout
    codes = pq.read_table(tmp_path / "out")["RA"].to_pylist()
    assert len(codes) == len(set(codes)) == 160_000


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("damaged", ["answers", "refused", "end"])
@pytest.mark.parametrize("is_away", [False, True])
def test_a_finished_part_that_was_damaged_is_scored_again(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, damaged: str, *, is_away: bool
) -> None:
    """A power cut keeps the names of files and not always what stood in them."""
    source = folder_of(tmp_path / "in", 3)
    expected = score([source], tmp_path / f"whole.{form}")
    with monkeypatch.context() as patch:
        patch.setattr("farol.batch.run._finish", partial(_raised, InputError(msg("stopped"))))
        with pytest.raises(InputError, match="stopped"):
            score([source], tmp_path / f"out.{form}")
    answers = next((tmp_path / f"out.{form}.partial").glob("part-00001.[ac]*"))
    ending = {"answers": answers.suffix, "refused": ".refused.csv", "end": ".json"}[damaged]
    path = answers.with_suffix(ending)
    if is_away:
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    report = score([source], tmp_path / f"out.{form}")
    assert (report.rows, report.resumed) == (expected.rows, 2)
    assert (tmp_path / f"out.{form}").read_bytes() == (tmp_path / f"whole.{form}").read_bytes()


def _raised(error: Exception, *_given: object, **_named: object) -> None:
    raise error


@pytest.mark.parametrize(
    ("given", "out"),
    [
        ("in/a.csv", "in/a.csv"),
        ("in/*.csv", "hard.csv"),
        ("in/a.csv", "in/../link.csv"),
        ("file://{}/in/a.csv", "in/a.csv"),
        ("in/a.csv", "file://{}/in/a.csv"),
        ("in", "in/out"),
        ("in", "in/answers.csv"),
        ("old", "old"),
        ("old.csv.refused.csv", "old.csv"),
    ],
)
def test_an_output_among_the_inputs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str, out: str
) -> None:
    made = make_bundle(tmp_path / "artifacts", "next-year")
    Registry(tmp_path / "artifacts").promote("next-year", made.name)
    rows = "RA,IAA\nRA-1,7\n"
    for name in ("in/a.csv", "old/part-00000.csv", "old.csv", "old.csv.refused.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(rows, "utf-8")
    (tmp_path / "old" / "_farol.json").touch()
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "in" / "a.csv")
    (tmp_path / "link.csv").symlink_to("in/a.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAROL_LOCALE", "en")
    words = ["--year", "2024", "--overwrite", "--out", out.format(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["farol", "score", given.format(tmp_path), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, "stands among the inputs" in capsys.readouterr().err) == (2, True)
    assert (tmp_path / "in" / "a.csv").read_text("utf-8") == rows


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


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_partitions_have_all_rows_once(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(planning, "PART_ROWS", 20)
    table = pupils(90).append_column("turma", pa.array(["A/1", "B", None] * 30))
    source = write(table, tmp_path / "in.parquet", row_group_size=20)
    by = ("turma", "prediction")
    report = score([source], tmp_path / "out", keep=["turma"], partition_by=by, form=form)
    files = sorted((tmp_path / "out").glob(f"*/*/answers.{form}"))
    folders = {path.parent.parent.name for path in files}
    assert (report.parts, folders) == (5, {"turma=A%2F1", "turma=B", "turma=__HIVE_DEFAULT_PARTITION__"})
    read = pq.read_table if form == "parquet" else pyarrow.csv.read_csv
    codes = {code: path.parent for path in files for code in read(path)["RA"].to_pylist()}
    assert sum(read(path).num_rows for path in files) == len(codes) == 90
    score([source], tmp_path / "flat.parquet", keep=["turma"])
    for row in pq.read_table(tmp_path / "flat.parquet").to_pylist():
        turma = {"A/1": "A%2F1", "B": "B", None: "__HIVE_DEFAULT_PARTITION__"}[row["turma"]]
        assert codes[row["RA"]] == tmp_path / "out" / f"turma={turma}" / f"prediction={row['prediction']}"
    assert not (tmp_path / "out.partial").exists()


def test_a_partition_of_no_column_is_refused_first(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(pupils(9), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="--keep"):
        score([source], tmp_path / "out", partition_by=["turma"])
    assert not (tmp_path / "out.partial").exists()
    monkeypatch.setattr(writing, "MOST_PARTITIONS", 3)
    with pytest.raises(InputError, match="more than 3 partitions"):
        score([source], tmp_path / "out", partition_by=["RA"])
    assert not (tmp_path / "out").exists()


def test_rows_of_blocks_are_those_of_the_whole_file(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pupils(400)
    for name in ("in.csv", "in.csv.gz", "in.ndjson"):
        source = write(table, tmp_path / name)
        score([source], tmp_path / "whole.parquet")
        with monkeypatch.context() as patch:
            patch.setattr(reading, "BLOCK_BYTES", 1000)
            score([source], tmp_path / "blocks.parquet", threads=3)
        assert pq.read_table(tmp_path / "blocks.parquet").equals(pq.read_table(tmp_path / "whole.parquet"))
        for path in tmp_path.glob("*.parquet*"):
            path.unlink()


@pytest.mark.parametrize("block", [40, 1 << 20])
def test_odd_rows_of_a_csv_file_are_refused_alone(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    lines = ["RA,nome,IAA,IDA", 'a,"B, C\nD",5,6', "b,x,5", "c,x,5,6,7", "", "d,x,oito,6", 'e,"y",5,6', "f,x,1,2"]
    (tmp_path / "in.csv").write_bytes("\n".join(lines).encode())
    report = score([tmp_path / "in.csv"], tmp_path / "out.csv", keep=["nome"])
    assert (report.rows, report.scored, report.refused) == (6, 3, 3)
    got = pyarrow.csv.read_csv(tmp_path / "out.csv", parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    assert got.select(["RA", "nome"]).to_pylist() == [
        {"RA": "a", "nome": "B, C\nD"}, {"RA": "e", "nome": "y"}, {"RA": "f", "nome": "x"}
    ]  # fmt: skip
    refused = (tmp_path / "out.csv.refused.csv").read_text("utf-8").splitlines()[1:]
    assert [line.split(",")[1:] for line in refused] == [
        ["2", "", "The row has more or fewer cells than the headers."],
        ["3", "", "The row has more or fewer cells than the headers."],
        ["4", "IAA", "IAA is not a number."],
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
def test_rows_of_sums_and_notes_are_no_pupils(score: Score, tmp_path: Path, ending: str) -> None:
    codes = ["RA-1", "RA-2", "TOTAL", "Média geral", "Fonte: escola", "Ana", None, "RA-3"]
    rows = len(codes)
    given = write(pa.table({"RA": codes, "IAA": [7.0] * rows, "IDA": [5.0] * rows}), tmp_path / f"in.{ending}")
    report = score([given], tmp_path / "out.parquet")
    assert (report.rows, report.scored, report.refused) == (8, 5, 3)
    assert [code or None for code in pq.read_table(tmp_path / "out.parquet")["RA"].to_pylist()] == [
        "RA-1", "RA-2", "Ana", None, "RA-3"
    ]  # fmt: skip
    refused = (tmp_path / "out.parquet.refused.csv").read_text("utf-8").splitlines()[1:]
    assert [line.split(",")[1:3] for line in refused] == [["3", "RA"], ["4", "RA"], ["5", "RA"]]
    assert all(line.endswith('"The row is a sum or a note, not a pupil."') for line in refused)


def test_words_may_be_codes_where_most_codes_are_words(score: Score, tmp_path: Path) -> None:
    codes = ["Ana", "Total Silva", "Bia", "TOTAL", "Carla"]
    given = write(pa.table({"RA": codes, "IAA": [7.0] * 5}), tmp_path / "in.csv")
    report = score([given], tmp_path / "out.csv")
    assert (report.scored, report.refused) == (4, 1)


def test_a_quote_that_is_never_closed_costs_no_other_row(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 200)
    lines = [f"p{place},5,6" for place in range(200)]
    lines[50] = 'p50,5" ,6'
    (tmp_path / "in.csv").write_text("\n".join(["RA,IAA,IDA", *lines, ""]), "utf-8")
    report = score([tmp_path / "in.csv"], tmp_path / "out.csv")
    assert report.rows == report.scored + report.refused == 200
    assert report.refused <= 1


@pytest.mark.parametrize("block", [40, 1 << 20])
@pytest.mark.parametrize("rows", [
    ['{},5,6,"B', "{},5,6,C", '{},5,6,D"', "{},5,6,E"],
    ['{},5,6,"B', "{},5,6,C", "", "{},oito,6,D", "{},5,6,E"],
    ['"{}",5,6,"B"', '"{},5,6,"C"', '"{}",5,6,"D"', '"{}",5,6,"E, ""F"""'],
    ['{},5,6,"B\nb"', '"{},5,6,C', '"{}",5,6,D', "{},5,6,E"],
])  # fmt: skip
def test_a_stray_quote_swallows_no_row(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, rows: list[str]
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    lines = ["RA,IAA,IDA,Turma", "first,5,6,A", *(row.format(f"p{at}") for at, row in enumerate(rows)), "last,5,6,A"]
    (tmp_path / "in.csv").write_text("\n".join(lines), "utf-8")
    report = score([tmp_path / "in.csv"], tmp_path / "out.parquet")
    codes = pq.read_table(tmp_path / "out.parquet")["RA"].to_pylist()
    refused = [f"p{at}" for at, row in enumerate(rows) if "oito" in row]
    assert codes == ["first", *(f"p{at}" for at, row in enumerate(rows) if row and "oito" not in row), "last"]
    assert (report.rows, report.refused) == (len(codes) + len(refused), len(refused))


@pytest.mark.parametrize("before", [0, 3000])
def test_a_few_bytes_of_windows_do_not_change_the_rest_of_a_csv(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(reading, "_BEGINNING", 1000)
    header, row = "RA,Inglês,IDA,Português,Turma\n".encode(), "é{},5,6,7,ã\n"
    content = header + b"".join(row.format(at).encode() for at in range(before)) + b"z,5,6,7,caf\xe9\n"
    (tmp_path / "in.csv").write_bytes(content)
    report = score([tmp_path / "in.csv"], tmp_path / "out.parquet", keep=["Turma", "Inglês"])
    answers = pq.read_table(tmp_path / "out.parquet")
    assert (report.scored, report.refused) == (before + 1, 0)
    assert answers.slice(before).select(["RA", "Turma", "Inglês"]).to_pylist() == [
        {"RA": "z", "Turma": "café", "Inglês": "5"}
    ]


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson", "arrow"])
@pytest.mark.parametrize("grade", ["5,5", "oito"])
def test_a_column_of_a_csv_file_is_carried_as_it_is(score: Score, tmp_path: Path, ending: str, grade: str) -> None:
    (tmp_path / "in.csv").write_text(f"RA;IDA;ano\na;7,50;2024\nb;{grade};2023\n", "utf-8")
    out = tmp_path / f"out.{ending}"
    report = score([tmp_path / "in.csv"], out, keep=["IDA", "ano"], year=None)
    assert (report.rows, report.refused) == (2, int(grade == "oito"))
    if ending == "parquet":
        kept = pq.read_table(out).select(["IDA", "ano"]).to_pylist()
        assert kept == [{"IDA": "7,50", "ano": "2024"}, {"IDA": "5,5", "ano": "2023"}][: report.scored]
    else:
        assert b"7,50" in out.read_bytes()


@pytest.mark.parametrize("name", ["in.csv", "in.ndjson"])
def test_a_row_without_an_end_is_refused(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(reading, "_LONGEST_ROW", 4000)
    (tmp_path / name).write_text(("RA,IAA\n" if name == "in.csv" else '{"RA":"') + "x" * 9000, "utf-8")
    with pytest.raises(InputError, match="has no end"):
        score([tmp_path / name], tmp_path / "out.parquet")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_csv_file_of_a_spreadsheet_here_is_read(score: Score, tmp_path: Path, encoding: str) -> None:
    text = "RA;Inglês;IDA;Português\nç1;7,5;6;5\n"
    (tmp_path / "in.csv").write_bytes(text.encode(encoding))
    score([tmp_path / "in.csv"], tmp_path / "out.parquet")
    (tmp_path / "utf.csv").write_bytes(text.encode())
    score([tmp_path / "utf.csv"], tmp_path / "utf.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["RA"].to_pylist() == ["ç1"]
    assert pq.read_table(tmp_path / "out.parquet").equals(pq.read_table(tmp_path / "utf.parquet"))


def test_half_a_character_at_the_end_is_damage(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("RA;Inglês;IDA;Português\nç1;7,5;6;5\n".encode("utf-16")[:-1])
    with pytest.raises(InputError, match="cannot be read") as error:
        score([tmp_path / "in.csv"], tmp_path / "out.parquet")
    assert error.value.where is not None
    assert error.value.where.file == str(tmp_path / "in.csv")


def test_too_little_memory_is_said_with_the_part(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    source = write(pupils(9), tmp_path / "in.parquet")
    monkeypatch.setattr("farol.batch.parts.pieces_of", fail)
    with pytest.raises(InputError, match="--threads") as error:
        score([source], tmp_path / "out")
    assert "in.parquet" in str(error.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_is_one_clear_error(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(pupils(90), tmp_path / "in.parquet")
    monkeypatch.setattr(writing, "open_private", lambda _path: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"))
    with pytest.raises(InputError, match="cannot be written") as error:
        score([source], tmp_path / "out")
    assert "kept" in str(error.value)
    assert not (tmp_path / "out").exists()


def write_small_batches(table: pa.Table, path: Path) -> Path:
    if path.suffix != ".arrow":
        return write(table, path)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    return path


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.ndjson", "in.arrow", "in.parquet"])
def test_progress_passes_every_byte_on_the_way(
    name: str, scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 15)
    monkeypatch.setattr(reading, "BATCH_ROWS", 1000)
    monkeypatch.setattr(reading, "_PACKED_BYTES", 1 << 13)
    path = write_small_batches(pupils(20_000), tmp_path / name)
    parts = plan_parts(scorer.bundle, [str(path)], year=2024, this_year=2024, keep=())
    calls: list[tuple[int, int]] = []
    output = Output(tmp_path / "out.parquet", "parquet", is_folder=False)
    batch = BatchScorer(scorer, reasons=0, locale="en")
    run(batch, parts, output, engine=on_this_machine(1), progress=lambda *done: calls.append(done))
    assert sum(rows for rows, _ in calls) == 20_000
    assert sum(size for _, size in calls) == path.stat().st_size == sum(part.size for part in parts)
    halfway = sum(size for _, size in calls[: len(calls) // 2])
    assert 0.2 < halfway / path.stat().st_size < 0.8, "so that the time left can be shown"


def test_what_a_killed_run_left_is_no_part_of_the_output(score: Score, tmp_path: Path) -> None:
    work = tmp_path / "out.partial"
    work.mkdir()
    for name in (".part-00000.0f", ".farol-0f"):  # answers, and a small file, that were being written
        (work / name).touch()
    score([folder_of(tmp_path / "in", 1)], tmp_path / "out")
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("partition_by", [(), ("prediction",)])
def test_a_folder_is_replaced_by_another_run(score: Score, tmp_path: Path, partition_by: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    score([folder_of(tmp_path / "in", 3)], out, partition_by=partition_by)
    score([write(pupils(30), tmp_path / "in.parquet")], out, partition_by=partition_by)
    assert pq.read_table(out, partitioning=None, columns=["RA"]).num_rows == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "in.parquet", "out"]


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "csv.gz", "ndjson"])
def test_a_column_that_folders_name_is_read(score: Score, tmp_path: Path, ending: str) -> None:
    """Spark and pandas take the column of a partition out of the files."""
    table = pupils(120)
    for level in range(8):
        folder = tmp_path / "in" / "state=Par%C3%A1" / f"Fase={level}"
        folder.mkdir(parents=True)
        rows = table.filter(pa.compute.equal(table["Fase"], level)).drop_columns(["Fase"])
        write(rows, folder / f"a.{ending}")
    empty = tmp_path / "in" / "state=__HIVE_DEFAULT_PARTITION__" / "Fase=3"
    empty.mkdir(parents=True)
    write(pupils(5, seed=1).drop_columns(["Fase"]), empty / f"a.{ending}")
    score([tmp_path / "in"], tmp_path / "out.parquet", keep=["state"])
    score([write(table, tmp_path / "flat.parquet")], tmp_path / "flat.out.parquet")
    answers = pq.read_table(tmp_path / "out.parquet").to_pylist()
    expected = {row["RA"]: row["probability"] for row in pq.read_table(tmp_path / "flat.out.parquet").to_pylist()}
    assert {row["RA"]: row["probability"] for row in answers if row["state"] == "Pará"} == expected
    assert sum(row["state"] is None for row in answers) == 5


def test_the_year_of_a_folder_is_carried_or_refused(score: Score, scorer: Scorer, tmp_path: Path) -> None:
    for year in ("2023", "2024", "24", "__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / "in" / f"ano={year}").mkdir(parents=True)
        write(pupils(10), tmp_path / "in" / f"ano={year}" / "a.parquet")
    report = score([tmp_path / "in"], tmp_path / "out.parquet", year=2020)
    assert (report.rows, report.refused) == (40, 20)
    assert pq.read_table(tmp_path / "out.parquet")["ano"].to_pylist() == [2023] * 10 + [2024] * 10
    twice = pupils(3).append_column("year", pa.array([2022] * 3))
    parts = plan_parts(
        scorer.bundle, [str(write(twice, tmp_path / "in" / "ano=2024" / "b.parquet"))],
        year=None, this_year=2026, keep=(),
    )  # fmt: skip
    assert parts[0].file.columns.unread == ("ano=",)


def test_two_answers_of_one_name_are_refused_first(score: Score, tmp_path: Path) -> None:
    table = pupils(5)
    for extra, keep in ((["RA", "x"], []), (["note", "note"], ["note"]), (["prediction", "x"], ["prediction"])):
        odd = pa.table([*table.columns, table["IAA"], table["IAA"]], names=[*table.schema.names, *extra])
        for ending in ("parquet", "arrow", "csv"):
            source = write(odd, tmp_path / f"in.{ending}")
            with pytest.raises(InputError, match="two columns called"):
                score([source], tmp_path / "out.parquet", keep=keep)
    years = pa.table([*table.columns, *[pa.array([2023] * 5)] * 2], names=[*table.schema.names, "ano", "ano"])
    assert score([write(years, tmp_path / "y.parquet")], tmp_path / "out.parquet").rows == 5
    assert not (tmp_path / "out.parquet.partial").exists()


def test_folders_of_lists_are_refused_first(score: Score, tmp_path: Path) -> None:
    source = write(pupils(2).append_column("list", pa.array([[1], None])), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="lists or records"):
        score([source], tmp_path / "out", keep=["list"], partition_by=["list"])
    assert not (tmp_path / "out.partial").exists()


def test_what_is_no_file_is_named(score: Score, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", 2)
    (folder / "02.parquet").symlink_to(tmp_path / "away.parquet")
    os.mkfifo(tmp_path / "pipe.parquet")
    for given in (folder, folder / "*.parquet", folder / "02.parquet", tmp_path / "pipe.parquet"):
        with pytest.raises(InputError, match="neither a file nor a folder"):
            score([given], tmp_path / "out.parquet")
    (folder / "02.parquet").rename(folder / ".02.parquet")
    assert score([folder], tmp_path / "out.parquet").rows == 100


def test_an_output_replaces_no_pipe_and_follows_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_bundle(tmp_path / "artifacts", "next-year")
    Registry(tmp_path / "artifacts").promote("next-year", made.name)
    source = write(pupils(5), tmp_path / "in.parquet")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "notes").write_text("mine", "utf-8")
    (tmp_path / "old.csv").write_text("old", "utf-8")
    (tmp_path / "link.csv").symlink_to("old.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAROL_LOCALE", "en")
    said = {}
    for out in ("pipe", "pipe.csv", "-", "notes", "link.csv"):
        monkeypatch.setattr(sys, "argv", ["farol", "score", str(source), "--overwrite", "--out", out])
        with pytest.raises(SystemExit) as ended:
            main()
        said[out] = (ended.value.code, capsys.readouterr().err)
    assert [code for code, _ in said.values()] == [2, 2, 2, 2, 0]
    assert "neither a file nor a folder" in said["pipe"][1]
    assert "standard output" in said["-"][1]
    assert (tmp_path / "pipe.csv").is_fifo()
    assert (tmp_path / "notes").read_text("utf-8") == "mine"
    assert (tmp_path / "link.csv").is_symlink()
    assert "probability" in (tmp_path / "old.csv").read_text("utf-8")
    assert "nothing says the year" in said["link.csv"][1]


def test_a_line_of_very_many_unread_columns_is_short(
    scorer: Scorer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAROL_LOCALE", "en")
    table = pupils(2)
    wide = pa.table(
        [*table.columns, *[table["IAA"]] * 500], names=[*table.schema.names, *map("x{}".format, range(500))]
    )
    source = write(wide, tmp_path / "in.parquet")
    tell_columns(scorer.bundle, plan_parts(scorer.bundle, [str(source)], year=2024, this_year=2026, keep=()))
    assert "x39, 460 more" in capsys.readouterr().err
