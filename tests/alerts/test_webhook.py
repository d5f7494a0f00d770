from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from farol import __version__
from farol.alerts import webhook
from farol.alerts.channel import DeliveryError
from farol.alerts.delivery import SECRET_PREFIX, make_secret, secret_bytes
from farol.alerts.webhook import WebhookChannel, signature
from farol.errors import InputError
from farol.store.alerts import Letter
from farol.store.records import uuid7
from tests.alerts.receiver import certificate, web_receiver

NOW = datetime.now(UTC)
LETTER = Letter(uuid7(NOW), "webhook", NOW, {"type": "farol.test", "timestamp": "…", "data": {"text": "olá"}})
SECRET = make_secret()


def channel(url: str) -> WebhookChannel:
    return WebhookChannel.to(url, secret_bytes(SECRET))


def test_another_implementation_verifies_the_signature() -> None:
    with web_receiver() as received:
        channel(received.url).send(LETTER)
    ((path, headers, body),) = received.requests
    assert path == "/alerts?token=t0ken"
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == LETTER.message
    assert Verifier(SECRET).verify(body, headers) == LETTER.body
    assert "olá".encode() in body
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"test", b"tset"), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(make_secret()).verify(body, headers)


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    # From the verification examples of the Standard Webhooks repository.
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_attempt_has_the_same_id() -> None:
    with web_receiver() as received:
        received.statuses = [500]
        with pytest.raises(DeliveryError, match="status 500"):
            channel(received.url).send(LETTER)
        channel(received.url).send(LETTER)
    assert [headers["webhook-id"] for _, headers, _ in received.requests] == [LETTER.message] * 2


@pytest.mark.parametrize("status", [199 + 1 + 100, 301, 302, 307, 400, 401, 410, 429, 500, 503])
def test_only_2xx_is_a_delivery_and_no_redirect_is_followed(status: int) -> None:
    with web_receiver() as received:
        received.status = status
        with pytest.raises(DeliveryError, match=str(status)):
            channel(received.url).send(LETTER)
    assert len(received.requests) == 1


@pytest.mark.parametrize("status", [200, 201, 299])
def test_every_answer_of_success_is_a_delivery(status: int) -> None:
    with web_receiver() as received:
        received.status = status
        channel(received.url).send(LETTER)
    ((_, headers, _),) = received.requests
    assert headers["User-Agent"] == f"farol/{__version__}"


def test_a_receiver_that_is_down_is_reported_without_its_address(free_port: int) -> None:
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        channel(f"http://127.0.0.1:{free_port}/t0ken").send(LETTER)
    assert "t0ken" not in str(caught.value)


def test_a_silent_or_wrong_receiver_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.05)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match="in time"):
            channel(url).send(LETTER)
        monkeypatch.setattr(webhook, "SECONDS", 10.0)
        listener.accept()[0].close()

        def nonsense() -> None:
            caller = listener.accept()[0]
            caller.recv(65_536)
            caller.sendall(b"SSH-2.0-something\r\n")
            caller.close()

        thread = threading.Thread(target=nonsense)
        thread.start()
        with pytest.raises(DeliveryError, match="as a web server does"):
            channel(url).send(LETTER)
        thread.join()


def test_a_name_that_no_network_takes_is_reported() -> None:
    with pytest.raises(DeliveryError, match="name of the receiver"):
        channel(f"http://{'a' * 70}.example.org/").send(LETTER)


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, own = certificate(tmp_path)
    with web_receiver(context) as received:
        url = received.url.replace("http:", "https:")
        with pytest.raises(DeliveryError, match="not trusted"):
            channel(url).send(LETTER)
        assert received.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        channel(url).send(LETTER)
    assert len(received.requests) == 1


def test_the_default_ports_are_those_of_the_scheme() -> None:
    assert (channel("https://example.org").port, channel("https://example.org").target) == (443, "/")
    assert (channel("http://example.org/a").port, channel("http://[::1]:81/a?b").port) == (80, 81)
    assert isinstance(ssl.create_default_context(), ssl.SSLContext)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://s3cret",
        "s3cret",
        "http://",
        "https://u:s3cret@h/",
        "http://h:99999/s3cret",
        "http://h/s3cret\r\nX: y",
        "http://h/s3cret x",
        "http://[s3cret/",
        "https://h/ção-s3cret",
    ],
)
def test_an_invalid_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        channel(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.where.field == "FAROL_ALERT_WEBHOOK_URL"


def test_neither_key_nor_token_is_shown() -> None:
    shown = repr(channel("https://example.org/t0ken"))
    assert "t0ken" not in shown
    assert "key" not in shown


def test_a_secret_is_random_and_long_enough() -> None:
    assert make_secret() != make_secret()
    assert make_secret().startswith(SECRET_PREFIX)
    assert len(secret_bytes(make_secret())) == 32
    assert secret_bytes(base64.b64encode(b"x" * 24).decode()) == b"x" * 24


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_short", "whsec_" + base64.b64encode(b"x" * 23).decode(), "é" * 40]
)
def test_an_invalid_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        secret_bytes(text)
    assert caught.value.where.field == "FAROL_ALERT_WEBHOOK_SECRET"
    assert not text or text not in str(caught.value)


def test_the_body_is_json(tmp_path: Path) -> None:
    with web_receiver() as received:
        channel(received.url).send(LETTER)
    assert json.loads(received.requests[0][2])["data"] == {"text": "olá"}
