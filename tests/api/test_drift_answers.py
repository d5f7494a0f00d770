"""Drift reports as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from farol.api.answers.drift import DriftAnswer
from farol.api.answers.pairwise import PairwiseAnswer
from farol.drift.pairwise import compare
from farol.drift.report import check
from farol.drift.windows import Window
from farol.model.bundle import Bundle
from farol.model.counters import PREDICTION, SCORE
from farol.model.reference import Reference
from tests.monitored import bundle, bundle_of

__all__ = ["bundle", "bundle_of"]

ALL = Window("all", None, date(2024, 6, 30))


def test_nothing_predicted_is_null_in_json_and_not_a_number(bundle: Bundle) -> None:
    answer = DriftAnswer.of(check(bundle, {}, window=ALL), "en")
    body = json.loads(json.dumps(answer.model_dump(mode="json", by_alias=True), allow_nan=False))
    first = body["features"][0]
    assert [first[name] for name in ("psi", "high", "critical")] == [None] * 3
    assert first["missing"]["value"] is None
    assert (body["n"], body["verdict"], body["verdict_label"]) == (0, "insufficient_data", "Insufficient data")
    assert body["window"] == {"name": "all", "from": None, "to": "2024-06-30", "days": None}


def test_a_report_as_json_speaks_both_languages(bundle: Bundle) -> None:
    like = {
        bins.feature: {i: round(count * 1000 / bundle.reference.n) for i, count in enumerate(bins.counts)}
        for bins in bundle.reference.features
    }
    answers = {SCORE: {95: 1000}, PREDICTION: {1: 1000}}
    report = check(bundle, {**like, **answers, "IAA": {0: 1000}}, window=ALL)
    portuguese, english = DriftAnswer.of(report, "pt_BR"), DriftAnswer.of(report, "en")
    iaa, ieg = portuguese.features[:2]
    assert (iaa.feature, iaa.meaning, iaa.verdict_label) == ("IAA", "Indicador de autoavaliação", "Drift severo")
    assert iaa.alarms == ["distribution", "missing", "superiority"]
    assert ieg.verdict_label == "Sem drift"
    assert len(iaa.bins) == len(iaa.reference) == len(iaa.current)
    assert (portuguese.verdict_label, english.verdict_label) == ("Drift severo", "Severe drift")
    assert (portuguese.reference.rows, english.reference.rows) == ("todas as linhas de treino", "all training rows")
    assert (portuguese.reference.n, portuguese.reference.years) == (bundle.reference.n, [2022, 2023])
    assert portuguese.score is not None
    assert portuguese.rate is not None
    assert (portuguese.score.meaning, portuguese.rate.alarm) == ("Risco nas respostas do modelo", True)


def test_a_pairwise_report_as_json_names_its_reference(bundle_of: Callable[[str], Bundle]) -> None:
    matrix = np.random.default_rng(0).normal(size=(300, 2))
    bundle = replace(bundle_of("current"), reference=Reference.fit(matrix, ("IEG", "IDA")))
    report = compare(bundle, matrix[:100], window=ALL, answers=100, read=100)
    body = PairwiseAnswer.of(report, "en").model_dump(mode="json", by_alias=True)
    assert body["window"] == {"name": "all", "from": None, "to": "2024-06-30", "days": None}
    assert body["reference"] == {"n": 300, "years": [2022, 2023], "rows": "all training rows"}
    assert (body["answers"], body["read"], body["n"], body["alpha"]) == (100, 100, 100, 0.01)
    (pair,) = body["pairs"]
    assert pair["reference"] == {"n": 300, "value": pytest.approx(0, abs=0.2)}
    assert pair["text"].startswith("“Engagement” and “Academic performance” ")
