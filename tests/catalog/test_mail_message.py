"""The message: headers that hold what they should and nothing else, text and HTML side by side."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from catalog.mail.message import InvalidMessage, build_message, refuse_line_breaks
from catalog.mail.rendering import Rendered
from catalog.mail.settings import InvalidMailSettings, MailSettings

SETTINGS = MailSettings(outbox=Path("outbox"), sender="Shop Ünlimited <team@shop.example>")
RENDERED = Rendered("✨ Hello", "Hello Ada\n", "<p>Hello Ada</p>\n")


def build(to="ada@example.com", settings=SETTINGS, rendered=RENDERED):
    return build_message(rendered, to, settings, message_id="<17@shop.example>", date=datetime(2026, 1, 31, tzinfo=UTC))


def test_a_message_survives_the_wire():
    message = message_from_bytes(build().as_bytes(), policy=policy.default)

    assert message["From"] == "Shop Ünlimited <team@shop.example>"
    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "✨ Hello"
    assert message["Message-ID"] == "<17@shop.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] is None
    assert message.get_content_type() == "multipart/alternative"
    assert message.get_body(("plain",)).get_content().splitlines() == ["Hello Ada"]
    assert message.get_body(("html",)).get_content().splitlines() == ["<p>Hello Ada</p>"]


def test_reply_to_is_set_where_configured():
    message = build(settings=replace(SETTINGS, reply_to="Help <help@shop.example>"))

    assert message["Reply-To"] == "Help <help@shop.example>"


def test_a_domain_with_letters_of_any_language_becomes_its_ascii_form():
    assert build("ada@exämple.com")["To"] == "ada@xn--exmple-cua.com"


@pytest.mark.parametrize(
    "to",
    [
        "ada",
        "@example.com",
        "ada@",
        "a da@example.com",
        "ada@example.com, eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "Ada <ada@example.com>",
        "a@b@c",
        "ädä@example.com",
        f"ada@{'x' * 64}.com",
    ],
)
def test_what_is_no_single_address_is_refused(to):
    with pytest.raises(InvalidMessage, match="no e-mail address"):
        build(to)


@pytest.mark.parametrize("sender", ["team", "Shop <team>", "Shop <team@shop.example", "a@b, c@d", "x\nBcc: e@f <a@b>"])
def test_a_sender_that_is_no_address_is_refused(sender):
    with pytest.raises(InvalidMailSettings, match="EMAIL_FROM"):
        build(settings=replace(SETTINGS, sender=sender))


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\x00", "\x0b", "\x1f", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]
)
def test_no_character_that_could_end_a_header_gets_through(character):
    with pytest.raises(InvalidMessage, match="'orgName'"):
        refuse_line_breaks({"to": "ada@example.com", "orgName": f"Engines{character}Bcc: eve@example.com"})


def test_letters_of_any_language_and_emoji_are_welcome():
    refuse_line_breaks({"name": "Ada Lovelace 👩‍💻 ädä 中文 עברית"})
