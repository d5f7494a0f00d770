"""Export: a bundle as four pickles for notebooks, imputer, scaler, model and the names of the features.

They hold objects of scikit-learn and XGBoost alone, so a notebook needs no Farol. Farol itself never loads a pickle,
because loading one runs the code in it. Only `farol models export` imports this module.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBClassifier

from farol.errors import InputError, Place, reason_of
from farol.files import replace_file
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.features import Floats, Preprocessing

NAMES = ("imputer.pkl", "scaler.pkl", "model.pkl", "features_used.pkl")


def export_pickles(bundle: Bundle, folder: Path) -> tuple[Path, ...]:
    """Write the four pickles into `folder`, in place of older ones, and return their paths.

    `model.predict_proba(scaler.transform(imputer.transform(raw)))[:, 1]` is the bundle's probability within 1e-6, for
    `raw` (n, k) with the columns of features_used.pkl and NaN where missing. InputError when the disk refuses.
    """
    if bundle.preprocessing.words:
        raise InputError(
            msg("Pickles cannot hold this model: {names} are words, not numbers.",
                names=", ".join(bundle.preprocessing.words)),
            fix=msg("Use model.json and preprocessing.json of the model's folder."),
        )  # fmt: skip
    imputer, scaler = _preprocessing(bundle.preprocessing)
    objects = (imputer, scaler, _model(bundle), list(bundle.task_spec.features))
    paths = tuple(folder / name for name in NAMES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, value in zip(paths, objects, strict=True):
            replace_file(path, pickle.dumps(value))
    except OSError as error:
        raise InputError(
            msg("The pickles cannot be written there: {reason}.", reason=reason_of(error)),
            where=Place(file=str(folder)),
            fix=msg("Name a folder that can be written."),
        ) from error
    return paths


def _preprocessing(preprocessing: Preprocessing) -> tuple[BaseEstimator, BaseEstimator]:
    if preprocessing.medians is None:
        # validate=False leaves NaN alone; without a function it is the identity and needs none of our code.
        return FunctionTransformer(validate=False), FunctionTransformer(validate=False)
    imputer = FeatureUnion(
        [
            ("values", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("missing", MissingIndicator(features="all")),
        ]
    )
    # The median of one row is that row, so this is how the imputer learns exactly the bundle's medians.
    imputer.fit(preprocessing.medians[np.newaxis, :])
    return imputer, _scaler(preprocessing.centres, preprocessing.scales)


def _scaler(centres: Floats, scales: Floats) -> StandardScaler:
    """A scaler with the bundle's means and scales in the attributes that fitting sets; there is no other way in."""
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_ = centres, scales, scales**2
    scaler.n_features_in_, scaler.n_samples_seen_ = centres.shape[0], 1
    return scaler


def _model(bundle: Bundle) -> XGBClassifier:
    model = XGBClassifier(n_jobs=1)
    model.load_model(bytearray(bundle.files["model.json"]))
    return model
