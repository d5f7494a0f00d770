from __future__ import annotations

import numpy as np

from farol.workbook.spellings import Spellings, respelled, spellings_of


def test_a_word_that_differs_in_case_accents_or_spaces_alone_is_the_odd_one_out() -> None:
    cells = ["Ágata", "Agata", "Ágata", " ágata", "Quartzo", "", 7.0, "?"]
    values = np.array(["agate", "agate", "agate", "agate", "quartz", None, None, None], dtype=np.object_)
    words, odd = spellings_of(cells, values)
    assert words == {"agate": {"Ágata", "Agata", " ágata"}, "quartz": {"Quartzo"}}
    assert odd == (1, 3)


def test_different_words_for_one_value_are_no_variants_of_each_other() -> None:
    words, odd = spellings_of(["Menina", "Feminino"], np.array(["F", "F"], dtype=np.object_))
    assert words == {"F": {"Menina", "Feminino"}}
    assert odd == ()


def test_numbers_written_as_words_count_too_and_cells_without_a_value_do_not() -> None:
    words, odd = spellings_of(["ALFA  (2º e 3º ano)", "ALFA (2º e 3º ano)", "INCLUIR"], np.array([0.0, 0.0, np.nan]))
    assert list(words) == [0.0]
    assert len(odd) == 1


def test_a_value_is_respelled_where_the_years_share_no_word_for_it() -> None:
    earlier: Spellings = {"F": frozenset({"Menina"}), "M": frozenset({"Menino", "Masculino"}), "gone": frozenset({"x"})}
    later: Spellings = {"F": frozenset({"Feminino"}), "M": frozenset({"Masculino"}), "new": frozenset({"y"})}
    assert respelled(earlier, later) == {"F"}
