"""Files of other schools: words as features, terms in a column, no codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from farol.batch.columns import column_map
from farol.batch.reading import Rows
from farol.batch.score import BatchScorer
from farol.model.bundle import read_bundle, write_bundle
from farol.model.inputs import Inputs
from farol.model.scoring import Scorer
from farol.profile import parse_profile
from farol.training.train import train
from farol.workbook.panel import read_panel

PROFILE = b"""
format = 1
name = "terms"
title = { pt = "Semestres", en = "Terms" }
sheets = "terms"

[periods]
column = "term"
values = { "2013B" = 20131, "2013J" = 20132 }

[label]
column = "result"
operator = "in"
value = ["Fail"]
negative = { pt = "Deve passar", en = "Should pass" }
positive = { pt = "Pode reprovar", en = "May fail" }

[columns.term]
kind = "category"
aliases = ["term"]
meaning = { pt = "Semestre", en = "Term" }

[columns.region]
kind = "category"
aliases = ["region"]
meaning = { pt = "Regi\xc3\xa3o", en = "Region" }

[columns.credits]
kind = "number"
range = [0, 700]
aliases = ["credits"]
meaning = { pt = "Cr\xc3\xa9ditos", en = "Credits" }

[columns.result]
kind = "category"
aliases = ["result"]
meaning = { pt = "Resultado", en = "Result" }

[tasks.fails]
title = { pt = "Reprova", en = "Fails" }
question = { pt = "Reprova?", en = "Fails?" }
horizon = 0
features = ["region", "credits"]
impute = false
limits = { pt = "Inventado", en = "Invented" }
"""


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, pa.Table]:
    """A model of words and numbers, and the rows that it learned from."""
    folder = tmp_path_factory.mktemp("terms")
    rng = np.random.default_rng(0)
    region = rng.choice(["North", "South", "Wales"], 400)
    credits_ = rng.integers(30, 600, 400)
    fails = rng.random(400) < np.where(region == "Wales", 0.8, 0.2)
    table = pa.table(
        {
            "term": rng.choice(["2013B", "2013J"], 400),
            "region": region,
            "credits": credits_,
            "result": np.where(fails, "Fail", "Pass"),
        }
    )
    pyarrow.csv.write_csv(table, folder / "terms.csv")
    panel = read_panel(folder / "terms.csv", parse_profile(PROFILE, "terms.toml"))
    return Scorer(read_bundle(write_bundle(folder / "artifacts", train(panel, "fails", quick=True)))), table


def test_words_and_terms_are_scored_as_by_the_api(scored: tuple[Scorer, pa.Table]) -> None:
    scorer, table = scored
    (batch,) = table.to_batches()
    columns = column_map(scorer.bundle, batch.schema.names, 20131, keep=(), file="x")
    answers = (
        BatchScorer(scorer, reasons=2, locale="en")
        .score(Rows(batch, batch.num_rows), columns, 20131)
        .answers.to_pylist()
    )
    assert [row["row"] for row in answers] == list(range(1, 401))
    for row, answer in zip(table.to_pylist(), answers, strict=True):
        given = {"region": row["region"], "credits": float(row["credits"])}
        alone = scorer.score_one(given, 20132)
        assert (answer["prediction"], answer["probability"]) == (alone.prediction, alone.probability)
        assert answer["term"] == row["term"]
    assert {row["reason_1"] for row in answers} <= {"region", "credits", None}


def test_an_invalid_term_is_refused(scored: tuple[Scorer, pa.Table]) -> None:
    scorer, table = scored
    (batch,) = table.slice(0, 2).set_column(0, "term", pa.array(["2013B", "soon"])).to_batches()
    columns = column_map(scorer.bundle, batch.schema.names, 20131, keep=(), file="x")
    result = BatchScorer(scorer, reasons=0, locale="en").score(Rows(batch, batch.num_rows), columns, 20131)
    assert [(row.row, str(row.reason)) for row in result.refused] == [(1, "This is not a year or term of the profile.")]


def test_rows_that_the_question_is_not_asked_of_are_refused(scored: tuple[Scorer, pa.Table]) -> None:
    only = b'only = [{ column = "region", operator = "in", value = ["North", "Island"] }]\nimpute'
    trained, table = scored
    profile = parse_profile(PROFILE.replace(b"impute", only), "terms.toml")
    spec = profile.tasks["fails"]
    bundle = replace(trained.bundle, profile=profile, task_spec=spec, inputs=Inputs.of(profile, spec))
    (batch,) = table.slice(0, 6).set_column(1, "region", pa.array(REGIONS)).to_batches()
    columns = column_map(bundle, batch.schema.names, 20131, keep=(), file="x")
    result = BatchScorer(Scorer(bundle), reasons=0, locale="en").score(Rows(batch, 6), columns, 20131)
    assert result.answers.column("row").to_pylist() == [1, 3, 6]
    assert [(row.row, str(row.reason)) for row in result.refused] == [
        (row, "This question is not asked of this pupil.") for row in (1, 3, 4)
    ]


REGIONS = ["North", "South", " north", None, "Wales", "Island"]


@pytest.mark.parametrize(("kind", "exact"), [(pa.float64(), 2.0**53), (pa.float32(), 2.0**24)])
def test_a_code_that_lost_digits_is_refused(scorer: Scorer, kind: pa.DataType, exact: float) -> None:
    codes = pa.array([1.0, exact, None, exact - 1], kind)
    batch = pa.record_batch({"RA": codes, "IAA": [7.0] * 4})
    columns = column_map(scorer.bundle, batch.schema.names, 2024, keep=(), file="x")
    result = BatchScorer(scorer, reasons=0, locale="en").score(Rows(batch, 4), columns, 2024)
    assert [(row.row, row.column) for row in result.refused] == [(1, "RA")]
    assert result.answers.num_rows == 3
    whole = pa.record_batch({"RA": [2**62 + 1], "IAA": [7.0]})
    kept = BatchScorer(scorer, reasons=0, locale="en").score(Rows(whole, 1), columns, 2024)
    assert kept.answers.column("RA").to_pylist() == [2**62 + 1]
