"""The law: valid JSON Schema, the same for editors as for `validate`, with the defaults that are built in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from kongflow.config.document import read_document
from kongflow.config.law import law, law_text
from tests.config.golden import GOLDEN
from tests.config.projects import catalog_of, load_project

DEFAULTS: dict[str, dict[str, Any]] = {
    "": {"name": "kongflow", "description": "", "include": []},
    "database": {
        "url": "sqlite:///kongflow.db",
        "schema": "kongflow",
        "pool_size": 10,
        "migrate": "auto",
        "pooler": "none",
    },
    "runner": {
        "concurrency": 5,
        "poll_interval": "1s",
        "queues": ["*"],
        "forbidden_flags": [],
        "heartbeat": "3s",
        "lease": "15s",
        "shutdown_timeout": "25s",
        "stall_limit": "60s",
    },
    "retention": {"succeeded": "7d", "failed": "30d", "cancelled": "7d"},
    "lint": {"strict": False, "ignore": []},
    "retry_policies": {
        "max_attempts": 25,
        "backoff": "exponential",
        "initial_delay": "2.71828s",
        "factor": 2.71828,
        "max_delay": "6h7m7s",
        "jitter": 0.1,
        "retry_on": ["*"],
        "give_up_on": [],
    },
    "queues": {"concurrency": 1, "description": ""},
    "tasks": {
        "priority": 0,
        "retry": "default",
        "timeout": "10m",
        "cancel_grace": "30s",
        "crash_limit": 3,
        "job_key_mode": "replace",
        "flags": [],
        "tags": [],
        "isolation": "auto",
        "keep": "all",
        "description": "",
        "owner": "",
        "examples": [],
    },
    "schedules": {
        "timezone": "Etc/UTC",
        "payload": {},
        "overlap": "skip",
        "grace": "60s",
        "description": "",
    },
}
NO_DEFAULT = {
    "": {
        "version",
        "database",
        "secrets",
        "runner",
        "defaults",
        "retry_policies",
        "queues",
        "tasks",
        "schedules",
        "retention",
        "lint",
    },
    "retry_policies": {"max_duration"},
    "runner": {"max_jobs_per_child"},
    "queues": {"max_active", "max_wait", "rate_limit"},
    "tasks": {
        "handler",
        "payload",
        "result",
        "queue",
        "max_attempts",
        "job_key",
        "memory_limit",
        "renamed_to",
        "removed",
    },
    "schedules": {"cron", "every", "task", "catchup"},
}
LATER = {
    "": {"events", "workflows"},
    "schedules": {"workflow"},
}


def properties(section: str) -> dict[str, Any]:
    rule = law() if not section else law()["properties"][section]
    return rule["properties"] if "properties" in rule else rule["additionalProperties"]["properties"]


def with_key(section: str, key: str, value: Any) -> str:
    work = {"handler": "tasks.work"}
    config: dict[str, Any] = {"version": 1, "tasks": {"work": work}}
    if section == "tasks":
        work[key] = value
    elif section == "schedules":
        config[section] = {"sweep": {"cron": "0 6 * * *", "task": "work", key: value}}
    elif section in ("queues", "retry_policies"):
        config[section] = {"default": {key: value}}
    elif section:
        config[section] = {key: value}
    else:
        config[key] = value
    return json.dumps(config)


def test_the_law_is_a_valid_json_schema():
    jsonschema.Draft7Validator.check_schema(json.loads(law_text()))
    jsonschema.Draft202012Validator.check_schema(json.loads(law_text()))


@pytest.mark.parametrize("section", DEFAULTS)
def test_every_key_of_the_language_is_known_with_its_default(section):
    found = {key: rule["default"] for key, rule in properties(section).items() if "default" in rule}
    later = LATER.get(section, set())

    assert {key: default for key, default in found.items() if key not in later} == DEFAULTS[section]
    assert set(properties(section)) == DEFAULTS[section].keys() | NO_DEFAULT.get(section, set()) | later


@pytest.mark.parametrize(("section", "key"), [(section, key) for section, keys in DEFAULTS.items() for key in keys])
def test_writing_a_default_changes_nothing(tmp_path, section, key):
    others = {"queues": "queues: {default: {}}", "schedules": 'schedules: {sweep: {cron: "0 6 * * *", task: work}}'}
    plain = catalog_of(tmp_path, f"version: 1\n{others.get(section, '')}\ntasks: {{work: {{handler: tasks.work}}}}")

    assert catalog_of(tmp_path, with_key(section, key, DEFAULTS[section][key])) == plain


@pytest.mark.parametrize(
    ("section", "key"), [(section, key) for section, keys in LATER.items() for key in sorted(keys)]
)
def test_what_comes_later_is_refused_by_name_whatever_its_value(tmp_path, section, key):
    for value in ({}, None, 5):
        loaded = load_project(tmp_path, with_key(section, key, value))

        assert [found.slug for found in loaded.findings] == ["not-in-this-version"]


@pytest.mark.parametrize("wrong", ["workflow", "event"])
def test_what_comes_later_is_not_suggested(tmp_path, wrong):
    (found,) = load_project(tmp_path, f"version: 1\n{wrong}: {{}}").findings

    assert found.slug == "unknown-key"
    assert found.help.startswith("known here: ")
    assert wrong not in found.help


def test_what_comes_later_is_named_in_no_list(tmp_path):
    config = """
version: 1
runner: {paralellism: 3}
queues: {mail: {rate_limits: 1, rateLimit: 1}}
tasks: {work: {handler: tasks.work, schedule: daily}}
"""
    loaded = load_project(tmp_path, config, {})

    assert [found.slug for found in loaded.findings] == [
        "unknown-key",
        "unknown-key",
        "renamed-key",
        "unknown-key",
    ]
    shown = " ".join(found.message + found.help for found in loaded.findings)
    assert [key for keys in LATER.values() for key in keys if key in shown.replace("rate_limits", "")] == []


def keys_of(rule: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key of the language with its rule, those of later versions too."""
    for key, inner in rule.get("properties", {}).items():
        yield f"{path}.{key}", inner
        yield from keys_of(inner, f"{path}.{key}")
    for branch in [rule.get("additionalProperties"), *rule.get("anyOf", [])]:
        if isinstance(branch, dict):
            yield from keys_of(branch, path)


@pytest.mark.parametrize(("path", "rule"), [pytest.param(*found, id=found[0]) for found in keys_of(law())])
def test_every_key_says_what_it_means_with_examples_that_it_takes(path, rule):
    assert rule["description"].endswith((".", ".)"))
    assert rule["examples"]
    for example in rule["examples"]:
        if not str(example).startswith("${"):  # the law that `validate` walks is read once variables are filled in
            jsonschema.Draft202012Validator(rule).validate(example)


def raw(path) -> Any:
    return read_document(path, path.name)[0].value


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("ok/**/kongflow.yaml")) + sorted(GOLDEN.glob("ok/*.yaml")))
def test_editors_accept_what_validate_accepts(path):
    jsonschema.Draft7Validator(json.loads(law_text())).validate(raw(path))


SHAPES = ("missing-key", "unknown-key", "renamed-key", "wrong-type", "wrong-choice", "out-of-range", "duplicate-item")
OF_SCHEDULES = ("schedule-timing", "timezone-without-cron")


OTHERS = ("language-version", "duration-invalid", "name-invalid", "wrong-format")


@pytest.mark.parametrize("name", [*SHAPES, *OF_SCHEDULES, *OTHERS])
def test_editors_refuse_what_has_the_wrong_shape(name):
    validator = jsonschema.Draft7Validator(json.loads(law_text()))

    assert not validator.is_valid(raw(GOLDEN / "err" / f"{name}.yaml"))
