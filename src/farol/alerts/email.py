"""Alerts by e-mail: through one mail server, with a text part and an HTML part that say the same."""

from __future__ import annotations

import base64
import logging
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime as format_header
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal
from markupsafe import Markup

from farol.alerts.channel import SECONDS, DeliveryError
from farol.drift.verdicts import verdict_label
from farol.errors import InputError, Place, reason_of
from farol.i18n import Message, count, day, msg
from farol.store.alerts import Letter

logger = logging.getLogger("farol.alerts")

_ROW = Markup('<tr><th style="padding:4px 12px 4px 0;text-align:left">{}</th><td>{}</td></tr>')


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """The mail server and its readers. Certificates are verified with the system's; SSL_CERT_FILE names others."""

    recipients: tuple[Address, ...]
    sender: Address
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str = field(repr=False)
    locale: str
    timezone: ZoneInfo
    name: str = "email"

    def send(self, letter: Letter) -> None:
        """Hand the letter to the server once. Raises DeliveryError."""
        try:
            with self._server() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    _log_in(server, self.user, self.password)
                refused = server.send_message(self.written(letter))
        except smtplib.SMTPAuthenticationError:
            raise DeliveryError(msg("The mail server does not accept this user and password.")) from None
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(msg("The mail server refused with code {code}.", code=error.smtp_code)) from None
        except smtplib.SMTPRecipientsRefused:
            raise DeliveryError(msg("The mail server refused every recipient.")) from None
        except smtplib.SMTPServerDisconnected:
            raise DeliveryError(msg("The mail server closed the connection, or did not answer in time.")) from None
        except smtplib.SMTPException:
            raise DeliveryError(msg("The mail server does not support what the settings ask for.")) from None
        except TimeoutError:
            raise DeliveryError(msg("The mail server did not answer in time.")) from None
        except ssl.SSLCertVerificationError:
            raise DeliveryError(msg("The mail server's certificate is not trusted.")) from None
        except UnicodeError:
            raise DeliveryError(msg("The name of the mail server, or an address, cannot be used.")) from None
        except OSError as error:
            reason = reason_of(error)
            raise DeliveryError(msg("The mail server cannot be reached: {reason}.", reason=reason)) from None
        if refused:
            # Sending again would reach the other recipients twice. So it counts as delivered, and the log says this.
            logger.warning("The mail server refused %d of %d recipients.", len(refused), len(self.recipients))

    def written(self, letter: Letter) -> EmailMessage:
        """The e-mail of a letter. Its Message-ID is the same at every attempt, so that mail programs show it once."""
        data: Any = letter.body["data"]
        mail = EmailMessage()
        mail["Subject"] = f"Farol: {' '.join(str(data['headline']).split())}"
        mail["From"] = self.sender
        mail["To"] = self.recipients
        mail["Date"] = format_header(letter.at)
        mail["Message-ID"] = f"<{letter.message}@{self.sender.domain or 'farol'}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice should answer
        mail.set_content("\n".join(self._text(data)))
        mail.add_alternative(self._html(data), subtype="html")
        return mail

    def _server(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=ssl.create_default_context())
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _text(self, data: Mapping[str, Any]) -> Iterator[str]:
        yield data["headline"]
        yield ""
        yield data["text"]
        facts = list(self._facts(data))
        if facts:
            yield ""
            yield from (f"{name}: {value}" for name, value in facts)
        for row in data.get("features", ()):
            yield ""
            yield f"- {row['meaning']}"
            yield from (f"  {name}: {value}" for name, value in self._figures(row))
        for pair in data.get("pairs", ()):
            yield ""
            yield f"- {pair['text']}"
        if "link" in data:
            yield ""
            yield self._say(msg("See the drift page: {link}", link=data["link"]))
        yield ""
        yield self._say(_FOOT)

    def _html(self, data: Mapping[str, Any]) -> str:
        parts = [Markup("<h1>{}</h1><p>{}</p>").format(data["headline"], data["text"])]
        facts = [_ROW.format(*fact) for fact in self._facts(data)]
        if facts:
            parts.append(Markup("<table>{}</table>").format(Markup().join(facts)))
        for row in data.get("features", ()):
            figures = Markup("<br>").join(Markup("{}: {}").format(*figure) for figure in self._figures(row))
            heading = Markup("<h2>{}</h2>").format(row["meaning"])
            parts.append(heading + Markup("<p>{}</p>").format(figures))
        parts += [Markup("<p>{}</p>").format(pair["text"]) for pair in data.get("pairs", ())]
        if "link" in data:
            parts.append(
                Markup('<p><a href="{0}">{1}</a></p>').format(data["link"], self._say(msg("See the drift page")))
            )
        parts.append(Markup("<p><small>{}</small></p>").format(self._say(_FOOT)))
        tag = self.locale.replace("_", "-")
        return str(
            Markup('<!doctype html><html lang="{}"><body style="font-family:sans-serif">{}</body></html>').format(
                tag, Markup("\n").join(parts)
            )
        )

    def _facts(self, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "state" not in data:
            return
        yield self._say(msg("Since")), self._moment(data["since"])
        yield self._say(msg("Before")), self._before(data)
        window = data["window"]
        yield self._say(msg("Window")), self._period(window)
        yield self._say(msg("Predictions")), format_decimal(data["n"], locale=self.locale)
        reference = data["reference"]
        rows, years = reference["n"], ", ".join(reference["names"])
        compared = msg("{n} rows of {years}", n=count(rows), years=years) if years else msg("{n} rows", n=count(rows))
        yield self._say(msg("Compared with")), self._say(compared)
        yield self._say(msg("Model version")), data["model_version"]

    def _before(self, data: Mapping[str, Any]) -> str:
        return f"{verdict_label(data['previous_state'], self.locale)} ({self._moment(data['previous_since'])})"

    def _period(self, window: Mapping[str, Any]) -> str:
        last = self._day(window["to"])
        if window["from"] is None:
            return self._say(msg("until {last}", last=last))
        return self._say(msg("{first} to {last}", first=self._day(window["from"]), last=last))

    def _figures(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield self._say(msg("Verdict")), row["verdict_label"]
        yield self._say(msg("Since")), self._moment(row["since"])
        for reason in row["reasons"]:
            yield self._say(msg("Reason")), reason

    def _say(self, message: Message) -> str:
        return message.render(self.locale)

    def _moment(self, text: str) -> str:
        at = datetime.fromisoformat(text).astimezone(self.timezone)
        return f"{self._say(day(at.date()))}, {at:%H:%M}"

    def _day(self, text: str) -> str:
        return self._say(day(datetime.fromisoformat(text).date()))


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    """Log in. Python's own `login` takes ASCII alone; PLAIN (RFC 4616) and LOGIN carry UTF-8 as well."""
    if user.isascii() and password.isascii():
        server.login(user, password)
        return
    server.ehlo_or_helo_if_needed()
    offered = server.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, answer = server.docmd("AUTH", f"PLAIN {_coded(f'{chr(0)}{user}{chr(0)}{password}')}")
    elif "LOGIN" in offered:
        code, answer = server.docmd("AUTH", f"LOGIN {_coded(user)}")
        code, answer = server.docmd(_coded(password)) if code == _MORE else (code, answer)
    else:
        raise DeliveryError(msg("The mail server takes no user or password with letters beyond a to z."))
    if code not in _LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, answer)


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_MORE = 334
_LOGGED_IN = (235, 503)
"""Accepted, and logged in already."""

_FOOT = msg("Farol sends this once for each change. It holds figures of groups, never of one pupil.")


def addresses(text: str, setting: str) -> tuple[Address, ...]:
    """Addresses separated by commas. Raises InputError, which does not repeat them, for anything else."""
    try:
        parsed = tuple(Address(addr_spec=part.strip()) for part in text.split(",") if part.strip())
    except (ValueError, IndexError, MessageError):  # which of them depends on how it is broken
        parsed = ()
    if not parsed or not all(address.username and address.domain for address in parsed):
        raise InputError(
            msg("This is not a list of e-mail addresses."),
            expected=msg("addresses such as ana@example.org, separated by commas"),
            where=Place(field=f"FAROL_{setting.upper()}"),
            fix=msg("Correct this setting, then start Farol again."),
        )
    return parsed
