"""What is answered from the configuration alone: config, render, retries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kongflow.cli.options import masked_url
from kongflow.config.law import is_later, law
from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG


def test_the_configuration_is_shown_with_every_default(invoke: Invoke) -> None:
    resolved = yaml.safe_load(invoke("config").stdout)

    assert resolved["runner"]["lease"] == "15s"
    assert resolved["retention"] == {"succeeded": "1w", "failed": "4w2d", "cancelled": "1w"}
    assert resolved["tasks"]["start_run"]["retry"]["max_attempts"] == 1
    assert resolved["tasks"]["start_run"]["queue"] == "runs:<< payload.id >>"
    assert resolved["queues"]["fast"] == {"concurrency": "unlimited"}
    assert resolved["retry_policies"]["default"]["initial_delay"] == "2.71828s"


@pytest.mark.parametrize("section", ["database", "runner", "retention", "lint"])
def test_every_setting_that_has_a_default_is_shown(section: str, invoke: Invoke) -> None:
    rules = law()["properties"][section]["properties"]
    known = {key for key, rule in rules.items() if "default" in rule and not is_later(rule)}

    assert known - {"max_jobs_per_child"} <= json.loads(invoke("config", "--json").stdout)[section].keys()


EVERYTHING = """\
version: 1
name: shop
description: "<< '$$' >> costs $5, $$$${PRICE} or $$$$$$"
database: {url: "sqlite:///jobs.db"}
secrets: {token: {env: TOKEN, default: x}, file: {file: token.txt}}
retry_policies: {own: {max_attempts: 3, max_duration: 1h}}
queues:
  "runs:*":
    {concurrency: unlimited, max_active: 9, rate_limit: {limit: 3, per: 1h}, max_wait: 1m, description: "0o17"}
tasks:
  first:
    handler: job_handlers.anything
    payload: shared.json
    queue: "runs:<< payload.id >>"
    description: "a\\e\\u202e\\nb"
  second: {handler: job_handlers.anything, payload: shared.json, job_key: "<< payload.id ~ '$' >>$${X}", owner: "1e3"}
  gone: {removed: true}
  moved: {renamed_to: first}
schedules:
  by_line: {cron: "0  6 * * 1-5", timezone: Europe/Berlin, task: second, payload: {id: "$$<< schedule.slot >>"}}
  steadily:
    {every: 90s, task: second, payload: {id: x}, overlap: queue, grace: 1.5s, catchup: {window: 1h, policy: latest},
     description: "# of the shop"}
lint: {strict: true, ignore: [include-empty, schedule-overlap]}
"""


def test_what_config_prints_is_a_configuration_of_the_same_meaning(invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(EVERYTHING)
    (project / "shared.json").write_text('{"type": "object", "properties": {"id": {"default": "$${a}$"}}}')

    printed = invoke("config").stdout
    (project / "again.yaml").write_text(printed)

    assert not {"\x1b", "\u202e"} & set(printed)
    assert json.loads(invoke("config", "--json", "-c", "again.yaml").stdout) == json.loads(
        invoke("config", "--json").stdout
    )


def test_a_schema_of_two_tasks_is_printed_for_each(invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(EVERYTHING)
    (project / "shared.json").write_text('{"type": "object"}')

    printed = invoke("config").stdout

    assert "&id" not in printed
    assert printed.count("type: object") == 2


def test_the_settings_of_validate_are_part_of_the_configuration(invoke: Invoke, project: Path) -> None:
    assert json.loads(invoke("config", "--json").stdout)["lint"] == {"strict": False, "ignore": []}

    (project / "kongflow.yaml").write_text(CONFIG + "lint: {strict: true, ignore: [secret-literal]}\n")

    assert json.loads(invoke("config", "--json").stdout)["lint"] == {"strict": True, "ignore": ["secret-literal"]}


def test_in_json_durations_are_seconds(invoke: Invoke) -> None:
    resolved = json.loads(invoke("config", "--json").stdout)

    assert resolved["runner"]["poll_interval"] == 0.05
    assert resolved["tasks"]["greet"]["timeout"] == 30
    assert resolved["tasks"]["greet"]["payload"]["required"] == ["name"]


def test_no_secret_is_ever_shown(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "the-real-one")

    for arguments in (["config"], ["config", "--json"]):
        shown = invoke(*arguments).stdout
        assert "dummy-sesame" not in shown
        assert "the-real-one" not in shown
    assert json.loads(shown)["secrets"] == {"api_token": {"env": "API_TOKEN", "default": "***"}}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/jobs.db?synchronous=normal", "sqlite:////srv/jobs.db?synchronous=normal"),
        ("postgresql://ada:s3cret@db/app", "postgresql://ada:***@db/app"),
        ("postgresql+psycopg://ada:s3:c/r@et@db:5432,db2/app", "postgresql+psycopg://ada:***@db:5432,db2/app"),
        ("postgresql://ada@db/app", "postgresql://ada@db/app"),
        ("postgresql://db/app?user=a&password=s3cret&x=1", "postgresql://db/app?user=a&password=***&x=1"),
        ("postgresql://db/app?sslpassword=s3cret", "postgresql://db/app?sslpassword=***"),
    ],
)
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_a_rendered_payload_shows_its_queue_key_and_retries(invoke: Invoke) -> None:
    text = invoke("render", "start_run", '{"id": "run_1"}').stdout

    assert "queue     runs:run_1 (by runs:*, 1 at once)" in text
    assert "key       run:run_1 (replace)" in text
    assert "tags      run" in text


def test_rendering_fills_in_defaults_and_lists_every_retry(invoke: Invoke) -> None:
    rendered = json.loads(invoke("render", "greet", "--arg", "name=Ada", "--json").stdout)

    assert rendered["payload"] == {"name": "Ada", "salutation": "Hello"}
    assert (rendered["queue"], rendered["rule"], rendered["key"]) == ("greetings", "greetings", None)
    assert len(rendered["retries"]) == rendered["max_attempts"] - 1 == 24


def test_what_enqueue_would_refuse_render_refuses(invoke: Invoke) -> None:
    assert "$.name" in invoke("render", "greet", '{"name": 5}', exit_code=1).stderr
    assert "did you mean 'greet'?" in invoke("render", "gret", exit_code=5).stderr


def test_retries_lists_every_delay_with_its_window_and_the_running_total(invoke: Invoke) -> None:
    policy = json.loads(invoke("retries", "growing", "--json").stdout)

    assert policy["max_attempts"] == 4
    assert all(round(seconds, 6) == seconds for delay in policy["items"] for seconds in delay.values())
    assert [(d["attempt"], d["earliest"], d["expected"], d["latest"], d["total"]) for d in policy["items"]] == [
        (1, pytest.approx(0.9), 1, pytest.approx(1.1), 1),
        (2, pytest.approx(1.8), 2, pytest.approx(2.2), 3),
        (3, 3, 3, 3, 6),
    ]


def test_retries_is_a_table_for_people(invoke: Invoke) -> None:
    lines = invoke("retries", "growing").stdout.splitlines()

    assert lines[0].split() == ["ATTEMPT", "EARLIEST", "EXPECTED", "LATEST", "TOTAL"]
    assert lines[1].split() == ["1", "→", "2", "900ms", "1s", "1.1s", "1s"]
    assert len(lines) == 4


def test_the_built_in_policy_has_the_numbers_of_its_description(invoke: Invoke) -> None:
    delays = json.loads(invoke("retries", "default", "--json").stdout)["items"]

    assert len(delays) == 24
    assert delays[0]["expected"] == pytest.approx(2.71828)
    assert delays[-1]["latest"] == 6 * 3600 + 7 * 60 + 7


def test_an_unknown_policy_gets_the_nearest(invoke: Invoke) -> None:
    assert "did you mean 'quick'?" in invoke("retries", "quik", exit_code=5).stderr


def test_a_broken_configuration_is_its_report_and_exit_1(invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("retry: quick", "retry: quik"))

    for arguments in (["config"], ["retries", "quick"], ["jobs", "list"], ["enqueue", "anything"], ["run", "--once"]):
        told = invoke(*arguments, exit_code=1).stderr
        assert "kongflow.yaml:" in told
        assert "error[unknown-retry-policy]" in told
        assert "Traceback" not in told


def test_a_configuration_that_is_not_there_is_exit_3(invoke: Invoke) -> None:
    for arguments in (["config"], ["jobs", "list"], ["db", "status"]):
        assert "nowhere.yaml" in invoke(*arguments, "-c", "nowhere.yaml", exit_code=3).stderr


def test_the_configuration_is_found_by_option_then_variable_then_place(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("by_option", "by_variable"):
        (project / f"{name}.yaml").write_text(CONFIG.replace("name: tests", f"name: {name}"))
    monkeypatch.setenv("KONGFLOW_CONFIG", "by_variable.yaml")

    assert json.loads(invoke("config", "--json", "-c", "by_option.yaml").stdout)["name"] == "by_option"
    assert json.loads(invoke("config", "--json").stdout)["name"] == "by_variable"
    monkeypatch.delenv("KONGFLOW_CONFIG")
    assert json.loads(invoke("config", "--json").stdout)["name"] == "tests"


@pytest.mark.parametrize("arguments", [["config"], ["render", "greet", "--arg", "name=x"], ["retries", "quick"]])
def test_what_needs_no_database_loads_no_database_library(arguments: list[str], project: Path) -> None:
    script = (
        "import sys\nfrom kongflow.cli.main import command\n"
        f"code = command({arguments!r}, prog_name='kongflow', standalone_mode=False)\n"
        "sys.exit(code or ('sqlalchemy' in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
