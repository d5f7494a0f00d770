"""In which slice of a window an alarm is."""

from __future__ import annotations

from datetime import date

import pytest

from farol.drift.report import drift_report
from farol.drift.slices import search_slices
from farol.drift.windows import Window
from farol.model.bundle import Bundle
from farol.store.database import Store
from tests.drift.test_baseline import of_two_levels, stored

ALL = Window("all", None, date(2024, 6, 30))


@pytest.mark.parametrize(("rest", "explaining"), [(30, ["phase=5"]), (29, [])])
def test_a_slice_explains_an_alarm_where_30_others_have_none(
    bundle: Bundle, store: Store, rest: int, explaining: list[str]
) -> None:
    two = of_two_levels(bundle)
    store.write([*stored(two, 5, 0, 100), *stored(two, 1, 0, rest - 5), *stored(two, 1, 1, 5)])
    report = drift_report(store, two, ALL)
    assert report.features[0].alarm
    search = search_slices(store, two, report)
    assert [part.name for part in search.explaining.values()] == explaining
