"""The band of risk that a probability falls into, in numbers and words."""

from __future__ import annotations

import pytest

from farol.model.risk_bands import Band, band_of, prevalence_range, risk_text
from farol.profile import Text
from tests.bundles import invented_bands


@pytest.mark.parametrize(
    ("probability", "low"), [(0.0, 0.0), (0.0999, 0.0), (0.1, 0.1), (0.69, 0.5), (0.7, 0.7), (0.95, 0.9), (1.0, 0.9)]
)
def test_a_probability_is_in_the_band_that_begins_below_it(probability: float, low: float) -> None:
    band = band_of({"bands": invented_bands()}, probability)
    assert band is not None
    assert band.low == low
    assert band.expected_low == round(low + 0.01, 2)


def test_a_band_in_words() -> None:
    band = Band(0.5, 0.7, 0.448, 0.662)
    words = band.words(Text("em defasagem", "behind"))
    assert words.render("en") == "Of pupils with a risk between 50% and 70%, 45% to 66% were behind in the end."
    assert words.render("pt_BR") == "De alunos com risco entre 50% e 70%, de 45% a 66% acabaram em defasagem."


def test_no_answer_is_in_no_band() -> None:
    assert band_of({"bands": invented_bands()}, None) is None


@pytest.mark.parametrize(
    ("probability", "portuguese"),
    [(0.0, "0,1%"), (0.0042, "0,4%"), (0.01, "1%"), (0.614, "61%"), (0.99, "99%"), (0.9961, "99,6%"), (1.0, "99,9%")],
)
def test_no_risk_is_told_as_certain(probability: float, portuguese: str) -> None:
    assert risk_text(probability, "pt_BR") == portuguese
    assert risk_text(probability, "en") == portuguese.replace(",", ".")


def test_the_range_of_prevalence_is_that_of_training_and_test() -> None:
    assert prevalence_range({"prevalence": {"train": 0.61, "test": 0.4}}) == (0.4, 0.61)
