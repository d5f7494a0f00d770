"""An answer may be none: prediction and probability are null where too little was given to answer from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it. PostgreSQL alters the columns; SQLite copies the table into a new one, rows and numbers unchanged."""
    with op.batch_alter_table("predictions", copy_from=_predictions(nullable=False)) as table:
        table.alter_column("prediction", existing_type=sa.SmallInteger(), nullable=True)
        table.alter_column("probability", existing_type=sa.Double(), nullable=True)


def downgrade() -> None:
    """Take it back. Rows without an answer have no place in the table of before; what they added to counters stays."""
    predictions = sa.table("predictions", sa.column("prediction"), sa.column("probability"))
    op.execute(sa.delete(predictions).where(predictions.c.prediction.is_(None) | predictions.c.probability.is_(None)))
    with op.batch_alter_table("predictions", copy_from=_predictions(nullable=True)) as table:
        table.alter_column("prediction", existing_type=sa.SmallInteger(), nullable=False)
        table.alter_column("probability", existing_type=sa.Double(), nullable=False)


def _predictions(*, nullable: bool) -> sa.Table:
    """The table as 0001 left it, or this revision: SQLite does not tell all of it back."""
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
        sa.Column("prediction", sa.SmallInteger, nullable=nullable),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=nullable),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Index("ix_predictions_task_seq", "task", "seq"),
    )
