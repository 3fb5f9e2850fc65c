"""scheduleEmail: into the outbox without a server, over SMTP with one; what is final and what is retried."""

import logging
import stat
from email import message_from_bytes, policy

import aiosmtplib
import pytest
from aiosmtpd.smtp import AuthResult

from catalog.email import schedule_email
from kongflow import GiveUp
from tests.catalog.fake_job import FakeJob
from tests.catalog.servers import closed_port, smtp_server

pytestmark = pytest.mark.anyio

WELCOME = {"email": "welcome", "to": "ada@example.com", "name": "Ada"}


def use(monkeypatch, port, **variables):
    settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_TLS": "none", "EMAIL_FROM": "team@shop.example"}
    for name, value in (settings | variables).items():
        monkeypatch.setenv(name, str(value))


async def test_without_a_server_the_message_is_a_readable_file_in_the_outbox(outbox, caplog):
    caplog.set_level(logging.INFO)

    result = await schedule_email(WELCOME, FakeJob())

    path = outbox / "20260131-120500-17-welcome.eml"
    assert result == {
        "delivered": "outbox",
        "path": str(path),
        "subject": "✨ Welcome to Trigger.dev!",
        "message_id": "<20260131-120500-17@kongflow.example>",
    }
    assert [file.name for file in outbox.iterdir()] == [path.name]
    text = path.read_text(encoding="utf-8")
    assert "Subject: ✨ Welcome to Trigger.dev!\n" in text
    assert "Hello Ada,\n" in text
    assert "<p>Hello Ada,</p>\n" in text
    assert message_from_bytes(path.read_bytes(), policy=policy.default)["To"] == "ada@example.com"
    assert str(path) in caplog.text
    assert "SMTP_HOST is not set" in caplog.text


async def test_only_the_owner_may_read_the_outbox_file(outbox):
    await schedule_email({"email": "magic_link", "to": "a@b", "magicLink": "https://e.example/"}, FakeJob())

    (path,) = outbox.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_repeated_attempt_replaces_its_own_file_and_no_other(outbox):
    await schedule_email(WELCOME, FakeJob())
    await schedule_email(WELCOME, FakeJob())
    await schedule_email(WELCOME, FakeJob(id="18"))

    assert len(list(outbox.iterdir())) == 2


async def test_a_message_arrives_over_smtp(monkeypatch, outbox):
    async with smtp_server() as mailbox:
        use(monkeypatch, mailbox.port, EMAIL_REPLY_TO="help@shop.example")

        result = await schedule_email(WELCOME, FakeJob())

    (message,) = mailbox.messages
    assert mailbox.envelopes == [("team@shop.example", ["ada@example.com"])]
    assert message["Subject"] == "✨ Welcome to Trigger.dev!"
    assert message["Reply-To"] == "help@shop.example"
    assert "Hello Ada" in message.get_body(("html",)).get_content()
    message_id = "<20260131-120500-17@shop.example>"
    assert message["Message-ID"] == message_id
    assert result == {"delivered": "smtp", "subject": "✨ Welcome to Trigger.dev!", "message_id": message_id}
    assert not outbox.exists()


async def test_every_attempt_of_a_job_has_the_same_message_id(monkeypatch):
    async with smtp_server() as mailbox:
        use(monkeypatch, mailbox.port)
        for _attempt in range(2):
            await schedule_email(WELCOME, FakeJob())

    assert len({message["Message-ID"] for message in mailbox.messages}) == 1


async def test_the_user_logs_in_with_the_secret(monkeypatch):
    seen = []

    def authenticate(server, session, envelope, mechanism, login):
        seen.append((login.login, login.password))
        return AuthResult(success=login.password == b"s3cret", handled=False)

    async with smtp_server(authenticator=authenticate, auth_require_tls=False) as mailbox:
        use(monkeypatch, mailbox.port, SMTP_USER="shop")

        await schedule_email(WELCOME, FakeJob(secrets={"smtp_password": "s3cret"}))

        assert seen == [(b"shop", b"s3cret")]
        with pytest.raises(GiveUp, match="535"):
            await schedule_email(WELCOME, FakeJob(secrets={"smtp_password": "wrong"}))
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize("step", ["recipient_reply", "data_reply"])
async def test_a_permanent_refusal_ends_the_job_with_the_servers_words(monkeypatch, step):
    async with smtp_server() as mailbox:
        setattr(mailbox, step, "550 No such user here")
        use(monkeypatch, mailbox.port)

        with pytest.raises(GiveUp, match="the mail server refused: 550 No such user here"):
            await schedule_email(WELCOME, FakeJob())


@pytest.mark.parametrize("step", ["recipient_reply", "data_reply"])
async def test_a_temporary_refusal_is_retried(monkeypatch, step):
    async with smtp_server() as mailbox:
        setattr(mailbox, step, "451 Come back later")
        use(monkeypatch, mailbox.port)

        with pytest.raises(aiosmtplib.SMTPException, match="Come back later"):
            await schedule_email(WELCOME, FakeJob())


async def test_a_server_that_is_away_is_retried(monkeypatch):
    use(monkeypatch, await closed_port())

    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        await schedule_email(WELCOME, FakeJob())


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_nothing_is_sent_over_a_connection_that_should_be_secure_and_is_not(monkeypatch, tls):
    async with smtp_server() as mailbox:
        use(monkeypatch, mailbox.port, SMTP_TLS=tls)

        with pytest.raises(aiosmtplib.SMTPException):
            await schedule_email(WELCOME, FakeJob())

    assert mailbox.messages == []


@pytest.mark.parametrize(
    "payload",
    [
        WELCOME | {"to": "ada@example.com\r\nBcc: eve@example.com"},
        WELCOME | {"name": "Ada\nBcc: eve@example.com"},
        {
            "email": "invite",
            "to": "a@b",
            "orgName": "X\r\nBcc: eve@example.com",
            "inviterEmail": "b@c",
            "inviteLink": "https://e.example/",
        },
        {"email": "connect_integration", "to": "a@b", "workflowId": "w", "integration": "Slack\x00"},
    ],
)
async def test_header_injection_is_never_sent_and_never_retried(monkeypatch, outbox, payload):
    with pytest.raises(GiveUp):
        await schedule_email(payload, FakeJob())
    async with smtp_server() as mailbox:
        use(monkeypatch, mailbox.port)
        with pytest.raises(GiveUp):
            await schedule_email(payload, FakeJob())

    assert mailbox.messages == []
    assert not outbox.exists()


async def test_settings_that_cannot_work_end_the_job_and_name_the_variable(monkeypatch):
    use(monkeypatch, 25, SMTP_TLS="ssl")

    with pytest.raises(GiveUp, match="SMTP_TLS"):
        await schedule_email(WELCOME, FakeJob())
