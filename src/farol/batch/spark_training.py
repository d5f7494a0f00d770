"""The trees of a large panel, trained by a Spark cluster with XGBoost's own estimator (`xgboost.spark`).

The arrays of the shards become Parquet files beside them, and the workers train together: each keeps its rows, and
they exchange the sums by which splits are chosen. So the folder of temporary files has to be where all workers see it.
Spark Connect will not do: the estimator needs the stages of the classic way that start all tasks at once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from farol.batch.arrow import arrow
from farol.batch.spark import cluster_gave_up
from farol.errors import MissingExtraError
from farol.i18n import msg
from farol.training.models import ROUNDS

_LABEL = "label"
_NOT_ITS = ("nthread", "seed")  # the estimator sets them, or calls them otherwise
_SEEN_BY_ALL = msg(
    "Look into its log. The folder of temporary files (TMPDIR) has to be one that all workers see under the same name."
)


def fitted_on_spark(session: Any, settings: Mapping[str, object], files: Sequence[Path]) -> xgboost.Booster:
    """Trees that learn from all arrays, `x` (n, m) and `y` (n,), of the files, with a worker for each core.

    Their order, and so the last digits of a model, depend on the number of cores. Raises MissingExtraError where pandas
    is not installed, InputError where the cluster gives up.
    """
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)  # else it tells every round
    try:
        from xgboost.spark import SparkXGBRegressor  # noqa: PLC0415  an extra
        from xgboost.spark.utils import _get_max_num_concurrent_tasks as cores_of  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            msg("Working on Spark needs a library that is not installed."), extra="spark"
        ) from error
    its: dict[str, Any] = {name: value for name, value in settings.items() if name not in _NOT_ITS}
    folder = files[0].parent / f"{files[0].stem}-parquet"
    names = _as_parquet(files, folder)
    with cluster_gave_up(_SEEN_BY_ALL):
        session.range(1).count()  # the workers are there when this is done
    estimator = SparkXGBRegressor(  # labels may lie between 0 and 1, which a classifier takes as classes
        features_col=names,
        label_col=_LABEL,
        num_workers=cores_of(session.sparkContext),  # with one more than there are it would wait for ever
        n_estimators=ROUNDS,
        random_state=settings["seed"],
        verbose=False,
        **its,
    )
    with cluster_gave_up(_SEEN_BY_ALL):
        booster = estimator.fit(session.read.parquet(str(folder))).get_booster()
    booster.feature_names = booster.feature_types = None  # as where the arrays are trained with here
    trained: xgboost.Booster = booster
    return trained


def _as_parquet(files: Sequence[Path], folder: Path) -> list[str]:
    """Write the arrays as Parquet, a file for each; the names of the inputs."""
    pa = arrow()
    folder.mkdir()
    names: list[str] = []
    for file in files:
        with np.load(file) as arrays:
            inputs, label = arrays["x"], arrays["y"]
        names = [f"input_{place}" for place in range(inputs.shape[1])]
        columns = [*np.ascontiguousarray(inputs.T), label]
        pa.parquet.write_table(pa.table(columns, names=[*names, _LABEL]), folder / f"{file.stem}.parquet")
    return names
