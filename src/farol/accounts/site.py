"""What the site decides for itself: names of settings and their values, kept in the database."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds
from farol.store.tables import json_text, site_settings


def read_setting(store: Store, name: str, default: Any) -> Any:
    """The value of a setting; `default` where nobody chose one. Raises StoreError."""
    query = select(site_settings.c.value).where(site_settings.c.name == name)
    with store_errors(store.engine.url), store.engine.connect() as connection:
        value = connection.execute(query).scalar_one_or_none()
    return default if value is None else json.loads(value)


def write_setting(store: Store, name: str, value: Any, at: datetime) -> None:
    """Keep the value of a setting, any JSON, in place of the one before. Raises StoreError."""
    row = {"name": name, "value": json_text(value), "changed": microseconds(at)}
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        connection.execute(delete(site_settings).where(site_settings.c.name == name))
        connection.execute(site_settings.insert(), [row])
