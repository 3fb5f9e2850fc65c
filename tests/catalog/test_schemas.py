"""The schemas of the reference catalog: closed, described, true to the examples, and strict where it matters."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
TASKS = {
    name: (file, task)
    for file in sorted((ROOT / "catalog").glob("*.yaml"))
    for name, task in yaml.safe_load(file.read_text())["tasks"].items()
}
SCHEMAS = sorted((ROOT / "schemas").glob("*.json"))
EXAMPLES = [(name, example) for name, (_, task) in TASKS.items() for example in task["examples"]]

LINK = "https://app.example.com/i/1"
INVITE = {"email": "invite", "to": "a@b", "orgName": "Engines", "inviterEmail": "b@c", "inviteLink": LINK}


def validator(name):
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    return Draft202012Validator(schema)


def problems(name, payload):
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(payload)]


def objects(schema):
    """Every subschema that describes an object of its own."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for item in schema.values():
            yield from objects(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item)


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.name for path in SCHEMAS])
def test_a_schema_is_valid_closed_and_described(path):
    schema = json.loads(path.read_text())

    Draft202012Validator.check_schema(schema)
    assert schema["description"]
    for described in objects(schema):
        assert described["additionalProperties"] is False
        for name, field in described["properties"].items():
            assert field["description"], name


def test_every_schema_file_belongs_to_a_task_and_every_task_has_both():
    used = {(file.parent / task[key]).resolve() for file, task in TASKS.values() for key in ("payload", "result")}

    assert used == set(SCHEMAS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_what_it_does_and_shows_an_example(name):
    file, task = TASKS[name]

    assert task["description"]
    assert task["owner"]
    assert task["examples"]
    assert task["handler"].startswith(f"catalog.{file.stem}."), "the handler stands in the module of the same stem"


@pytest.mark.parametrize(("name", "payload"), EXAMPLES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(EXAMPLES)])
def test_an_example_validates(name, payload):
    assert problems(name, payload) == []


def test_every_template_has_an_example():
    templates = json.loads((ROOT / "schemas/scheduleEmail.json").read_text())["properties"]["email"]["enum"]

    assert {example["email"] for example in TASKS["scheduleEmail"][1]["examples"]} == set(templates)
    assert {path.stem for path in (ROOT / "catalog/mail/templates").glob("*.txt")} == set(templates)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"email": "welcome"}, "$: 'to' is a required property"),
        ({"to": "a@b"}, "$: 'email' is a required property"),
        (INVITE | {"inviteLink": "nope"}, "$.inviteLink: 'nope' does not match"),
        (INVITE | {"inviteLink": "javascript:alert(1)"}, "$.inviteLink: 'javascript:alert(1)' does not match"),
        ({"email": "zzz", "to": "a@b"}, "$.email: 'zzz' is not one of"),
        ({"email": "magic_link", "to": "a@b"}, "$: 'magicLink' is a required property"),
        ({"email": "workflow_failed", "to": "a@b"}, "$: 'workflowId' is a required property"),
        ({"email": "connect_integration", "to": "a@b", "workflowId": "w"}, "$: 'integration' is a required property"),
        ({"email": "welcome", "to": "a@b", "workflowId": "w"}, "$: Additional properties are not allowed"),
        ({"email": "welcome", "to": "a@b", "name": "Ada\r\nBcc: e@f"}, "$.name: 'Ada\\r\\nBcc: e@f' does not match"),
        ({"email": "welcome", "to": "a@b\nBcc: e@f"}, "$.to: 'a@b\\nBcc: e@f' does not match"),
        ({"email": "welcome", "to": "a@b, c@d"}, "$.to: 'a@b, c@d' does not match"),
        ({"email": "welcome", "to": "nobody"}, "$.to: 'nobody' does not match"),
    ],
)
def test_a_bad_email_is_refused_for_exactly_one_reason(payload, problem):
    (found,) = problems("scheduleEmail", payload)

    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "$: 'id' is a required property"),
        ({"id": 5}, "$.id: 5 is not of type 'string'"),
        ({"id": "ep_1", "source": "X"}, "$.source: 'X' is not one of"),
        ({"id": "ep_1", "url": "https://e.example"}, "$: Additional properties are not allowed"),
    ],
)
def test_a_bad_index_request_is_refused(payload, problem):
    (found,) = problems("indexEndpoint", payload)

    assert found.startswith(problem)
