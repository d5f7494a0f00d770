"""What came true: each pupil's answer in a year's sheet, and which forecasts of it count."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "outcomes",
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("student", sa.String(64), primary_key=True),
        sa.Column("label", sa.SmallInteger, nullable=True),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("recorded", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outcome_forecasts",
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("student", sa.String(64), primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Take it back: the sheets can be read again."""
    op.drop_table("outcome_forecasts")
    op.drop_table("outcomes")
