"""Data of people is kept on SQLite and on a real PostgreSQL."""

from tests.postgresql import postgresql_server, postgresql_url, store, url

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]
