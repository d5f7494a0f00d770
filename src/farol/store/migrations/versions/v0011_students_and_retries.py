"""A row may say whose it is, which year its inputs are of, and which request that is sent again it answers."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it. Rows of before have none of these."""
    op.add_column("predictions", sa.Column("student", sa.String(64), nullable=True))
    op.add_column("predictions", sa.Column("year", sa.SmallInteger, nullable=True))
    op.add_column("predictions", sa.Column("key_hash", sa.String(64), nullable=True))
    op.add_column("predictions", sa.Column("body_hash", sa.String(64), nullable=True))
    op.create_index("ix_predictions_at", "predictions", ["at"])
    _create_partial_index("ix_predictions_student", "student")
    _create_partial_index("ux_predictions_key_hash", "key_hash", unique=True)


def downgrade() -> None:
    """Take it back. Rows stay, and no longer say whose they are, of which year, and which request they answer."""
    for index in ("ux_predictions_key_hash", "ix_predictions_student", "ix_predictions_at"):
        op.drop_index(index, "predictions")
    for column in ("body_hash", "key_hash", "year", "student"):
        op.drop_column("predictions", column)


def _create_partial_index(name: str, column: str, *, unique: bool = False) -> None:
    given = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, "predictions", [column], unique=unique, sqlite_where=given, postgresql_where=given)
