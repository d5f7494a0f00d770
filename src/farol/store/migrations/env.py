"""Alembic runs this file to carry out a migration; the connection, its lock and its transaction are the caller's."""

from alembic import context

from farol.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
