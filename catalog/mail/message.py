"""The message: addresses, headers and both bodies as one multipart e-mail, with nothing smuggled into a header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage

from catalog.mail.rendering import Rendered
from catalog.mail.settings import InvalidMailSettings, MailSettings

# Controls of ASCII and Latin-1, the two Unicode line breaks, lone surrogates: whatever a mail program may take for
# the end of a header line.
_NOT_ONE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_MAILBOX = re.compile(r'"?(?P<name>[^"<>\x00-\x1f]*?)"?\s*<(?P<named>[^<>]+)>')


class InvalidMessage(ValueError):
    """The message must not be sent as it is, now or later; the text names the field."""


def refuse_line_breaks(fields: Mapping[str, str]) -> None:
    """Let only fields pass that are one line of text. Raises: InvalidMessage."""
    for name, value in fields.items():
        if _NOT_ONE_LINE.search(value):
            raise InvalidMessage(
                f"the field {name!r} holds a line break or another control character; nothing was sent"
            )


def build_message(
    rendered: Rendered, to: str, settings: MailSettings, *, message_id: str, date: datetime
) -> EmailMessage:
    """Return the message, text and HTML side by side. Raises: InvalidMessage, InvalidMailSettings."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = _mailbox("EMAIL_FROM", settings.sender)
    message["To"] = _recipient(to)
    if settings.reply_to:
        message["Reply-To"] = _mailbox("EMAIL_REPLY_TO", settings.reply_to)
    message["Subject"] = rendered.subject
    message["Date"] = date
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message


def domain_of(settings: MailSettings) -> str:
    """Return the domain that mail comes from. Raises: InvalidMailSettings."""
    return _mailbox("EMAIL_FROM", settings.sender).domain


def _recipient(to: str) -> Address:
    try:
        return _address(to)
    except (ValueError, MessageError):
        raise InvalidMessage(f"{to!r} is no e-mail address; nothing was sent") from None


def _mailbox(variable: str, text: str) -> Address:
    """Parse `Name <user@domain>` or `user@domain`."""
    match = _MAILBOX.fullmatch(text.strip())
    try:
        return _address(match["named"], match["name"]) if match else _address(text)
    except (ValueError, MessageError):
        raise InvalidMailSettings(
            f"{variable} is {text!r}; it must be an address such as 'Shop <team@shop.example>'"
        ) from None


def _address(text: str, display_name: str = "") -> Address:
    """Return the address with its domain in the form that every server takes (IDNA). Raises: ValueError."""
    user, _, domain = text.rpartition("@")
    if not (user and domain):
        raise ValueError
    return Address(display_name, addr_spec=f"{user}@{domain.encode('idna').decode()}")
