"""Back to any revision and forward again; and a database that the first release made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from farol.drift.report import check
from farol.drift.windows import Window
from farol.errors import InputError, StoreError
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.profile import load_profile
from farol.store.database import Store
from farol.store.downgrading import EMPTY, downgrade
from farol.store.engine import open_engine
from farol.store.exporting import write_csv
from farol.store.migrations import REVISIONS
from farol.store.schema import revision_of
from farol.store.tables import metadata
from tests.bundles import make_bundle
from tests.store.rows import EVER, row

DUMPS = Path(__file__).parent / "first_release"
"""What migration 0001 made, with five invented rows, dumped once by `sqlite3` and by `pg_dump`; never made anew."""


def revision(url: str) -> str | None:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = revision_of(connection)
    engine.dispose()
    return found


def features_counted(store: Store) -> dict[str, dict[int, int]]:
    """The counters of features: those of the answers have no place in older tables."""
    counts = store.counts("current", "2024-abc", *EVER)
    return {name: bins for name, bins in counts.items() if not name.startswith("=")}


@pytest.mark.parametrize("target", [EMPTY, *REVISIONS[:-1]])
def test_rows_survive_the_way_back_to_any_revision_and_forward_again(url: str, target: str) -> None:
    none = replace(row(), prediction=None, probability=None, label="Sem resposta")
    uncounted = row({}, version="2024-def")  # a day of a version that has no counter of a feature
    plain = [row({"IAA": 7.5}), replace(row({"IAA": None}), student="RA-1", year=2024), uncounted]
    with Store.open(url) as store:
        store.write([*plain, none])
        counted = features_counted(store)
    done = downgrade(url, target, force=True)
    assert (done.before, done.after) == (REVISIONS[-1], target)
    assert revision(url) == (None if target == EMPTY else target)
    with Store.open(url) as store:
        with store.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        kept = {EMPTY: [], "0001": plain}.get(target, [*plain, none])
        assert [one.id for one in store.stream()] == [one.id for one in kept]
        assert [dict(one.features) for one in store.stream()] == [dict(one.features) for one in kept]
        assert features_counted(store) == ({} if target == EMPTY else counted)
        store.write([row()])


def test_what_would_be_lost_is_told_before_and_nothing_is_changed(url: str) -> None:
    with Store.open(url) as store:
        store.write([replace(row(), student="RA-1"), replace(row(), prediction=None, probability=None)])
    with pytest.raises(InputError, match="would lose") as caught:
        downgrade(url, "0001")
    told = str(caught.value)
    assert "1 × whose a prediction is" in told
    assert "1 × predictions that are no answer" in told
    assert "backup" in told
    assert revision(url) == REVISIONS[-1]
    with Store.open(url) as store:
        assert store.total() == 2


def test_where_nothing_is_lost_nobody_has_to_insist(url: str) -> None:
    Store.open(url).close()
    assert downgrade(url, "0002").lost == ()
    assert revision(url) == "0002"


@pytest.mark.parametrize("target", ["", "9999", "head", "base"])
def test_only_a_revision_of_before_is_gone_back_to(url: str, target: str) -> None:
    Store.open(url).close()
    for name in (target, REVISIONS[-1]):
        with pytest.raises(InputError, match="cannot go back") as caught:
            downgrade(url, name)
        assert "0001" in str(caught.value)
    assert revision(url) == REVISIONS[-1]


def test_an_empty_database_has_nothing_to_go_back_from(url: str) -> None:
    with pytest.raises(InputError, match="cannot go back"):
        downgrade(url, "0001")


def test_a_database_of_a_newer_farol_is_left_alone(url: str) -> None:
    with Store.open(url) as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version"):
        downgrade(url, "0001")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    artifacts = tmp_path_factory.mktemp("first") / "artifacts"
    return Registry(artifacts).load("current", make_bundle(artifacts).name)


@pytest.fixture
def first(url: str, bundle: Bundle, tmp_path: Path) -> Iterator[Store]:
    """The store of the first release, opened by this one; its version is that of a model there is."""
    engine = open_engine(url)
    script = (
        (DUMPS / f"{engine.dialect.name}.sql").read_text(encoding="utf-8").replace("2024-0123456789", bundle.version)
    )
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if engine.dialect.name == "sqlite":
            driver.executescript(script)
        else:
            driver.execute(script)
            driver.commit()
    engine.dispose()
    assert revision(url) == "0001"
    with Store.open(url) as store:
        yield store


def test_a_database_of_the_first_release_is_read_and_written(first: Store, bundle: Bundle) -> None:
    with first.engine.connect() as connection:
        assert revision_of(connection) == REVISIONS[-1]
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        assert inspect(connection).get_pk_constraint("predictions")["constrained_columns"] == ["seq"]
    rows = list(first.stream())
    assert [one.id[:8] for one in rows] == [f"018df00{i}" for i in range(5)]
    assert [(one.prediction, one.probability) for one in rows] == [(0, 0.25), (1, 0.75)] * 2 + [(0, 0.25)]
    assert rows[4].features == {"IAA": None, "IEG": 4.4, "IPS": 6.6, "IAN": None}
    assert {(one.student, one.year, one.key_hash) for one in rows} == {(None, None, None)}
    assert [one.task for one in first.latest(2)] == ["current", "next-year"]
    text_ = "".join(write_csv(first.stream(), load_profile("pede"), "America/Sao_Paulo"))
    assert len(text_.splitlines()) == 6
    assert first.total("current") == 4
    day = date(2024, 3, 1)
    counts = first.counts("current", bundle.version, day, day)
    assert counts["IAA"] == {3: 1, 7: 2, 10: 1}
    report = check(bundle, counts, window=Window("all", None, day))
    assert {one.feature: one.n for one in report.features}["IAA"] == 4
    (snapshot,) = first.snapshots("current", 5)
    assert snapshot.payload == {"n": 4, "verdict": "insufficient_data"}
    added = row()
    first.write([added])
    assert first.latest(1)[0].id == added.id
