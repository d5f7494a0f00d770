"""A small model of next year's question, and columns of any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from farol.model.bundle import Bundle, read_bundle
from farol.model.features import Floats
from farol.model.scoring import Scorer
from tests.bundles import make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return read_bundle(make_bundle(tmp_path_factory.mktemp("artifacts"), "next-year"))


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def columns(elements: st.SearchStrategy[float], *, least: int = 0) -> st.SearchStrategy[Floats]:
    return st.lists(elements, min_size=least, max_size=120).map(lambda values: np.array(values, dtype=np.float64))
