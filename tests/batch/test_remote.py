"""Files on other machines are read and written as those of this one, and answers are there whole or not at all.

A real server of the S3 protocol and a real FTP server, on 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from farol.batch.filesystem import files_of, without_secrets
from farol.batch.output import Output
from farol.batch.parts import plan_parts
from farol.batch.run import on_this_machine, run
from farol.batch.score import BatchScorer
from farol.cli.score import output_at
from farol.errors import InputError, MissingExtraError
from farol.model.scoring import Scorer
from tests.batch.clusters import answers, started, stop
from tests.batch.conftest import pupils, write
from tests.ports import held_port
from tests.waiting import eventually

BIN = Path(sys.executable).parent


def farol(artifacts: Path, work: Path, *words: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "farol"), "score", *words, "--task", "next-year", "--year", "2024"]
    environ = {**os.environ, "FAROL_ARTIFACTS": str(artifacts), "FAROL_LOCALE": "en", **environ}
    work.mkdir(exist_ok=True)
    return subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, check=False)


@contextmanager
def s3_server(root: Path, port: int) -> Iterator[dict[str, str]]:
    server = started(root.parent / "s3.log", str(BIN / "localbucket"), "--port", str(port), str(root))
    try:
        eventually(lambda: answers(port))
        yield s3_environ(port)
    finally:
        stop(server)


def s3_environ(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "farol",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def ftp_server(root: Path, *, bytes_a_second: int = 0) -> Iterator[str]:
    with held_port() as port:
        command = (sys.executable, "-W", "ignore", "-m", "tests.batch.ftp_server", str(root), str(port))
        server = started(root.parent / "ftp.log", *command, str(bytes_a_second))
        try:
            eventually(lambda: answers(port))
            yield f"ftp://farol:hunter2@127.0.0.1:{port}"
        finally:
            stop(server)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "s3" / "bucket"
    for place in range(3):
        (folder / "in" / f"year={2022 + place}").mkdir(parents=True)
        write(pupils(300, seed=place), folder / "in" / f"year={2022 + place}" / "pupils.parquet")
    return folder


@pytest.mark.parametrize(
    ("given", "out"),
    [
        ("s3://bucket/in", "s3://bucket/out/answers.parquet"),
        ("s3://bucket/in/**/*.parquet", "s3://bucket/out/answers.csv"),
        ("s3://bucket/in/year=202[2-4]/*", "s3://bucket/out/answers"),
    ],
)
def test_s3_in_and_out(given: str, out: str, artifacts: Path, bucket: Path, tmp_path: Path) -> None:
    with held_port() as port, s3_server(bucket.parent, port) as environ:
        done = farol(artifacts, tmp_path / "w", given, "--out", out, environ=environ)
        assert done.returncode == 0, done.stderr
        again = farol(artifacts, tmp_path / "w", given, "--out", out, environ=environ)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    here = tmp_path / Path(out).name
    local = farol(artifacts, tmp_path, str(bucket / "in"), "--out", str(here), environ={})
    assert local.returncode == 0, local.stderr
    assert f"wrote {out} in" in done.stdout
    sent = bucket / "out" / here.name
    for path in [here] if here.is_file() else here.iterdir():
        other = sent if here.is_file() else sent / path.name
        if path.name != "_farol.json":  # which names the files
            assert other.read_bytes() == path.read_bytes()
    assert [*(tmp_path / "w").iterdir()] == [], "nothing stays here"


def test_what_could_not_be_sent_is_sent_by_the_same_command(
    artifacts: Path, bucket: Path, tmp_path: Path, free_port: int
) -> None:
    words = (str(bucket / "in"), "--out", "s3://bucket/out/answers.parquet")
    with s3_server(bucket.parent, free_port) as environ:
        (bucket / "out").write_text("in the way", encoding="ascii")  # no key below this can be written
        failed = farol(artifacts, tmp_path / "w", *words, environ=environ)
        assert failed.returncode == 2
        assert "Traceback" not in failed.stderr
        assert "The same command sends them again" in failed.stderr
        assert not (bucket / "out").is_dir()
        other = farol(artifacts, tmp_path / "w", *words, "--reasons", "1", environ=environ)
        assert "unfinished work of another run" in other.stderr
        (bucket / "out").unlink()
        done = farol(artifacts, tmp_path / "w", *words, environ=environ)
    assert done.returncode == 0, done.stderr
    assert "Parts finished before: 3 of 3." in done.stdout
    assert pq.read_table(bucket / "out" / "answers.parquet").num_rows == 900
    down = farol(artifacts, tmp_path / "w", *words, environ={**s3_environ(free_port), "AWS_MAX_ATTEMPTS": "1"})
    assert down.returncode == 2
    assert "Nobody answers at the address" in down.stderr


def test_a_killed_sending_leaves_nothing_under_the_name(artifacts: Path, tmp_path: Path) -> None:
    root = tmp_path / "ftp"
    root.mkdir()
    write(pupils(20_000), tmp_path / "in.csv")
    words = ["score", str(tmp_path / "in.csv"), "--task", "next-year", "--year", "2024", "--out"]
    environ = {**os.environ, "FAROL_ARTIFACTS": str(artifacts), "FAROL_LOCALE": "en"}
    with ftp_server(root, bytes_a_second=20_000) as address:
        command = [str(BIN / "farol"), *words, f"{address}/out.csv"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.DEVNULL)
        eventually((root / "out.csv.sending").exists)
        process.kill()
        process.wait()
    assert not (root / "out.csv").exists()
    with ftp_server(root) as address:
        again = farol(artifacts, tmp_path, *words[1:2], "--out", f"{address}/out.csv", environ={})
        assert again.returncode == 0, again.stderr
        assert "Parts finished before: 1 of 1." in again.stdout
    assert sorted(path.name for path in root.iterdir()) == ["out.csv", "out.csv.farol.json", "out.csv.refused.csv"]
    assert (root / "out.csv").read_text("utf-8").count("\n") == 20_001
    assert "hunter2" not in again.stdout + again.stderr


def test_a_folder_over_ftp_is_replaced_report_last(artifacts: Path, tmp_path: Path) -> None:
    root = tmp_path / "ftp"
    (root / "in").mkdir(parents=True)
    for place in range(2):
        write(pupils(100, seed=place), root / "in" / f"{place}.parquet")
    with ftp_server(root) as address:
        words = (f"{address}/in", "--out", f"{address}/out")
        assert farol(artifacts, tmp_path / "w", *words, environ={}).returncode == 0
        (root / "in" / "1.parquet").unlink()
        done = farol(artifacts, tmp_path / "w", *words, "--overwrite", environ={})
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (root / "out").iterdir()) == [
        "_farol.json", "_refused.csv", "part-00000.parquet"
    ]  # fmt: skip
    assert json.loads((root / "out" / "_farol.json").read_bytes())["rows"] == 100
    times = {path.name: path.stat().st_mtime_ns for path in (root / "out").iterdir()}
    assert max(times, key=lambda name: times[name]) == "_farol.json"
    assert "hunter2" not in done.stdout + done.stderr
    assert "hunter2" not in (root / "out" / "_farol.json").read_text("utf-8")


def test_memory_and_file_addresses(scorer: Scorer, tmp_path: Path) -> None:
    path = write(pupils(50), tmp_path / "in 1.parquet")
    assert files_of(f"file://{tmp_path}/*.parquet") == [f"file://{tmp_path}/in 1.parquet"]
    output = output_at("memory://out/answers.parquet", None, work=tmp_path / "w")
    parts = plan_parts(scorer.bundle, [str(path)], year=2024, this_year=2024, keep=())
    batch = BatchScorer(scorer, reasons=0, locale="en")
    run(batch, parts, output, engine=on_this_machine(1), progress=lambda _rows, _bytes: None)
    assert files_of("memory://out") == [
        f"memory://out/answers.parquet{end}" for end in ("", ".farol.json", ".refused.csv")
    ]
    local = Output(tmp_path / "out.parquet", "parquet", is_folder=False)
    run(batch, parts, local, engine=on_this_machine(1), progress=lambda _rows, _bytes: None)
    with fsspec.open("memory://out/answers.parquet") as file:
        assert file.read() == local.path.read_bytes()


def test_an_unknown_address_and_a_missing_library_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="address cannot be used"):
        files_of("nowhere://bucket/in")
    monkeypatch.setattr("farol.batch.filesystem.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"\[remote\]"):
        files_of("ftp://host/in")


def test_a_password_stays_out_of_names() -> None:
    assert without_secrets("ftp://me:pass@host/in?token=x&a=1") == "ftp://host/in?token=…&a=1"
    assert without_secrets("/home/me@school/in.csv") == "/home/me@school/in.csv"
