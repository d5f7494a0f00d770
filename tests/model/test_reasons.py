"""Reasons: exact, ordered, in words that coordinators read, and silent about what does not count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.api.answers.prediction import ReasonAnswer
from farol.model.bundle import Bundle, read_bundle
from farol.model.reasons import NEGLIGIBLE, LevelComparison, Reason, explain_rows, number_text, reasons_for
from farol.model.scoring import NO_ANSWER, Scorer
from farol.profile import Text
from tests.bundles import invented_columns, make_bundle, support_from

MATHS = Text(pt="Nota de Matemática", en="Grade in mathematics")
ANSWER = {"IAA": 8.5, "IEG": 2.25, "IDA": 4.5, "IAN": 5.0, "phase": 3.0, "age": 14.0, "lag": -1.0}


def reason(
    value: float | None = 4.5,
    contribution: float = 0.4,
    *,
    changeable: bool = True,
    standing: LevelComparison | None = None,
    is_chance: bool = False,
) -> Reason:
    return Reason("MATEMATICA", MATHS, value, contribution, changeable, standing, is_chance)


@pytest.mark.parametrize(
    ("example", "portuguese", "english"),
    [
        (
            reason(),
            "Nota de Matemática: 4,5. Isso costuma vir junto com um risco maior.",
            "Grade in mathematics: 4.5. This is associated with a higher risk.",
        ),
        (
            reason(contribution=-0.4, standing=LevelComparison(3, 4.25, "above")),
            "Nota de Matemática: 4,5, acima do que é comum (nível 3: 4,25). Isso costuma vir junto com um risco menor.",
            "Grade in mathematics: 4.5, above what is usual (level 3: 4.25). This is associated with a lower risk.",
        ),
        (
            reason(standing=LevelComparison(3, 6.0, "below")),
            "Nota de Matemática: 4,5, abaixo do que é comum (nível 3: 6). Isso costuma vir junto com um risco maior.",
            "Grade in mathematics: 4.5, below what is usual (level 3: 6). This is associated with a higher risk.",
        ),
        (
            reason(-1.0, standing=LevelComparison(3, -1.0, "at"), changeable=False),
            "Nota de Matemática: −1, como é comum (nível 3: −1). Isso costuma vir junto com um risco maior. "
            "É contexto, não algo em que se possa trabalhar diretamente.",
            "Grade in mathematics: −1, as is usual (level 3: −1). This is associated with a higher risk. "
            "It is context, not something to work on directly.",
        ),
        (
            reason(None),
            "Nota de Matemática: não informado. Alunos sem essa informação costumam ter risco maior.",
            "Grade in mathematics: not informed. Pupils without this information tend to have a higher risk.",
        ),
        (
            reason(None, -0.4),
            "Nota de Matemática: não informado. Alunos sem essa informação costumam ter risco menor.",
            "Grade in mathematics: not informed. Pupils without this information tend to have a lower risk.",
        ),
        (
            reason(0.8333, is_chance=True, standing=LevelComparison(3, 0.5, "above")),
            "Nota de Matemática: 83%, acima do que é comum (nível 3: 50%). Isso costuma vir junto com um risco maior.",
            "Grade in mathematics: 83%, above what is usual (level 3: 50%). This is associated with a higher risk.",
        ),
    ],
)
def test_a_reason_in_words(example: Reason, portuguese: str, english: str) -> None:
    assert example.text("pt_BR") == portuguese
    assert example.text("en") == english
    assert "caus" not in portuguese + english


@pytest.mark.parametrize(
    ("example", "brief"),
    [
        (reason(standing=LevelComparison(3, 6.0, "below")), "Nota de Matemática: 4,5 (comum: 6)"),
        (
            reason(0.8333, is_chance=True, standing=LevelComparison(3, 0.5, "above")),
            "Nota de Matemática: 83% (comum: 50%)",
        ),
        (reason(), "Nota de Matemática: 4,5"),
        (reason(None, standing=LevelComparison(3, 6.0, "below")), "Nota de Matemática: não informado"),
    ],
)
def test_a_reason_in_short(example: Reason, brief: str) -> None:
    assert example.brief("pt_BR").render("pt_BR") == brief


def test_a_level_is_called_as_the_profile_calls_it() -> None:
    compared = replace(reason(standing=LevelComparison(3, 6.0, "below")), level_name=Text("fase", "phase"))
    assert "abaixo do que é comum (fase 3: 6)" in compared.text("pt_BR")
    assert "below what is usual (phase 3: 6)" in compared.text("en")


def test_a_reason_for_programs() -> None:
    example = reason(standing=LevelComparison(3.0, 6.0, "below"))
    assert ReasonAnswer.of(example, "en").model_dump() == {
        "feature": "MATEMATICA",
        "meaning": "Grade in mathematics",
        "value": 4.5,
        "contribution": 0.4,
        "direction": "raises",
        "changeable": True,
        "standing": {"level": 3.0, "median": 6.0, "position": "below"},
        "text": "Grade in mathematics: 4.5, below what is usual (level 3: 6). This is associated with a higher risk.",
    }
    assert reason(contribution=-1e-3).direction == "lowers"
    assert ReasonAnswer.of(reason(), "pt_BR").standing is None


@pytest.mark.parametrize(
    ("value", "portuguese"), [(4.0, "4"), (4.126, "4,13"), (-1.0, "−1"), (0.0, "0"), (10.0, "10"), (2021.0, "2021")]
)
def test_numbers_are_written_as_the_reader_does(value: float, portuguese: str) -> None:
    assert number_text(value, "pt_BR") == portuguese
    assert number_text(value, "en") == portuguese.replace(",", ".")


@pytest.mark.parametrize("grade", [1.0, 9.9], ids=["at risk", "not at risk"])
def test_reasons_that_point_the_answers_way_come_first(bundle: Bundle, scorer: Scorer, grade: float) -> None:
    against = {"IDA": 9.0} if grade == 1.0 else {"IDA": 4.5}
    given = {**ANSWER, **dict.fromkeys(("IAA", "IEG", "IPS", "IPP"), grade), **against}
    answer = scorer.score_one(given, 2024)
    assert answer.prediction == (1 if grade == 1.0 else 0)
    reasons = reasons_for(scorer, answer, 10)
    order = bundle.task_spec.features
    values = np.array([[np.nan if v is None else v for v in answer.features.values()]])
    every = dict(zip(order, scorer.contributions(values)[0].tolist(), strict=True))
    way = 1 if answer.prediction == 1 else -1
    counting = [name for name in order if abs(every[name]) >= NEGLIGIBLE]
    expected = sorted(counting, key=lambda name: (way * every[name] < 0, -abs(every[name])))
    assert {way * every[name] < 0 for name in expected} == {True, False}, "there are reasons of both kinds"
    assert [reason.feature for reason in reasons] == expected[:10]
    assert [reason.contribution for reason in reasons] == [every[reason.feature] for reason in reasons]
    assert reasons_for(scorer, answer, 2) == reasons[:2]
    assert reasons_for(scorer, answer, 0) == ()
    assert {each.level_name.pt for each in reasons} == {"fase"}


def test_what_a_reason_says_is_the_pupils_and_the_profiles(bundle: Bundle, scorer: Scorer) -> None:
    answer = scorer.score_one(ANSWER, 2024)
    by_feature = {each.feature: each for each in reasons_for(scorer, answer, 20)}
    for name, each in by_feature.items():
        assert each.value == answer.features[name]
        assert each.changeable == (name in bundle.task_spec.changeable)
    assert by_feature["IDA"].meaning == bundle.profile.columns["IDA"].meaning
    assert by_feature["IDA"].standing == LevelComparison(3.0, 6.2, "below")
    assert by_feature["IAA"].standing is None, "the report knows no median of it"


def scored(bundle: Bundle, report: dict[str, object], **values: float) -> dict[str, Reason]:
    other = Scorer(replace(bundle, report={**bundle.report, **report}))
    return {each.feature: each for each in reasons_for(other, other.score_one({**ANSWER, **values}, 2024), 20)}


def test_where_a_level_is_unknown_a_value_stands_nowhere(bundle: Bundle) -> None:
    assert scored(bundle, {"standing": None})["IDA"].standing is None
    assert scored(bundle, {"standing": {"level": "phase", "medians": {"4": {"IDA": 6.0}}}})["IDA"].standing is None
    assert scored(bundle, {"standing": {"level": "moon", "medians": {"3": {"IDA": 6.0}}}})["IDA"].standing is None
    assert scored(bundle, {"standing": {"level": "phase", "medians": {"3": {"IDA": None}}}})["IDA"].standing is None
    of_itself = scored(bundle, {"standing": {"level": "IDA", "medians": {"4.5": {"IDA": 6.0, "IAA": 8.5}}}})
    assert of_itself["IDA"].standing is None
    assert scored(bundle, {"standing": {"level": "phase", "medians": {"3": {"IDA": 4.5}}}})[
        "IDA"
    ].standing == LevelComparison(3.0, 4.5, "at")
    assert scored(bundle, {"standing": {"level": "phase", "medians": {"3": {"IDA": 4}}}})[
        "IDA"
    ].standing == LevelComparison(3.0, 4.0, "above")


def test_a_chance_is_given_as_a_percentage(bundle: Bundle) -> None:
    chances = {name for name, derived in bundle.profile.derived.items() if derived.kind == "chance"}
    explained = explain_rows(
        Scorer(bundle), invented_columns(bundle.profile, bundle.task_spec, n=300, seed=4), np.full(300, 2024.0), 20
    )
    seen = [each for row in range(300) for each in explained.reasons(row) if each.is_chance]
    assert {each.feature for each in seen} <= chances
    assert all("%" in each.text("en") for each in seen if each.value is not None)


def test_no_answer_has_no_reasons(tmp_path: Path) -> None:
    scorer = Scorer(read_bundle(make_bundle(tmp_path, "next-year", report={"support": support_from("next-year", 5)})))
    assert reasons_for(scorer, scorer.score_one({"IDA": 1.0}, 2024), 3) == ()
    explained = explain_rows(scorer, {"IDA": np.array([1.0])}, np.array([2024.0]), 3)
    assert explained.scores.prediction.tolist() == [NO_ANSWER]
    assert explained.chosen.tolist() == [[-1, -1, -1]]
    assert explained.reasons(0) == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(0, 20))
def test_many_pupils_have_the_reasons_each_has_alone(bundle: Bundle, scorer: Scorer, seed: int, k: int) -> None:
    columns = invented_columns(bundle.profile, bundle.task_spec, n=5, seed=seed)
    explained = explain_rows(scorer, columns, np.full(5, 2024.0), k)
    for row in range(5):
        values = {name: None if np.isnan(column[row]) else float(column[row]) for name, column in columns.items()}
        alone = reasons_for(scorer, scorer.score_one(values, 2024), k)
        assert explained.reasons(row) == alone
        assert len(alone) <= k
        assert all(abs(each.contribution) >= NEGLIGIBLE for each in alone)


def test_a_hidden_feature_that_is_missing_is_no_reason(tmp_path: Path) -> None:
    scorer = Scorer(read_bundle(make_bundle(tmp_path, "current")))
    values = {"IDA": 2.0, "IAA": 9.0, "IPS": 4.0}
    answer = scorer.score_one(values, 2024)
    without = {reason.feature for reason in reasons_for(scorer, answer, 10)}
    many = explain_rows(scorer, {name: np.array([value]) for name, value in values.items()}, np.array([2024.0]), 10)
    assert without == {reason.feature for reason in many.reasons(0)}
    assert without
    assert "IAN" not in without
    row = np.array([[np.nan if value is None else value for value in answer.features.values()]])
    assert abs(scorer.contributions(row)[0, list(answer.features).index("IAN")]) >= 0.05, "it would have been one"


def test_what_no_pupil_of_training_lacked_is_no_reason(bundle: Bundle) -> None:
    values = {"IAA": 9.0, "phase": 3.0}

    def missing(of: Bundle) -> set[str]:
        scorer = Scorer(of)
        reasons = reasons_for(scorer, scorer.score_one(values, 2024), 20)
        assert {reason.feature for reason in reasons} & set(values)
        return {reason.feature for reason in reasons if reason.value is None}

    lacked = missing(bundle)
    assert lacked
    complete = [replace(bins, counts=(*bins.counts[:-1], 0)) for bins in bundle.reference.features]
    assert missing(replace(bundle, reference=replace(bundle.reference, features=tuple(complete)))) == set()
