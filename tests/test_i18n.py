"""Two voices: what is asked for is spoken, and nothing is left untranslated."""

from __future__ import annotations

import json

import pytest

from farol.errors import InputError, Place
from farol.i18n import in_every_locale, msg, negotiate, terminal_locale, translate, visible
from farol.profile import Text
from scripts import catalog


def test_what_would_act_on_a_screen_is_written_out() -> None:
    name = "a\x1b[31m\u202eb\nc\x9b"
    assert visible(name) == "a\\x1b[31m\\u202eb\nc\\x9b"
    assert visible(name, one_line=True) == "a\\x1b[31m\\u202eb\\nc\\x9b"
    assert json.loads(visible('"a\u202eb"', as_json=True)) == "a\u202eb"
    assert visible("São João – “5,5”\xa0€") == "São João – “5,5”\xa0€"
    refused = InputError(msg("The file {name} is not there.", name=name), where=Place(file=name))
    assert not {"\x1b", "\u202e", "\x9b"} & set(str(refused))
    assert "b\nc" not in str(refused)


@pytest.mark.parametrize(
    ("wanted", "locale"),
    [
        (None, "pt_BR"),
        ("", "pt_BR"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("pt-PT", "pt_BR"),
        ("pt_BR.UTF-8", "pt_BR"),
        ("de, en;q=0.5, pt;q=0.7", "pt_BR"),
        ("de;q=0.9, en;q=0.8, pt;q=0.1", "en"),
        ("en;q=0, pt;q=0.1", "pt_BR"),
        ("en;q=abc", "pt_BR"),
        ("*", "pt_BR"),
        ("fr", "pt_BR"),
    ],
)
def test_the_best_language_we_speak_is_chosen(wanted: str | None, locale: str) -> None:
    assert negotiate(wanted) == locale


@pytest.mark.parametrize(
    ("environ", "locale"),
    [
        ({}, "pt_BR"),
        ({"LANG": "C.UTF-8"}, "pt_BR"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "pt_BR.UTF-8"}, "pt_BR"),
        ({"LANG": "pt_BR.UTF-8", "FAROL_LOCALE": "en"}, "en"),
    ],
)
def test_a_command_speaks_the_language_of_the_terminal(environ: dict[str, str], locale: str) -> None:
    assert terminal_locale(environ) == locale


def test_a_message_within_a_message_renders_in_both_languages() -> None:
    message = msg("Where: {text}", text=msg("sheet {name}", name="PEDE2022"))
    assert str(message) == "Where: sheet PEDE2022"
    assert message.render("pt_BR") == "Onde: aba PEDE2022"


def test_a_text_of_the_profile_inside_a_message_is_rendered() -> None:
    message = msg("One rule alone: {rule}", rule=Text(pt="faltas", en="absences"))
    assert message.render("pt_BR") == "Uma regra só: faltas"
    assert str(message) == "One rule alone: absences"


def test_a_text_without_translation_comes_back_as_written() -> None:
    assert translate("not in any catalogue", "pt_BR") == "not in any catalogue"
    assert translate("", "pt_BR") == ""


def test_an_error_says_the_expected_the_given_its_place_and_fix() -> None:
    error = InputError(
        msg("field {name}", name="x"),
        expected=msg("row {name}", name=1),
        got=msg("row {name}", name=2),
        where=Place(file="a.xlsx", sheet="S", row=7, column="IAA"),
        fix=msg("column {name}", name="IAA"),
    )
    assert error.lines("pt_BR") == [
        "campo x",
        "Onde: arquivo a.xlsx, aba S, linha 7, coluna IAA",
        "Esperado: linha 1",
        "Recebido: linha 2",
        "O que fazer: coluna IAA",
    ]
    assert error.as_dict("en") == {
        "code": "input",
        "message": "field x",
        "expected": "row 1",
        "got": "row 2",
        "fix": "column IAA",
        "where": {"file": "a.xlsx", "sheet": "S", "row": 7, "column": "IAA"},
    }
    assert "What to do: column IAA" in str(error)
    assert InputError(msg("field {name}", name="x")).as_dict("en") == {"code": "input", "message": "field x"}


def test_every_text_has_portuguese_and_the_catalogue_is_fresh() -> None:
    assert list(catalog.problems()) == []


def test_the_catalogue_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "extracted", lambda: {"new text {a}": "x.py:1", "row {name}": "y.py:2"})
    problems = "\n".join(catalog.problems())
    assert "x.py:1: not translated: 'new text {a}'" in problems
    assert "no longer in the source: 'sheet {name}'" in problems


def test_a_message_to_keep_has_a_text_for_every_locale() -> None:
    assert in_every_locale(msg("Reading the workbook")) == {"pt_BR": "Lendo a planilha", "en": "Reading the workbook"}
