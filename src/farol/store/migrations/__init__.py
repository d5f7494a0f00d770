"""How a database becomes the one `farol.store.tables` describes, step by step; run by `farol.store.schema`.

A migration that was released is never edited: the next one is added, here and as a file in `versions`.
"""

REVISIONS = ("0001", "0002", "0010", "0011", "0020", "0030", "0040")
"""Every revision there is, in order. Alembic is loaded only where the database is not at the last one."""
