"""Pickles for notebooks: without Farol, they give Farol's probabilities."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from farol.errors import InputError
from farol.model.bundle import Bundle, read_bundle
from farol.model.export import NAMES, export_pickles
from farol.model.scoring import Scorer
from tests.bundles import invented_columns, make_bundle

NOTEBOOK = """
import pickle, sys
import numpy as np

imputer, scaler, model, names = (
    pickle.load(open(f"{name}.pkl", "rb")) for name in ("imputer", "scaler", "model", "features_used")
)
raw = np.load("raw.npy")
assert raw.shape[1] == len(names)
np.save("probability.npy", model.predict_proba(scaler.transform(imputer.transform(raw)))[:, 1])
assert not [name for name in sys.modules if name.split(".")[0] == "farol"]
"""


@pytest.fixture(scope="module", params=["current", "next-year"])
def bundle(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Bundle:
    return read_bundle(make_bundle(tmp_path_factory.mktemp("artifacts"), request.param))


def test_a_notebook_without_farol_gets_the_same_answers(bundle: Bundle, tmp_path: Path) -> None:
    n = 300
    columns = invented_columns(bundle.profile, bundle.task_spec, n=n, seed=9)
    columns["IAN"][:100] = np.nan
    scores = Scorer(bundle).score(columns, np.full(n, 2024.0))
    paths = export_pickles(bundle, tmp_path / "new" / "folder")
    assert tuple(path.name for path in paths) == NAMES
    np.save(paths[0].with_name("raw.npy"), scores.features)
    subprocess.run([sys.executable, "-W", "error", "-c", NOTEBOOK], cwd=paths[0].parent, check=True)
    probability = np.load(paths[0].with_name("probability.npy"))
    np.testing.assert_allclose(probability, scores.probability, rtol=0, atol=1e-6)


def test_the_names_are_the_features_in_order(bundle: Bundle, tmp_path: Path) -> None:
    export_pickles(bundle, tmp_path)
    assert pickle.loads((tmp_path / "features_used.pkl").read_bytes()) == list(bundle.task_spec.features)


def test_an_export_replaces_an_older_one(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"older")
    export_pickles(bundle, tmp_path)
    assert (tmp_path / "model.pkl").read_bytes() != b"older"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(NAMES)


def test_a_folder_that_cannot_be_made_is_one_clear_error(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        export_pickles(bundle, tmp_path / "file" / "folder")
