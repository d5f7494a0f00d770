"""Callers who ask all at once and note what was promised to them; and what of it was kept."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field

from farol.model.registry import Registry
from farol.store.database import Store
from farol.store.recount import recount
from tests.api.shape import PUPIL
from tests.faults.service import BROKEN, Caller, Service

CALLERS = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the code of its pupil is its own, so that a row says which request it answers."""

    student: str
    key: str | None
    value: float

    @property
    def body(self) -> dict[str, object]:
        return {**PUPIL, "IAA": self.value, "student": self.student}


@dataclass
class Notes:
    """Request → the id it was answered with; and those that may be sent again, having had no answer."""

    acknowledged: dict[Asked, str] = field(default_factory=dict)
    unanswered: list[Asked] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    repeated: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, caller: Caller, asked: Asked) -> bool:
        """Sends one and notes what came of it; False where the server broke off."""
        headers = {} if asked.key is None else {"Idempotency_Key": asked.key}
        try:
            answer = caller.ask("POST", "/predict", asked.body, **headers)
        except BROKEN:
            with self.lock:
                self.statuses[0] += 1
                if asked.key is not None:
                    self.unanswered.append(asked)
            return False
        with self.lock:
            self.statuses[answer.status] += 1
            if answer.status == 200:
                first = self.acknowledged.setdefault(asked, answer.body["prediction_id"])
                assert first == answer.body["prediction_id"], "a retry was answered with another prediction"
            else:
                assert answer.status == 503, answer.content
                assert answer.headers["retry-after"]
                if asked.key is not None:
                    self.unanswered.append(asked)
        return True

    def send_again(self, service: Service) -> None:
        """All that had no answer, and some that had one; every one must be answered now."""
        caller = Caller(service.port)
        answered = [asked for asked in self.acknowledged if asked.key is not None]
        again = [*self.unanswered, *random.sample(answered, min(20, len(answered)))]
        self.unanswered = []
        for asked in again:
            while not self.send(caller, asked):  # the connection to a worker that was killed breaks once
                self.unanswered.clear()
        caller.close()
        self.repeated += len(again)


class Load:
    """Several callers, each waiting for its answer before it asks again, until the block ends."""

    def __init__(self, service: Service, notes: Notes, *, callers: int = CALLERS) -> None:
        self._service = service
        self._notes = notes
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(callers)]
        self.failed: list[BaseException] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _ask(self, number: int) -> None:
        caller = Caller(self._service.port)
        chance = random.Random()
        try:
            while not self._stop.is_set():
                key = uuid.uuid4().hex if number % 2 else None
                asked = Asked(uuid.uuid4().hex.upper(), key, round(chance.uniform(0, 10), 2))
                if not self._notes.send(caller, asked):
                    self._stop.wait(0.02)
        except BaseException as error:
            self.failed.append(error)
            raise
        finally:
            caller.close()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The promised rows that the store has."""

    acknowledged: int
    stored: int
    lost: int
    doubled: int
    differences: int

    @property
    def kept(self) -> bool:
        return not (self.lost or self.doubled or self.differences)


def verdict(service: Service, notes: Notes) -> Verdict:
    """Compares the store with the notes, and its counters with its rows."""
    with Store.open(service.url) as store:
        rows = list(store.stream())
        result = recount(store, Registry(service.artifacts))
    ids = Counter(row.id for row in rows)
    students = {row.id: row.student for row in rows}
    assert result.unproven == ()
    assert result.rows == len(rows)
    return Verdict(
        acknowledged=len(notes.acknowledged),
        stored=len(rows),
        lost=sum(students.get(identifier) != asked.student for asked, identifier in notes.acknowledged.items()),
        doubled=sum(n > 1 for n in (ids + Counter(filter(None, students.values()))).values()),
        differences=len(result.differences),
    )
