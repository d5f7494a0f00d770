"""What the site itself decides, such as whether names are shown: a name and a JSON value for each. `Settings` has what
whoever runs the machine decides."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar, cast

from sqlalchemy import select, update

from farol.accounts.audit import AuditValues
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.records import microseconds
from farol.store.tables import audit, json_text, site_settings

Value = TypeVar("Value")


def read_setting(store: Store, name: str, default: Value) -> Value:
    """The value that was written last, of the type that `default` has; that where none ever was. Raises StoreError."""
    query = select(site_settings.c.value).where(site_settings.c.name == name)
    with store_errors(store.engine.url), store.engine.connect() as connection:
        text = connection.execute(query).scalar_one_or_none()
    return default if text is None else cast(Value, json.loads(text))


def write_setting(store: Store, name: str, value: object, at: datetime, *, audited: AuditValues | None = None) -> None:
    """Keep a value that JSON can hold, and add a row to the audit. Raises StoreError, and ValueError for NaN."""
    values = {"value": json_text(value), "changed": microseconds(at)}
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        if not insert_new(connection, site_settings, {"name": name, **values}):
            connection.execute(update(site_settings).where(site_settings.c.name == name).values(values))
        if audited is not None:
            connection.execute(audit.insert(), [audited])
