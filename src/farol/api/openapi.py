"""`GET /openapi.json` and `GET /docs`: the interface described, from the models served now, in the reader's language.

The assets of the page come from the package fastapi-offline (Swagger UI): nothing is fetched from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

import farol
from farol.access import access, access_of
from farol.api.answers.errors import ErrorAnswer, V2Error
from farol.api.answers.shape import Shape
from farol.api.answers.v2 import InferRequest
from farol.api.batch import NDJSON
from farol.api.errors import described, locale_of
from farol.api.schemas import STUDENT, InputForm
from farol.api.texts import marked as _
from farol.api.texts import translated
from farol.i18n import msg, translate
from farol.service import ROUTE, SHORT_ROUTES, Service

router = APIRouter(include_in_schema=False)

_ABOUT = _(
    "Which pupils are at risk. Every answer is stored before it is given. Errors have one shape, and never "
    "repeat a value that was sent. `?lang=en` or `Accept-Language` chooses the language."
)
_ANYTHING = _("Anything else: this row gets an error of its own, and the others are answered.")
_MANY = _("{question} Many pupils at once.")
_TAGS = {
    "predictions": _("Ask about one pupil."),
    "protocol": _("The same models in the Open Inference Protocol (V2, REST), for tools that speak it."),
    "monitoring": _("What was answered, and whether it can still be trusted. GET changes nothing."),
    "state": _("How the service is, and what it serves."),
}
DOCS_POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)


def describe(app: FastAPI, service: Service, locale: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the JSON routes in `locale`; inputs are those of the models served now."""
    document: dict[str, Any] = get_openapi(
        title="Farol",
        version=farol.__version__,
        description=_ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    _restore_examples(document)
    _say_who_may_ask(document, app)
    document = dict(translated(document, locale))
    forms = {task: InputForm(inputs) for task in service.task_names() if (inputs := service.inputs(task)) is not None}
    names = _schema_names(forms)
    for task, form in forms.items():
        document["components"]["schemas"][names[task]] = form.json_schema(names[task], locale)
    _describe_tasks(document, service, forms, names, locale)
    _name_tasks(document, service.task_names())
    for model in (ErrorAnswer, V2Error, InferRequest):
        shape = model.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= translated({**shape.pop("$defs", {}), model.__name__: shape}, locale)
    for path in document["paths"]:
        if path.endswith("/infer"):
            content = {"application/json": {"schema": _reference("InferRequest")}}
            document["paths"][path]["post"]["requestBody"] = _body(content)
    _show_answers(document)
    return document


def _schema_names(tasks: Iterable[str]) -> dict[str, str]:
    """Task → the name of the schema of its inputs, such as NextYearInputs; no two are the same."""
    names: dict[str, str] = {}
    for task in tasks:
        name = "".join(part.capitalize() for part in re.split("[^A-Za-z0-9]+", task))
        while f"{name}Inputs" in names.values():
            name += "_"
        names[task] = f"{name}Inputs"
    return names


def _describe_tasks(
    document: dict[str, Any], service: Service, forms: Mapping[str, InputForm], names: Mapping[str, str], locale: str
) -> None:
    """One route for each task in place of the template, so that each says exactly what it takes and asks."""
    paths: dict[str, Any] = document["paths"]
    templates = {route: paths.pop(route) for route in (ROUTE, f"{ROUTE}/batch")}
    short = {route: service.tasks.first(horizon) for route, horizon in SHORT_ROUTES.items()}
    for route, task in short.items():
        if task is None:
            del paths[route], paths[f"{route}/batch"]
    for task, form in forms.items():
        for route, operations in templates.items():
            operation = dict(operations["post"])
            operation["operationId"] += f"_{task.replace('-', '_')}"
            operation["parameters"] = [given for given in operation["parameters"] if given["in"] != "path"]
            paths[route.format(task=task)] = {"post": operation}
        routes = [ROUTE.format(task=task), *(route for route, name in short.items() if name == task)]
        for route in routes:
            _describe_route(paths, route, form, name=names[task], locale=locale)


def _describe_route(paths: dict[str, Any], route: str, form: InputForm, *, name: str, locale: str) -> None:
    """The question and the bodies of a route and of its batch."""
    question = form.inputs.task.question.in_locale(locale)
    alone, many = paths[route]["post"], paths[f"{route}/batch"]["post"]
    alone["summary"], many["summary"] = question, translate(_MANY, locale).format(question=question)
    example, named = form.example(), {**form.example(), STUDENT: "RA-1"}
    # A row that cannot be used refuses only itself, so the request may hold anything.
    row = {"anyOf": [_reference(name), {"description": translate(_ANYTHING, locale)}]}
    rows = {"type": "array", "minItems": 1, "items": row}
    alone["requestBody"] = _body({"application/json": {"schema": _reference(name), "example": example}})
    contents = {"application/json": {"schema": rows, "example": [named, example]}}
    many["requestBody"] = _body(contents | {NDJSON: {"schema": row, "example": named}})
    many["responses"]["200"]["content"][NDJSON] = {"schema": _reference("RowAnswer")}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _name_tasks(document: dict[str, Any], names: list[str]) -> None:
    """Say in each parameter that takes a task which there are."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                is_path = parameter["in"] == "path" and parameter["name"] in ("task", "name")
                if names and (is_path or parameter["name"] == "task"):
                    parameter["schema"] = {"type": "string", "enum": names}


def _restore_examples(document: dict[str, Any]) -> None:
    """Put back the examples of the shapes: the framework leaves out every null of them."""
    schemas = document["components"]["schemas"]
    for shape in Shape.__subclasses__():
        extra = shape.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and "examples" in extra and shape.__name__ in schemas:
            schemas[shape.__name__]["examples"] = extra["examples"]


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _show_answers(document: dict[str, Any]) -> None:
    """Give each answer the example of its shape, where the route gives none."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for content in response["content"].values():
                    if int(status) < 400:
                        content.setdefault("example", _own_example(content.get("schema", {}), schemas))


def _own_example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The first example of the shape that a schema refers to, alone or in an array."""
    if schema.get("type") == "array":
        return [_own_example(schema["items"], schemas)]
    _, _, name = schema.get("$ref", "").rpartition("/")
    return next(iter(schemas.get(name, {}).get("examples", [])), {})


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": _("A key, as `farol keys create` shows it once.")},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": _("The same key.")},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": _("The same key as password, for browsers; the user may be anything."),
    },
}


def _say_who_may_ask(document: dict[str, Any], app: FastAPI) -> None:
    """Add to each operation the role it needs, and the refusals that `farol.api.auth` may answer."""
    has_keys = bool(app.state.keyring.last_known)
    roles = {
        (method, route.path): access_of(route.endpoint).role
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    document["components"]["securitySchemes"] = _SCHEMES
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            role = roles[method.upper(), path]
            shape = "V2Error" if path.startswith("/v2") else "ErrorAnswer"
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # the framework's own, for a part of a path, which takes any text
            # The empty one says that no key is needed: while there has never been any, none is asked for.
            nobody: list[dict[str, list[str]]] = [] if has_keys else [{}]
            operation["security"] = [*nobody, *({scheme: [role.value]} for scheme in _SCHEMES)] if role else []
            for status in (400, 401, 403, 429, 503) if role else (400,):
                operation["responses"].setdefault(str(status), described(status, shape))


@access(None)
@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    return JSONResponse(describe(request.app, request.app.state.service, locale_of(request)))


@access(None, is_page=True)
@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    locale = locale_of(request)
    is_demonstration = request.app.state.service.settings.is_demonstration
    page = _page().format(
        banner=f"<p>{msg('Demonstration: invented pupils.').render(locale)}</p>" if is_demonstration else "",
        lang=locale.replace("_", "-"),
        title=msg("Farol: the routes").render(locale),
        without_script=msg("This page needs JavaScript; openapi.json says the same to programs.").render(locale),
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": DOCS_POLICY})


def mount_assets(app: FastAPI) -> None:
    """Serve the page's scripts and styles under /docs/assets."""
    own = str(files("farol.api") / "static")
    assets = access(None)(StaticFiles(directory=own, packages=[("fastapi_offline", "static")]))
    app.mount("/docs/assets", assets, name="docs-assets")


@cache
def _page() -> str:
    return (files("farol.api") / "static" / "docs.html").read_text(encoding="utf-8")
