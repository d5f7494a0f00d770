from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from farol.alerts import email
from farol.alerts.channel import DeliveryError
from farol.alerts.email import EmailChannel, addresses
from farol.errors import InputError
from farol.store.alerts import Letter
from farol.store.records import uuid7
from tests.alerts.receiver import certificate, mail_receiver

AT = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)
DATA: dict[str, object] = {
    "headline": "Mudança severa: <próximo ano>",
    "text": "O que chega mudou.",
    "task": "next-year",
    "model_version": "2024-abc",
    "state": "severe",
    "previous_state": "none",
    "since": "2024-06-30T12:00:00+00:00",
    "previous_since": "2024-05-01T12:00:00+00:00",
    "window": {"name": "30d", "from": "2024-06-01", "to": "2024-06-30", "days": 30},
    "n": 1234,
    "reference": {"n": 1365, "years": [2022, 2023], "names": ["2022", "2023"]},
    "features": [
        {
            "feature": "IDA",
            "meaning": "Indicador de aprendizagem & notas",
            "verdict_label": "Mudança severa",
            "since": "2024-06-29T12:00:00+00:00",
            "reasons": ["A distribuição mudou: o PSI é 0,43."],
        }
    ],
    "link": "https://farol.example.org/monitoring/dashboard?task=next-year",
}


def letter(**data: object) -> Letter:
    return Letter(uuid7(AT), "email", AT, {"type": "drift.changed", "timestamp": "…", "data": {**DATA, **data}})


def channel(port: int, **changes: object) -> EmailChannel:
    whole = EmailChannel(
        recipients=addresses("ana@example.org, beto@example.org", "alert_email_to"),
        sender=addresses("farol@example.org", "alert_email_from")[0],
        host="127.0.0.1",
        port=port,
        security="none",
        user="",
        password="",
        locale="pt_BR",
        timezone=ZoneInfo("America/Sao_Paulo"),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


def test_all_recipients_get_one_mail_in_text_and_html(free_port: int) -> None:
    sent = letter()
    with mail_receiver(free_port) as received:
        channel(free_port).send(sent)
    (taken,) = received.mails
    assert received.envelopes[0].rcpt_tos == ["ana@example.org", "beto@example.org"]
    assert taken["Subject"] == "Farol: Mudança severa: <próximo ano>"
    assert taken["From"] == "farol@example.org"
    assert taken["Message-ID"] == f"<{sent.message}@example.org>"
    assert taken["Auto-Submitted"] == "auto-generated"
    plain, html = taken.get_body(("plain",)), taken.get_body(("html",))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        for words in ("O que chega mudou.", "1.234", "1.365", "2022, 2023", "o PSI é 0,43", "01/06/2024"):
            assert words in part
        assert "30/06/2024, 09:00" in part, "in the programme's time"
        assert "29/06/2024, 09:00" in part, "since when the feature"
        assert "https://farol.example.org/monitoring/dashboard?task=next-year" in part
        assert "nunca de um aluno" in " ".join(part.split())
    assert "aprendizagem & notas" in plain.get_content()
    assert "aprendizagem &amp; notas" in html.get_content()
    assert "<próximo ano>" not in html.get_content()
    assert '<html lang="pt-BR">' in html.get_content()


WHOLE = """\
Mudança severa: <próximo ano>

O que chega mudou.

Since: 2024-06-30, 09:00
Before: No drift (2024-05-01, 09:00)
Window: 2024-06-01 to 2024-06-30
Predictions: 1,234
Compared with: 1,365 rows of 2022, 2023
Model version: 2024-abc

- Indicador de aprendizagem & notas
  Verdict: Mudança severa
  Since: 2024-06-29, 09:00
  Reason: A distribuição mudou: o PSI é 0,43.

See the drift page: https://farol.example.org/monitoring/dashboard?task=next-year

Farol sends this once for each change. It holds figures of groups, never of one pupil.
"""


def test_a_message_reads_like_this_and_its_html_says_the_same() -> None:
    written = channel(25, locale="en").written(letter())
    plain, html = written.get_body(("plain",)), written.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content() == WHOLE
    shown = unescape(re.sub(r"<[^>]*>", " ", html.get_content().replace("</th><td>", ": ")))
    link = "https://farol.example.org/monitoring/dashboard?task=next-year"
    message = WHOLE.replace("- Indicador", "Indicador").replace(f"See the drift page: {link}", "See the drift page")
    assert shown.split() == message.split()
    assert f'<a href="{link}">' in html.get_content()


def test_in_english_and_without_a_beginning_features_or_link() -> None:
    data = {"window": {"name": "all", "from": None, "to": "2024-06-30"}, "features": []}
    plain = channel(25, locale="en").written(letter(**data)).get_body(("plain",))
    assert plain is not None
    assert "until 2024-06-30" in plain.get_content()
    assert "1,234" in plain.get_content()


def test_a_mail_says_in_words_which_pairs_changed() -> None:
    pairs = [{"text": "IEG e IDA subiam juntos (0,62); agora quase não sobem (0,05)."}]
    written = channel(25).written(letter(features=[], pairs=pairs))
    for kind in ("plain", "html"):
        part = written.get_body((kind,))
        assert part is not None
        assert "IEG e IDA subiam juntos (0,62)" in " ".join(part.get_content().split())


def test_a_test_message_is_its_words_alone() -> None:
    bare = Letter("m", "email", AT, {"type": "farol.test", "data": {"headline": "Teste", "text": "Chegou."}})
    written = channel(25).written(bare)
    for kind in ("plain", "html"):
        part = written.get_body((kind,))
        assert part is not None
        assert "Chegou." in part.get_content()
        assert "PSI" not in part.get_content()


# aiosmtpd does not see that a connection is TLS from its beginning.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_way_is_encrypted_and_verified_and_the_user_logs_in(
    free_port: int, trust: tuple[ssl.SSLContext, Path], wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, own = trust
    ours = channel(free_port, security="tls" if wrapped else "starttls", user="farol", password="s3cret")
    with mail_receiver(free_port, tls=context, wrapped=wrapped) as received:
        with pytest.raises(DeliveryError, match="not trusted"):
            ours.send(letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        with pytest.raises(DeliveryError, match="user and password") as caught:
            replace(ours, password="wr0ng").send(letter())
        assert "wr0ng" not in str(caught.value)
        ours.send(letter())
    assert len(received.mails) == 1


@pytest.mark.parametrize("refused", ["", "PLAIN"])
def test_users_and_passwords_may_have_accents(
    free_port: int, trust: tuple[ssl.SSLContext, Path], refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, own = trust
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    ours = channel(free_port, security="starttls", user="joão", password="sénha çom acento")
    with mail_receiver(free_port, tls=context, without=(refused,)) as received:
        with pytest.raises(DeliveryError, match="user and password"):
            replace(ours, password="outra é").send(letter())
        ours.send(letter())
    assert len(received.mails) == 1


def test_a_server_that_takes_no_accents_is_said(
    free_port: int, trust: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, own = trust
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    ours = channel(free_port, security="starttls", user="joão", password="é")
    with (
        mail_receiver(free_port, tls=context, without=("PLAIN", "LOGIN")),
        pytest.raises(DeliveryError, match="beyond a to z"),
    ):
        ours.send(letter())


def test_no_headline_makes_a_header_of_its_own(free_port: int) -> None:
    with mail_receiver(free_port) as received:
        channel(free_port).send(letter(headline="Mudança\r\nBcc: outro@example.org"))
    (mail,) = received.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Farol: Mudança Bcc: outro@example.org"


def test_a_name_that_no_network_takes_is_an_error_of_ours(free_port: int) -> None:
    with pytest.raises(DeliveryError, match="cannot be used"):
        channel(free_port, host=f"{'a' * 70}.example.org").send(letter())


def test_a_server_without_encryption_gets_no_mail(free_port: int) -> None:
    with (
        mail_receiver(free_port) as received,
        pytest.raises(DeliveryError, match="does not support what the settings ask"),
    ):
        channel(free_port, security="starttls").send(letter())
    assert received.mails == []


def test_a_refusal_of_the_server_is_reported_by_its_code(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    with mail_receiver(free_port) as received:
        received.statuses = [451]
        with pytest.raises(DeliveryError, match="451") as caught:
            channel(free_port).send(letter())
        assert "so be it" not in str(caught.value)
        nobody = addresses("nobody@example.org", "alert_email_to")
        with pytest.raises(DeliveryError, match="every recipient"):
            channel(free_port, recipients=nobody).send(letter())
        assert caplog.messages == []
        channel(free_port, recipients=nobody + addresses("ana@example.org", "alert_email_to")).send(letter())
    assert len(received.mails) == 2
    assert caplog.messages == ["The mail server refused 1 of 2 recipients."]


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_server_that_is_down_or_silent_is_reported(
    free_port: int, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeliveryError, match="cannot be reached: nothing answers"):
        channel(free_port).send(letter())
    monkeypatch.setattr(email, "SECONDS", 0.05)
    with pytest.raises(DeliveryError, match="did not answer in time"):
        channel(silent).send(letter())
    with pytest.raises(DeliveryError, match="did not answer in time"):
        channel(silent, security="tls").send(letter())


def test_a_server_that_hangs_up_is_reported() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(DeliveryError, match="closed the connection"):
            channel(listener.getsockname()[1]).send(letter())
        thread.join()


@pytest.mark.parametrize(
    "text",
    ["", " , ", "ana", "a@", "@b", "Ana <ana@example.org>", "a@b, c", "a@b\r\nBcc: c@d", "a b@c", "ção@example.org"],
)
def test_an_invalid_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        addresses(text, "alert_email_to")
    assert caught.value.where.field == "FAROL_ALERT_EMAIL_TO"
    assert "Bcc" not in str(caught.value)


def test_no_password_is_shown() -> None:
    assert "s3cret" not in repr(channel(25, password="s3cret"))
