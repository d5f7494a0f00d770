"""A profile describes a school, and a wrong one is refused by the name of what is wrong in it."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import ProfileError
from farol.profile import Condition, Text, ZeroIsMissing, fold, load_profile, parse_profile
from tests.schools import PROFILE

SMALL = """
format = 1
name = "small"
title = { pt = "Pequena", en = "Small" }
sheets = "Year {year}"

[label]
column = "absences"
operator = ">="
value = 20
negative = { pt = "Não", en = "No" }
positive = { pt = "Sim", en = "Yes" }

[columns.code]
kind = "identifier"
aliases = ["Code"]
meaning = { pt = "Código", en = "Code" }

[columns.absences]
kind = "number"
aliases = ["Absences", "Absences {yy}"]
range = [0, 200]
meaning = { pt = "Faltas", en = "Absences" }
zero_is_missing = false
recode = [{ pattern = 'none', value = 0 }]

[columns.shift]
kind = "category"
aliases = ["Shift"]
meaning = { pt = "Turno", en = "Shift" }
categories = ["day", "night"]
recode = [{ pattern = 'd', value = "day" }]

[columns.born]
kind = "date"
aliases = ["Born"]
meaning = { pt = "Nascimento", en = "Birth" }
year_fills = "absences"

[derived.years]
difference = ["year", "absences"]
meaning = { pt = "Anos", en = "Years" }

[derived.stage]
source = "absences"
table = [[5, 1], [inf, 2]]
meaning = { pt = "Etapa", en = "Stage" }

[tasks.current]
title = { pt = "Agora", en = "Now" }
question = { pt = "Agora?", en = "Now?" }
horizon = 0
features = ["absences", "stage"]
impute = true
limits = { pt = "Nenhum.", en = "None." }
"""


@pytest.mark.parametrize(
    "text", ["Retido\u200b", "Re\u00adtido", "\ufeffRETIDO", "\uff32etido", "Retido\ufe0f", "Retido \u200b "]
)
def test_invisible_characters_do_not_count_in_a_word(text: str) -> None:
    assert fold(text) == "retido"


def test_the_built_in_profile_describes_pede() -> None:
    profile = load_profile("pede")
    assert profile.sheet_pattern == "PEDE{year}"
    assert (profile.label.column, profile.label.operator, profile.label.value) == ("lag", "<", 0.0)
    assert profile.columns["IEG"].zero_is_missing == ZeroIsMissing(column="assessments", equals=0.0)
    assert profile.columns["IAA"].zero_is_missing == ZeroIsMissing(column=None, equals=None)
    assert profile.derived["ideal_phase"].kind == "expected"
    assert profile.tasks["next-year"].monotone["lag"] == -1
    assert profile.columns["phase"].max_step == 1.0
    assert profile.columns["birth_date"].year_fills == "birth_year"
    assert profile.columns["birth_date"].month_fills == "birth_month"
    assert profile.level == "phase"
    assert profile.tasks["next-year"].changeable == profile.tasks["current"].features
    assert profile.tasks["current"].changeable == profile.tasks["current"].features


def test_the_age_rule_of_pede_is_dated() -> None:
    rule = load_profile("pede").rule
    assert rule is not None
    assert (rule.column, rule.age, rule.birth_year, rule.birth_month) == (
        "ideal_phase",
        "age",
        "birth_year",
        "birth_month",
    )
    assert [(dated.since, dated.month, dated.day) for dated in rule.dated] == [
        (2022, 12, 31),
        (2023, 10, 26),
        (2024, 6, 30),
    ]
    old, new = rule.dated[0].applied, rule.dated[2].applied
    assert (old[0], new[0]) == ((8.0, 0.0), (7.0, 0.0))
    assert old[1:] == new[1:] == rule.dated[1].applied[1:]
    assert old[-1] == (math.inf, 8.0)
    assert [(dated.applied, dated.written) for dated in rule.dated] == [(old, old), (old, new), (new, new)]


def ruled(*changes: tuple[str, str]) -> bytes:
    """The built-in profile with texts replaced, each of which stands in it."""
    text = load_profile("pede").source.decode()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text.encode()


RULE_23 = "from = 2023  # its words changed"


@pytest.mark.parametrize(
    ("before", "after", "field", "words"),
    [
        ('level = "phase"', 'level = "fase"', "level", "not known"),
        ('level = "phase"', "", "rule.column", "takes away from the level"),
        ('column = "ideal_phase"\nage', 'column = "phase"\nage', "rule.column", "takes away from the level"),
        ('age = "age"\n', 'age = "idade"\n', "rule.age", "not known"),
        ('birth_year = "birth_year"\n', 'birth_year = "sex"\n', "rule.birth_year", "not known"),
        ('birth_month = "birth_month"\n', 'birth_month = "month"\n', "rule.birth_month", "birth_month"),
        ('month_fills = "birth_month"', 'month_fills = "month"', "columns.birth_date.month_fills", "birth_month"),
        (RULE_23, "from = 2022  #", "rule.dated[1].from", "a later year"),
        (RULE_23, "from = '23'  #", "rule.dated[1].from", "whole number"),
        ('day = "10-26"', 'day = "26 Oct"', "rule.dated[1].day", "MM-DD"),
        ('day = "10-26"', 'day = "02-30"', "rule.dated[1].day", "MM-DD"),
        ("written = [[7, 0]", "written = [[9, 0]", "rule.dated[1].written", "ascending"),
        ('day = "10-26"', 'day = "10-26"\ndays = 3', "rule.dated[1].days", "one of"),
        ('rule = "chance"\npromotions = 0', 'rule = "luck"\npromotions = 0', "derived.p_pass.rule", "chance"),
        ('rule = "chance"\npromotions = 0', 'rule = "chance"', "derived.p_pass.promotions", "from 0 to 3"),
        ('integer = true\naliases = ["Fase"]', 'aliases = ["Fase"]', "level", "whole numbers with a range"),
        ("changeable = [", 'changeable = ["phase", ', "tasks.current.changeable", "not known"),
        ('operator = "<"', 'operator = "!="', "label.operator", "a comparison with one number"),
    ],
)
def test_every_fault_in_a_rule_of_ages_is_named(before: str, after: str, field: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(ruled((before, after)), "school.toml")
    assert caught.value.where is not None
    assert caught.value.where.field == field
    assert words in str(caught.value)


def test_a_rule_of_ages_has_at_least_one_date() -> None:
    text = load_profile("pede").source.decode()
    first, last = text.index("[[rule.dated]]"), text.index("# ── Columns")
    with pytest.raises(ProfileError, match="at least one dated rule"):
        parse_profile((text[:first] + "dated = []\n" + text[last:]).encode(), "school.toml")
    with pytest.raises(ProfileError, match=r"a profile with a \[rule\] of ages"):
        parse_profile((text[: text.index("[rule]")] + text[last:]).encode(), "school.toml")


def test_a_rule_of_ages_needs_no_dates_of_birth() -> None:
    rule = parse_profile(
        ruled(('birth_year = "birth_year"\n', ""), ('birth_month = "birth_month"\n', "")), "school.toml"
    ).rule
    assert rule is not None
    assert (rule.birth_year, rule.birth_month) == (None, None)


def test_a_profile_can_be_read_again_from_its_own_bytes() -> None:
    profile = load_profile("pede")
    assert profile.fingerprint == hashlib.sha256(profile.source).hexdigest()
    assert parse_profile(profile.source, "elsewhere") == profile


def test_a_profile_is_read_from_a_file(tmp_path: Path) -> None:
    assert load_profile(PROFILE).name == "aurora"
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    assert load_profile(str(path)).name == "small"


def test_texts_speak_both_languages() -> None:
    text = Text(pt="sim", en="yes")
    assert (text.in_locale("pt_BR"), text.in_locale("en")) == ("sim", "yes")


@pytest.mark.parametrize("name", ["nowhere", "no/such.toml", ".", "a\0b"])
def test_a_profile_that_is_not_there_names_those_that_are(name: str) -> None:
    with pytest.raises(ProfileError) as refused:
        load_profile(name)
    assert "pede" in str(refused.value)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("source", [b"format = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_invalid_toml_is_refused(source: bytes) -> None:
    with pytest.raises(ProfileError) as refused:
        parse_profile(source, "mine.toml")
    assert refused.value.where.file == "mine.toml"


WRONG = [
    # the replaced text, the new one, the key that the error names, other words of it
    ("format = 1", "format = 2", "format", "from 1 to 1"),
    ("format = 1", "", "format", "missing"),
    ("format = 1", "format = true", "format", "True"),
    ('name = "small"', "name = 3", "name", "3"),
    ('name = "small"', 'name = " "', "name", "not empty"),
    ('title = { pt = "Pequena", en = "Small" }', 'title = { pt = "Pequena" }', "title", "both languages"),
    ('title = { pt = "Pequena", en = "Small" }', 'title = { pt = "Pequena", en = "" }', "title", "both languages"),
    ('title = { pt = "Pequena", en = "Small" }', 'title = "Small"', "title", "'Small'"),
    ('"Year {year}"', '"Year {year} {yy}"', "sheets", "{year}"),
    ('"Year {year}"', '"Year {year}"\nshets = 1', "shets", "Did you mean 'sheets'?"),
    ('"Year {year}"', '"Year {year}"\nzzz = 1', "zzz", "one of format, columns"),
    ('"Year {year}"', '"Year {year}"\naudit = ["shift", "shift"]', "audit", "none twice"),
    ('"Year {year}"', '"Year {year}"\naudit = [""]', "audit", "none empty"),
    ('"Year {year}"', '"Year {year}"\naudit = "shift"', "audit", "a list of texts"),
    ('"Year {year}"', '"Year {year}"\naudit = ["absences"]', "audit", "one of shift"),
    ('"Year {year}"', '"Year {year}"\naudit = ["shft"]', "audit", "Did you mean 'shift'?"),
    ("[columns.code]", "[columnas.code]", "columnas", "Did you mean 'columns'?"),
    ('kind = "identifier"', 'kind = "identifer"', "columns.code.kind", "'identifer'"),
    ('kind = "identifier"', "", "columns.code.kind", "identifier, number"),
    ('aliases = ["Code"]', "aliases = []", "columns.code.aliases", "at least one header"),
    ('aliases = ["Code"]', 'aliases = ["{Code}"]', "columns.code.aliases", "{Code}"),
    ('aliases = ["Code"]', 'aliases = ["SHÍFT "]', "columns.shift.aliases", "code has it too"),
    ('aliases = ["Code"]', 'aliases = ["Code"]\nrange = [0, 1]', "columns.code.range", "kind identifier"),
    ('aliases = ["Code"]', 'aliases = ["Code"]\nrequired = "all"', "columns.code.required", "every, some"),
    ('aliases = ["Code"]', 'aliases = ["Code"]\nneeded = true', "columns.code.needed", "not known"),
    ("range = [0, 200]", "range = [200, 0]", "columns.absences.range", "the lower first"),
    ("range = [0, 200]", "range = [0]", "columns.absences.range", "two numbers"),
    ("range = [0, 200]", 'range = ["a", "b"]', "columns.absences.range", "a list of numbers"),
    ("range = [0, 200]", "range = [0, inf]", "columns.absences.range", "a list of numbers"),
    ("range = [0, 200]", "tolerance = -1", "columns.absences.tolerance", "not below 0"),
    ("range = [0, 200]", "tolerance = nan", "columns.absences.tolerance", "nan"),
    ("range = [0, 200]", "integer = 1", "columns.absences.integer", "true or false"),
    ("range = [0, 200]", 'max_step = "x"', "columns.absences.max_step", "a number"),
    ("zero_is_missing = false", 'zero_is_missing = "no"', "columns.absences.zero_is_missing", "true, false"),
    (
        "zero_is_missing = false",
        'zero_is_missing = { column = "absence", equals = 0 }',
        "columns.absences.zero_is_missing",
        "Did you mean 'absences'?",
    ),
    (
        "zero_is_missing = false",
        'zero_is_missing = { column = "absences" }',
        "columns.absences.zero_is_missing.equals",
        "missing",
    ),
    ("pattern = 'none', value = 0", "pattern = '(', value = 0", "columns.absences.recode[0].pattern", "regular"),
    ("pattern = 'none', value = 0", "pattern = 'none'", "columns.absences.recode[0].pattern", "a group"),
    ("value = 0 }", 'value = "x" }', "columns.absences.recode[0].value", "a number"),
    ("value = 0 }", "value = 0, missing = true }", "columns.absences.recode[0].value", "no value beside"),
    ("value = 0 }", "value = 0, finding = 3 }", "columns.absences.recode[0].finding", "not empty"),
    ('value = "day"', "value = 1", "columns.shift.recode[0].value", "a text"),
    ('value = "day"', 'value = "dai"', "columns.shift.recode", "Did you mean 'day'?"),
    ("recode = [{ pattern = 'none', value = 0 }]", "recode = [1]", "columns.absences.recode", "a list of tables"),
    ('year_fills = "absences"', 'year_fills = "shift"', "columns.born.year_fills", "one of absences"),
    ('difference = ["year", "absences"]', "", "derived.years.difference", "either difference"),
    ('difference = ["year", "absences"]', 'difference = ["year"]', "derived.years.difference", "two column names"),
    ('["year", "absences"]', '["year", "stage"]', "derived.years.difference", "not known"),
    ('["year", "absences"]', '["year", "years"]', "derived.years.difference", "not known"),
    ('source = "absences"', 'source = "absence"', "derived.stage.source", "Did you mean 'absences'?"),
    ("[[5, 1], [inf, 2]]", "[[5, 1], [6, 2]]", "derived.stage.table", "the last one inf"),
    ("[[5, 1], [inf, 2]]", "[[6, 1], [5, 2], [inf, 3]]", "derived.stage.table", "ascending"),
    ("[[5, 1], [inf, 2]]", "[]", "derived.stage.table", "pairs"),
    ("[[5, 1], [inf, 2]]", "[[5, 1, 2]]", "derived.stage.table", "pairs"),
    ("[[5, 1], [inf, 2]]", "[[inf, inf]]", "derived.stage.table", "pairs"),
    ("[[5, 1], [inf, 2]]", "5", "derived.stage.table", "pairs"),
    ('column = "absences"', 'column = "absense"', "label.column", "Did you mean 'absences'?"),
    ('operator = ">="', 'operator = "=>"', "label.operator", "<, <=, >, >=, =="),
    ("value = 20", 'value = "20"', "label.value", "a number"),
    ("value = 20", 'value = 20\ndifference = ["absences", "shift"]', "label.difference", "'shift'"),
    ('features = ["absences", "stage"]', "features = []", "tasks.current.features", "at least one"),
    ('features = ["absences", "stage"]', 'features = ["staje"]', "tasks.current.features", "Did you mean 'stage'?"),
    ("horizon = 0", "horizon = 2", "tasks.current.horizon", "from 0 to 1"),
    ("horizon = 0", 'horizon = 0\nhidden = ["years"]', "tasks.current.hidden", "one of absences, stage"),
    ("horizon = 0", 'horizon = 0\ncontext = ["stage"]', "tasks.current.context", "one of absences"),
    ("horizon = 0", "horizon = 0\nmonotone = { stage = 0 }", "tasks.current.monotone.stage", "-1 or 1"),
    ("horizon = 0", "horizon = 0\nmonotone = { stag = 1 }", "tasks.current.monotone.stag", "Did you mean 'stage'?"),
    ("horizon = 0", "horizon = 0\nmonotone = 1", "tasks.current.monotone", "a table"),
    ("[tasks.current]", "[tasks.all]", "tasks.all", "lower-case letters"),
    ("[tasks.current]", "[tasks.Current]", "tasks.Current", "'Current'"),
    ("[tasks.current]", '[tasks."../up"]', "tasks.../up", "such as next-year"),
    ("[tasks.current]", f"[tasks.{'a' * 41}]", f"tasks.{'a' * 41}", "lower-case letters"),
]


def test_a_school_has_words_of_its_own_or_neutral_ones() -> None:
    pede, small = load_profile("pede"), parse_profile(SMALL.encode(), "small.toml")
    assert (pede.label.state, pede.level_name) == (Text("em defasagem", "behind"), Text("fase", "phase"))
    assert (small.label.state, small.level_name) == (Text("em risco", "at risk"), Text("nível", "level"))


def test_a_profile_has_at_least_one_task() -> None:
    before, _, _ = SMALL.partition("[tasks.current]")
    with pytest.raises(ProfileError, match="at least one task"):
        parse_profile(f"{before}[tasks]\n".encode(), "small.toml")


@pytest.mark.parametrize(("old", "new", "key", "said"), WRONG)
def test_a_wrong_profile_is_refused_by_key_value_and_expectation(old: str, new: str, key: str, said: str) -> None:
    assert old in SMALL
    with pytest.raises(ProfileError) as refused:
        parse_profile(SMALL.replace(old, new, 1).encode(), "small.toml")
    error = refused.value
    assert (error.where.field or "") == key
    assert said in str(error)
    assert error.where.file == "small.toml"


def test_the_profile_of_these_tests_is_right_before_it_is_spoilt() -> None:
    profile = parse_profile(SMALL.encode(), "small.toml")
    assert profile.columns["absences"].zero_is_missing is None
    assert profile.columns["shift"].recodes[0].value == "day"
    assert profile.columns["born"].year_fills == "absences"
    assert profile.tasks["current"].context == ()


@pytest.mark.parametrize(
    ("header", "same"),
    [("Inglês", " INGLES "), ("Nº  Av", "n° av"), ("1ª série", "1 serie"), ("Fase\u00a0Ideal", "fase ideal")],
)
def test_headers_that_a_hand_varies_are_the_same(header: str, same: str) -> None:
    assert fold(header) == fold(same)


@given(st.text())
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_spaces_around_and_case_never_matter(text: str) -> None:
    assert fold(f"  {text}\t") == fold(text)


def test_a_long_text_is_cut_before_it_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def normalize(form: str, text: str) -> str:
        lengths.append(len(text))
        return text

    monkeypatch.setattr("unicodedata.normalize", normalize)
    fold("é" + "\u0300\u0316" * 120_000)
    assert lengths == [1_000]


TERMS = SMALL.replace(
    'sheets = "Year {year}"\n', '[periods]\ncolumn = "term"\nvalues = { "2013B" = 1, "2013J" = 3 }\n', 1
)
TERMS = (
    TERMS.replace("Absences {yy}", "Missed", 1)
    + """
split = "rows"
only = [{ column = "shift", operator = "!=", value = "night" }, { column = "year", operator = ">", value = 0 }]

[columns.term]
kind = "category"
aliases = ["Term"]
meaning = { pt = "Semestre", en = "Term" }
words = { "2013B" = { pt = "fevereiro de 2013", en = "February 2013" } }

[columns.module]
kind = "identifier"
aliases = ["Module"]
meaning = { pt = "Módulo", en = "Module" }
"""
)


@pytest.mark.parametrize("name", ["class", "student"])
def test_whose_a_row_is_can_be_no_feature_and_no_label(name: str) -> None:
    renamed = TERMS.replace("[columns.shift]", f"[columns.{name}]").replace('"shift"', f'"{name}"')
    parse_profile(renamed.encode(), "terms.toml")
    asked = renamed.replace("features = [", f'features = ["{name}", ', 1)
    with pytest.raises(ProfileError, match="says who the pupil is") as refused:
        parse_profile(asked.encode(), "terms.toml")
    assert refused.value.where is not None
    assert refused.value.where.field == "tasks.current.features"
    label = renamed.replace(
        'column = "absences"\noperator = ">="\nvalue = 20', f'column = "{name}"\noperator = "=="\nvalue = "night"', 1
    )
    with pytest.raises(ProfileError, match="says who the pupil is"):
        parse_profile(label.encode(), "terms.toml")


def test_terms_stand_in_a_column_and_have_an_order() -> None:
    profile = parse_profile(TERMS.encode(), "terms.toml")
    assert profile.has_periods
    assert profile.identifiers == ("code", "module")
    assert [profile.period_after(1, steps) for steps in (-2, -1, 0, 1, 2)] == [-1, 0, 1, 3, 4]
    assert profile.period_after(2) == 3
    assert (profile.period_text(3), profile.period_text(7)) == ("2013J", "7")


def test_a_task_says_how_it_is_tested_and_which_rows_count() -> None:
    task = parse_profile(TERMS.encode(), "terms.toml").tasks["current"]
    assert task.split == "rows"
    assert task.only == (Condition("shift", "!=", "night"), Condition("year", ">", 0.0))


def test_a_value_has_words_or_is_its_own() -> None:
    column = parse_profile(TERMS.encode(), "terms.toml").columns["term"]
    assert column.word("2013B").en == "February 2013"
    assert column.word("2013J") == Text("2013J", "2013J")
    assert column.word(4.0).pt == "4"


def test_a_profile_may_have_neither_code_nor_year() -> None:
    source = SMALL.replace('sheets = "Year {year}"\n', "", 1).replace(', "Absences {yy}"', "", 1) + 'split = "shift"\n'
    source = source.replace('kind = "identifier"', 'kind = "personal"', 1)
    source = source.replace(
        '[derived.years]\ndifference = ["year", "absences"]\nmeaning = { pt = "Anos", en = "Years" }\n', ""
    )
    profile = parse_profile(source.encode(), "cohort.toml")
    assert (profile.sheet_pattern, profile.has_periods, profile.follows_pupils) == ("", False, False)
    assert (profile.period_text(0), profile.period_after(2023)) == ("", 2024)


def test_a_label_may_be_a_word_or_one_of_some() -> None:
    word = SMALL.replace(
        'column = "absences"\noperator = ">="\nvalue = 20', 'column = "shift"\noperator = "=="\nvalue = "DAY"'
    )
    several = word.replace('"=="\nvalue = "DAY"', '"in"\nvalue = ["day", "night"]')
    numbers = SMALL.replace('operator = ">="\nvalue = 20', 'operator = "in"\nvalue = [0, 1]')
    derived = SMALL.replace('column = "absences"\noperator', 'column = "stage"\noperator')
    labels = [parse_profile(text.encode(), "small.toml").label for text in (word, several, numbers, derived)]
    assert [label.value for label in labels] == ["DAY", ("day", "night"), (0.0, 1.0), 20.0]
    assert labels[3].column == "stage"


WRONG_TERMS = [
    ('column = "term"\nvalues', 'column = "trem"\nvalues', "periods.column", "Did you mean 'term'?"),
    ('"2013J" = 3', '"2013J" = "3"', "periods.values", "a whole number for each text"),
    ('{ "2013B" = 1, "2013J" = 3 }', "3", "periods.values", "a whole number for each text"),
    ("[periods]", 'sheets = "Year {year}"\n[periods]', "periods", "no column of years"),
    ("[periods]", 'sheets = "Year {year"\n[periods]', "sheets", "in the year's place"),
    ('"Missed"', '"Missed {yy}"', "columns.absences.aliases", "without braces"),
    ('split = "rows"', 'split = "shfit"', "tasks.current.split", "Did you mean 'shift'?"),
    ('split = "rows"', 'split = ""', "tasks.current.split", "not empty"),
    ('value = "night"', 'value = "nigth"', "tasks.current.only[0].value", "Did you mean 'night'?"),
    ('value = "night"', "value = 3", "tasks.current.only[0].value", "as shift is a category"),
    ('operator = "!="', 'operator = "<"', "tasks.current.only[0].value", "a number"),
    ('operator = "!=", value = "night"', 'operator = "<", value = 1', "tasks.current.only[0].operator", "==, !=, in"),
    ('operator = ">", value = 0', 'operator = "==", value = "x"', "tasks.current.only[1].value", "is no category"),
    ('operator = ">", value = 0', 'operator = "in", value = []', "tasks.current.only[1].value", "a list of numbers"),
    ('operator = ">", value = 0', 'operator = "in", value = ["a", 1]', "tasks.current.only[1].value", "or of texts"),
    ('operator = ">", value = 0', 'operator = ">", value = inf', "tasks.current.only[1].value", "a number"),
    ('column = "year", operator', 'column = "yaer", operator', "tasks.current.only[1].column", "Did you mean 'year'?"),
    ('column = "year", operator = ">", value = 0', "operator = '>'", "tasks.current.only[1].column", "missing"),
    ('">", value = 0 }]', '">", value = 0, and = 1 }]', "tasks.current.only[1].and", "not known"),
    ('words = { "2013B"', 'categories = ["2013J"]\nwords = { "2013B"', "columns.term.words", "Did you mean '2013J'?"),
    ("February 2013", "", "columns.term.words.2013B", "both languages"),
    ("range = [0, 200]", "replace = ['%']", "columns.absences.replace", "pairs of texts"),
    ("range = [0, 200]", "replace = [['(', '']]", "columns.absences.replace", "regular expression"),
    ("range = [0, 200]", "replace = [['a', '\\1']]", "columns.absences.replace", "what stands in its place"),
    ("range = [0, 200]", "replace = 3", "columns.absences.replace", "pairs of texts"),
    ("[columns.module]", "[columns.year]", "columns.year", "another name"),
    ("horizon = 0", "horizon = 0\nmonotone = { shift = 1 }", "tasks.current.monotone", "categories have no order"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "said"), WRONG_TERMS)
def test_every_fault_in_a_profile_of_terms_is_named(old: str, new: str, key: str, said: str) -> None:
    source = TERMS.replace('features = ["absences", "stage"]', 'features = ["absences", "shift"]', 1)
    assert old in source
    with pytest.raises(ProfileError) as refused:
        parse_profile(source.replace(old, new, 1).encode(), "terms.toml")
    assert (refused.value.where.field or "") == key
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (("horizon = 0", "horizon = 1"), "tasks.current.horizon", "no next one"),
        (("horizon = 0", "horizon = 0"), "tasks.current.split", "cannot be tested by time"[7:]),
        (('kind = "identifier"', 'kind = "ignored"'), "tasks.current.horizon", "no pupil can be followed"),
    ],
)
def test_without_years_or_codes_there_is_no_next_year(change: tuple[str, str], key: str, said: str) -> None:
    source = SMALL.replace('sheets = "Year {year}"\n', "", 1).replace(', "Absences {yy}"', "", 1)
    source = source.replace(
        '[derived.years]\ndifference = ["year", "absences"]\nmeaning = { pt = "Anos", en = "Years" }\n', ""
    )
    source = source.replace(*change, 1)
    if "ignored" in source:
        source = source.replace("horizon = 0", "horizon = 1", 1)
    with pytest.raises(ProfileError) as refused:
        parse_profile(source.encode(), "cohort.toml")
    assert refused.value.where.field == key
    assert said in str(refused.value)


def test_without_years_the_year_is_no_source() -> None:
    source = SMALL.replace('sheets = "Year {year}"\n', "", 1).replace(', "Absences {yy}"', "", 1)
    with pytest.raises(ProfileError, match="'year', which is not known"):
        parse_profile(source.encode(), "cohort.toml")


def test_a_profile_learns_headers_and_stays_the_same() -> None:
    profile = load_profile("pede")
    taught = profile.with_headers({"IAA": ["Autoavaliação", "IAA"], "unheard of": ["x"]})
    assert taught.columns["IAA"].aliases == (*profile.columns["IAA"].aliases, "Autoavaliação")
    assert taught.columns.keys() == profile.columns.keys()
    assert (taught.fingerprint, taught.source) == (profile.fingerprint, profile.source)
