"""What the pages need of a running service: the shape of `farol.api.service.Service`, which stands on our own floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import Request

from farol.bundle import Bundle
from farol.errors import FarolError
from farol.profile import Profile
from farol.scoring import Scorer
from farol.settings import Settings
from farol.store.database import Store


class Service(Protocol):
    """The part of the service that pages read."""

    settings: Settings
    profile: Profile
    problems: dict[str, FarolError]

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


def bundles(service: Service) -> list[Bundle]:
    """The bundles in use, the question that looks furthest ahead first."""
    served = (scorer.bundle for scorer in service.scorers.values())
    return sorted(served, key=lambda bundle: (-bundle.task_spec.horizon, bundle.task))
