"""The counters of a day become one vector, for all answers and for each slice of them; a row may say its class.

What was counted until now is kept, as the slice of all answers. What was not counted then (slices, scores) is counted
anew from the rows by `farol store recount --repair`.
"""

import json
import struct
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0011"
branch_labels = None
depends_on = None

_BATCH = 500


def upgrade() -> None:
    """Apply it."""
    op.add_column("predictions", sa.Column("class", sa.String(64), nullable=True))
    tallies = op.create_table(
        "tallies",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("slice", sa.Text, primary_key=True),
        sa.Column("layout", sa.Text, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
    )
    counts = _feature_counts()
    connection = op.get_bind()
    found = connection.execute(sa.select(counts).order_by(*list(counts.primary_key))).all()
    rows = []
    for (task, version, day), group in groupby(found, lambda one: (one.task, one.version, one.day)):
        sizes: list[tuple[str, int]] = []
        cells: list[int] = []
        for feature, ofs in groupby(group, lambda one: str(one.feature)):
            bins = {int(one.bin): int(one._mapping["count"]) for one in ofs}
            sizes.append((feature, max(bins) + 1))
            cells.extend(bins.get(position, 0) for position in range(max(bins) + 1))
        layout = json.dumps(sizes, ensure_ascii=False, separators=(",", ":"))
        values = {"task": task, "version": version, "day": day, "slice": ""}
        rows.append(values | {"layout": layout, "cells": struct.pack(f"<{len(cells)}I", *cells)})
    for start in range(0, len(rows), _BATCH):
        connection.execute(tallies.insert(), rows[start : start + _BATCH])
    op.drop_table("feature_counts")


def downgrade() -> None:
    """Take it back: slices, what is counted of the answers themselves, and the classes of rows are lost."""
    tallies = sa.table("tallies", *map(sa.column, ("task", "version", "slice", "layout", "cells")), _day())
    op.create_table(
        "feature_counts",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    counts, connection = _feature_counts(), op.get_bind()
    for one in connection.execute(sa.select(tallies).where(tallies.c.slice == "")).all():
        cells = iter(struct.unpack(f"<{len(one.cells) // 4}I", one.cells))
        values = [
            {"task": one.task, "version": one.version, "day": one.day, "feature": name, "bin": position, "count": count}
            for name, size in json.loads(one.layout)
            for position, count in [(position, next(cells)) for position in range(size)]
            if count and not name.startswith("=")
        ]
        if values:
            connection.execute(counts.insert(), values)
    op.drop_table("tallies")
    op.drop_column("predictions", "class")


def _day() -> sa.ColumnClause[object]:
    return sa.column("day", sa.Date)


def _feature_counts() -> sa.Table:
    return sa.Table(
        "feature_counts",
        sa.MetaData(),
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
