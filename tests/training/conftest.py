"""Both tasks trained on the sample workbook, once for all tests of training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from farol.model.trained import TrainedModel
from farol.training.train import train
from farol.workbook.panel import Panel


@pytest.fixture(scope="session")
def trained(panel: Panel) -> Mapping[str, TrainedModel]:
    return {name: train(panel, name) for name in panel.profile.tasks}


@pytest.fixture(scope="session")
def reports(trained: Mapping[str, TrainedModel]) -> Mapping[str, dict[str, Any]]:
    return {name: json.loads(model.files["report.json"]) for name, model in trained.items()}
