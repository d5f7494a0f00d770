"""Telephone numbers and CPFs are refused in texts; dates, years, grades and codes are not taken for them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.casework.personal_numbers import has_personal_number, parse_day, plain_text, telephone
from farol.errors import InputError
from farol.i18n import msg

FIELD = msg("Note")


@pytest.mark.parametrize(
    "text",
    [
        "ligar para (11) 98765-4321",
        "98765-4321",
        "3456 7890",
        "zap 11 9 8765 4321",
        "+55 11 98765.4321",
        "0800 123 4567",
        "(11) 2021-2050",
        "11987654321 em 12/03/2025",
        "９８７６５－４３２１",
        "98765\u201343\u200b21",
        "98765\N{MINUS SIGN}4321",
        "CPF 123.456.789-00",
    ],
)
def test_numbers_of_persons_are_seen(text: str) -> None:
    assert has_personal_number(text)
    with pytest.raises(InputError, match="does not keep these"):
        plain_text(text, FIELD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "em 12/03/2025 e 13-03-2025, às 14:30",
        "2025-03-12",
        "de 2023-2024 a 2025",
        "notas 7 8 9 10 6 7 8; 7,5",
        "RA-12345678",
        "de R$ 1.234.567,89",
        "processo 0001234-56.2024.8.26.0100",
        "das 8h30 às 9h45, sala 12",
    ],
)
def test_dates_grades_and_codes_pass(text: str) -> None:
    assert plain_text(f"  {text}\r\n", FIELD) == text


@given(
    st.integers(11, 99), st.integers(10_000_000, 999_999_999), st.sampled_from(["", " ", "-", ".", " - "]), st.text()
)
def test_no_mobile_number_passes(area: int, number: int, between: str, around: str) -> None:
    digits = f"{number:09}"
    letters = "".join(letter for letter in around if not letter.isalnum() and letter not in "_-/.()+#")
    assert has_personal_number(f"{letters} ({area}){between}{digits[:5]}{between}{digits[5:]} {letters}")


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_no_date_is_taken_for_a_number(on: date) -> None:
    for text in (f"{on:%d/%m/%Y}", f"{on:%d.%m.%Y}", f"{on:%d-%m-%Y}", on.isoformat()):
        assert not has_personal_number(f"em {text} e {text}")
    assert parse_day(on.isoformat(), FIELD) == parse_day(f" {on:%d/%m/%Y} ", FIELD) == on


def test_a_text_is_kept_without_control_characters() -> None:
    assert plain_text("a\0b\u202e\tc\r\nd", FIELD) == "abc\nd"
    with pytest.raises(InputError, match="too long"):
        plain_text("x" * 2001, FIELD)


@pytest.mark.parametrize("text", ["1/2", "31/02/2025", "2025-13-01", "amanhã", "12/03/25", "01/01/0001"])
def test_an_invalid_day_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a day"):
        parse_day(text, FIELD)
    assert parse_day("  ", FIELD) is None


def test_a_number_to_call_is_digits_alone() -> None:
    assert telephone(" (11) 98765-4321 ") == "11987654321"
    assert telephone("+55 11 98765.4321") == "+5511987654321"
    assert telephone("190") == "190"
    for text in ("", "12", "javascript:1234", "1" * 16, "11;ext=5"):
        with pytest.raises(InputError, match="not a telephone number"):
            telephone(text)
