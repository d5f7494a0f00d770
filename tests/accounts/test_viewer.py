"""The rights of each role, the pupils that each user sees, and the reason of every refusal."""

from __future__ import annotations

import pytest

from farol.accounts.viewer import NOBODY_IN_PARTICULAR, STRANGER, Duty, User, UserRole, Viewer


def viewer(role: UserRole, *classes: str) -> Viewer:
    return Viewer(User("1", "ana", "Ana", role, frozenset(classes)))


@pytest.mark.parametrize(
    ("role", "duties"),
    [
        (UserRole.coordinator, {Duty.see, Duty.record}),
        (UserRole.reader, {Duty.see, Duty.oversee}),
        (UserRole.administrator, set(Duty)),
    ],
)
def test_each_role_may_do_its_own(role: UserRole, duties: set[Duty]) -> None:
    assert {duty for duty in Duty if viewer(role).may(duty)} == duties


def test_a_coordinator_sees_chosen_classes_alone() -> None:
    ana = viewer(UserRole.coordinator, "3B")
    assert ana.sees("3B")
    assert not ana.sees("3C")
    assert not ana.sees(None)
    assert ana.classes == frozenset({"3B"})
    assert "3B" in ana.sees("3C").reason.render("pt_BR")


def test_others_see_the_whole_school_and_learn_why() -> None:
    for person in (viewer(UserRole.reader), viewer(UserRole.administrator), NOBODY_IN_PARTICULAR):
        assert person.classes is None
        assert person.sees("3B")
        assert person.sees(None).reason.render("pt_BR").startswith("Você vê este aluno porque")


def test_without_users_everything_is_allowed() -> None:
    assert all(NOBODY_IN_PARTICULAR.may(duty) for duty in Duty)
    assert (NOBODY_IN_PARTICULAR.name, NOBODY_IN_PARTICULAR.id) == ("", "")
    assert (viewer(UserRole.reader).name, viewer(UserRole.reader).id) == ("Ana", "1")


def test_a_stranger_may_do_and_see_nothing() -> None:
    assert not any(STRANGER.may(duty) for duty in Duty)
    assert STRANGER.classes == frozenset()
    assert not STRANGER.sees("3B")
    assert not STRANGER.is_everybody
