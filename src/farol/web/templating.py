"""The templates: escaping on, undefined names are errors, texts in the reader's language."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from farol.accounts.viewer import Duty
from farol.web.locale import Reader, languages
from farol.web.viewer import viewer_of

STATIC = Path(__file__).parent / "static"

MODEL_PAGES = frozenset({"home", "dashboard", "advice", "outcomes", "model"})
"""The pages about the models, by the names that they go by in the navigation (`here`)."""

_STYLE = hashlib.sha256((STATIC / "farol.css").read_bytes()).hexdigest()[:12]


def code(text: str) -> Markup:
    """A text to type."""
    return Markup("<code>{}</code>").format(text)


def link(url: str, text: str) -> Markup:
    """A link within a sentence."""
    return Markup('<a href="{}">{}</a>').format(url, text)


_ENVIRONMENT = Environment(
    loader=PackageLoader("farol.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.update(
    Duty=Duty, code=code, link=link, model_pages=MODEL_PAGES, style_version=_STYLE, version=version("farol")
)


def page(
    request: Request, reader: Reader, template: str, values: dict[str, object], *, status: int = 200
) -> HTMLResponse:
    """A page of ours in the reader's language; `values` may have a language switch of its own."""
    common: dict[str, object] = {
        "reader": reader,
        "_": reader.gettext,
        "viewer": viewer_of(request),
        "paths": {getattr(route, "path", "") for route in request.app.routes},
        "is_demonstration": request.app.state.service.settings.is_demonstration,
    }
    if "languages" not in values:
        common["languages"] = languages(request, reader)
    text = _ENVIRONMENT.get_template(template).render(common | values)
    return HTMLResponse(text, status, {"Content-Language": reader.tag})


def document(reader: Reader, template: str, values: dict[str, object]) -> str:
    """A file of ours that stands for itself, in the reader's language."""
    return _ENVIRONMENT.get_template(template).render({"reader": reader, "_": reader.gettext} | values)
