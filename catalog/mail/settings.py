"""MailSettings: how mail leaves this host, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

OUTBOX_SENDER = "KongFlow <team@kongflow.example>"
"""The sender of mail that never leaves this host; `.example` is reserved, so it is nobody's address."""


class Tls(StrEnum):
    """How the connection to the SMTP server is secured, and the port that goes with it by custom (RFC 8314, 6409)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"

    @property
    def port(self) -> int:
        """The usual port: 587 for submission with STARTTLS, 465 for TLS from the first byte, 25 for plain."""
        return {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}[self]


class InvalidMailSettings(ValueError):
    """A variable of the environment has a value that cannot work; the text names it."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Where mail goes. Without `host` it goes into the folder `outbox`. `timeout` is seconds, for each SMTP step."""

    outbox: Path
    host: str | None = None
    port: int = Tls.STARTTLS.port
    user: str | None = None
    tls: Tls = Tls.STARTTLS
    sender: str = OUTBOX_SENDER
    reply_to: str | None = None
    timeout: float = 20.0

    @classmethod
    def from_env(cls, env: Mapping[str, str], project: Path) -> MailSettings:
        """Read SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_TLS, EMAIL_FROM, EMAIL_REPLY_TO and EMAIL_OUTBOX.

        An empty variable counts as not set; a relative outbox starts at `project`. Raises: InvalidMailSettings.
        """
        host = env.get("SMTP_HOST") or None
        sender = env.get("EMAIL_FROM") or None
        if host and not sender:
            raise InvalidMailSettings(
                "SMTP_HOST is set and EMAIL_FROM is not: set it to the address that mail comes from, "
                "such as 'Shop <team@shop.example>'"
            )
        tls = _tls(env.get("SMTP_TLS") or Tls.STARTTLS)
        return cls(
            outbox=project / (env.get("EMAIL_OUTBOX") or "outbox"),
            host=host,
            port=_port(env.get("SMTP_PORT") or str(tls.port)),
            user=env.get("SMTP_USER") or None,
            tls=tls,
            sender=sender or OUTBOX_SENDER,
            reply_to=env.get("EMAIL_REPLY_TO") or None,
        )


def _tls(text: str) -> Tls:
    try:
        return Tls(text)
    except ValueError:
        raise InvalidMailSettings(f"SMTP_TLS is {text!r}; it must be starttls, tls or none") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise InvalidMailSettings(f"SMTP_PORT is {text!r}; it must be a number from 1 to 65535")
    return int(text)
