"""The versions of each question: how good each is in plain numbers, beside the one in use, and what the gate says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from farol.errors import BundleError, InputError, Place
from farol.evaluation.metrics import MEASURES
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.registry import Entry, Registry
from farol.outcomes.card_comparison import COMPARED, CardMetrics
from farol.service import Service
from farol.web.home import counted, in_locale, top_of_list
from farol.web.locale import NOTHING, Reader, served_years, year_names
from farol.web.wording import Told, told_error


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in the table of its question. `state` is a key of status, `word` its word."""

    version: str
    url: str
    state: str
    word: Markup
    trained: str
    learned: str
    tested: str
    hits: Markup | str
    caught: Markup | str
    problem: Told | None


@dataclass(frozen=True, slots=True)
class TaskVersions:
    """A question with all its versions, the newest first."""

    task: str
    title: str
    question: str
    lines: tuple[VersionLine, ...]


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """A figure of a version beside the one in use."""

    name: str
    meaning: str
    this: str
    served: str


def models_values(service: Service, reader: Reader) -> dict[str, object]:
    """Every version of every question, verified now. Raises BundleError where the folder cannot be read."""
    registry = service.registry
    return {"tasks": [_task(service, registry, task, reader) for task in _names(service)]}


def version_values(service: Service, reader: Reader, task: str, version: str) -> dict[str, object]:
    """One version: its figures beside the one in use, the reasons of the gate, and what can be done with it."""
    registry = service.registry
    bundle = registry.load(task, version)
    served = _served(service, task)
    past = registry.past(task)
    return {
        "task": task,
        "title": bundle.task_spec.title.in_locale(reader.locale),
        "line": _line(service, _entry(registry, task, version), reader),
        "is_served": served is not None and served.version == version,
        "is_previous": bool(past) and past[-1] == version,
        "served": None if served is None else served.version,
        "is_promotable": bool(bundle.report["promotable"]),
        "reasons": [in_locale(reason, reader.locale) for reason in _reasons(bundle)],
        "notes": [note.render(reader.locale) for note in bundle.notes],
        "metrics": list(_compared(bundle, served, reader)),
        "caution": _caution(bundle, served, reader),
        "looks_ahead": bool(bundle.task_spec.horizon),
    }


def require_previous(registry: Registry, task: str, version: str) -> None:
    """Raises InputError unless `version` is the one before the present: somebody may have chosen another meanwhile."""
    past = registry.past(task)
    if not past or past[-1] != version:
        raise InputError(
            msg("Another version was put into use meanwhile."),
            where=Place(field="version"),
            fix=msg("Look at the list of versions again."),
        )


def _names(service: Service) -> list[str]:
    names = [*service.task_names(), *service.registry.tasks()]
    return list(dict.fromkeys(names))


def _served(service: Service, task: str) -> Bundle | None:
    return next((bundle for bundle in service.bundles if bundle.task == task), None)


def _entry(registry: Registry, task: str, version: str) -> Entry:
    return next(entry for entry in registry.versions(task) if entry.version == version)


def _task(service: Service, registry: Registry, task: str, reader: Reader) -> TaskVersions:
    entries = registry.versions(task)
    spec = service.tasks.specs.get(task)
    newest = sorted(entries, key=lambda entry: (not entry.promoted, -_trained(entry).timestamp()))
    return TaskVersions(
        task,
        task if spec is None else spec.title.in_locale(reader.locale),
        "" if spec is None else spec.question.in_locale(reader.locale),
        tuple(_line(service, entry, reader) for entry in newest),
    )


def _line(service: Service, entry: Entry, reader: Reader) -> VersionLine:
    _, url = reader.gettext, reader.url(f"/administration/models/{entry.task}/{entry.version}")
    trained = reader.moment(_trained(entry))
    try:
        bundle = service.registry.load(entry.task, entry.version)
    except BundleError as error:
        said = told_error(error, reader)
        return VersionLine(entry.version, "", "severe", _("damaged"), trained, NOTHING, NOTHING, NOTHING, NOTHING, said)
    if entry.promoted:
        key, word = "none", _("in use")
    elif bundle.report["promotable"]:
        key, word = "insufficient_data", _("may be used")
    else:
        key, word = "moderate", _("did not pass its test")
    card, top = CardMetrics.of(bundle), top_of_list(bundle)
    recall = None if card is None else card.metrics.get("recall")
    return VersionLine(
        entry.version,
        url,
        key,
        word,
        trained,
        served_years(bundle),
        year_names(bundle, bundle.manifest.test_years),
        NOTHING if top is None else _("{count} of {all}", **counted(top.share)),
        NOTHING if recall is None else _("{count} of {all}", **counted(recall.value)),
        None,
    )


def _trained(entry: Entry) -> datetime:
    """When the version was written: its files do not change afterwards."""
    manifest = entry.path / "manifest.json"
    path = manifest if manifest.exists() else entry.path
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _reasons(bundle: Bundle) -> list[Any]:
    match bundle.report.get("promotion"):
        case {"reasons": [*reasons]}:
            return reasons
        case _:
            return []


def _compared(bundle: Bundle, served: Bundle | None, reader: Reader) -> Iterator[ComparedMetric]:
    this, other = (_metrics(each) for each in (bundle, served))
    for name in COMPARED:
        measure = MEASURES[name]
        yield ComparedMetric(
            measure.title.render(reader.locale),
            measure.meaning.render(reader.locale),
            _figure(this, name, reader),
            _figure(other, name, reader),
        )


def _metrics(bundle: Bundle | None) -> Mapping[str, Any]:
    card = CardMetrics.of(bundle)
    return {} if card is None else card.metrics


def _figure(metrics: Mapping[str, Any], name: str, reader: Reader) -> str:
    metric = metrics.get(name)
    if metric is None:
        return NOTHING
    value, low, high = (reader.number(each) for each in (metric.value, metric.low, metric.high))
    return f"{value} ({low}–{high})"


def _caution(bundle: Bundle, served: Bundle | None, reader: Reader) -> Markup | None:
    """Why two columns of figures may not be compared: they come from other pupils."""
    if served is None or served.version == bundle.version:
        return None
    same = (served.manifest.test_years, served.manifest.data_fingerprint)
    if same == (bundle.manifest.test_years, bundle.manifest.data_fingerprint):
        return None
    return reader.gettext(
        "The two were tested on other pupils ({this}; in use: {served}). A difference may come from the pupils and not "
        "from the model.",
        this=year_names(bundle, bundle.manifest.test_years),
        served=year_names(served, served.manifest.test_years),
    )
