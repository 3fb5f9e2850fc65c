"""Where each value of the resolved configuration comes from, held to what the catalog has."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kongflow.cli.resolved import resolve, values_in
from kongflow.config.origins import origin_of
from tests.config.projects import load_project, write


def resolved(folder: Path, config: str, files: dict[str, str] | None = None, **options: Any) -> tuple[Any, Any]:
    """Return the resolved configuration, and what gives the origin of a path in it."""
    loaded = load_project(folder, config, files, **options)
    assert loaded.catalog is not None, loaded.findings
    return resolve(loaded.catalog), lambda *path: str(origin_of(loaded.project, path))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- precedence ------------------------------------------------------------------------------------------------------

SOURCES = ("own", "own_policy", "defaults", "defaults_policy", "default_policy")
"""What may give `max_attempts`, the strongest first."""
THROUGH = {
    "own": "",
    "own_policy": " (retry policy own)",
    "defaults": " (defaults.task)",
    "defaults_policy": " (defaults.task, retry policy general)",
    "default_policy": " (retry policy default)",
}


def with_sources(given: dict[str, int], field: str) -> str:
    """Return a configuration in which each source gives a field of the retry policy, a value of its own."""

    def line(source: str) -> str:
        return f"{field}: {given[source]}  # {source}" if source in given else "# nothing"

    return f"""\
version: 1
retry_policies:
  default:
    initial_delay: 1s
    {line("default_policy")}
  general:
    initial_delay: 1s
    {line("defaults_policy")}
  own:
    initial_delay: 1s
    {line("own_policy")}
defaults:
  task:
    retry: general
    {line("defaults")}
tasks:
  work:
    handler: tasks.work
    retry: own
    {line("own")}
"""


@pytest.mark.parametrize("present", list(product((True, False), repeat=len(SOURCES))), ids=str)
def test_the_number_of_attempts_and_its_origin_move_together(present: tuple[bool, ...], tmp_path: Path) -> None:
    given = {name: 2 + place for place, name in enumerate(SOURCES) if present[place]}
    config = with_sources(given, "max_attempts")
    value, origin = resolved(tmp_path, config)
    path = ("tasks", "work", "retry", "max_attempts")

    winner = next(iter(given), None)

    if winner is None:
        assert (value["tasks"]["work"]["retry"]["max_attempts"], origin(*path)) == (25, "default")
        return
    assert value["tasks"]["work"]["retry"]["max_attempts"] == given[winner]
    line = next(number for number, text in enumerate(config.splitlines(), 1) if text.endswith(f"# {winner}"))
    assert origin(*path) == f"kongflow.yaml:{line}:5{THROUGH[winner]}"


POLICIES = ("own_policy", "defaults_policy", "default_policy")


@pytest.mark.parametrize("present", list(product((True, False), repeat=len(POLICIES))), ids=str)
def test_any_other_field_of_a_policy_and_its_origin_move_together(present: tuple[bool, ...], tmp_path: Path) -> None:
    given = {name: 2 + place for place, name in enumerate(POLICIES) if present[place]}
    config = with_sources(given, "factor")
    value, origin = resolved(tmp_path, config)

    winner = next(iter(given), None)

    factor = value["tasks"]["work"]["retry"]["factor"]
    assert factor == (2.71828 if winner is None else given[winner])
    told = origin("tasks", "work", "retry", "factor")
    assert told.endswith("default" if winner is None else THROUGH[winner])
    assert value["retry_policies"]["own"]["factor"] == given.get("own_policy", given.get("default_policy", 2.71828))
    told = origin("retry_policies", "own", "factor")
    if "own_policy" in given:
        assert told.startswith("kongflow.yaml:11:5")
    else:
        assert told == ("kongflow.yaml:5:5 (retry policy default)" if "default_policy" in given else "default")


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("common", [True, False])
def test_a_key_of_a_task_and_its_origin_move_together(own: bool, common: bool, tmp_path: Path) -> None:
    config = f"""\
version: 1
defaults:
  task: {"{timeout: 2s, tags: [b], priority: 5}" if common else "{}"}
tasks:
  work: {{handler: tasks.work{", timeout: 1s, tags: [a], priority: 0" if own else ""}}}
"""
    value, origin = resolved(tmp_path, config)

    found = [(value["tasks"]["work"][key], origin("tasks", "work", key)) for key in ("timeout", "tags", "priority")]

    if own:
        assert found == [(1, "kongflow.yaml:5:31"), (["a"], "kongflow.yaml:5:44"), (0, "kongflow.yaml:5:55")]
    elif common:
        through = "(defaults.task)"
        assert found == [
            (2, f"kongflow.yaml:3:10 {through}"),
            (["b"], f"kongflow.yaml:3:23 {through}"),
            (5, f"kongflow.yaml:3:34 {through}"),
        ]
    else:
        assert found == [(600, "default"), ([], "default"), (0, "default")]


def test_a_policy_that_is_written_in_the_task_is_where_it_stands(tmp_path: Path) -> None:
    config = """\
version: 1
defaults: {task: {retry: {jitter: 0}}}
tasks:
  work: {handler: tasks.work, retry: {max_attempts: 3}}
"""
    value, origin = resolved(tmp_path, config)

    assert value["tasks"]["work"]["retry"]["jitter"] == 0
    assert origin("tasks", "work", "retry", "max_attempts") == "kongflow.yaml:4:39"
    assert origin("tasks", "work", "retry", "jitter") == "kongflow.yaml:2:27 (defaults.task)"
    assert origin("tasks", "work", "retry", "backoff") == "default"


# --- everything ------------------------------------------------------------------------------------------------------

MAIN = """\
version: 1
name: shop
description: A shop.
include: [more/*.yaml]
database:
  url: sqlite:///${FILE:-jobs.db}
  schema: shop
  pool_size: 3
  migrate: manual
secrets:
  token:
    env: TOKEN
    default: ""
runner:
  concurrency: 9
  queues: [mail]
  max_jobs_per_child: 3
  stall_limit: off
defaults:
  task:
    timeout: 1m
    cancel_grace: 2s
    isolation: process
retry_policies:
  default:
    max_attempts: 4
    factor: 3
  own:
    jitter: 0
    max_duration: 1h
retention:
  failed: 3d
  cancelled: 2d
lint:
  strict: true
  ignore: [include-empty]
"""
MORE = """\
queues:
  mail:
    max_wait: 1m
    description: Outgoing.
    rate_limit:
      limit: 3
      per: 1m
tasks:
  work:
    handler: tasks.work
    payload: work.json
    result: {type: object}
    queue: mail
    retry: own
    job_key: "<< payload.id | default('x') >>"
    keep: failed
    examples:
    - id: x
  gone:
    removed: true
  moved:
    renamed_to: work
schedules:
  nightly:
    cron: 0 3 * * *
    timezone: Europe/Berlin
    task: work
    payload:
      id: x
    catchup:
      window: 1h
      policy: latest
"""
FILES = {"more/catalog.yaml": MORE, "more/work.json": '{"type": "object", "properties": {"id": {"type": "string"}}}'}


def test_every_value_is_either_built_in_or_written_where_it_says(tmp_path: Path) -> None:
    value, origin = resolved(tmp_path, MAIN, FILES)
    texts = {"kongflow.yaml": MAIN.splitlines(), "more/catalog.yaml": MORE.splitlines()}

    origins = {path: origin(*path) for path in values_in(value)}

    for path, told in origins.items():
        if told != "default":
            file, line, column = told.split(",")[0].split(" ")[0].split(":")
            assert texts[file][int(line) - 1][int(column) - 1 :].startswith(f"{path[-1]}:"), (path, told)
    assert origins["database", "url"] == "kongflow.yaml:6:3, ${FILE} from its default"
    assert origins["secrets", "token", "default"] == "kongflow.yaml:13:5"
    assert origins["tasks", "work", "payload"] == "more/catalog.yaml:11:5 (work.json)"
    assert origins["tasks", "work", "result"] == "more/catalog.yaml:12:5"
    assert origins["tasks", "work", "cancel_grace"] == "kongflow.yaml:22:5 (defaults.task)"
    assert origins["tasks", "work", "retry", "max_duration"] == "kongflow.yaml:30:5 (retry policy own)"
    assert origins["tasks", "work", "retry", "max_attempts"] == "kongflow.yaml:26:5 (retry policy default)"
    assert origins["tasks", "gone", "removed"] == "more/catalog.yaml:20:5"
    assert origins["schedules", "nightly", "catchup", "window"] == "more/catalog.yaml:31:7"
    assert origins["schedules", "nightly", "overlap"] == "default"
    assert origins["queues", "mail", "rate_limit", "per"] == "more/catalog.yaml:7:7"
    assert origins["queues", "mail", "concurrency"] == "default"


REQUIRED = {
    "version",
    "include",
    "env",
    "handler",
    "cron",
    "task",
    "window",
    "removed",
    "renamed_to",
    "limit",
    "per",
    "policy",
}


def written_lines() -> list[tuple[str, int]]:
    """Return the lines of the two files that give one value, and that may be left out."""
    return [
        (file, number)
        for file, text in (("kongflow.yaml", MAIN), ("more/catalog.yaml", MORE))
        for number, line in enumerate(text.splitlines(), 1)
        if ": " in line and line.split(":")[0].strip() not in REQUIRED and not line.strip().startswith(("- ", "id:"))
    ]


@pytest.mark.parametrize(("file", "line"), written_lines(), ids=str)
def test_what_comes_from_a_line_comes_from_elsewhere_without_it(file: str, line: int, tmp_path: Path) -> None:
    files = {"kongflow.yaml": MAIN, **FILES}
    before, origin = resolved(tmp_path, MAIN, files)
    from_it = [path for path in values_in(before) if origin(*path).startswith(f"{file}:{line}:")]
    lines = files[file].splitlines()
    if "retry: own" not in lines[line - 1]:  # which names what gives the values
        assert from_it

    lines[line - 1] = ""
    after, others = resolved(tmp_path, MAIN, {**files, file: "\n".join(lines)})

    for path in set(from_it) & set(values_in(after)):
        assert not others(*path).startswith(f"{file}:{line}:")


# --- variables -------------------------------------------------------------------------------------------------------


def test_a_variable_in_a_value_is_named_with_where_it_came_from(tmp_path: Path) -> None:
    config = """\
version: 1
name: ${NAME}
description: costs $$5
database: {url: "sqlite:///${FOLDER:-data}/${FILE:-jobs.db}"}
runner: {queues: ["${QUEUE:-*}"]}
"""
    value, origin = resolved(tmp_path, config, env={"NAME": "shop", "FILE": "x.db"})

    assert value["name"] == "shop"
    assert origin("name") == "kongflow.yaml:2:1, ${NAME} from the environment"
    assert origin("description") == "kongflow.yaml:3:1"
    assert origin("database", "url") == ("kongflow.yaml:4:12, ${FOLDER} from its default, ${FILE} from the environment")
    assert origin("runner", "queues") == "kongflow.yaml:5:10, ${QUEUE} from its default"


def test_a_policy_that_a_variable_names_is_the_one_that_counts(tmp_path: Path) -> None:
    config = """\
version: 1
retry_policies: {quick: {jitter: 0}, slow: {jitter: 0.5}}
tasks: {work: {handler: tasks.work, retry: "${POLICY:-quick}"}}
"""
    write(tmp_path, {})

    for env, jitter, column in (({}, 0, 26), ({"POLICY": "slow"}, 0.5, 45)):
        value, origin = resolved(tmp_path, config, env=env)
        name = env.get("POLICY", "quick")
        assert value["tasks"]["work"]["retry"]["jitter"] == jitter
        assert origin("tasks", "work", "retry", "jitter") == f"kongflow.yaml:2:{column} (retry policy {name})"
