"""The card's curves by hand and against scikit-learn, and their drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from sklearn import metrics as sk

from farol.i18n import LOCALES, msg
from farol.training.charts import Answers, charts, curve_band, precision_recall_points, reliability_points, roc_points


def answers(n: int = 300) -> Answers:
    generator = np.random.default_rng(0)
    probability = np.round(generator.random(n), 2)
    label = (generator.random(n) < probability).astype(np.float64)
    return Answers(label, probability, np.full(n, 0.4), msg("Logistic regression"), 0.5)


def test_curves_are_those_of_scikit_learn() -> None:
    drawn = answers()
    false_alarms, hits = roc_points(drawn.label, drawn.probability)
    assert (false_alarms[0], hits[0], false_alarms[-1], hits[-1]) == (0, 0, 1, 1)
    expected = sk.roc_curve(drawn.label, drawn.probability, drop_intermediate=False)
    np.testing.assert_allclose(np.c_[false_alarms, hits], np.c_[expected[0], expected[1]])
    recall, precision = precision_recall_points(drawn.label, drawn.probability)
    expected = sk.precision_recall_curve(drawn.label, drawn.probability)
    np.testing.assert_allclose(precision, expected[0][:-1][::-1])
    np.testing.assert_allclose(recall, expected[1][:-1][::-1])


def test_the_shade_of_a_curve_narrows_with_more_pupils() -> None:
    widths = []
    for n in (100, 2_000):
        drawn = answers(n)
        band = curve_band(roc_points, drawn.label, drawn.probability)
        curve = np.interp([point["x"] for point in band], *roc_points(drawn.label, drawn.probability))
        inside = [point["low"] <= y <= point["high"] for point, y in zip(band, curve, strict=True)]
        assert np.mean(inside) > 0.9
        widths.append(np.mean([point["high"] - point["low"] for point in band]))
    assert widths[1] < widths[0] / 2


def test_reliability_by_hand() -> None:
    (point,) = reliability_points(np.array([1.0, 0, 0, 0]), np.full(4, 0.3))
    # Wilson's interval for 1 of 4: 4.56% to 69.94%.
    expected = {"said": 0.3, "true": 0.25, "rows": 4, "low": 0.0456, "high": 0.6994}
    assert point == pytest.approx(expected, abs=1e-4)


def test_rows_of_one_answer_only_still_draw() -> None:
    for value in (0.0, 1.0):
        drawn = answers(20)
        single = Answers(np.full(20, value), drawn.probability, drawn.reference, drawn.reference_title, 0.5)
        assert len(charts(single, "en")) == 4


@pytest.mark.parametrize("locale", LOCALES)
def test_each_figure_is_plain_svg_with_words_in_the_language(locale: str) -> None:
    drawn = charts(answers(), locale)
    assert len({chart.caption for chart in drawn}) == 4
    for chart in drawn:
        assert ET.fromstring(chart.svg).tag.endswith("svg")
        assert len(chart.description) > 60
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", chart.svg)
    words = {"pt_BR": "alarmes falsos", "en": "false alarms"}[locale]
    assert words in drawn[0].svg


def test_the_same_answers_give_the_same_bytes() -> None:
    assert charts(answers(), "pt_BR") == charts(answers(), "pt_BR")


def test_a_large_school_does_not_make_a_large_page() -> None:
    assert len(charts(answers(50_000), "en")[0].svg) < 60_000
