"""What the pages need of a running service: the shape of `farol.api.service.Service`, which stands on our own floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from fastapi import Request

from farol.errors import FarolError
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.profile import Profile
from farol.settings import Settings
from farol.store.database import Store


class Service(Protocol):
    """The part of the service that pages read."""

    settings: Settings
    profile: Profile
    registry: Registry
    problems: dict[str, FarolError]

    @property
    def log_profile(self) -> Profile:
        """The profile of the models served, else the default one."""

    @property
    def scorers(self) -> Mapping[str, Scorer]:
        """Task → what scores it, for the tasks that are served."""

    @property
    def store(self) -> Store:
        """The store; StoreError while it cannot be used."""


def service_of(request: Request) -> Service:
    """The service of the app that answers this request."""
    service: Service = request.app.state.service
    return service


def served_years(bundle: Bundle) -> str:
    """The years that the model in use learned from: after its test it is trained again with all there are."""
    return year_names(bundle, bundle.served_years)


def year_names(bundle: Bundle, years: Iterable[object]) -> str:
    """Years in a row; where the question looks ahead, each with the year of its answer: `2022 → 2023`."""
    ahead = bundle.task_spec.horizon
    return ", ".join(f"{year} → {int(str(year)) + ahead}" if ahead else str(year) for year in years)


def bundles(service: Service) -> list[Bundle]:
    """The bundles in use, the question that looks furthest ahead first."""
    served = (scorer.bundle for scorer in service.scorers.values())
    return sorted(served, key=lambda bundle: (-bundle.task_spec.horizon, bundle.task))
