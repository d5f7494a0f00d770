"""The templates: escaping on, undefined names are errors, texts in the reader's language."""

from __future__ import annotations

import hashlib
import secrets
from importlib.metadata import version
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from farol.accounts.viewer import Duty
from farol.web.locale import Reader, languages
from farol.web.viewer import viewer_of
from farol.web.wording import code, link, told

STATIC = Path(__file__).parent / "static"

MODEL_PAGES = frozenset({"home", "dashboard", "advice", "outcomes", "model"})
"""The pages about the models, by the names that they go by in the navigation (`here`)."""

_STYLE = hashlib.sha256((STATIC / "farol.css").read_bytes()).hexdigest()[:12]


_SCRIPTS = tuple(
    f"/static/vendor/{name}?v={hashlib.sha256((STATIC / 'vendor' / name).read_bytes()).hexdigest()[:12]}"
    for name in ("htmx.min.js", "hx-csp.min.js")
    if (STATIC / "vendor" / name).is_file()
)
"""htmx and its extension, where set-up could lay them in; without them pages work all the same."""


def page_policy(nonce: str) -> str:
    """The Content-Security-Policy of a page: no script but those with its nonce, and only htmx may write HTML.

    The nonce gates htmx's attributes, too: an element whose `hx-nonce` is another one is left alone.
    """
    return (
        f"default-src 'self'; script-src 'nonce-{nonce}'; require-trusted-types-for 'script'; trusted-types htmx; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


_ENVIRONMENT = Environment(
    loader=PackageLoader("farol.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.update(
    Duty=Duty, code=code, link=link, told=told, model_pages=MODEL_PAGES, style_version=_STYLE, version=version("farol")
)


def page(
    request: Request, reader: Reader, template: str, values: dict[str, object], *, status: int = 200
) -> HTMLResponse:
    """A page of ours in the reader's language; `values` may have a language switch of its own."""
    common: dict[str, object] = {
        "reader": reader,
        "_": reader.gettext,
        "viewer": viewer_of(request),
        "is_demonstration": request.app.state.service.settings.is_demonstration,
    }
    nonce = secrets.token_urlsafe(16)
    common |= {"nonce": nonce, "scripts": _SCRIPTS}
    if "languages" not in values:
        # What a form answered has no address of its own.
        common["languages"] = languages(request, reader) if request.method in ("GET", "HEAD") else []
    text = _ENVIRONMENT.get_template(template).render(common | values)
    return HTMLResponse(text, status, {"Content-Language": reader.tag, "Content-Security-Policy": page_policy(nonce)})


def document(reader: Reader, template: str, values: dict[str, object]) -> str:
    """A file of ours that stands for itself, in the reader's language."""
    return _ENVIRONMENT.get_template(template).render({"reader": reader, "_": reader.gettext} | values)
