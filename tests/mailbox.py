"""Servers that take what is told: mails and webhooks, on ports of their own."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.listening import listening


@dataclass
class Mailbox:
    """An SMTP server without TLS.

    Attributes:
        port: where it listens.
        mails: what it took.
        recipients: of each mail.
        answers: what it says to the end of the next mails, in place of taking them.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        return [
            str(mail["Subject"]).strip() for mail in self.mails
        ]  # a folded one begins with a blank

    def connection(self, **extra: Any) -> str:
        """As an AIRFLOW_CONN variable has it."""
        options = {"from_email": "rapport@example.com", "to": "ops@example.com"}
        options |= {"disable_ssl": True, "disable_tls": True} | extra
        return json.dumps(
            {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": options}
        )

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # whoever hangs up, as one does who expected TLS
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        recipients: list[str] = []
        with connection.makefile("rwb") as wire:

            def say(line: str) -> None:
                wire.write(f"{line}\r\n".encode())
                wire.flush()

            say("220 mailbox")
            for line in wire:
                word = line.split(maxsplit=1)[0].upper() if line.strip() else b""
                if word == b"DATA":
                    say("354 go on")
                    body = b"".join(self._body(wire))
                    if self.answers:
                        say(self.answers.pop(0))
                        continue
                    self.mails.append(message_from_bytes(body, policy=policy.default))
                    self.recipients.append(recipients)
                    recipients = []
                elif word == b"RCPT":
                    recipients.append(line.decode().partition(":")[2].strip().strip("<>"))
                elif word == b"QUIT":
                    say("221 bye")
                    return
                say("250 ok")

    @staticmethod
    def _body(wire: Any) -> Iterator[bytes]:
        for line in wire:
            if line == b".\r\n":
                return
            yield line.removeprefix(b".")


@dataclass
class Webhook:
    """An HTTP server that takes JSON.

    Attributes:
        port: where it listens.
        bodies: what it took.
        headers: of each request, names in lower case.
        answers: the status of the next answers; 200 after them.
    """

    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def connection(self, **fields: Any) -> str:
        host = f"http://127.0.0.1:{self.port}/alerts"
        return json.dumps({"conn_type": "http", "host": host} | fields)

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rwb") as wire:
            wire.readline()
            headers: dict[str, str] = {}
            while line := wire.readline().strip().decode():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.headers.append(headers)
            self.bodies.append(json.loads(wire.read(int(headers["content-length"]))))
            status = self.answers.pop(0) if self.answers else 200
            wire.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )


@contextmanager
def taking() -> Iterator[tuple[Mailbox, Webhook]]:
    """Give a mailbox and a webhook that answer."""
    with listening() as start_mail, listening() as start_web:
        mailbox, webhook = Mailbox(), Webhook()
        mailbox.port, webhook.port = start_mail(mailbox.serve), start_web(webhook.serve)
        yield mailbox, webhook
