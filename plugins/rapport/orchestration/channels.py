"""Over which connections an alert goes: mail and webhook, each if its connection exists.

What is sent twice by chance is better than not at all: a server that is out of order is asked
again. But not for long, as Airflow's DAG processor, which tells of a night that failed, ends what
takes longer than ``[dag_processor] dag_file_processor_timeout``.
"""

import json
import logging
import os
import smtplib
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from rapport.alerts import Alert
from rapport.errors import RapportError

if TYPE_CHECKING:
    from airflow.sdk import Connection

SMTP, WEBHOOK = "rapport_alerts_smtp", "rapport_alerts_webhook"
TRIES = 3
SECONDS = 5  # of a try, for each answer that is waited for
PAUSE_SECONDS = 1

logger = logging.getLogger(__name__)


class Undelivered(RapportError):
    """A message was not taken; its text holds no address and no secret.

    Attributes:
        may_pass: whether another try may get it through.
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        self.may_pass = may_pass
        super().__init__(reason)


def send(alert: Alert) -> list[str]:
    """Send a message over every channel that there is; return the connections that took it."""
    there = {name: found for name in CHANNELS if (found := _connection(name))}
    if not there:
        logger.info(
            "nobody is told that %r: there is no connection %s",
            alert.subject,
            " or ".join(CHANNELS),
        )
    sent = []
    for name, connection in there.items():
        try:
            _with_patience(CHANNELS[name], connection, alert)
        except Exception as error:
            reason = str(error) if isinstance(error, Undelivered) else type(error).__name__
            logger.error("an alert was not sent over %s: %s", name, reason)
        else:
            logger.info("told over %s: %s", name, alert.subject)
            sent.append(name)
    return sent


def _connection(name: str) -> "Connection | None":
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        if os.environ.get(f"AIRFLOW_CONN_{name.upper()}"):  # Airflow takes it for absent
            logger.error("AIRFLOW_CONN_%s is no connection, neither JSON nor a URI", name.upper())
        return None


def _with_patience(
    channel: Callable[["Connection", Alert], None], connection: "Connection", alert: Alert
) -> None:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

    Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Undelivered) and error.may_pass),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(PAUSE_SECONDS),
        reraise=True,
    )(channel, connection, alert)


def _mail(connection: "Connection", alert: Alert) -> None:
    """Send it as a mail, over the provider's own way into a server: TLS, login, OAuth 2."""
    from airflow.providers.common.compat.sdk import AirflowException
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    class Hook(SmtpHook):
        """As patient as an alert may be; and what begins as TLS needs no STARTTLS."""

        smtp_retry_limit = 0
        timeout = SECONDS

        @property
        def smtp_starttls(self) -> bool:
            return not self.use_ssl and bool(super().smtp_starttls)

    options = _options(connection)
    message = _as_mail(alert, options)
    hook = Hook(connection.conn_id, auth_type=options.get("auth_type", "basic"))
    try:
        with hook:
            hook._smtp_client.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise Undelivered(
            f"the server answered {error.smtp_code}", may_pass=400 <= error.smtp_code < 500
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise Undelivered(
            f"the server refused every recipient ({', '.join(map(str, codes))})",
            may_pass=all(400 <= code < 500 for code in codes),
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise Undelivered("the server offers no STARTTLS, or no login") from None
    except ssl.SSLError as error:
        raise Undelivered(f"the server's TLS is not to be trusted ({_kind(error)})") from None
    except (OSError, AirflowException) as error:  # the hook's own, of a server that hung up
        raise Undelivered(f"no answer ({_kind(error)})", may_pass=True) from None


def _as_mail(alert: Alert, options: Mapping[str, Any]) -> EmailMessage:
    sender, recipients = options.get("from_email"), options.get("to")
    if not sender or not recipients:
        raise Undelivered("its extra lacks from_email or to")
    message = EmailMessage()
    message["Subject"] = alert.subject
    message["From"] = sender
    message["To"] = recipients if isinstance(recipients, str) else ", ".join(recipients)
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=str(sender).rpartition("@")[2].strip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(alert.text)
    message.add_alternative(alert.html, subtype="html")
    return message


def _post(connection: "Connection", alert: Alert) -> None:
    """Post it as JSON; the password, if there is one, is a bearer token."""
    import httpx

    if not (connection.host or "").startswith(("https://", "http://")):
        raise Undelivered("its host is no URL that begins with https:// (or http://)")
    headers = {"User-Agent": "rapport"}
    if connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    try:
        answer = httpx.post(connection.host, json=alert.as_json(), headers=headers, timeout=SECONDS)
    except httpx.TransportError as error:
        raise Undelivered(f"no answer ({_kind(error)})", may_pass=True) from None
    if not answer.is_success:
        again = answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error
        raise Undelivered(f"it answered {answer.status_code}", may_pass=again)


def _options(connection: "Connection") -> dict[str, Any]:
    with suppress(ValueError):
        options = json.loads(connection.extra or "{}")
        if isinstance(options, dict):
            return options
    raise Undelivered("its extra is not JSON")


def _kind(error: BaseException) -> str:
    """The kind of an error, whose text may name a host that is a secret."""
    return type(error).__name__


CHANNELS: dict[str, Callable[["Connection", Alert], None]] = {SMTP: _mail, WEBHOOK: _post}
