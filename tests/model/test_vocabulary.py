"""Categories as features: words in, an indicator a word for the model, words again in reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost

from farol.errors import BundleError, InputError, PlanError
from farol.model.bins import FeatureBins
from farol.model.bundle import Bundle, read_bundle, write_bundle
from farol.model.export import export_pickles
from farol.model.features import Preprocessing, feature_matrix
from farol.model.inputs import LONGEST_WORD
from farol.model.reasons import explain_rows, reasons_for
from farol.model.reference import Reference
from farol.model.scoring import Scorer, warnings_for
from farol.model.tree_shap import Contributions
from farol.model.vocabulary import MOST_WORDS, Given, Vocabulary, decoded, given_in, words_of
from farol.profile import Text, load_profile
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel
from tests.schools import TERMS, write_terms

PROFILE = load_profile(TERMS)
NAN = float("nan")


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    return read_panel(write_terms(tmp_path_factory.mktemp("college")), PROFILE)


@pytest.fixture(scope="module")
def bundle(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    artifacts = tmp_path_factory.mktemp("artifacts")
    return read_bundle(write_bundle(artifacts, train(panel, "result", quick=True)))


def matrix_of(rows: int = 400) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """A number and a category of three words, a tenth of each missing."""
    rng = np.random.default_rng(3)
    matrix = np.column_stack((rng.normal(5, 2, rows), rng.integers(0, 3, rows).astype(np.float64)))
    matrix[rng.random((rows, 2)) < 0.1] = NAN
    return matrix


WORDS = {"shift": ("day", "evening", "night")}


def test_a_word_is_known_however_it_is_written() -> None:
    region = replace(PROFILE.columns["region"], categories=("North", "South"))
    vocabulary = Vocabulary.of(region)
    given = ["North", " SOUTH ", "1", 2.0, "East", None, True]
    np.testing.assert_array_equal([vocabulary.place(value) for value in given], [0, 1, 0, 1, NAN, NAN, NAN])
    words = np.array(["south", None, "north"], dtype=np.object_)
    np.testing.assert_array_equal(vocabulary.encode(words), [1.0, NAN, 0.0])
    np.testing.assert_array_equal(vocabulary.encode(np.array([1.0, NAN])), [1.0, NAN])


def test_a_rule_for_everything_else_does_not_swallow_a_category() -> None:
    school = load_profile("pede").columns["school_type"]
    vocabulary = Vocabulary.of(school)
    assert [vocabulary.place(word) for word in ("private", "Escola Pública", "Liceu")] == [1.0, 0.0, 3.0]


def test_words_of_training_are_sorted_and_each_is_there_once() -> None:
    values = np.array(["b", "B ", "b", None, "á", "A", "A"], dtype=np.object_)
    assert words_of(values) == ("A", "b")
    assert decoded(("A", "b"), np.array([1.0, NAN])).tolist() == ["b", None]
    assert [given_in(value) for value in (None, "b", NAN, np.float64(2))] == [None, "b", None, 2.0]


@pytest.mark.parametrize("impute", [False, True])
def test_a_category_becomes_an_indicator_for_each_word(impute: bool) -> None:
    matrix = np.array([[1.0, 0.0], [3.0, 2.0], [NAN, NAN]])
    fitted = Preprocessing.fit(matrix, ["age", "shift"], impute=impute, words=WORDS)
    assert fitted.value_features == ("age", "shift", "shift", "shift")
    assert fitted.input_features == (*fitted.value_features, *(("age", "shift") if impute else ()))
    expanded = [[1, 1, 0, 0], [3, 0, 0, 1], [NAN, NAN, NAN, NAN]]
    np.testing.assert_array_equal(fitted.expanded(matrix), expanded)
    inputs = fitted.transform(matrix)
    assert inputs.shape == (3, fitted.width)
    if impute:
        filled = np.array([[1, 1, 0, 0, 0, 0], [3, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 1]], dtype=np.float64)
        scaled = (filled - filled.mean(axis=0)) / np.where(filled.std(axis=0) > 0, filled.std(axis=0), 1)
        np.testing.assert_allclose(inputs, scaled, atol=1e-6)
    else:
        np.testing.assert_array_equal(inputs, np.array(expanded, dtype=np.float32))
    again = Preprocessing.from_json(fitted.to_json())
    np.testing.assert_array_equal(again.transform(matrix), inputs)
    assert again.words == WORDS


def test_words_that_do_not_fit_the_rest_are_refused() -> None:
    content = json.loads(Preprocessing.fit(matrix_of(), ["age", "shift"], impute=True, words=WORDS).to_json())
    content["words"]["shift"].append("dawn")
    with pytest.raises(ValueError, match="do not fit together"):
        Preprocessing.from_json(json.dumps(content).encode())
    del content["words"]
    with pytest.raises(ValueError, match="not a preprocessing"):
        Preprocessing.from_json(json.dumps(content).encode())


@pytest.mark.parametrize("impute", [False, True])
def test_the_contributions_of_all_words_are_those_of_the_feature(impute: bool) -> None:
    matrix = matrix_of()
    label = ((matrix[:, 1] == 2) ^ (np.nan_to_num(matrix[:, 0]) > 6)).astype(float)
    fitted = Preprocessing.fit(matrix, ["age", "shift"], impute=impute, words=WORDS)
    settings = {
        "objective": "binary:logistic",
        "max_leaves": 6,
        "max_depth": 0,
        "grow_policy": "lossguide",
        "nthread": 1,
    }
    data = xgboost.DMatrix(fitted.transform(matrix), label=label)
    booster = xgboost.train(settings, data, 20)
    theirs = booster.predict(data, pred_contribs=True)
    expected = np.zeros((len(matrix), 2))
    for position, name in enumerate(fitted.input_features):
        expected[:, fitted.features.index(name)] += theirs[:, position]
    ours = Contributions.of(bytes(booster.save_raw("json")), fitted)
    np.testing.assert_allclose(ours(matrix), expected, atol=1e-4)


def test_bins_of_a_category_are_its_words_and_have_no_order() -> None:
    words = [Text("dia", "day"), Text("tarde", "evening"), Text("noite", "night")]
    bins = FeatureBins.fit(np.array([2.0] * 3 + [0.0] * 2 + [NAN]), "shift", words)
    assert bins.counts == (2, 3, 0, 1)
    assert (bins.ordered, bins.lowest, bins.highest) == (0, None, None)
    assert bins.labels("pt_BR") == ("dia", "noite", "outro valor", "sem informação")
    bins.check(6)
    with pytest.raises(ValueError, match="has words"):
        replace(bins, words=bins.words[:1] if bins.words else None).check(6)
    assert FeatureBins.fit(np.full(3, NAN), "shift", words).edges == ()


def test_the_reference_of_a_category_can_be_read_again() -> None:
    matrix = matrix_of()
    words = {"shift": [Text(word, word) for word in WORDS["shift"]]}
    reference = Reference.fit(np.column_stack((matrix, matrix[:, 0])), ["age", "shift", "twice"], words=words)
    again = Reference.from_json(reference.to_json())
    assert again == reference
    assert again.joint is not None
    assert [len(table) for table in again.joint.tables] == [0, 25, 0], "a category has no order to go along with"
    assert not again.outside(np.array([[5.0, 2.0, 5.0]])).any()


def test_what_a_bundle_knows_are_the_words_of_training(bundle: Bundle) -> None:
    assert bundle.profile.columns["region"].categories == ("3", "North", "South")
    assert bundle.preprocessing.words == {"sex": ("F", "M"), "region": ("3", "North", "South")}
    assert bundle.inputs.columns["region"].categories == ("3", "North", "South")


def test_words_move_the_answer_and_are_the_reason(bundle: Bundle) -> None:
    scorer = Scorer(bundle)
    pupil: dict[str, Given] = {"sex": "F", "attempts": 0.0, "score": 60.0}
    north, south = (scorer.score_one({**pupil, "region": region}, 3) for region in ("1", "South"))
    assert north.probability is not None
    assert south.probability is not None
    assert south.probability > north.probability + 0.05
    (reason,) = [reason for reason in reasons_for(scorer, south, 5) if reason.feature == "region"]
    assert (reason.value, reason.direction) == ("South", "raises")
    assert reason.text("en").startswith("Region: South. This is associated with a higher risk.")


def test_codes_that_are_numbers_have_words_in_reasons(bundle: Bundle) -> None:
    scorer = Scorer(bundle)
    columns = {"attempts": np.array([0.0, 2.0]), "score": np.array([20.0, 90.0])}
    explained = explain_rows(scorer, columns, np.full(2, 3.0), 5)
    words = [
        {reason.feature: reason.word for reason in explained.reasons(row)}.get("attempts", Text("", ""))
        for row in (0, 1)
    ]
    assert words[0] in (Text("nenhuma", "none"), Text("", ""))
    assert words[1] in (None, Text("", ""))


def test_one_pupil_is_answered_as_in_a_column(bundle: Bundle, panel: Panel) -> None:
    scorer = Scorer(bundle)
    some = panel.select(np.arange(40))
    columns = scorer.score(some.columns, some.year.astype(np.float64))
    rows = [{name: given_in(some.columns[name][i]) for name in bundle.inputs.columns} for i in range(40)]
    np.testing.assert_array_equal(scorer.score_rows(rows, some.year.tolist()).features, columns.features)
    encoded = feature_matrix(bundle.profile, bundle.task_spec, some.columns, some.year.astype(np.float64))
    np.testing.assert_array_equal(encoded, columns.features)


def test_a_word_that_training_never_had_is_missing_and_warned(bundle: Bundle) -> None:
    scorer = Scorer(bundle)
    given: dict[str, Given] = {"sex": "F", "attempts": 1.0, "score": 50.0}
    unknown, without = (scorer.score_one(values, 3) for values in ({**given, "region": "West"}, given))
    assert unknown.probability == without.probability
    (warning,) = warnings_for(bundle, {**given, "region": "West"})
    assert (warning.code, warning.field) == ("unknown_category", "region")
    assert "3, North, South" in warning.message.render("en")
    assert [each.code for each in warnings_for(bundle, {**given, "region": None})] == ["missing_feature"]
    assert warnings_for(bundle, {**given, "region": "north"}) == ()


@pytest.mark.parametrize(
    ("value", "is_problem"),
    [
        ("x" * LONGEST_WORD, False),
        (3, False),
        (None, False),
        ("x" * (LONGEST_WORD + 1), True),
        (True, True),
        ([], True),
    ],
)
def test_a_category_takes_a_text_or_a_code(bundle: Bundle, value: object, is_problem: bool) -> None:
    problems = [problem.code for problem in bundle.inputs.problems({"region": value})]
    assert problems == (["not_a_text"] if is_problem else [])


def test_pickles_cannot_hold_words(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="words, not numbers"):
        export_pickles(bundle, tmp_path)


def test_a_bundle_whose_words_are_of_other_features_is_refused(panel: Panel, tmp_path: Path) -> None:
    trained = train(panel, "later", quick=True)
    content = json.loads(trained.files["preprocessing.json"])
    width = len(content["centres"])
    content |= {"words": {}, "features": ["region", "score"], "medians": [0, 0]}
    content |= {"centres": content["centres"][: width - 2], "scales": content["scales"][: width - 2]}
    spoilt = {
        **trained.files,
        "preprocessing.json": json.dumps({**content, "centres": [0] * 4, "scales": [1] * 4}).encode(),
    }
    with pytest.raises(BundleError, match="preprocessing"):
        write_bundle(tmp_path, replace(trained, files=spoilt))


def test_a_column_of_too_many_words_is_no_feature(panel: Panel) -> None:
    many = np.array([f"street {i % (MOST_WORDS + 1)}" for i in range(len(panel.year))], dtype=np.object_)
    with pytest.raises(PlanError, match="too many different words"):
        train(replace(panel, categories={**panel.categories, "region": many}), "result", quick=True)


def test_a_column_may_be_a_feature_and_a_group_of_the_audit(panel: Panel) -> None:
    report = json.loads(train(panel, "result", quick=True).files["report.json"])
    sex, region = report["fairness"]["divisions"][:2]
    assert [group["title"]["pt"] for group in sex["groups"]] == ["mulher", "homem"]
    assert {group["name"] for group in region["groups"]} == {"3", "North", "South"}
    assert {"sex", "region"} <= {feature["name"] for feature in report["features"]}


def test_rows_that_do_not_count_are_neither_taught_nor_tested(panel: Panel) -> None:
    report = json.loads(train(panel, "result", quick=True).files["report.json"])
    counts = panel.counts(PROFILE.tasks["result"])
    assert report["only"]["conditions"] == [{"column": "result", "operator": "!=", "value": "enrolled"}]
    assert report["only"]["left_out"] == np.count_nonzero(~counts)
    assert report["n_train"] + report["n_test"] == np.count_nonzero(counts)


def test_a_rule_on_words_is_described_in_words(panel: Panel) -> None:
    given_away = np.where(panel.label == 1, "M", "F").astype(np.object_)
    told = replace(panel, categories={**panel.categories, "sex": given_away})
    report = json.loads(train(told, "result", quick=True).files["report.json"])
    (leak,) = report["leakage"]["columns"]
    assert leak["rule"] == {"pt": "sem risco quando Sexo = mulher", "en": "not at risk where Sex = woman"}
    assert "sex already holds the answer: not at risk where Sex = woman" in report["notice"]["en"]
