"""`GET /models/{task}`: what a program or a person must know of the model that answers, before asking it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from farol.api.answers.model import ModelAnswer
from farol.api.errors import ApiError, locale_of, refusals
from farol.api.schemas import GROUP, STUDENT, YEARS, InputForm
from farol.api.service import Service
from farol.api.serving_model import ROUTES, Served
from farol.api.texts import marked as _
from farol.i18n import Message, msg, translate
from farol.model.features import YEAR
from farol.profile import Column, Profile, Text

router = APIRouter(tags=["state"])

OUTPUTS: Mapping[str, tuple[str, str]] = {
    "prediction": ("integer", _("1: at risk; null: no answer.")),
    "prediction_label": ("string", _("The prediction in words, in the language of the request.")),
    "probability": ("number", _("Of being at risk; null: no answer.")),
}
"""What an answer says first: name → type, meaning."""


@router.get(
    "/models/{task}",
    operation_id="model",
    summary=_("What the model that answers takes, gives and is worth"),
    description=_(
        "Inputs with ranges and meanings, outputs, an example, metrics on the test year with 95% intervals, the years "
        "it learned from and is compared with, its threshold, its limits in words, and the fingerprints of its making."
    ),
    response_model=ModelAnswer,
    response_description=_("The answer."),
    responses=refusals(404, 500, 503),
)
def model(request: Request, task: str) -> JSONResponse:
    service: Service = request.app.state.service
    return JSONResponse(_described(known(service, task), locale_of(request)))


def known(service: Service, task: str) -> Served:
    """The model that answers for a task. ApiError (404) for one there is none of; BundleError when it has no model."""
    if task not in ROUTES:
        names = ", ".join(ROUTES)
        raise ApiError(404, "not_found", msg("There is no such task."), fix=msg("Use one of {names}.", names=names))
    return service.served(task)


def _described(served: Served, locale: str) -> dict[str, Any]:
    bundle, manifest, task = served.bundle, served.bundle.manifest, served.bundle.task_spec
    route = ROUTES[bundle.task]
    return {
        "task": bundle.task,
        "version": bundle.version,
        "routes": [route, f"{route}/batch", f"/v2/models/{bundle.task}/infer"],
        "title": task.title.in_locale(locale),
        "question": task.question.in_locale(locale),
        "limits": task.limits.in_locale(locale),
        "signature": {
            "inputs": list(_inputs(served.form, locale)),
            "outputs": [
                {"name": name, "type": kind, "meaning": translate(meaning, locale)}
                for name, (kind, meaning) in OUTPUTS.items()
            ],
        },
        "example": served.form.example(),
        "features": [
            {
                "name": name,
                "meaning": _meaning(bundle.profile, name).in_locale(locale),
                "changeable": name in task.changeable,
            }
            for name in manifest.features
        ],
        "threshold": manifest.threshold,
        "train_years": list(manifest.train_years),
        "test_years": list(manifest.test_years),
        "reference": {"n": bundle.reference.n, "years": list(bundle.served_years)},
        "metrics": list(_metrics(bundle.report, locale)),
        "made_with": {
            "farol": manifest.farol,
            "libraries": dict(manifest.libraries),
            "seed": manifest.seed,
            "data_fingerprint": manifest.data_fingerprint,
            "profile_fingerprint": manifest.profile_fingerprint,
        },
        "notes": [note.render(locale) for note in bundle.notes],
    }


def _meaning(profile: Profile, feature: str) -> Text:
    column = profile.columns.get(feature)
    return profile.derived[feature].meaning if column is None else column.meaning


def _inputs(form: InputForm, locale: str) -> Iterator[dict[str, Any]]:
    for name, column in form.inputs.columns.items():
        yield _input(name, column, column.meaning.in_locale(locale))
    if form.takes_year:
        yield _bare(YEAR, "integer", YEARS, msg("Year the values are of; without it, the present year."), locale)
    whose = msg("The programme's own code of the pupil, to find, export and erase what is stored. No input.")
    yield _bare(STUDENT, "string", (None, None), whose, locale)
    which = msg("The pupil's class, as the programme calls it, to tell classes apart in monitoring. No input.")
    yield _bare(GROUP, "string", (None, None), which, locale)


def _input(name: str, column: Column, meaning: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "integer" if column.integer else "number",
        "minimum": column.minimum,
        "maximum": column.maximum,
        "usual": list(column.usual or ()),
        "meaning": meaning,
    }


def _bare(name: str, kind: str, ends: tuple[int | None, int | None], meaning: Message, locale: str) -> dict[str, Any]:
    low, high = ends
    words = meaning.render(locale)
    return {"name": name, "type": kind, "minimum": low, "maximum": high, "usual": [], "meaning": words}


def _metrics(report: Mapping[str, Any], locale: str) -> Iterator[dict[str, Any]]:
    """The figures of the test years, as the report has them: in older or shorter reports there may be none."""
    language = "en" if locale == "en" else "pt"
    for name, measure in report.get("measures", {}).items():
        figure = report["test"].get(name)
        if figure is not None:
            yield {
                "name": name,
                "title": measure["title"][language],
                "meaning": measure["meaning"][language],
                "greater_is_better": measure["greater_is_better"],
                "value": figure["value"],
                "low": figure["low"],
                "high": figure["high"],
            }
