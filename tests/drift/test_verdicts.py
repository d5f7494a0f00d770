"""Words and rules of verdicts."""

from __future__ import annotations

import pytest

from farol.drift.verdicts import ALPHA, ALPHA_SHARES, is_alarm, kind_label, verdict_for, verdict_label, worst


def test_all_kinds_of_tests_together_spend_one_percent() -> None:
    assert sum(ALPHA_SHARES.values()) == pytest.approx(ALPHA)


def test_an_alarm_needs_30_predictions_a_band_and_significance() -> None:
    assert verdict_for(29, "severe", significant=True) == "insufficient_data"
    assert verdict_for(30, "severe", significant=True) == "severe"
    assert verdict_for(30, "moderate", significant=False) == "insufficient_data"
    assert verdict_for(30, "none", significant=True) == "none"


def test_the_gravest_verdict_is_that_of_the_whole() -> None:
    assert worst(["none", "insufficient_data", "moderate", "severe"]) == "severe"
    assert worst(["none", "insufficient_data", "moderate"]) == "moderate"
    assert worst(["none", "insufficient_data"]) == "insufficient_data"
    assert worst(["none"]) == "none"
    assert [is_alarm(verdict) for verdict in ("insufficient_data", "none", "moderate", "severe")] == [
        False,
        False,
        True,
        True,
    ]


def test_verdicts_and_kinds_have_words_in_both_languages() -> None:
    assert (verdict_label("severe", "pt_BR"), verdict_label("none", "en")) == ("Drift severo", "No drift")
    assert [kind_label(kind, "pt_BR") for kind in ALPHA_SHARES] == [
        "distribuição",
        "valores mudaram",
        "valores faltando",
        "valores nunca vistos",
        "parcela “em risco”",
    ]
