"""What several pages read of a running service."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request

from farol.model.bundle import Bundle
from farol.service import Service


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
