from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from farol.store.database import Store
from farol.store.leases import Turn, Turns
from tests.store.rows import NOON

HOUR = timedelta(hours=1)


def planned(store: Store) -> Turn:
    Turns(store).plan("check", "1h", NOON)
    turn = Turns(store).find("check")
    assert turn is not None
    return turn


def test_a_job_is_planned_once_and_again_only_by_another_schedule(store: Store) -> None:
    turns = Turns(store)
    assert turns.find("check") is None
    assert planned(store) == Turn("check", "1h", NOON, None, None)
    turns.plan("check", "1h", NOON + HOUR)
    assert planned(store).due == NOON
    turns.plan("check", "2h", NOON + 2 * HOUR)
    assert turns.find("check") == Turn("check", "2h", NOON + 2 * HOUR, None, None)


def test_of_several_workers_one_gets_the_turn(store: Store) -> None:
    turn = planned(store)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: Turns(store).claim(turn, NOON, NOON + HOUR), range(8)))
    assert got.count(True) == 1


def test_what_is_done_is_due_at_its_next_time(store: Store) -> None:
    turns, turn = Turns(store), planned(store)
    assert turns.claim(turn, NOON, NOON + HOUR)
    held = turns.find("check")
    assert held is not None
    assert (held.holder is not None, held.until) == (True, NOON + HOUR)
    turns.done(turn, NOON + HOUR)
    assert turns.find("check") == Turn("check", "1h", NOON + HOUR, None, None)
    assert not Turns(store).claim(turn, NOON, NOON + HOUR), "it was done meanwhile"


def test_another_takes_over_when_the_time_of_the_first_is_over_and_the_first_then_ends_nothing(store: Store) -> None:
    first, second, turn = Turns(store), Turns(store), planned(store)
    assert first.claim(turn, NOON, NOON + HOUR)
    assert not second.claim(turn, NOON + HOUR / 2, NOON + 2 * HOUR)
    assert second.claim(turn, NOON + HOUR, NOON + 2 * HOUR)
    first.done(turn, NOON + 9 * HOUR)
    held = second.find("check")
    assert held is not None
    assert (held.due, held.until) == (NOON, NOON + 2 * HOUR)
    second.done(turn, NOON + 3 * HOUR)
    assert planned(store).due == NOON + 3 * HOUR


def test_a_job_planned_anew_while_somebody_is_at_it_keeps_the_new_plan(store: Store) -> None:
    turns, turn = Turns(store), planned(store)
    turns.claim(turn, NOON, NOON + HOUR)
    Turns(store).plan("check", "2h", NOON + 5 * HOUR)
    turns.done(turn, NOON + HOUR)
    assert turns.find("check") == Turn("check", "2h", NOON + 5 * HOUR, None, None)
