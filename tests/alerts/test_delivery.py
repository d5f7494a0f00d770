"""From the outbox to a receiver that is down, slow or there, on real sockets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from standardwebhooks import Webhook as Verifier

from farol.alerts.delivery import KEEP_TRYING, PAUSES, DeliveryCounts, deliver, make_secret, next_attempt, secret_bytes
from farol.alerts.messages import MessageSettings, letters_of_a_test
from farol.alerts.webhook import WebhookChannel
from farol.store.alerts import Letter, Outbox, add_letter
from farol.store.database import Store
from tests.alerts.receiver import web_receiver

NOW = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)
SECRET = make_secret()


def put(store: Store, n: int = 1) -> None:
    for _ in range(n):
        (letter,) = letters_of_a_test(NOW, MessageSettings("en", ("webhook",)))
        with store.exclusive() as connection:
            add_letter(connection, letter)


def send(store: Store, port: int, moment: datetime = NOW) -> DeliveryCounts:
    return deliver(
        store, [WebhookChannel.to(f"http://127.0.0.1:{port}/", secret_bytes(SECRET))], lambda: moment, "pt_BR"
    )


def test_a_due_letter_arrives_once_and_can_be_verified(store: Store) -> None:
    put(store, 2)
    with web_receiver() as received:
        assert send(store, received.port) == DeliveryCounts(2, 0)
        assert send(store, received.port) == DeliveryCounts(0, 0)
    assert len({headers["webhook-id"] for _, headers, _ in received.requests}) == 2
    for _, headers, body in received.requests:
        assert Verifier(SECRET).verify(body, headers)["type"] == "farol.test"


def test_a_receiver_that_was_down_gets_the_same_id_later(store: Store, free_port: int) -> None:
    put(store)
    assert send(store, free_port) == DeliveryCounts(0, 1)
    (letter,) = Outbox(store).latest(9)
    assert letter.problem == "Não é possível chegar ao destino: nada responde nesse endereço e nessa porta."
    assert letter.due == NOW + PAUSES[0]
    assert send(store, free_port) == DeliveryCounts(0, 0), "not before its time"
    with web_receiver(port=free_port) as received:
        received.statuses = [503]
        assert send(store, free_port, NOW + PAUSES[0]) == DeliveryCounts(0, 1)
        second = NOW + PAUSES[0] + PAUSES[1]
        assert send(store, free_port, second - timedelta(seconds=1)) == DeliveryCounts(0, 0)
        assert send(store, free_port, second) == DeliveryCounts(1, 0)
    assert [headers["webhook-id"] for _, headers, _ in received.requests] == [letter.message] * 2
    (letter,) = Outbox(store).latest(9)
    assert (letter.attempts, letter.delivered, letter.problem) == (3, second, None)


def test_after_a_month_a_letter_is_set_aside_and_not_lost(store: Store, free_port: int) -> None:
    put(store)
    moments = [NOW]
    while True:
        assert send(store, free_port, moments[-1]) == DeliveryCounts(0, 1)
        (letter,) = Outbox(store).latest(1)
        if letter.due is None:
            break
        moments.append(letter.due)
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses[: len(PAUSES)] == list(PAUSES)
    assert set(pauses[len(PAUSES) :]) == {timedelta(days=1)}
    assert timedelta(days=29) < moments[-1] - NOW <= KEEP_TRYING
    assert letter.is_set_aside
    Outbox(store).release(NOW + timedelta(days=60))
    with web_receiver(port=free_port):
        assert send(store, free_port, NOW + timedelta(days=60)) == DeliveryCounts(1, 0)


def test_the_pauses_are_those_that_the_standard_webhooks_propose() -> None:
    """Immediately, then after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours."""
    seconds = [5, 5 * 60, 30 * 60, *(hours * 3_600 for hours in (2, 5, 10, 14, 20, 24))]
    assert [pause.total_seconds() for pause in PAUSES] == seconds


def test_workers_that_send_at_once_send_each_letter_once(store: Store) -> None:
    put(store, 6)
    with web_receiver() as received, ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: send(store, received.port), range(4)))
    assert sum(each.arrived for each in done) == 6
    assert len(received.requests) == 6


def test_a_letter_taken_by_another_worker_is_left_to_it(store: Store) -> None:
    put(store)

    class Meanwhile:
        name = "webhook"

        def send(self, letter: Letter) -> None:
            raise AssertionError("it is not ours")

    real = Outbox.due

    def due(outbox: Outbox, channel: str, now: datetime, limit: int) -> list[Letter]:
        result = real(outbox, channel, now, limit)
        outbox.take(result[0], now + timedelta(minutes=1))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "due", due)
        assert deliver(store, [Meanwhile()], lambda: NOW, "en") == DeliveryCounts(0, 0)


def test_a_killed_sender_sends_again_under_the_same_id(store: Store) -> None:
    put(store)

    class Dies:
        name = "webhook"

        def send(self, letter: Letter) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(store, [Dies()], lambda: NOW, "en")
    with web_receiver() as received:
        assert send(store, received.port) == DeliveryCounts(0, 0), "somebody may be sending it"
        assert send(store, received.port, NOW + timedelta(minutes=2)) == DeliveryCounts(1, 0)


def test_nothing_more_is_begun_when_the_service_stops(store: Store) -> None:
    put(store, 3)
    answers = iter([True, False])

    class Takes:
        name = "webhook"

        def send(self, letter: Letter) -> None:
            """It is taken."""

    assert deliver(store, [Takes()], lambda: NOW, "en", going_on=lambda: next(answers)) == DeliveryCounts(1, 0)
    assert Outbox(store).depth() == ({"webhook": 2}, {})


def test_what_goes_wrong_is_logged_without_a_secret(
    store: Store, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    put(store)
    hook = WebhookChannel.to(f"http://127.0.0.1:{free_port}/t0ken", secret_bytes(SECRET))
    deliver(store, [hook], lambda: NOW, "en")
    assert "was not taken by the webhook" in caplog.text
    assert "t0ken" not in caplog.text
    assert SECRET not in caplog.text


def test_a_letter_fails_for_good_a_month_after_it_was_written() -> None:
    letter = Letter("m", "webhook", NOW, {}, attempts=40)
    assert next_attempt(letter, NOW + KEEP_TRYING - timedelta(days=1)) == NOW + KEEP_TRYING
    assert next_attempt(letter, NOW + KEEP_TRYING) is None
