"""The steps from an earlier release's tables to those in `farol.store.tables`; `farol.store.schema` runs them.

A migration that was released is never edited. A change adds the next one, here and as a file in `versions`.
"""

REVISIONS = ("0001",)
"""Every revision, in order."""
