"""The tables, and a prediction as a row of its table.

`farol.store.migrations` makes the same tables, step by step.
"""

from __future__ import annotations

import json

from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from farol.store.records import Prediction, microseconds, moment

metadata = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_KEY = BigInteger().with_variant(Integer, "sqlite")

predictions = Table(
    "predictions",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("task", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("year", SmallInteger, nullable=False),  # of the inputs
    Column("features", Text, nullable=False),  # JSON object
    Column("prediction", SmallInteger, nullable=True),  # null, as the probability is, where the model gave no answer
    Column("label", Text, nullable=False),
    Column("probability", Double, nullable=True),
    Column("threshold", Double, nullable=False),
    Column("warnings", Text, nullable=False),  # JSON array of codes
    Column("student", String(64), nullable=True),  # the programme's code of the pupil, if it was given
    Column("class", String(64), nullable=True),  # the pupil's class, if it was given
    Column("key_hash", String(64), nullable=True),  # of a request that may be sent again
    Column("body_hash", String(64), nullable=True),
    Index("ix_predictions_task_seq", "task", "seq"),
    Index("ix_predictions_at", "at"),
)

# Partial: most rows have neither, and pay nothing for these.
HAS_KEY = predictions.c.key_hash.is_not(None)
_has_student = predictions.c.student.is_not(None)
Index("ux_predictions_key_hash", predictions.c.key_hash, unique=True, sqlite_where=HAS_KEY, postgresql_where=HAS_KEY)
Index("ix_predictions_student", predictions.c.student, sqlite_where=_has_student, postgresql_where=_has_student)

counters = Table(
    "counters",
    metadata,
    Column("task", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("day", Date, primary_key=True),  # of America/Sao_Paulo
    Column("slice", Text, primary_key=True),  # "" is all answers; else such as "source=api"
    Column("layout", Text, nullable=False),  # what each cell counts: `farol.model.counters.CounterLayout.text`
    Column("cells", LargeBinary, nullable=False),  # unsigned 32-bit integers, the least significant byte first
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String(12), primary_key=True),  # of the key; the key itself is not stored
    Column("digest", String(64), nullable=False),  # SHA-256 of the whole key, in hexadecimal
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created", BigInteger, nullable=False),  # these three: microseconds since 1970, UTC
    Column("expires", BigInteger, nullable=True),
    Column("revoked", BigInteger, nullable=True),
)

drift_snapshots = Table(
    "drift_snapshots",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("task", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("first", Date, nullable=True),
    Column("last", Date, nullable=False),
    Column("payload", Text, nullable=False),  # JSON object
    Index("ix_drift_snapshots_task_seq", "task", "seq"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("student", String(64), primary_key=True),
    Column("label", SmallInteger, nullable=True),  # null: the sheet has no answer for the pupil
    Column("groups", Text, nullable=False),  # JSON object: audit column → the pupil's group in that sheet
    Column("fingerprint", String(64), nullable=False),  # of the sheet
    Column("recorded", BigInteger, nullable=False),  # when the year was first read; microseconds, as the next
    Column("changed", BigInteger, nullable=False),  # when this row last changed
)

outcome_forecasts = Table(
    "outcome_forecasts",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False),  # of the outcome
    Column("task", Text, primary_key=True),
    Column("student", String(64), primary_key=True),
    Column("version", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),  # of the last prediction of this version before the outcome
    Column("answers", Integer, nullable=False),  # predictions of this version for the pupil; only the last counts
)

# For the checks of drift: events, the state of each alert, messages to send, and which worker has a job.

events = Table(
    "events",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC, as every moment here
    Column("kind", Text, nullable=False),
    Column("task", Text, nullable=True),
    Column("details", Text, nullable=False),  # JSON object
    Column("once", String(200), nullable=True, unique=True),  # several workers notice the same event: one row
    Index("ix_events_at", "at"),
)

alert_states = Table(
    "alert_states",
    metadata,
    Column("task", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("figures", Text, nullable=False),  # JSON object: the last check
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("message", String(36), nullable=False),  # the same on every channel
    Column("channel", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON object
    Column("attempts", Integer, nullable=False),
    Column("due", BigInteger, nullable=True),  # null: delivered, or set aside
    Column("delivered", BigInteger, nullable=True),
    Column("problem", Text, nullable=True),  # of the last attempt
    UniqueConstraint("message", "channel", name="uq_outbox_message"),
    Index("ix_outbox_due", "due"),
)

leases = Table(
    "leases",
    metadata,
    Column("job", Text, primary_key=True),
    Column("schedule", Text, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("holder", String(36), nullable=True),
    Column("until", BigInteger, nullable=True),  # of the holder's lease
)

# Who uses the pages.

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("login", String(100), nullable=False, unique=True),  # in lower case
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("classes", Text, nullable=False),  # JSON array: what a coordinator sees
    Column("password", Text, nullable=True),  # argon2's encoded hash; null: not chosen yet
    Column("created", BigInteger, nullable=False),  # microseconds since 1970, UTC, as every moment here
    Column("disabled", BigInteger, nullable=True),
    Column("failures", Integer, nullable=False),  # wrong passwords in a row
    Column("locked_until", BigInteger, nullable=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    Column("user", String(36), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Index("ix_sessions_user", "user"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("user", String(36), nullable=False),  # "": the site has no users
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("student", String(64), nullable=True),
    Column("details", Text, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_student", "student"),
)

site_settings = Table(
    "site_settings",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("changed", BigInteger, nullable=False),
)

# The pupils of the school, as the pages show them.

pupil_years = Table(
    "pupil_years",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("student", String(64), primary_key=True),
    Column("class", String(64), nullable=True),
    Column("level", Double, nullable=True),
    Column("label", SmallInteger, nullable=True),  # 1 at risk, 0 not, null unknown; of the same year
    Column("values", Text, nullable=False),  # JSON object: column of the profile → number or text; unknown ones absent
    Column("fingerprint", String(64), nullable=False),  # of the workbook the row came from
    Index("ix_pupil_years_student", "student"),
    Index("ix_pupil_years_class", "year", "class"),
)

pupil_answers = Table(
    "pupil_answers",
    metadata,
    Column("task", String(100), primary_key=True),
    Column("year", SmallInteger, primary_key=True, autoincrement=False),  # of the inputs
    Column("student", String(64), primary_key=True),
    Column("version", Text, nullable=False),
    Column("prediction", String(36), nullable=False),  # the id in `predictions`
    Column("at", BigInteger, nullable=False),
    Column("class", String(64), nullable=True),
    Column("level", Double, nullable=True),
    Column("at_risk_now", SmallInteger, nullable=True),  # the label of the inputs' year
    Column("probability", Double, nullable=True),  # null: no answer, too little is known
    Column("band", SmallInteger, nullable=True),  # its place in the bundle's bands
    Column("expected_low", Double, nullable=True),
    Column("expected_high", Double, nullable=True),
    Column("reasons", Text, nullable=False),  # JSON array, the weightiest first
    Column("missing", Text, nullable=False),  # JSON array of columns that were not given
    Index("ix_pupil_answers_rank", "task", "year", "probability"),
    Index("ix_pupil_answers_class", "task", "year", "class"),
)

pupil_names = Table(
    "pupil_names",
    metadata,
    Column("student", String(64), primary_key=True),
    Column("name", Text, nullable=False),
)

# What was done with a pupil.

cases = Table(
    "cases",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("student", String(64), nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("owner", String(36), nullable=False),
    Column("support", Text, nullable=False),  # JSON array of kinds of support
    Column("due", Date, nullable=True),
    Column("opened", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=True),
    Column("reason", Text, nullable=False),  # why it was closed; "" while it is open
    Index("ix_cases_student", "student"),
    Index("ix_cases_due", "closed", "due"),
)

case_entries = Table(
    "case_entries",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=True),
    Column("case", String(36), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("user", String(36), nullable=False),
    Column("kind", Text, nullable=False),  # a step, a contact, a note
    Column("details", Text, nullable=False),  # JSON object
    Column("restricted", SmallInteger, nullable=False),
    Index("ix_case_entries_case", "case", "seq"),
)

# Workbooks before they are accepted, and jobs.

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("user", String(36), nullable=False),
    Column("state", Text, nullable=False),
    Column("files", Text, nullable=False),  # JSON array: name, bytes, sha256
    Column("review", Text, nullable=False),  # JSON object: what was read
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed, cancelled
    Column("user", String(36), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=True),
    Column("seen", BigInteger, nullable=True),  # its last sign of life
    Column("ended", BigInteger, nullable=True),
    Column("share", Double, nullable=False),  # of the work that is done
    Column("stage", Text, nullable=False),  # JSON object: what it is doing, as a text to translate
    Column("details", Text, nullable=False),  # JSON object: what it was asked
    Column("result", Text, nullable=False),  # JSON object: what came of it, or the error
    Index("ix_jobs_created", "created"),
)

json_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""JSON as it is stored. ValueError for NaN and infinity."""

PREDICTION_COLUMNS = tuple(column.name for column in predictions.columns if column.name != "seq")
"""All columns of a prediction but the number that the database gives it."""


def prediction_values(row: Prediction) -> dict[str, object]:
    """Column → value, in the order of PREDICTION_COLUMNS. ValueError for a feature that is NaN or infinite."""
    return {
        "id": row.id,
        "at": microseconds(row.at),
        "task": row.task,
        "version": row.version,
        "source": row.source,
        "year": row.year,
        "features": _features_json(dict(row.features)),
        "prediction": row.prediction,
        "label": row.label,
        "probability": row.probability,
        "threshold": row.threshold,
        "warnings": json_text(row.warnings) if row.warnings else "[]",
        "student": row.student,
        "class": row.group,
        "key_hash": row.key_hash,
        "body_hash": row.body_hash,
    }


def prediction_of(row: RowMapping) -> Prediction:
    """The prediction that a row of the table holds."""
    return Prediction(
        id=row["id"],
        at=moment(row["at"]),
        task=row["task"],
        version=row["version"],
        source=row["source"],
        year=row["year"],
        features=json.loads(row["features"]),
        prediction=row["prediction"],
        label=row["label"],
        probability=row["probability"],
        threshold=row["threshold"],
        warnings=tuple(json.loads(row["warnings"])),
        student=row["student"],
        group=row["class"],
        key_hash=row["key_hash"],
        body_hash=row["body_hash"],
    )


def _features_json(features: dict[str, float | str | None]) -> str:
    """The same as `json_text`, in a third of the time."""
    text = to_json(features).decode()
    # pydantic writes NaN and infinity as they are; the strict encoder refuses them.
    return json_text(features) if "NaN" in text or "Infinity" in text else text
