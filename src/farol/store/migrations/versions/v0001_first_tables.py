"""The first tables: predictions, the counters, snapshots of drift."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "predictions",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("prediction", sa.SmallInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
    )
    op.create_index("ix_predictions_task_seq", "predictions", ["task", "seq"])
    op.create_table(
        "feature_counts",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "drift_snapshots",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("first", sa.Date, nullable=True),
        sa.Column("last", sa.Date, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("ix_drift_snapshots_task_seq", "drift_snapshots", ["task", "seq"])


def downgrade() -> None:
    """Take it back: nothing is left."""
    op.drop_table("drift_snapshots")
    op.drop_table("feature_counts")
    op.drop_table("predictions")
