"""What the site itself decides, such as whether names are shown: a name and a JSON value for each. `Settings` has what
whoever runs the machine decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, cast

from sqlalchemy import select, update

from farol.accounts.audit import AuditValues
from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.records import microseconds
from farol.store.tables import audit, json_text, site_settings

Value = TypeVar("Value")


def read_setting(store: Store, name: str, default: Value) -> Value:
    """The value that was written last, of the type that `default` has; that where none ever was. Raises StoreError."""
    query = select(site_settings.c.value).where(site_settings.c.name == name)
    with store.reading() as connection:
        text = connection.execute(query).scalar_one_or_none()
    return default if text is None else cast(Value, json.loads(text))


def write_setting(store: Store, name: str, value: object, at: datetime, *, audited: AuditValues | None = None) -> None:
    """Keep a value that JSON can hold, and add a row to the audit. Raises StoreError, and ValueError for NaN."""
    values = {"value": json_text(value), "changed": microseconds(at)}
    with store.transaction() as connection:
        if not insert_new(connection, site_settings, {"name": name, **values}):
            connection.execute(update(site_settings).where(site_settings.c.name == name).values(values))
        if audited is not None:
            connection.execute(audit.insert(), [audited])


def change_setting(
    store: Store,
    name: str,
    default: Value,
    change: Callable[[Value], Value],
    at: datetime,
    *,
    audited: AuditValues | None = None,
) -> Value:
    """Keep and return what `change` makes of the value that is there now, or of `default`; nobody else writes between.

    What `change` raises leaves all as it was. Raises StoreError, and ValueError as `write_setting`.
    """
    of_this_name = site_settings.c.name == name
    with store.transaction() as connection:
        # PostgreSQL locks rows alone: so there is one, even before anything was decided.
        first = {"name": name, "value": json_text(default), "changed": microseconds(at)}
        insert_new(connection, site_settings, first)
        text = connection.execute(select(site_settings.c.value).where(of_this_name).with_for_update()).scalar_one()
        changed = change(cast(Value, json.loads(text)))
        values = {"value": json_text(changed), "changed": microseconds(at)}
        connection.execute(update(site_settings).where(of_this_name).values(values))
        if audited is not None:
            connection.execute(audit.insert(), [audited])
    return changed
