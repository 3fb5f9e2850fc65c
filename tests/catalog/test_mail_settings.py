"""The environment → MailSettings; whatever cannot work is refused with the variable's name."""

from pathlib import Path

import pytest

from catalog.mail.settings import InvalidMailSettings, MailSettings, Tls

PROJECT = Path("/srv/project")


def test_an_empty_environment_means_the_outbox_beside_kongflow_yaml():
    settings = MailSettings.from_env({}, PROJECT)

    assert settings.host is None
    assert settings.outbox == PROJECT / "outbox"


def test_an_empty_variable_counts_as_not_set():
    assert MailSettings.from_env({"SMTP_HOST": "", "SMTP_PORT": "", "EMAIL_OUTBOX": ""}, PROJECT) == (
        MailSettings.from_env({}, PROJECT)
    )


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_the_kind_of_tls(tls, port):
    env = {"SMTP_HOST": "mail.example", "SMTP_TLS": tls, "EMAIL_FROM": "team@shop.example"}

    settings = MailSettings.from_env(env, PROJECT)

    assert (settings.tls, settings.port) == (Tls(tls), port)


def test_everything_can_be_set():
    env = {
        "SMTP_HOST": "mail.example",
        "SMTP_PORT": "2525",
        "SMTP_USER": "shop",
        "SMTP_TLS": "none",
        "EMAIL_FROM": "Shop <team@shop.example>",
        "EMAIL_REPLY_TO": "help@shop.example",
        "EMAIL_OUTBOX": "/var/mail/out",
    }

    assert MailSettings.from_env(env, PROJECT) == MailSettings(
        outbox=Path("/var/mail/out"),
        host="mail.example",
        port=2525,
        user="shop",
        tls=Tls.NONE,
        sender="Shop <team@shop.example>",
        reply_to="help@shop.example",
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SMTP_TLS", "ssl"),
        ("SMTP_PORT", "smtp"),
        ("SMTP_PORT", "0"),
        ("SMTP_PORT", "65536"),
        ("SMTP_PORT", "-25"),
        ("EMAIL_FROM", ""),
    ],
)
def test_a_value_that_cannot_work_is_named(variable, value):
    env = {"SMTP_HOST": "mail.example", "EMAIL_FROM": "team@shop.example", variable: value}

    with pytest.raises(InvalidMailSettings, match=variable):
        MailSettings.from_env(env, PROJECT)
