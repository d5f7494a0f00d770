"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "predictions",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("year", sa.SmallInteger, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("prediction", sa.SmallInteger, nullable=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=True),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Column("student", sa.String(64), nullable=True),
        sa.Column("class", sa.String(64), nullable=True),
        sa.Column("key_hash", sa.String(64), nullable=True),
        sa.Column("body_hash", sa.String(64), nullable=True),
    )
    op.create_index("ix_predictions_task_seq", "predictions", ["task", "seq"])
    op.create_index("ix_predictions_at", "predictions", ["at"])
    for name, column, unique in (
        ("ix_predictions_student", "student", False),
        ("ux_predictions_key_hash", "key_hash", True),
    ):
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "predictions", [column], unique=unique, sqlite_where=given, postgresql_where=given)
    op.create_table(
        "counters",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("slice", sa.Text, primary_key=True),
        sa.Column("layout", sa.Text, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
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
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(12), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=True),
        sa.Column("revoked", sa.BigInteger, nullable=True),
    )
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
        "leases",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("until", sa.BigInteger, nullable=True),
    )
    _people(key)
    _pupils()
    _casework(key)
    _intake()


def _people(key: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("login", sa.String(100), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("classes", sa.Text, nullable=False),
        sa.Column("password", sa.Text, nullable=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("disabled", sa.BigInteger, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(36), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_table(
        "audit",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(36), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("student", sa.String(64), nullable=True),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_student", "audit", ["student"])
    op.create_table(
        "site_settings",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )


def _pupils() -> None:
    op.create_table(
        "pupil_years",
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("student", sa.String(64), primary_key=True),
        sa.Column("class", sa.String(64), nullable=True),
        sa.Column("level", sa.Double, nullable=True),
        sa.Column("label", sa.SmallInteger, nullable=True),
        sa.Column("values", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
    )
    op.create_index("ix_pupil_years_student", "pupil_years", ["student"])
    op.create_index("ix_pupil_years_class", "pupil_years", ["year", "class"])
    op.create_table(
        "pupil_answers",
        sa.Column("task", sa.String(100), primary_key=True),
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("student", sa.String(64), primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("prediction", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("class", sa.String(64), nullable=True),
        sa.Column("level", sa.Double, nullable=True),
        sa.Column("at_risk_now", sa.SmallInteger, nullable=True),
        sa.Column("probability", sa.Double, nullable=True),
        sa.Column("band", sa.SmallInteger, nullable=True),
        sa.Column("expected_low", sa.Double, nullable=True),
        sa.Column("expected_high", sa.Double, nullable=True),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
    )
    op.create_index("ix_pupil_answers_rank", "pupil_answers", ["task", "year", "probability"])
    op.create_index("ix_pupil_answers_class", "pupil_answers", ["task", "year", "class"])
    op.create_table(
        "pupil_names",
        sa.Column("student", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )


def _casework(key: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("student", sa.String(64), nullable=False),
        sa.Column("year", sa.SmallInteger, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
        sa.Column("support", sa.Text, nullable=False),
        sa.Column("due", sa.Date, nullable=True),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_cases_student", "cases", ["student"])
    op.create_index("ix_cases_due", "cases", ["closed", "due"])
    op.create_table(
        "case_entries",
        sa.Column("seq", key, primary_key=True, autoincrement=True),
        sa.Column("case", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(36), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("restricted", sa.SmallInteger, nullable=False),
    )
    op.create_index("ix_case_entries_case", "case_entries", ["case", "seq"])


def _intake() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(36), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("review", sa.Text, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("user", sa.String(36), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=True),
        sa.Column("seen", sa.BigInteger, nullable=True),
        sa.Column("ended", sa.BigInteger, nullable=True),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_index("ix_jobs_created", "jobs", ["created"])
