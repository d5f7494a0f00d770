"""Alerts by webhook: JSON, posted and signed as the Standard Webhooks specification says (standardwebhooks.com).

Headers: `webhook-id`, the same at every attempt, so that a receiver can drop what it has; `webhook-timestamp`, seconds
since 1970 of this attempt; `webhook-signature`, `v1,` and the base64 of the HMAC-SHA256 over `id.timestamp.body`. A
receiver checks the signature over the bytes it got and refuses timestamps more than five minutes away.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from farol import __version__
from farol.alerts.channel import SECONDS, DeliveryError
from farol.errors import InputError, Place, reason_of
from farol.i18n import Message, msg
from farol.store.alerts import Letter


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """One receiver. Redirects are not followed and no proxy is used."""

    host: str
    port: int
    tls: bool
    target: str = field(repr=False)  # path and query: often a token
    key: bytes = field(repr=False)
    name: str = "webhook"

    @classmethod
    def to(cls, url: str, key: bytes) -> Self:
        """The receiver at an http(s) URL. Raises InputError, which does not repeat it, for anything else."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        usable = url.isascii() and url.isprintable() and " " not in url
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or not usable:
            raise InputError(
                msg("The webhook's address cannot be used."),
                expected=msg("an address such as https://example.org/farol, without user and password"),
                where=Place(field="FAROL_ALERT_WEBHOOK_URL"),
                fix=msg("Correct this setting, then start Farol again."),
            )
        tls = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, port or (443 if tls else 80), tls, target, key)

    def send(self, letter: Letter) -> None:
        """POST the letter once; only an answer of 2xx is a delivery. Raises DeliveryError."""
        body = json.dumps(dict(letter.body), ensure_ascii=False).encode()
        moment = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"farol/{__version__}",
            "webhook-id": letter.message,
            "webhook-timestamp": moment,
            "webhook-signature": signature(self.key, letter.message, moment, body),
        }
        connection = self._connection()
        try:
            connection.request("POST", self.target, body, headers)
            status = connection.getresponse().status
        except TimeoutError:
            raise DeliveryError(msg("The receiver did not answer in time.")) from None
        except UnicodeError:
            raise DeliveryError(msg("The name of the receiver cannot be used.")) from None
        except OSError as error:
            raise DeliveryError(_unreached(error)) from None
        except http.client.HTTPException:
            raise DeliveryError(msg("The receiver did not answer as a web server does.")) from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise DeliveryError(msg("The receiver answered with status {status}.", status=status))

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=SECONDS, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = hmac.digest(key, f"{message}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def _unreached(error: OSError) -> Message:
    if isinstance(error, ssl.SSLCertVerificationError):
        return msg("The receiver's certificate is not trusted.")
    return msg("The receiver cannot be reached: {reason}.", reason=reason_of(error))
