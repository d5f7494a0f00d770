"""A probability means as much as is known of the pupil, in numbers and words."""

from __future__ import annotations

import numpy as np
import pytest

from farol.model.risk_bands import UNMEASURED, Band, Support, patterns_of, prevalence_range, risk_text
from farol.profile import Text

NAN = float("nan")
FEATURES = ("IAN", "a", "b", "c")


def support(hidden: tuple[str, ...] = ("IAN",), **changes: object) -> Support:
    groups = [
        group([], None, 0.5, (0.0, 0.5, True), (0.5, 1.0, True)),
        group([], [0, 1], 0.5, (0.0, 1.0, False)),
        group(["IAN"], None, 0.3, (0.0, 0.1, False), (0.1, 1.0, True)),
    ]
    source = {"edges": [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0], "usual": [[], ["c"]], "groups": groups, **changes}
    return Support.of(source, FEATURES, hidden)


def group(
    without: list[str], known: list[int] | None, threshold: float, *bands: tuple[float, float, bool]
) -> dict[str, object]:
    measured = [
        {"low": low, "high": high, "expected": {"low": 0.2, "high": 0.4}, "answered": answered}
        for low, high, answered in bands
    ]
    return {"without": without, "known": known, "share": 0.6, "threshold": threshold, "bands": measured}


@pytest.mark.parametrize(
    ("row", "probability", "threshold", "low", "answered"),
    [
        ([5.0, 1.0, 1.0, 1.0], 0.49, 0.5, 0.0, True),
        ([5.0, 1.0, 1.0, NAN], 0.5, 0.5, 0.5, True),  # lacks what many lacked, and an edge belongs above
        ([5.0, 1.0, 1.0, 1.0], 1.0, 0.5, 0.5, True),
        ([5.0, 1.0, NAN, NAN], 0.99, 0.5, 0.0, False),  # one other feature known: its own band, which says nothing
        ([NAN, 1.0, 1.0, 1.0], 0.09, 0.3, 0.0, False),  # without the hidden feature: bands and threshold of such pupils
        ([NAN, 1.0, 1.0, 1.0], 0.4, 0.3, 0.1, True),
        ([5.0, 1.0, NAN, 1.0], 0.4, 0.5, None, False),  # two known, but not those that many lacked: not measured
        ([NAN, 1.0, NAN, NAN], 0.4, 0.3, None, False),
    ],
)
def test_a_pupil_has_the_bands_of_equally_known_pupils(
    row: list[float], probability: float, threshold: float, low: float | None, answered: bool
) -> None:
    known = support()
    judged = known.judge(np.array([row]), np.array([probability]))
    band = None if judged.band[0] == UNMEASURED else known.bands[judged.band[0]].low
    assert (judged.threshold[0], band, bool(judged.answered[0])) == (threshold, low, answered)


def test_sets_of_hidden_features_are_measured_while_they_are_few() -> None:
    assert patterns_of(()) == ((),)
    assert patterns_of(("a", "b")) == ((), ("a",), ("b",), ("a", "b"))
    many = tuple("abcde")
    assert patterns_of(many) == ((), many)
    groups = [group(list(without), [0], threshold, (0.0, 1.0, True)) for without, threshold in (((), 0.5), (many, 0.4))]
    known = Support.of({"edges": [0.0, 1.0], "usual": [], "groups": groups}, many, many)
    rows = np.array([[1.0] * 5, [NAN] * 5, [1.0, 1.0, 1.0, 1.0, NAN]])
    judged = known.judge(rows, np.full(3, 0.9))
    assert judged.answered.tolist() == [True, True, False], "some of many hidden features missing: not measured"
    assert judged.threshold.tolist()[:2] == [0.5, 0.4]


@pytest.mark.parametrize(
    "groups",
    [
        [group([], None, 1.0, (0.0, 1.0, True))],
        [group(["a"], None, 0.5, (0.0, 1.0, True))],
        [group([], None, 0.5, (0.0, 0.2, True))],
        [group([], [9], 0.5, (0.0, 1.0, True))],
    ],
)
def test_an_invalid_support_is_refused(groups: list[dict[str, object]]) -> None:
    with pytest.raises((ValueError, IndexError)):
        support(groups=groups)


def test_a_band_in_words() -> None:
    band = Band(0.5, 0.7, 0.448, 0.662)
    words = band.words(Text("em defasagem", "behind"))
    assert words.render("en") == (
        "Of pupils of whom as much was known, with a risk between 50% and 70%, 45% to 66% were behind in the end."
    )
    assert words.render("pt_BR") == (
        "De alunos de quem se sabia tanto quanto deste, com risco entre 50% e 70%, de 45% a 66% acabaram em defasagem."
    )


@pytest.mark.parametrize(
    ("probability", "portuguese"),
    [(0.0, "0,1%"), (0.0042, "0,4%"), (0.01, "1%"), (0.614, "61%"), (0.99, "99%"), (0.9961, "99,6%"), (1.0, "99,9%")],
)
def test_no_risk_is_presented_as_certain(probability: float, portuguese: str) -> None:
    assert risk_text(probability, "pt_BR") == portuguese
    assert risk_text(probability, "en") == portuguese.replace(",", ".")


def test_the_range_of_prevalence_is_that_of_training_and_test() -> None:
    assert prevalence_range({"prevalence": {"train": 0.61, "test": 0.4}}) == (0.4, 0.61)
