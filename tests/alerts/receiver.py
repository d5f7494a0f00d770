"""A real web server that takes alerts, and one that takes e-mails, on loopback."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class Received:
    """What a receiver got. `status` is what it answers next; each request takes one of `statuses` first."""

    port: int = 0
    status: int = 204
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts?token=t0ken"


@contextmanager
def web_receiver(tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[Received]:
    """A web server that keeps what is posted to it; over TLS with a context."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((self.path, dict(self.headers), body))
            status = received.statuses.pop(0) if received.statuses else received.status
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", f"http://127.0.0.1:{received.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


USERS = ((b"farol", b"s3cret"), ("joão".encode(), "sénha çom acento".encode()))


@contextmanager
def mail_receiver(
    port: int, *, tls: ssl.SSLContext | None = None, wrapped: bool = False, without: tuple[str, ...] = ()
) -> Iterator[Received]:
    """A mail server that keeps what it takes. It asks for STARTTLS with a context, and then for a password.

    `without`: the ways to log in that it does not offer. `wrapped`: the connection is TLS from the beginning.
    """
    received = Received(port=port, status=250)

    class Handler:
        async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
            self, _server: object, _session: object, envelope: Any, address: str, _options: object
        ) -> str:
            if address.startswith("nobody"):
                return "550 unknown"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802  # as above
            received.envelopes.append(envelope)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            received.mails.append(mail)
            status = received.statuses.pop(0) if received.statuses else received.status
            return f"{status} so be it"

    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) in USERS, handled=False)

    options: dict[str, Any] = {}
    if tls is not None:
        options = {"authenticator": authenticate, "auth_required": True, "auth_exclude_mechanism": without}
        options |= {"auth_require_tls": False} if wrapped else {"tls_context": tls, "require_starttls": True}
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, ssl_context=tls if wrapped else None, **options)
    controller.start()
    try:
        yield received
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the certificate by which it is trusted; openssl makes it."""
    key, own = folder / "key.pem", folder / "own.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(own), *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context, own
