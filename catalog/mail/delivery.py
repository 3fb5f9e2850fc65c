"""Delivery: a finished message → an SMTP server, or a file in the outbox."""

from __future__ import annotations

import asyncio
import os
from email import policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from catalog.mail.settings import MailSettings, Tls

# For people who open the file: letters as they are, lines as on this host.
_READABLE = policy.default.clone(utf8=True, cte_type="8bit")


class PermanentlyRefused(Exception):
    """The server said 5xx: it will not take this message, however often it is offered."""


async def send_by_smtp(message: EmailMessage, settings: MailSettings, password: str) -> None:
    """Hand the message to the SMTP server.

    With `starttls` nothing is sent over a connection that cannot be secured. Raises: PermanentlyRefused with the
    server's words; aiosmtplib.SMTPException or OSError for what may pass (4xx, no connection, a timeout).
    """
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=password if settings.user else None,
            use_tls=settings.tls is Tls.TLS,
            start_tls=settings.tls is Tls.STARTTLS,
            timeout=settings.timeout,
        )
    except aiosmtplib.SMTPRecipientsRefused as refused:
        _give_up_on_5xx(refused.recipients[0])
        raise
    except aiosmtplib.SMTPResponseException as refused:
        _give_up_on_5xx(refused)
        raise


async def write_to_outbox(message: EmailMessage, outbox: Path, name: str) -> Path:
    """Write the message as `outbox/NAME.eml`, whole or not at all, and return the path; a repeat replaces it."""
    return await asyncio.to_thread(_write, message, outbox, name)


def _give_up_on_5xx(refused: aiosmtplib.SMTPResponseException) -> None:
    if refused.code >= 500:
        raise PermanentlyRefused(f"the mail server refused: {refused.code} {refused.message}") from refused


def _write(message: EmailMessage, outbox: Path, name: str) -> Path:
    outbox.mkdir(parents=True, exist_ok=True)
    path = outbox / f"{name}.eml"
    unfinished = outbox / f".{name}.eml.part"
    # Sign-in links stand in there: for the owner's eyes only.
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(message.as_bytes(policy=_READABLE))
    return unfinished.replace(path)
