"""The tasks that are answered: of the profile that was named, else of the model promoted last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farol.errors import InputError
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.model.tasks import NEXT_YEAR, THIS_YEAR, Tasks
from farol.profile import Profile, load_profile, parse_profile
from tests.bundles import make_bundle
from tests.schools import PROFILE

AURORA = str(PROFILE)


@pytest.fixture
def pede() -> Profile:
    return load_profile("pede")


def promoted(artifacts: Path, task: str, profile: str, *, at: int) -> Bundle:
    """A promoted model, chosen at a second of the clock."""
    registry = Registry(artifacts)
    registry.promote(task, make_bundle(artifacts, task, profile=profile).name)
    os.utime(artifacts / task / "promoted.json", (at, at))
    return registry.load(task)


def test_without_models_the_profile_of_the_settings_is_in_force(tmp_path: Path, pede: Profile) -> None:
    tasks = Tasks.in_use(Registry(tmp_path / "nowhere"), pede, is_chosen=False)
    assert (tasks.profile, list(tasks.specs)) == (pede, ["current", "next-year"])
    assert (tasks.first(THIS_YEAR), tasks.first(NEXT_YEAR)) == ("current", "next-year")


def test_unnamed_the_last_promoted_models_profile_is_in_force(tmp_path: Path, pede: Profile) -> None:
    promoted(tmp_path, "current", "pede", at=1_000)
    absent = promoted(tmp_path, "absent-next", AURORA, at=2_000)
    tasks = Tasks.in_use(Registry(tmp_path), pede, is_chosen=False)
    assert tasks.profile.name == "aurora"
    assert list(tasks.specs) == ["absent", "absent-next", "absent-next-briefly"]
    assert tasks.answers(absent)
    os.utime(tmp_path / "current" / "promoted.json", (3_000, 3_000))
    assert Tasks.in_use(Registry(tmp_path), pede, is_chosen=False).profile is pede


def test_a_profile_that_was_named_stays_in_force(tmp_path: Path, pede: Profile) -> None:
    absent = promoted(tmp_path, "absent", AURORA, at=2_000)
    tasks = Tasks.in_use(Registry(tmp_path), pede, is_chosen=True)
    assert (tasks.profile, list(tasks.specs)) == (pede, ["current", "next-year"])
    assert not tasks.answers(absent)
    assert (
        tasks.refusal(absent)
        .lines("en")[0]
        .endswith("The model of absent was trained under the profile aurora; the profile in force is pede.")
    )


def test_a_model_that_cannot_be_read_decides_nothing(tmp_path: Path, pede: Profile) -> None:
    absent = promoted(tmp_path, "absent", AURORA, at=2_000)
    (absent.path / "model.json").write_bytes(b"{}")
    assert Tasks.in_use(Registry(tmp_path), pede, is_chosen=False).profile is pede


def test_a_task_that_the_profile_has_lost_is_answered_last(tmp_path: Path, pede: Profile) -> None:
    model = promoted(tmp_path, "absent", AURORA, at=2_000)
    source = load_profile(AURORA).source.decode()
    later = parse_profile(source.replace("[tasks.absent]", "[tasks.away]").encode(), "aurora.toml")
    tasks = Tasks.of(later, [model], is_chosen=True)
    assert list(tasks.specs) == ["away", "absent-next", "absent-next-briefly", "absent"]
    assert tasks.first(THIS_YEAR) == "away"


def test_where_none_is_named_the_first_of_the_horizon_is_meant(pede: Profile) -> None:
    source = load_profile(AURORA).source.decode()
    only_next = parse_profile(source.replace("horizon = 0", "horizon = 1").encode(), "aurora.toml")
    tasks = Tasks.of(only_next, [], is_chosen=True)
    assert (tasks.first(THIS_YEAR), tasks.usual(THIS_YEAR), tasks.usual(NEXT_YEAR)) == (None, "absent", "absent")
    assert Tasks.of(pede, [], is_chosen=True).usual(NEXT_YEAR) == "next-year"


def test_an_unknown_task_is_refused_with_the_known_ones(pede: Profile) -> None:
    tasks = Tasks.of(pede, [], is_chosen=True)
    assert tasks.known("current") == "current"
    with pytest.raises(InputError, match="one of current, next-year"):
        tasks.known("last-year")
