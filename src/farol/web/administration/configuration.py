"""The settings in force, to read: whoever runs the machine sets them, and no page changes them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from markupsafe import Markup
from pydantic import SecretStr

from farol.i18n import translate
from farol.service import Service
from farol.settings import Settings
from farol.store.engine import location, parse_url
from farol.web.locale import NOTHING, Reader
from farol.web.wording import with_code


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A setting as the page shows it; `value` never holds a secret."""

    name: str
    value: Markup | str
    default: Markup | str
    is_changed: bool
    about: Markup


def settings_values(service: Service, reader: Reader) -> dict[str, object]:
    """Every setting, in the order of its documentation."""
    lines = [_line(service.settings, name, reader) for name in Settings.model_fields]
    return {"lines": lines, "changed": sum(line.is_changed for line in lines)}


def _line(settings: Settings, name: str, reader: Reader) -> SettingLine:
    info = Settings.model_fields[name]
    value, default = getattr(settings, name), info.default
    return SettingLine(
        name=f"FAROL_{name.upper()}",
        value=_words(name, value, reader),
        default=_words(name, default, reader),
        is_changed=value != default,
        about=with_code(translate(info.description or "", reader.locale)),
    )


def _words(name: str, value: object, reader: Reader) -> Markup | str:
    """A value for a reader. A secret is not shown; of an address of a database, neither user nor password."""
    _ = reader.gettext
    if value is None or value == "":
        return NOTHING
    if isinstance(value, SecretStr):
        return _("set, and not shown")
    if name == "database_url":
        return location(parse_url(str(value)))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
