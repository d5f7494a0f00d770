"""Which tasks are answered: those of the profile in force, in its order.

The profile in force is the one that the settings name. Where they name none, it is that of the model promoted last, so
that a school that trained with its own profile is answered by it. Models of another profile are not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from farol.errors import BundleError, InputError
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.profile import Profile, Task

THIS_YEAR, NEXT_YEAR = 0, 1
"""Horizons of tasks."""


@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """The profile in force and its tasks by name, each as the model in use has it, else as the profile has it."""

    profile: Profile
    specs: Mapping[str, Task]

    @classmethod
    def of(cls, profile: Profile, models: Iterable[Bundle], *, is_chosen: bool) -> Self:
        """From the profile of the settings, which may be chosen or the default, and the models in use.

        The models come in the order of their promotion, the last one first.
        """
        models = list(models)
        if models and not is_chosen and models[0].profile.name != profile.name:
            profile = models[0].profile
        own = {model.task: model.task_spec for model in models if model.profile.name == profile.name}
        order = dict.fromkeys([*profile.tasks, *sorted(own)])
        return cls(profile, {name: own[name] if name in own else profile.tasks[name] for name in order})

    @classmethod
    def in_use(cls, registry: Registry, profile: Profile, *, is_chosen: bool) -> Self:
        """The same, from the models that can be read now. Reads the disk."""
        models = []
        for task in registry.stamps():
            try:
                models.append(registry.load(task))
            except BundleError:  # asking this task gives the reason
                continue
        return cls.of(profile, models, is_chosen=is_chosen)

    def answers(self, bundle: Bundle) -> bool:
        """Whether a model was trained under the profile in force, in whatever edition of it."""
        return bundle.profile.name == self.profile.name

    def first(self, horizon: int) -> str | None:
        """The first task that asks about this year (0) or the next (1)."""
        for name, spec in self.specs.items():
            if spec.horizon == horizon:
                return name
        return None

    def usual(self, horizon: int) -> str:
        """The task that is meant where none is named: the first of this horizon, else the first of all."""
        return self.first(horizon) or next(iter(self.specs))

    def known(self, task: str) -> str:
        """The task, if there is one of this name. Raises InputError that names those there are."""
        if task not in self.specs:
            raise InputError(
                msg("There is no such task."), expected=self.names(), fix=msg("Choose one of these names.")
            )
        return task

    def names(self) -> Message:
        """What to choose from."""
        return msg("one of {names}", names=", ".join(self.specs))

    def refusal(self, bundle: Bundle) -> BundleError:
        """Why a model of another profile is not used."""
        return BundleError(
            msg(
                "The model of {task} was trained under the profile {other}; the profile in force is {profile}.",
                task=bundle.task,
                other=bundle.profile.name,
                profile=self.profile.name,
            ),
            fix=msg("Name the other profile in FAROL_PROFILE to use it, or train this task again."),
        )
