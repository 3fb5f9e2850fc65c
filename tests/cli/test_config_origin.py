"""`kongflow config --origin` and `--variables`: for people, for scripts, and nothing secret in either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kongflow.cli.resolved import values_in
from tests.cli.conftest import Invoke
from tests.cli.test_declared import EVERYTHING
from tests.project_folder import CONFIG


def comments(text: str) -> dict[str, str]:
    """Return the comment behind each line."""
    pairs = (line.rpartition("  # ") for line in text.splitlines() if "  # " in line)
    return {line.strip(): comment for line, _, comment in pairs}


def test_each_value_says_where_it_is_written(invoke: Invoke) -> None:
    told = comments(invoke("config", "--origin").stdout)

    assert told["name: tests"] == "kongflow.yaml:2:1"
    assert told["poll_interval: 50ms"] == "kongflow.yaml:6:26"
    assert told["lease: 15s"] == "default"
    assert told["initial_delay: 1h"] == "kongflow.yaml:8:47 (retry policy quick)"


@pytest.mark.parametrize("config", [CONFIG, EVERYTHING], ids=["tests", "everything"])
def test_the_comments_change_nothing(config: str, invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(config)
    (project / "shared.json").write_text('{"type": "object", "properties": {"id": {"default": "# a  # b"}}}')

    with_origin = invoke("config", "--origin").stdout

    assert yaml.safe_load(with_origin) == yaml.safe_load(invoke("config").stdout)
    assert not {"\x1b", "\u202e"} & set(with_origin)
    (project / "again.yaml").write_text(with_origin)
    assert json.loads(invoke("config", "--json", "-c", "again.yaml").stdout) == json.loads(
        invoke("config", "--json").stdout
    )


def test_every_value_has_an_origin_in_json_too(invoke: Invoke) -> None:
    plain = json.loads(invoke("config", "--json").stdout)

    told = json.loads(invoke("config", "--origin", "--json").stdout)

    origins = told.pop("origins")
    assert told == plain
    del plain["schema"]
    assert len(origins) == len(list(values_in(plain)))
    assert origins["$.tasks.retry.retry.max_attempts"] == {
        "origin": "kongflow.yaml:8:11 (retry policy quick)",
        "file": "kongflow.yaml",
        "line": 8,
        "column": 11,
        "through": "retry policy quick",
        "variables": [],
    }
    nowhere: dict[str, Any] = {"file": None, "line": None, "column": None, "through": None, "variables": []}
    assert origins["$.runner.lease"] == {"origin": "default", **nowhere}
    assert origins["$.database.url"]["variables"] == [{"name": "KONGFLOW_DATABASE_URL", "set": False}]
    assert "$.queues['runs:*'].concurrency" in origins
    assert not any(path.startswith("$.tasks.greet.payload.") for path in origins)


def test_each_name_of_a_file_is_safe_to_show(invoke: Invoke, project: Path) -> None:
    (project / "a\x1b[31m\n.yaml").write_text("version: 1\ntasks: {work: {handler: job_handlers.anything}}\n")

    printed = invoke("config", "--origin", "-c", "a\x1b[31m\n.yaml").stdout

    assert "\x1b" not in printed
    assert "\\n.yaml:2:16" in printed


# --- variables -------------------------------------------------------------------------------------------------------

VARIABLES = """\
version: 1
name: ${NAME}
include: [more.yaml]
database: {url: "postgresql://ada:${PASSWORD:-s3cret}@db/${BASE:?which one}"}
secrets: {token: {env: TOKEN, default: "${DEFAULT:-open-sesame}"}}
"""


def test_variables_are_listed_with_their_places_and_no_values(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "kongflow.yaml").write_text(VARIABLES)
    more = (
        "tasks: {work: {handler: job_handlers.anything, priority: '${PRIORITY:-7}', description: '$${NO} ${NAME:-}'}}"
    )
    (project / "more.yaml").write_text(more)
    monkeypatch.setenv("NAME", "the-real-one")

    printed = invoke("config", "--variables").stdout

    assert [line.split() for line in printed.splitlines()] == [
        ["VARIABLE", "SET", "DEFAULT", "USED", "AT"],
        ["NAME", "yes", "-", "kongflow.yaml:2:7"],
        ["PASSWORD", "no", "***", "kongflow.yaml:4:35"],
        ["BASE", "no", "-", "kongflow.yaml:4:58"],
        ["DEFAULT", "no", "***", "kongflow.yaml:5:41"],
        ["PRIORITY", "no", "7", "more.yaml:1:59"],
        ["NAME", "yes", '""', "more.yaml:1:97"],
    ]
    items = json.loads(invoke("config", "--variables", "--json").stdout)["items"]
    assert items[0] == {
        "name": "NAME",
        "set": True,
        "default": None,
        "path": "$.name",
        "file": "kongflow.yaml",
        "line": 2,
        "column": 7,
    }
    for shown in (printed, json.dumps(items)):
        assert "the-real-one" not in shown
        assert "s3cret" not in shown
        assert "open-sesame" not in shown


def test_variables_of_a_configuration_with_other_mistakes_are_its_report(invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(VARIABLES.replace("include: [more.yaml]", "retry_policy: {}"))

    assert "error[unknown-key]" in invoke("config", "--variables", exit_code=1).stderr


def test_one_question_at_a_time(invoke: Invoke) -> None:
    assert "ask one" in invoke("config", "--origin", "--variables", exit_code=2).stderr
