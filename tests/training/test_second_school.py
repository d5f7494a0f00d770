"""Nothing in training knows the PEDE: another school's files and profile train with no code of their own."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from farol.profile import parse_profile
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel

PROFILE = """
format = 1
name = "valley"
title = { pt = "Escola do Vale", en = "Valley School" }
sheets = "roll{year}"
audit = ["house"]

[label]
column = "points"
operator = "<"
value = 60
negative = { pt = "Vai bem", en = "Doing well" }
positive = { pt = "Precisa de apoio", en = "Needs support" }

[columns.pupil]
kind = "identifier"
aliases = ["Code"]
required = "every"
meaning = { pt = "Código", en = "Code" }

[columns.points]
kind = "number"
aliases = ["Final points"]
range = [0, 100]
required = "every"
meaning = { pt = "Pontos", en = "Points" }

[columns.attendance]
kind = "number"
aliases = ["Attendance %"]
range = [0, 100]
meaning = { pt = "Presença", en = "Attendance" }

[columns.warning]
kind = "number"
aliases = ["Letters home"]
range = [0, 9]
meaning = { pt = "Cartas", en = "Letters" }

[columns.house]
kind = "category"
aliases = ["House"]
meaning = { pt = "Casa", en = "House" }

[tasks.now]
title = { pt = "Apoio neste ano", en = "Support this year" }
question = { pt = "Precisa de apoio?", en = "Needs support?" }
horizon = 0
features = ["attendance", "warning"]
hidden = ["warning"]
impute = true
monotone = { attendance = -1 }
context = []
limits = { pt = "Nada a dizer.", en = "Nothing to say." }

[tasks.later]
title = { pt = "Apoio no próximo ano", en = "Support next year" }
question = { pt = "Vai precisar de apoio?", en = "Will need support?" }
horizon = 1
features = ["attendance", "points"]
hidden = []
impute = false
monotone = { points = -1 }
context = []
limits = { pt = "Nada a dizer.", en = "Nothing to say." }
"""


@pytest.fixture(scope="module")
def valley(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Three years of eighty pupils; a letter goes home exactly when the points are below 60."""
    folder = tmp_path_factory.mktemp("valley")
    generator = np.random.default_rng(0)
    gift = generator.normal(60, 15, 80)
    for year in (2019, 2020, 2021):
        points = np.clip(gift + generator.normal(0, 8, 80), 0, 100).round(1)
        attendance = np.clip(points + generator.normal(20, 10, 80), 0, 100).round(1)
        with (folder / f"roll{year}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["House", "Code", "Letters home", "Attendance %", "Final points"])
            for i in range(80):
                letters = int(points[i] < 60) * (1 + i % 2)
                writer.writerow(["ABC"[i % 3], f"v{i:03}", letters, attendance[i], points[i]])
    return read_panel(folder, parse_profile(PROFILE.encode(), "valley.toml"))


def test_its_leak_is_found_under_its_own_name(valley: Panel) -> None:
    model = train(valley, "now")
    report = json.loads(model.files["report.json"])
    assert [leak["column"] for leak in report["leakage"]["columns"]] == ["warning"]
    assert report["leakage"]["columns"][0]["rule"]["en"] == "not at risk where Letters = 0"
    assert report["notice"]["en"].startswith("warning already holds the answer")
    assert report["test"]["roc_auc"]["value"] == 1.0
    assert 0.6 < report["without_warning"]["roc_auc"]["value"] < 1.0
    assert "Farol sem warning" in model.files["card.html"].decode()
    for word in ("IAN", "PEDE", "IEG"):
        assert word not in model.files["report.json"].decode()


def test_its_next_year_is_forecast(valley: Panel) -> None:
    report = json.loads(train(valley, "later").files["report.json"])
    assert (report["n_train"], report["n_test"], report["served"]["n"]) == (80, 80, 160)
    assert report["test"]["roc_auc"]["value"] > 0.75
    assert report["baselines"]["rate_table"]["title"]["en"] == "Share at risk of pupils with the same value of “Points”"
