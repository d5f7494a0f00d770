"""The answers of files are those of the API, and every row is answered or refused with its reason."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farol.api.schemas import InputForm
from farol.batch.columns import column_map
from farol.batch.reading import Rows
from farol.batch.score import BatchScorer
from farol.errors import ApiError, InputError
from farol.model.reasons import reasons_for
from farol.model.scoring import Scorer
from tests.batch.conftest import Score, pupils, write
from tests.workbook.making import pupils as pede_pupils
from tests.workbook.making import write_xlsx

VALUES = st.one_of(
    st.none(), st.floats(-1, 11, allow_nan=False), st.integers(-1, 41), st.sampled_from([0.0, 2.5, 10.005, 10.02, 7.0])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_file_is_answered_as_the_api_answers(scorer: Scorer, data: st.DataObject) -> None:
    names = list(scorer.bundle.inputs.columns)
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, VALUES)), min_size=1, max_size=6))
    columns = {name: pa.array([row[name] for row in rows], type=pa.float64()) for name in names}
    batch = pa.RecordBatch.from_pydict(columns | {"RA": [str(place) for place in range(len(rows))]})
    mapped = column_map(scorer.bundle, batch.schema.names, 2024, keep=(), file="x")
    scored = BatchScorer(scorer, reasons=3, locale="en").score(Rows(batch, batch.num_rows), mapped, 2024)
    answered = {row["RA"]: row for row in scored.answers.to_pylist()}
    form = InputForm(scorer.bundle.inputs)
    counts = np.zeros(scorer.layout.width, dtype=np.int64)
    for place, row in enumerate(rows):
        given = {name: None if value is None else float(value) for name, value in row.items()}
        try:
            answer = scorer.score_one(form.read(given).values, 2024)
        except (ApiError, InputError):
            assert str(place) not in answered
            assert place in {refused.row for refused in scored.refused}
            continue
        written = answered.pop(str(place))
        assert written["prediction"] == answer.prediction
        assert written["probability"] == (None if answer.abstained else pytest.approx(answer.probability, abs=1e-6))
        assert written["prediction_label"] == answer.label.en
        effects = {written[f"reason_{rank}"]: written[f"reason_{rank}_effect"] for rank in (1, 2, 3)}
        effects.pop(None, None)
        assert effects == pytest.approx(
            {reason.feature: reason.contribution for reason in reasons_for(scorer, answer, 3)}
        )
        np.add.at(counts, list(answer.cells), 1)
    assert answered == {}
    assert scored.counts.tolist() == counts.tolist()


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "ndjson", "arrow", "arrows.arrow"])
def test_every_kind_of_file_gives_the_same_answers(score: Score, tmp_path: Path, ending: str) -> None:
    table = pupils(300)
    expected = tmp_path / "expected.parquet"
    score([write(table, tmp_path / "pupils.parquet")], expected)
    report = score([write(table, tmp_path / f"in.{ending}")], tmp_path / "out.parquet")
    assert (report.rows, report.scored, report.refused) == (300, 300, 0)
    got = pq.read_table(tmp_path / "out.parquet")
    assert got["RA"].to_pylist() == table["RA"].to_pylist()
    assert got.equals(pq.read_table(expected))


def test_answers_come_in_every_form(score: Score, tmp_path: Path) -> None:
    source = write(pupils(50), tmp_path / "in.parquet", row_group_size=20)
    for form in ("parquet", "csv", "ndjson", "arrow"):
        score([source], tmp_path / f"out.{form}")
    expected = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [json.loads(line) for line in (tmp_path / "out.ndjson").read_text("utf-8").splitlines()] == expected
    assert pa.ipc.open_file(str(tmp_path / "out.arrow")).read_all().to_pylist() == expected
    assert pyarrow.csv.read_csv(tmp_path / "out.csv").to_pylist() == expected


def test_a_workbook_is_scored_as_its_panel(score: Score, sample_workbook: Path, tmp_path: Path) -> None:
    report = score([sample_workbook], tmp_path / "out.parquet", year=None)
    years = pq.read_table(tmp_path / "out.parquet")["year"].to_pylist()
    assert report.rows == report.scored == len(years)
    assert set(years) == {2022, 2023, 2024}


def test_rows_that_a_workbook_loses_are_refused_by_name(score: Score, tmp_path: Path) -> None:
    table = pede_pupils(6)
    table[2][0] = None  # the row 3 of the sheet has values and no code
    table.insert(5, [None] * len(table[0]))
    book = write_xlsx(tmp_path / "book.xlsx", {"PEDE2023": table, "PEDE2024": pede_pupils(4)})
    for place, source in enumerate((str(book), "memory://books/book.xlsx")):
        with fsspec.open("memory://books/book.xlsx", "wb") as copy:
            copy.write(book.read_bytes())
        report = score([source], tmp_path / f"{place}.csv", year=None)
        assert (report.rows, report.scored, report.refused) == (10, 9, 1)
        refused = (tmp_path / f"{place}.csv.refused.csv").read_text("utf-8").splitlines()
        assert refused == ["file,row,column,reason",
                           f'"{source}, PEDE2023",3,,"Rows have values, but no code for the pupil."']  # fmt: skip
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()


def test_each_refused_row_is_named_with_its_reason(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "RA;IAA;IDA;Fase\nRA-1;7,5;6;3\nRA-2;70;6;3\nRA-3;sete;6;3\nRA-4;;;\nRA-5;7;6;3,5\nRA-6; ;6;Fase 3\n", "utf-8"
    )
    report = score([tmp_path / "in.csv"], tmp_path / "out.csv")
    assert (report.rows, report.scored, report.refused) == (6, 2, 4)
    lines = (tmp_path / "out.csv.refused.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[1:] for line in lines] == [
        ["row", "column", "reason"],
        ["2", "IAA", "IAA is out of its range."],
        ["3", "IAA", "IAA is not a number."],
        ["4", "", "The request has no information to answer from."],
        ["5", "Fase", "Fase is not a whole number."],
    ]
    scored = pyarrow.csv.read_csv(tmp_path / "out.csv")
    assert scored["RA"].to_pylist() == ["RA-1", "RA-6"]
    assert "70" not in "".join(lines).replace(str(tmp_path), "")


def test_the_year_is_that_of_column_partition_or_name(score: Score, tmp_path: Path) -> None:
    table = pupils(20).append_column("Ano ingresso", pa.array([2020] * 20))
    said = {}
    for name, year, place in (
        ("option", 2023, tmp_path / "a.parquet"),
        ("partition", None, tmp_path / "year=2023" / "a.parquet"),
        ("name", None, tmp_path / "PEDE2023.parquet"),
    ):
        place.parent.mkdir(exist_ok=True)
        score([write(table, place)], tmp_path / f"{name}.parquet", year=year)
        said[name] = pq.read_table(tmp_path / f"{name}.parquet")["probability"].to_pylist()
    with_column = table.append_column("ano", pa.array([2023] * 20))
    score([write(with_column, tmp_path / "c.parquet")], tmp_path / "column.parquet", year=None)
    assert said["option"] == said["partition"] == said["name"]
    assert pq.read_table(tmp_path / "column.parquet")["probability"].to_pylist() == said["option"]
    score([tmp_path / "c.parquet"], tmp_path / "over.parquet", year=2020)
    by_column = pq.read_table(tmp_path / "over.parquet")["probability"].to_pylist()
    assert by_column == said["option"], "the rows know better than the option"
    odd = table.append_column("year", pa.array([2023] * 19 + [23]))
    assert score([write(odd, tmp_path / "odd.parquet")], tmp_path / "odd.out.parquet", year=None).refused == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("ending", ["ndjson", "ndjson.gz"])
def test_ndjson_is_read_in_the_encodings_of_csv(score: Score, tmp_path: Path, encoding: str, ending: str) -> None:
    lines = [json.dumps({"RA": f"JOSÉ-{at}", "IAA": at % 10, "Matem": 5.5}, ensure_ascii=False) for at in range(30)]
    content = "\r\n".join(lines).encode(encoding)
    (tmp_path / f"in.{ending}").write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    (tmp_path / "plain.ndjson").write_text("\n".join(lines), "utf-8")
    report = score([tmp_path / f"in.{ending}"], tmp_path / "out.ndjson")
    assert (report.rows, report.refused) == (30, 0)
    score([tmp_path / "plain.ndjson"], tmp_path / "expected.ndjson")
    assert (tmp_path / "out.ndjson").read_bytes() == (tmp_path / "expected.ndjson").read_bytes()
    assert json.loads((tmp_path / "out.ndjson").read_text("utf-8").splitlines()[7])["RA"] == "JOSÉ-7"


def test_bytes_of_windows_in_ndjson_are_read_as_that(score: Score, tmp_path: Path) -> None:
    lines = [f'{{"RA": "JOSÉ-{at}", "IAA": 7}}'.encode("cp1252" if at == 5 else "utf-8") for at in range(9)]
    (tmp_path / "in.ndjson").write_bytes(b"\n".join(lines))
    score([tmp_path / "in.ndjson"], tmp_path / "out.ndjson")
    answers = (tmp_path / "out.ndjson").read_text("utf-8").splitlines()
    assert [json.loads(line)["RA"] for line in answers] == [f"JOSÉ-{at}" for at in range(9)]


def test_codes_pass_through_csv_as_they_were(score: Score, tmp_path: Path) -> None:
    codes = ["=1+1", "+55", "@x", "-1.5", "D'Avila", "'RA-1"]
    table = pa.table({"RA": pa.array(codes), "IAA": pa.array([7.0] * 6)})
    score([write(table, tmp_path / "in.parquet")], tmp_path / "once.csv")
    first = [line.partition(",")[0].strip('"') for line in (tmp_path / "once.csv").read_text("utf-8").splitlines()]
    assert first == ["RA", "'=1+1", "'+55", "'@x", "-1.5", "D'Avila", "'RA-1"]
    (tmp_path / "again.csv").write_text("RA,IAA\n" + "".join(f"{code},7\n" for code in first[1:]), "utf-8")
    score([tmp_path / "again.csv"], tmp_path / "twice.parquet")
    assert pq.read_table(tmp_path / "twice.parquet")["RA"].to_pylist() == codes


def test_without_codes_the_row_says_whose_answer_it_is(score: Score, tmp_path: Path) -> None:
    table = pupils(30).drop_columns(["RA"]).set_column(0, "IAA", pa.array([5.0] * 10 + [50.0] + [5.0] * 19))
    score([write(table, tmp_path / "a.parquet", row_group_size=7)], tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["row"].to_pylist() == [*range(1, 11), *range(12, 31)]


ODD: Mapping[str, pa.Array] = {
    "lists": pa.array([[7.0], None]),
    "records": pa.array([{"a": 7}, None]),
    "bytes": pa.array([b"\xe9", None]),
    "fixed bytes": pa.array([b"ab", None], pa.binary(2)),
    "words of bytes": pa.array([b"\xe9", None]).dictionary_encode(),
    "uuids": pa.array([b"a" * 16, None], pa.uuid()),
    "views": pa.array(["x", None], pa.string_view()),
    "days": pa.array([dt.date(2020, 1, 1), None]),
    "days beyond": pa.array([2**30, None], pa.date32()),
    "moments": pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
    "moments beyond": pa.array([2**62, None], pa.timestamp("us")),
    "times": pa.array([dt.time(7, 30), None]),
    "durations": pa.array([dt.timedelta(7), None]),
    "nothing": pa.nulls(2),
    "no numbers": pa.array([float("inf"), float("nan")]),
}


def test_numbers_and_codes_of_bytes_are_texts(score: Score, tmp_path: Path) -> None:
    """Impala and older Spark write texts as bytes without saying that they are texts."""
    table = pupils(20)
    score([write(table, tmp_path / "in.parquet")], tmp_path / "plain.parquet")
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.string_view()):
        columns = {}
        for header in ("RA", "IAA"):
            texts = [None if value is None else str(value) for value in table[header].to_pylist()]
            columns[header] = pa.array(
                [text.encode() if text and "binary" in str(kind) else text for text in texts], kind
            )
        odd = pa.table({name: columns.get(name, table[name]) for name in table.schema.names})
        report = score([write(odd, tmp_path / "in.arrow")], tmp_path / f"{kind}.parquet")
        assert report.refused == 0
        assert pq.read_table(tmp_path / f"{kind}.parquet").equals(pq.read_table(tmp_path / "plain.parquet"))


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("header", ["IDA", "Gênero", "RA", "extra"])
def test_a_column_of_any_type_is_read_refused_or_carried(score: Score, tmp_path: Path, kind: str, header: str) -> None:
    columns = {"RA": pa.array(["a", "b"]), "IAA": pa.array([7.0, 8.0])} | {header: ODD[kind]}
    write(pa.table(columns), tmp_path / "in.arrow")
    keep = ["extra"] if header == "extra" else []
    for form in ("parquet", "csv", "ndjson"):
        if (form, kind in ("lists", "records"), header in ("RA", "extra")) == ("csv", True, True):
            with pytest.raises(InputError, match="lists or records"):
                score([tmp_path / "in.arrow"], tmp_path / "out.csv", keep=keep)
            continue
        report = score([tmp_path / "in.arrow"], tmp_path / f"out.{form}", keep=keep)
        is_endless = (header, kind) == ("RA", "no numbers")  # no code
        wrong = (header == "IDA" and kind != "nothing") or is_endless
        assert (report.rows, report.refused) == (2, int(wrong))
        refused = (tmp_path / f"out.{form}.refused.csv").read_text("utf-8").splitlines()[1:]
        assert [is_endless or row.endswith("IDA is not a number.") for row in refused] == [True] * int(wrong)
    if (header, kind) == ("extra", "no numbers"):
        lines = (tmp_path / "out.ndjson").read_text("utf-8").splitlines()
        assert [json.loads(line, parse_constant=pytest.fail)["extra"] for line in lines] == [None, None]
    if (header, kind) == ("RA", "bytes"):
        assert pq.read_table(tmp_path / "out.parquet")["RA"].to_pylist() == ["é", None]
