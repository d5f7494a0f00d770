"""`GET /openapi.json` and `GET /docs`: the interface described, from the models served now, in the reader's language.

The assets of the page come from the package fastapi-offline (Swagger UI): nothing is fetched from elsewhere.
"""

from __future__ import annotations

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
from farol.service import ROUTES, Service

router = APIRouter(include_in_schema=False)

_ABOUT = _(
    "Which pupils risk falling behind. Every answer is stored before it is given. Errors have one shape, and never "
    "repeat a value that was sent. `?lang=en` or `Accept-Language` chooses the language."
)
_ANYTHING = _("Anything else: this row gets an error of its own, and the others are answered.")
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
    for task, route in ROUTES.items():
        inputs = service.inputs(task)
        form = None if inputs is None else InputForm(inputs)
        name = f"{route.strip('/').capitalize()}Inputs"
        schema = {"type": "object"} if form is None else form.json_schema(name, locale)
        document["components"]["schemas"][name] = schema
        body: dict[str, Any] = {"schema": _reference(name)}
        if form is not None:
            body["example"] = form.example()
        _take(document, route, {"application/json": body})
        rows = {} if form is None else _rows(form)
        shapes = {
            "application/json": {"type": "array", "minItems": 1, "items": _row(name, locale)},
            NDJSON: _row(name, locale),
        }
        contents: dict[str, dict[str, Any]] = {kind: {"schema": shape} for kind, shape in shapes.items()}
        for kind, example in rows.items():
            contents[kind]["example"] = example
        _take(document, f"{route}/batch", contents)
        answered = document["paths"][f"{route}/batch"]["post"]["responses"]["200"]["content"]
        answered[NDJSON] = {"schema": _reference("RowAnswer")}
    for model in (ErrorAnswer, V2Error, InferRequest):
        shape = model.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= translated({**shape.pop("$defs", {}), model.__name__: shape}, locale)
    for path in document["paths"]:
        if path.endswith("/infer"):
            _take(document, path, {"application/json": {"schema": _reference("InferRequest")}})
    _show_answers(document)
    return document


def _restore_examples(document: dict[str, Any]) -> None:
    """Put back the examples of the shapes: the framework leaves out every null of them."""
    schemas = document["components"]["schemas"]
    for shape in Shape.__subclasses__():
        extra = shape.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and "examples" in extra and shape.__name__ in schemas:
            schemas[shape.__name__]["examples"] = extra["examples"]


def _rows(form: InputForm) -> dict[str, object]:
    """Media type → a body of a batch."""
    rows = [{**form.example(), STUDENT: "RA-1"}, form.example()]
    return {"application/json": rows, NDJSON: rows[0]}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _row(name: str, locale: str) -> dict[str, Any]:
    """A row of a batch. One that cannot be used refuses only itself, so the request may hold anything."""
    return {"anyOf": [_reference(name), {"description": translate(_ANYTHING, locale)}]}


def _take(document: dict[str, Any], path: str, content: dict[str, Any]) -> None:
    document["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}


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
