from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from farol.store.database import Store
from farol.store.leases import Lease, Leases
from tests.store.rows import NOON

HOUR = timedelta(hours=1)


def planned(store: Store) -> Lease:
    Leases(store).plan("check", "1h", NOON)
    lease = Leases(store).find("check")
    assert lease is not None
    return lease


def test_a_job_is_planned_again_only_by_another_schedule(store: Store) -> None:
    leases = Leases(store)
    assert leases.find("check") is None
    assert planned(store) == Lease("check", "1h", NOON, None, None)
    leases.plan("check", "1h", NOON + HOUR)
    assert planned(store).due == NOON
    leases.plan("check", "2h", NOON + 2 * HOUR)
    assert leases.find("check") == Lease("check", "2h", NOON + 2 * HOUR, None, None)


def test_of_several_workers_one_gets_the_job(store: Store) -> None:
    lease = planned(store)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: Leases(store).claim(lease, NOON, NOON + HOUR), range(8)))
    assert got.count(True) == 1


def test_a_job_that_is_done_is_due_at_its_next_time(store: Store) -> None:
    leases, lease = Leases(store), planned(store)
    assert leases.claim(lease, NOON, NOON + HOUR)
    held = leases.find("check")
    assert held is not None
    assert (held.holder is not None, held.until) == (True, NOON + HOUR)
    leases.done(lease, NOON + HOUR)
    assert leases.find("check") == Lease("check", "1h", NOON + HOUR, None, None)
    assert not Leases(store).claim(lease, NOON, NOON + HOUR), "it was done meanwhile"


def test_a_job_passes_to_another_worker_when_its_time_is_over(store: Store) -> None:
    first, second, lease = Leases(store), Leases(store), planned(store)
    assert first.claim(lease, NOON, NOON + HOUR)
    assert not second.claim(lease, NOON + HOUR / 2, NOON + 2 * HOUR)
    assert second.claim(lease, NOON + HOUR, NOON + 2 * HOUR)
    first.done(lease, NOON + 9 * HOUR)
    held = second.find("check")
    assert held is not None
    assert (held.due, held.until) == (NOON, NOON + 2 * HOUR)
    second.done(lease, NOON + 3 * HOUR)
    assert planned(store).due == NOON + 3 * HOUR


def test_a_job_planned_anew_meanwhile_keeps_the_new_plan(store: Store) -> None:
    leases, lease = Leases(store), planned(store)
    leases.claim(lease, NOON, NOON + HOUR)
    Leases(store).plan("check", "2h", NOON + 5 * HOUR)
    leases.done(lease, NOON + HOUR)
    assert leases.find("check") == Lease("check", "2h", NOON + 5 * HOUR, None, None)
