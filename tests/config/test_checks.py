"""The frame of the checks: one rule, one function, one slug, one page."""

from __future__ import annotations

import re

import pytest

from kongflow.config.checks.all import CHECKS, TRIALS
from kongflow.config.checks.pages import pages, pages_text
from kongflow.config.document import parse_document
from kongflow.config.findings import SEVERITIES, Severity
from tests.config.golden import cases
from tests.config.projects import load_project, slugs


def test_every_finding_has_a_page_and_every_page_a_finding():
    assert pages().keys() == SEVERITIES.keys()
    assert len(re.findall(r"^### ", pages_text(), re.MULTILINE)) == len(SEVERITIES)


def test_every_page_says_what_and_why():
    for slug, page in pages().items():
        assert page.title.endswith("."), slug
        assert len(page.text) > len(page.title) + 20, slug


def test_every_page_ends_with_how_to_silence_it_or_that_nothing_does():
    for slug, page in pages().items():
        last = page.text.rpartition("\n\n")[2]
        if page.severity is Severity.ERROR:
            assert last.startswith("An error cannot be silenced"), slug
        else:
            assert f"# kongflow: ignore[{slug}]" in last, slug
            assert f"lint: {{ignore: [{slug}]}}" in last, slug


def test_the_examples_in_the_pages_are_yaml_or_the_finding_itself(tmp_path):
    for slug, page in pages().items():
        for example in re.findall(r"```yaml\n(.*?)```", page.text, re.DOTALL):
            _, findings = parse_document(tmp_path, "x.yaml", example.encode())
            assert {found.slug for found in findings} <= {slug}, example


def test_a_check_has_the_name_of_its_slug():
    names = [check.__name__.replace("_", "-") for check in (*CHECKS, *TRIALS)]

    assert set(names) <= SEVERITIES.keys()
    assert len(set(names)) == len(names)
    assert all(check.__doc__ for check in (*CHECKS, *TRIALS))


@pytest.mark.parametrize("check", [*CHECKS, *TRIALS], ids=lambda check: check.__name__)
def test_a_check_that_finds_something_has_a_golden_file_of_its_name(check):
    slug = check.__name__.replace("_", "-")

    named = [case for kind in ("ok", "err") for case in cases(kind) if case.name.startswith(slug)]

    assert any(f"[{slug}]" in case.out.read_text() for case in named)


QUEUES = '{mail: {}, "runs:*": {}, "eu-*-low": {}, "*:end": {}}'


@pytest.mark.parametrize(
    ("template", "meets"),
    [
        ("<< payload.q >>", True),
        ("runs:<< payload.id >>", True),
        ("runs:<< payload.a >>:<< payload.b >>", True),
        ("run<< payload.a >>", True),
        ("r<< payload.a >>x", True),
        ("<< payload.a >>:end", True),
        ("eu-<< payload.a >>-low", True),
        ("eu-<< payload.a >>-x-<< payload.b >>-low", True),
        ("ma<< payload.a >>", True),
        ("m<< payload.a >>i<< payload.b >>", True),
        ("mail<< payload.a >>", True),  # ":end" may follow
        ("ma<< payload.a >>x<< payload.b >>l", False),
        ("us-<< payload.a >>-low", False),
        ("eu-<< payload.a >>-high", False),
        ("job:<< payload.a >>s", False),
    ],
)
def test_a_template_meets_a_queue_where_some_name_can(tmp_path, template, meets):
    config = f'version: 1\nqueues: {QUEUES}\ntasks: {{work: {{handler: tasks.work, queue: "{template}"}}}}'

    assert slugs(load_project(tmp_path, config)) == ([] if meets else ["queue-pattern-no-match"])


def test_a_template_that_is_longer_than_a_queue_does_not_meet_it(tmp_path):
    config = 'version: 1\nqueues: {mail: {}}\ntasks: {work: {handler: tasks.work, queue: "mail<< payload.a >>"}}'

    assert slugs(load_project(tmp_path, config)) == ["queue-pattern-no-match"]


def test_without_any_queue_no_template_meets_one(tmp_path):
    config = 'version: 1\ntasks: {work: {handler: tasks.work, queue: "<< payload.a >>"}}'

    assert slugs(load_project(tmp_path, config)) == ["queue-pattern-no-match"]


def test_the_password_of_a_url_is_repeated_in_no_message(tmp_path):
    for url in ("postgresql+asyncpg://me:hunter2@db/x", "mysql://me:hunter2@db/x", "sqlite:hunter2"):
        (found,) = load_project(tmp_path, f'version: 1\ndatabase: {{url: "{url}"}}').findings
        assert "hunter2" not in found.message + found.help


def test_a_secret_is_never_read(tmp_path):
    config = "version: 1\nsecrets: {token: {env: TOKEN}}"

    assert "hunter2" not in repr(load_project(tmp_path, config, env={"TOKEN": "hunter2"}).catalog)
