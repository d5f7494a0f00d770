"""The way back: tables as an older Farol knows them. Rows stay where they have a place there; what has none is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from farol.errors import InputError, Place
from farol.i18n import Message, msg
from farol.store.engine import describe, open_engine, store_errors
from farol.store.migrations import REVISIONS
from farol.store.schema import alembic_config, alone, revision_of

EMPTY = "empty"
"""Before the first revision: no tables."""

_LOSSES: Mapping[str, tuple[tuple[str, Message], ...]] = {
    "0001": (("SELECT count(*) FROM predictions", msg("all predictions, counters and snapshots")),),
    "0002": (
        (
            "SELECT count(*) FROM predictions WHERE prediction IS NULL OR probability IS NULL",
            msg("predictions that are no answer (what they added to the counters stays)"),
        ),
    ),
    "0010": (("SELECT count(*) FROM api_keys", msg("keys of the API: nobody is asked who they are any more")),),
    "0011": (
        (
            "SELECT count(*) FROM predictions WHERE student IS NOT NULL OR year IS NOT NULL OR key_hash IS NOT NULL",
            msg("whose a prediction is, of which year, and which retry it answers (the predictions stay)"),
        ),
    ),
    "0020": (
        ("SELECT count(*) FROM predictions WHERE class IS NOT NULL", msg("of which class a prediction is")),
        (
            "SELECT count(*) FROM tallies",
            msg("tallies by slice and of the answers (those of features stay)"),
        ),
    ),
    "0030": (
        ("SELECT count(*) FROM outcomes", msg("outcomes: what came true of forecasts; `farol outcomes` reads it anew")),
    ),
    "0040": (
        ("SELECT count(*) FROM events", msg("events of the history")),
        ("SELECT count(*) FROM outbox WHERE due IS NOT NULL", msg("alerts that are still to be sent")),
    ),
}
"""Revision → what taking it back loses: how many it concerns, and what it is. The database is asked before."""


@dataclass(frozen=True, slots=True)
class Downgraded:
    """The revisions before and after, and what was lost, each with how many it concerned."""

    before: str
    after: str
    lost: tuple[Message, ...]


def downgrade(url: str, revision: str, *, force: bool = False) -> Downgraded:
    """Takes the tables back to `revision`, in one transaction, the latest first.

    InputError for a revision that is not before the database's own, and, unless forced, where something would be lost;
    StoreError for a database that cannot be used or that a newer Farol made. A service that runs meanwhile fails from
    then on, and what starts next brings the database forward again: stop it first.
    """
    engine = open_engine(url)
    try:
        with store_errors(engine.url), alone(engine) as connection:
            before = revision_of(connection)
            done = REVISIONS[: REVISIONS.index(before) + 1] if before else ()
            targets = (EMPTY, *done[:-1])
            if not done or revision not in targets:
                raise InputError(
                    msg("The database cannot go back to this revision."),
                    expected=msg("one of {names}", names=", ".join(targets)) if done else None,
                    got=msg("{name}", name=revision),
                    where=Place(file=describe(engine.url)),
                    fix=msg("The database is at {name}.", name=before or EMPTY),
                )
            undone = tuple(reversed(done[targets.index(revision) :]))
            lost = _lost(connection, undone)
            if lost and not force:
                raise InputError(
                    msg("Going back would lose something: {what}.", what=_joined(lost)),
                    where=Place(file=describe(engine.url)),
                    fix=msg("Make a backup with `farol store backup FILE`, then go back with --force."),
                )
            from alembic import command  # noqa: PLC0415  as in `farol.store.schema`

            command.downgrade(alembic_config(connection), "base" if revision == EMPTY else revision)
    finally:
        engine.dispose()
    return Downgraded(str(before), revision, lost)


def _lost(connection: Connection, undone: tuple[str, ...]) -> tuple[Message, ...]:
    losses = ((query, what) for revision in undone for query, what in _LOSSES.get(revision, ()))
    counted = ((connection.execute(text(query)).scalar_one(), what) for query, what in losses)
    return tuple(msg("{n} × {what}", n=n, what=what) for n, what in counted if n)


def _joined(parts: tuple[Message, ...]) -> Message:
    first, *others = parts
    return msg("{first}; {others}", first=first, others=_joined(tuple(others))) if others else first
