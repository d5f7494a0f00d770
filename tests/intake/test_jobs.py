"""Jobs: one at a time, to be cancelled, and nothing half-made wherever one is cut off."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.errors import StoreError
from farol.files import canonical_json
from farol.i18n import msg
from farol.intake import jobs
from farol.intake.jobs import SiteJob
from farol.intake.runner import JobRunner
from farol.intake.uploads import find_upload, folder_of
from farol.model.registry import Registry
from farol.model.trained import TrainedModel
from farol.pupils.forecast import forecast_panel
from farol.school.names import count_names, turn_names
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import microseconds
from farol.store.tables import pupil_answers, pupil_years
from farol.workbook.panel import read_panel
from tests.bundles import trained_model
from tests.intake.sending import NOW, PEDE, opened, send, settings_of
from tests.played import THEN, promoted
from tests.postgresql import postgresql_server, postgresql_url, url
from tests.school.invented import answer, fill
from tests.waiting import eventually

__all__ = ["postgresql_server", "postgresql_url", "url"]


@pytest.fixture
def any_store(url: str) -> Iterator[Store]:
    with Store.open(url) as store:
        yield store


def begun(store: Store, kind: str = "train", **details: Any) -> SiteJob:
    job = jobs.begin(store, kind, NOBODY_IN_PARTICULAR, details, NOW)
    assert job is not None
    return job


def again(store: Store, job: SiteJob) -> SiteJob:
    known = jobs.find_job(store, job.id)
    assert known is not None
    return known


def test_one_job_runs_at_a_time(any_store: Store) -> None:
    first = begun(any_store)
    assert jobs.begin(any_store, "train", NOBODY_IN_PARTICULAR, {}, NOW) is None
    assert jobs.active_job(any_store) == first
    assert jobs.take(any_store, first.id, NOW)
    assert not jobs.take(any_store, first.id, NOW)
    assert jobs.end(any_store, first.id, "done", {}, NOW)
    assert jobs.active_job(any_store) is None
    second = begun(any_store)
    assert [job.id for job in jobs.latest_jobs(any_store, 5)][:2] != []
    assert again(any_store, first).is_over
    assert not again(any_store, second).is_over


def test_the_lists_are_of_the_job_that_made_them_last(store: Store) -> None:
    fill(store, [answer("RA-1", at=microseconds(NOW))])
    assert jobs.job_of_lists(store) is None
    job = begun(store, "forecast")
    jobs.end(store, job.id, "done", {"forecasts": [{"year": 2024}]}, NOW)
    assert jobs.job_of_lists(store) == again(store, job)
    used = begun(store, "use")
    jobs.end(store, used.id, "done", {"forecasts": []}, NOW + timedelta(seconds=1))
    assert jobs.job_of_lists(store) is None
    later = begun(store, "forecast")
    jobs.end(store, later.id, "done", {"forecasts": [{"year": 2024}]}, NOW + timedelta(seconds=2))
    assert jobs.job_of_lists(store) == again(store, later)
    with store.exclusive() as connection:  # as `farol forecast` does afterwards
        connection.execute(pupil_answers.update().values(at=microseconds(NOW + timedelta(seconds=3))))
    assert jobs.job_of_lists(store) is None


def test_a_job_says_how_far_it_is_until_it_is_unwanted(any_store: Store) -> None:
    job = begun(any_store)
    jobs.take(any_store, job.id, NOW)
    assert jobs.tell(any_store, job.id, msg("Reading the workbook"), 1.7)
    assert again(any_store, job).share == 1.0
    assert again(any_store, job).stage["pt_BR"] == "Lendo a planilha"
    assert jobs.cancel(any_store, job.id, NOBODY_IN_PARTICULAR, NOW)
    assert not jobs.tell(any_store, job.id, msg("Reading the workbook"), 0.5)
    assert not jobs.beat(any_store, job.id, NOW)
    assert not jobs.cancel(any_store, job.id, NOBODY_IN_PARTICULAR, NOW)
    assert not jobs.cancel(any_store, "nothing", NOBODY_IN_PARTICULAR, NOW)


def test_behind_the_switch_a_job_cannot_be_cancelled(any_store: Store) -> None:
    job = begun(any_store)
    jobs.take(any_store, job.id, NOW)
    jobs.set_details(any_store, job.id, {"switching": True})
    assert not jobs.cancel(any_store, job.id, NOBODY_IN_PARTICULAR, NOW)


def test_a_silent_job_is_over_or_begun_again(any_store: Store) -> None:
    job, later = begun(any_store), NOW + jobs.SILENCE + timedelta(seconds=1)
    jobs.take(any_store, job.id, NOW)
    assert jobs.cut_off(any_store, NOW) is None
    assert not again(any_store, job).is_over
    assert jobs.cut_off(any_store, later) is None
    assert again(any_store, job).state == "failed"
    assert "Nada mudou" in again(any_store, job).result["problem"]["pt_BR"]

    job = begun(any_store, switching=True)
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        jobs.take(any_store, job.id, NOW)
        repeated = jobs.cut_off(any_store, NOW, [job.id])
        assert repeated is not None
        assert (repeated.state, repeated.details["attempts"]) == ("waiting", attempt)
    jobs.take(any_store, job.id, NOW)
    assert jobs.cut_off(any_store, NOW, [job.id]) is None
    assert again(any_store, job).state == "failed"


CHILD = """
import os, pickle, sys
from pathlib import Path
import farol.training.train
from farol.i18n import msg
from farol.intake import jobs, work

last = int(sys.argv[1])
models = pickle.loads(Path(sys.argv[2]).read_bytes())
steps = iter(range(1_000))
tell = jobs.tell

def dying(*arguments):
    if next(steps) == last:
        os._exit(9)
    return tell(*arguments)

def trained(panel, name, progress):
    progress(msg("Training and testing"), 0.5)
    return models[name]

jobs.tell = dying
farol.training.train.train = trained
read, write = os.pipe()
os.write(write, sys.stdin.buffer.readline())
work.main(os.fdopen(read, "rb"))
"""
"""A job whose process dies when it would tell its stage for the n-th time, with a model that is trained at once."""


def a_model(task: str, *, promotable: bool) -> TrainedModel:
    """What training would return, with its own advice."""
    model = trained_model(task, last_year=2022)
    advice = {"promotable": promotable, "promotion": {"reasons": [{"pt": "Não supera a regra.", "en": "Too weak."}]}}
    report = {**json.loads(model.files["report.json"]), **advice}
    return replace(model, files={**model.files, "report.json": canonical_json(report)})


def run_child(settings: Settings, job: SiteJob, dies_at: int = 1_000, *, promotable: bool = True) -> int:
    request = {"job": job.id, "settings": {"data": str(settings.data), "artifacts": str(settings.artifacts)}}
    models = settings.data / "models"
    models.write_bytes(pickle.dumps({task: a_model(task, promotable=promotable) for task in PEDE.tasks}))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(dies_at), str(models)],
        input=json.dumps(request).encode() + b"\n",
        check=False,
        capture_output=True,
        timeout=120,
    )
    return done.returncode


def stored(store: Store) -> tuple[int, int]:
    with store.engine.connect() as connection:
        years, answers = (
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in (pupil_years, pupil_answers)
        )
    return years, answers


def asked(settings: Settings, store: Store, workbook: Path, kind: str) -> SiteJob:
    upload = send(settings, store, workbook)
    return begun(store, kind, upload=upload.id, file=upload.name, profile=PEDE.source.decode(), origin="pede")


STAGES = 6
"""How often a training of two tasks tells its stage."""


def test_a_job_killed_at_any_stage_is_whole_or_nothing(tmp_path: Path, sample_workbook: Path) -> None:
    ended: list[str] = []
    for dies_at in range(STAGES + 1):
        settings = settings_of(tmp_path / str(dies_at))
        with opened(settings) as store:
            job = asked(settings, store, sample_workbook, "train")
            died = run_child(settings, job, dies_at) == 9
            if died and not again(store, job).details.get("switching"):
                assert stored(store) == (0, 0)
                assert Registry(settings.artifacts).tasks() == []
                assert jobs.cut_off(store, NOW, [job.id]) is None
                assert again(store, job).state == "failed"
                assert find_upload(store, str(job.details["upload"])) is not None
                ended.append("nothing")
                continue
            if died:
                assert jobs.cut_off(store, NOW, [job.id]) is not None
                assert run_child(settings, job) == 0
            over = again(store, job)
            assert over.state == "done", over.result
            years, answers = stored(store)
            assert years > answers > 0
            registry = Registry(settings.artifacts)
            assert {task: registry.promoted(task) for task in registry.tasks()} == over.result["used"]
            assert not folder_of(settings, str(job.details["upload"])).exists()
            ended.append("again" if died else "whole")
    assert ended == ["nothing"] * 3 + ["again"] * 3 + ["whole"] * (STAGES - 5)


def test_a_weak_model_is_used_only_by_decision(settings: Settings, store: Store, sample_workbook: Path) -> None:
    job = asked(settings, store, sample_workbook, "train")
    run_child(settings, job, promotable=False)
    result = again(store, job).result
    assert (result["used"], result["forecasts"]) == ({}, [])
    assert result["left"].keys() == PEDE.tasks.keys()
    assert result["tasks"][0]["reasons"] == [{"pt_BR": "Não supera a regra.", "en": "Too weak."}]
    assert Registry(settings.artifacts).tasks() == []

    left = dict(result["left"])
    chosen = {"next-year": left.pop("next-year")}
    later = begun(store, "use", **{**job.details, "switching": False, "use": chosen, "left": left})
    run_child(settings, later)
    assert Registry(settings.artifacts).promoted("next-year") == chosen["next-year"]
    assert again(store, later).result["left"] == left
    assert stored(store)[1] > 0


def test_only_a_forecast_needs_a_model_in_use(settings: Settings, store: Store, sample_workbook: Path) -> None:
    runner = JobRunner(settings, lambda: store)
    job = asked(settings, store, sample_workbook, "forecast")
    runner.start(job)
    eventually(lambda: again(store, job).is_over)
    assert again(store, job).state == "failed"
    assert again(store, job).result["problem"]["en"] == "No model is in use yet."

    scorer = promoted(settings.artifacts)
    forecast_panel(scorer, read_panel(sample_workbook, PEDE), store, year=2023, at=THEN)
    turn_names(store, on=True, at=NOW)
    job = asked(settings, store, sample_workbook, "forecast")
    runner.start(job)
    eventually(lambda: again(store, job).is_over)
    result = again(store, job).result
    assert [forecast["task"] for forecast in result["forecasts"]] == ["next-year"]
    assert stored(store)[1] == result["forecasts"][0]["pupils"]
    assert count_names(store) > 0  # the school wants them
    (outcome,) = result["outcomes"]
    assert (outcome["task"], outcome["year"]) == ("next-year", 2024)
    assert outcome["measured"] > 0
    assert {"promised", "came", "verdict"} < outcome["figures"][0].keys()
    runner.stop()


def test_a_service_that_stops_takes_its_job_with_it(settings: Settings, store: Store, sample_workbook: Path) -> None:
    runner = JobRunner(settings, lambda: store)
    job = asked(settings, store, sample_workbook, "train")
    runner.start(job)
    eventually(lambda: again(store, job).share > 0.02)
    (child,) = runner._children.values()
    runner.stop()
    assert child.returncode is not None
    assert again(store, job).state == "failed"
    runner.start(job)
    assert runner._children == {}


def test_a_child_ends_when_its_service_dies(settings: Settings, store: Store, sample_workbook: Path) -> None:
    runner = JobRunner(settings, lambda: store)
    job = asked(settings, store, sample_workbook, "train")
    runner.start(job)
    eventually(lambda: again(store, job).share > 0.02)
    (child,) = runner._children.values()
    assert child.stdin is not None
    child.stdin.close()  # as when the service is killed
    assert child.wait(30) == 75
    runner.look()
    assert again(store, job).state == "failed"


def test_a_cancelled_job_ends_and_changes_nothing(settings: Settings, store: Store, sample_workbook: Path) -> None:
    runner = JobRunner(settings, lambda: store)
    job = asked(settings, store, sample_workbook, "train")
    runner.start(job)
    eventually(lambda: again(store, job).share > 0.02)
    assert jobs.cancel(store, job.id, NOBODY_IN_PARTICULAR, NOW)
    (child,) = runner._children.values()
    assert child.wait(30) == 75
    assert Registry(settings.artifacts).tasks() == []
    assert stored(store) == (0, 0)
    runner.look()
    assert runner._children == {}
    assert again(store, job).state == "cancelled"


def test_a_job_without_its_workbook_says_so(settings: Settings, store: Store) -> None:
    job = begun(store, upload="gone", file="x", profile=PEDE.source.decode(), origin="pede")
    run_child(settings, job)
    assert again(store, job).result["problem"]["en"] == "The workbook is no longer here."


def test_a_child_that_loads_for_long_is_not_taken_for_dead(settings: Settings, store: Store) -> None:
    runner = JobRunner(settings, lambda: store)
    job = begun(store)  # by its row it has said nothing for years
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as loading:
        runner._children[job.id] = loading
        runner.look()
        assert again(store, job).state == "waiting"
        jobs.cancel(store, job.id, NOBODY_IN_PARTICULAR, NOW)
        runner.look()
        assert loading.wait(30) != 0
    runner.stop()


def test_looking_after_jobs_needs_the_database(settings: Settings) -> None:
    def away() -> Store:
        raise StoreError(msg("The database is still being opened."))

    with pytest.raises(StoreError):
        JobRunner(settings, away).look()
