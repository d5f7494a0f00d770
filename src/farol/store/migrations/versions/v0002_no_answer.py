"""An answer may be none: prediction and probability are null where too little was given to answer from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it. PostgreSQL alters the columns; SQLite copies the table into a new one, rows and numbers unchanged."""
    with op.batch_alter_table("predictions", copy_from=_predictions()) as table:
        table.alter_column("prediction", existing_type=sa.SmallInteger(), nullable=True)
        table.alter_column("probability", existing_type=sa.Double(), nullable=True)


def _predictions() -> sa.Table:
    """The table as 0001 left it: SQLite does not tell all of it back."""
    return sa.Table(
        "predictions",
        sa.MetaData(),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
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
        sa.Index("ix_predictions_task_seq", "task", "seq"),
    )
