"""What is said of secrets in the files, and where; and of what is none, nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kongflow.config.findings import Finding
from tests.config.projects import load_project


def found(folder: Path, config: str, **options) -> list[tuple[str, str]]:
    """Return the slug of every finding, and what it marks."""
    loaded = load_project(folder, f"version: 1\n{config}", **options)
    return [(one.slug, marked(loaded.texts[one.file], one)) for one in loaded.findings]


def marked(text: str, one: Finding) -> str:
    return text.splitlines()[one.line - 1][one.col - 1 : one.end_col - 1]


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://app:hunter2@db/shop", "hunter2"),
        ("postgresql+psycopg://app:hunter2@db:5432/shop", "hunter2"),
        ("postgresql://app:hunter2@localhost,db2/shop", "hunter2"),
        ("postgresql://app@db/shop?password=hunter2&sslmode=require", "hunter2"),
        ("postgresql://${USER:-app}:hunter2@${HOST:-db}/shop", "hunter2"),
        ("postgresql://app:${WORD:-hunter2}@db/shop", "${WORD:-hunter2}"),
        ("${URL:-postgresql://app:hunter2@db/shop}", "hunter2"),
    ],
)
def test_a_password_in_the_file_is_marked(tmp_path, url, password):
    assert found(tmp_path, f'database: {{url: "{url}"}}') == [("secret-literal", password)]


def test_a_password_is_marked_whether_its_variable_is_set_or_not(tmp_path):
    config = 'database: {url: "${URL:-postgresql://app:hunter2@db/shop}"}'

    for options in ({"env": {"URL": "sqlite:///a.db"}}, {"use_env": False}):
        assert found(tmp_path, config, **options) == [("secret-literal", "hunter2")]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app@db/shop",
        "postgresql://app:${DB_PASSWORD:-}@db/shop",
        "postgresql://app:${WORD}@db/shop",
        "postgresql://app:hunter2@localhost:5432/shop",
        "postgresql://app:hunter2@127.0.0.1,[::1]:6432/shop",
        "postgresql://app:hunter2@${HOST:-localhost}:${PORT:-5432}/shop",
        "postgresql://app:hunter2@/shop",
        "postgresql://postgres:postgres@db/shop",
        "postgresql://app:app@db/shop",
        "postgresql://app:change-me@db/shop",
        "postgresql://app@db/shop?passfile=/run/secrets/pgpass",
        "sqlite:///shop.db",
    ],
)
def test_what_is_no_password_in_the_file_is_not(tmp_path, url):
    assert found(tmp_path, f'database: {{url: "{url}"}}', env={"WORD": "hunter2"}) == []


def test_a_password_is_no_second_finding_of_a_url_that_cannot_be_read(tmp_path):
    assert [slug for slug, _ in found(tmp_path, 'database: {url: "mysql://app:hunter2@db/shop"}')] == ["database-url"]


@pytest.mark.parametrize("value", ['""', "changeme", "test", '"<your key>"', '"${OTHER}"', "not-a-secret", "dummy-key"])
def test_a_placeholder_is_no_secret(tmp_path, value):
    assert found(tmp_path, f"secrets: {{key: {{env: KEY, default: {value}}}}}", env={"OTHER": "x"}) == []


SCHEDULE = "tasks: {work: {handler: tasks.work}}\nschedules: {hourly: {every: 1h, task: work, payload: %s}}"


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ("{password: hunter2}", "hunter2"),
        ("{smtpPassword: hunter2}", "hunter2"),
        ("{to: [{api_key: hunter2}]}", "hunter2"),
        ('{auth: "Basic ${SMTP_PASSWORD}"}', "Basic ${SMTP_PASSWORD}"),
        ('{headers: [a, "${X_TOKEN}"]}', "${X_TOKEN}"),
        ('{token: "${WORD}"}', "${WORD}"),
    ],
)
def test_a_secret_in_a_payload_is_marked(tmp_path, payload, value):
    env = {"SMTP_PASSWORD": "x", "X_TOKEN": "x", "WORD": "x"}

    assert [(slug, text.strip('"')) for slug, text in found(tmp_path, SCHEDULE % payload, env=env)] == [
        ("secret-in-payload", value)
    ]


@pytest.mark.parametrize(
    "payload",
    [
        "{token: first, next_token: abc, token_id: t1}",
        "{reset_password: hunter2, password_rules: strict, has_api_key: true}",
        "{password: smtp_password, secret: smtp_password}",
        '{password: "", api_key: changeme}',
        '{api_key: "<< schedule.name >>", password: 7, access_token: null}',
        '{region: "${REGION}", token_file: "${TOKEN_FILE}"}',
    ],
)
def test_what_is_no_secret_in_a_payload_is_not(tmp_path, payload):
    config = f"secrets: {{smtp_password: {{env: SMTP_PASSWORD}}}}\n{SCHEDULE % payload}"

    assert found(tmp_path, config, env={"REGION": "eu", "TOKEN_FILE": "/run/t"}) == []


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ("<< payload.password >>", "password"),
        ("a:<< payload.user.apiKey | lower >>", "apiKey"),
        ("<< payload['access_token'][:8] >>", "'access_token'"),
        ("<< 'x' ~ payload.ssn >>", "ssn"),
        ("<< payload.id | default(payload.card_number) >>", "card_number"),
        ("<< payload.id if payload.id is defined else payload.user_password >>", "user_password"),
    ],
)
def test_a_secret_in_a_name_is_marked(tmp_path, template, field):
    config = f'tasks: {{work: {{handler: tasks.work, job_key: "{template}"}}}}'

    assert found(tmp_path, config) == [("secret-in-name", field)]


@pytest.mark.parametrize(
    "template",
    [
        "<< payload.token >>:<< payload.token_id >>:<< payload.page_token >>:<< payload.email >>",
        "<< payload.password | length >>",
        "<< 'a' if payload.password is defined else 'b' >>",
        "<< payload.reset_password >>:<< payload.password.id >>",
        "<< payload.has_api_key >>:<< payload.sort_key >>",
    ],
)
def test_what_shows_no_secret_is_not(tmp_path, template):
    assert found(tmp_path, f'tasks: {{work: {{handler: tasks.work, job_key: "{template}"}}}}') == []


def test_a_priority_that_is_read_from_a_secret_shows_none(tmp_path):
    assert found(tmp_path, 'tasks: {work: {handler: tasks.work, priority: "<< payload.password | length >>"}}') == []
