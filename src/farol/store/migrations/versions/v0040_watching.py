"""What watching needs: events, the states of the alerts, the outbox, and whose turn a check is."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "events",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=True),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("once", sa.String(200), nullable=True, unique=True),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "alert_states",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("checked", sa.BigInteger, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("message", sa.String(36), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=True),
        sa.Column("delivered", sa.BigInteger, nullable=True),
        sa.Column("problem", sa.Text, nullable=True),
        sa.UniqueConstraint("message", "channel", name="uq_outbox_message"),
    )
    op.create_index("ix_outbox_due", "outbox", ["due"])
    op.create_table(
        "turns",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("until", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """Take it back: what happened, and what was not sent yet, is forgotten."""
    for table in ("turns", "outbox", "alert_states", "events"):
        op.drop_table(table)
