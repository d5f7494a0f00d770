from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.errors import InputError, StoreError
from farol.i18n import msg
from farol.profile import load_profile
from farol.store.exporting import columns_of, write_csv, write_csv_file
from farol.store.records import Prediction
from tests.store.rows import NOON, row

PEDE = load_profile("pede")
ZONE = "America/Sao_Paulo"


def exported(*rows: Prediction) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(write_csv(rows, PEDE, ZONE)), newline="")))


def test_the_columns_are_the_originals_in_its_order_then_ours() -> None:
    (header,) = "".join(write_csv([], PEDE, ZONE)).splitlines()
    assert header == (
        "IAA,IEG,IPS,IPP,IDA,IPV,IAN,PORTUGUES,MATEMATICA,INGLES,prediction,prediction_label,probability,timestamp,"
        "prediction_id,task,model_version,source,threshold,warnings,student,phase,ideal_phase,age,birth_year,birth_month,year_joined,lag"
    )


def test_a_line_as_it_is_written() -> None:
    prediction = replace(
        row(
            {"IAA": 7.5, "IPP": None, "IAN": 10.0, "lag": -1.0, "phase": 3.0},
            at=datetime(2024, 5, 10, 2, 30, 15, 250, tzinfo=UTC),
            warnings=("missing_feature", "unusual_value"),
        ),
        student="RA-7",
    )
    lines = "".join(write_csv([prediction], PEDE, ZoneInfo(ZONE))).split("\r\n")
    assert lines[1] == (
        "7.5,,,,,,10.0,,,,1,Aluno possui risco de defasagem,0.75,2024-05-09T23:30:15.000250-03:00,"
        f"{prediction.id},current,2024-abc,api,0.5,missing_feature unusual_value,RA-7,3.0,,,,,,-1.0"
    )
    assert lines[2:] == [""]


def test_a_student_that_was_not_given_is_an_empty_cell() -> None:
    assert exported(row())[0]["student"] == ""


def test_both_tasks_stand_in_one_file() -> None:
    read = exported(row({"IAA": 1.0}), row({"IAA": 2.0, "age": 12.0}, task="next-year"))
    assert [(prediction["task"], prediction["IAA"], prediction["age"]) for prediction in read] == [
        ("current", "1.0", ""),
        ("next-year", "2.0", "12.0"),
    ]


def test_where_there_was_no_answer_the_cells_are_empty() -> None:
    (read,) = exported(replace(row(), prediction=None, probability=None, label="Sem resposta"))
    assert (read["prediction"], read["probability"], read["prediction_label"]) == ("", "", "Sem resposta")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(start: str) -> None:
    (read,) = exported(
        replace(
            row(),
            label=f"{start}cmd|' /C calc'!A0",
            version=f"{start}1+1",
            warnings=(f"{start}x",),
            student=f"{start}1",
        )
    )
    assert [read[name] for name in ("prediction_label", "model_version", "warnings", "student")] == [
        f"'{start}cmd|' /C calc'!A0",
        f"'{start}1+1",
        f"'{start}x",
        f"'{start}1",
    ]


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_numbers_and_texts_survive_whatever_they_are(number: float, text: str) -> None:
    (read,) = exported(replace(row({"IAA": number}), label=text))
    assert float(read["IAA"]) == number
    assert read["prediction_label"].removeprefix("'") == text.removeprefix("'")


def test_a_long_log_comes_in_pieces_and_is_not_gathered() -> None:
    asked = 0

    def endless() -> Iterator[Prediction]:
        nonlocal asked
        while True:
            asked += 1
            yield row()

    pieces = write_csv(endless(), PEDE, ZONE)
    assert len(next(pieces).splitlines()) == 501
    assert len(next(pieces).splitlines()) == 500
    assert asked <= 1001


def test_context_stands_after_the_features_of_all_tasks() -> None:
    features, context = columns_of(PEDE)
    assert features == PEDE.tasks["current"].features
    assert context == ("phase", "ideal_phase", "age", "birth_year", "birth_month", "year_joined", "lag")


def test_a_file_is_written_whole_and_its_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "out" / "log.csv"
    assert write_csv_file(iter([row(), row()]), path, PEDE, ZONE) == 2
    assert len(path.read_bytes().split(b"\r\n")) == 4
    assert [file.name for file in path.parent.iterdir()] == ["log.csv"]


def test_a_store_that_fails_half_way_leaves_the_file_of_before(tmp_path: Path) -> None:
    def failing() -> Iterator[Prediction]:
        yield row()
        raise StoreError(msg("The database cannot be reached."))

    path = tmp_path / "log.csv"
    path.write_text("of before")
    with pytest.raises(StoreError):
        write_csv_file(failing(), path, PEDE, ZONE)
    assert path.read_text() == "of before"
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_csv_file([row(at=NOON)], tmp_path / "file" / "log.csv", PEDE, ZONE)
    assert str(tmp_path / "file" / "log.csv") in str(caught.value)
