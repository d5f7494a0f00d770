from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.csv_form import Audience, CsvForm, unguarded
from farol.profile import load_profile
from farol.store.exporting import columns_of, write_csv
from farol.store.records import Prediction
from tests.store.rows import row

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
            student=f"{start}1a",
        )
    )
    assert [read[name] for name in ("prediction_label", "model_version", "warnings", "student")] == [
        f"'{start}cmd|' /C calc'!A0",
        f"'{start}1+1",
        f"'{start}x",
        f"'{start}1a",
    ]


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_numbers_and_texts_survive_whatever_they_are(number: float, text: str) -> None:
    (read,) = exported(replace(row({"IAA": number}), label=text))
    assert float(read["IAA"]) == number
    assert unguarded(read["prediction_label"]) == text


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


def test_people_get_words_and_the_numbers_of_their_country() -> None:
    given = replace(row({"IAA": 8.0, "IDA": 6.25}), student="RA-1", group="8B", probability=0.5)
    text = "".join(write_csv([given], PEDE, ZONE, CsvForm(Audience.people, "pt_BR")))
    assert text.startswith("\ufeffaluno;turma;resposta;risco;momento;pergunta;versão do modelo;")
    (read,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";")
    assert (read["aluno"], read["turma"], read["risco"]) == ("RA-1", "8B", "0,5")
    assert (read["Indicador de autoavaliação"], read["Indicador de aprendizagem"]) == ("8", "6,25")
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d", read["momento"])
    assert read["pergunta"] == PEDE.tasks[given.task].title.in_locale("pt_BR")


def test_people_who_read_english_get_their_own_signs() -> None:
    text = "".join(write_csv([row({"IDA": 6.25})], PEDE, ZONE, CsvForm(Audience.people, "en")))
    (read,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert read["Academic performance"] == "6.25"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", read["moment"])
