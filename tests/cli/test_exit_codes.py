"""The exit codes that each command's help lists are those that it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kongflow.cli.main import command
from tests.cli.conftest import Invoke
from tests.cli.test_help import COMMANDS
from tests.project_folder import CONFIG

Name = tuple[str, ...]

LEAVES = [path for path, found in COMMANDS.items() if not isinstance(found, click.Group)]
GROUPS = [path for path, found in COMMANDS.items() if isinstance(found, click.Group)]
ARGUMENTS = {
    ("queues", "pause"): ["fast"],
    ("queues", "resume"): ["fast"],
    **{("schedules", verb): ["leap_day"] for verb in ("next", "run", "pause", "resume")},
    ("enqueue",): ["anything"],
    ("render",): ["anything"],
    ("retries",): ["quick"],
    ("run",): ["--once"],
    **{("jobs", verb): ["17"] for verb in ("show", "retry", "run-now", "cancel", "delete", "wait")},
    ("jobs", "reschedule"): ["17", "--in", "1h"],
}
"""What a command must be given."""


def with_findings(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("retry: quick", "retry: quik"))


def without_a_configuration(project: Path) -> None:
    (project / "kongflow.yaml").unlink()


def with_a_file_that_is_no_database(project: Path) -> None:
    (project / "jobs.db").write_bytes(b"this is not a database, however long it is" * 100)


def without_tables(project: Path) -> None:
    url = '"${KONGFLOW_DATABASE_URL:-sqlite:///jobs.db}"'
    (project / "kongflow.yaml").write_text(CONFIG.replace(url, f"{url}, migrate: manual"))


def with_the_tables_of_another(project: Path) -> None:
    CliRunner().invoke(command, ["enqueue", "anything"])
    (project / "kongflow.yaml").write_text(CONFIG.replace("name: tests", "name: other"))


def as_it_should_be(project: Path) -> None:
    pass


def listed(path: Name, invoke: Invoke) -> set[int]:
    lines = invoke(*path, "--help").stdout.split("Exit codes:")[1].splitlines()
    return {int(line.split()[0]) for line in lines if line.strip()}


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
@pytest.mark.parametrize(
    "situation",
    [
        with_findings,
        without_a_configuration,
        with_a_file_that_is_no_database,
        without_tables,
        with_the_tables_of_another,
        as_it_should_be,
    ],
)
def test_the_help_lists_every_exit_code_that_comes(
    situation: Callable[[Path], None], path: Name, invoke: Invoke, project: Path
) -> None:
    situation(project)

    code = CliRunner().invoke(command, [*path, *ARGUMENTS.get(path, [])], prog_name="kongflow").exit_code

    assert code in listed(path, invoke)
    if any("--config" in parameter.opts for parameter in COMMANDS[path].params):
        expected = {with_findings: 1, without_a_configuration: 3}
        assert code == expected.get(situation, code)


@pytest.mark.parametrize(
    "args", [["validate"], ["config"], ["jobs", "list"], ["db", "status"], ["enqueue", "anything"], ["run", "--once"]]
)
def test_a_url_that_cannot_work_is_a_finding_of_every_command(
    args: list[str], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", "postgresql://db:99999/shop")

    result = invoke(*args, exit_code=1)

    assert "kongflow.yaml:3:17: error[database-url]: a port" in result.stdout + result.stderr


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_may_be_used_wrongly(path: Name, invoke: Invoke) -> None:
    invoke(*path, "--no-such-option", exit_code=2)

    assert 2 in listed(path, invoke)


@pytest.mark.parametrize(
    ("path", "args"),
    [
        (("run",), ["--queues", "nowhere"]),
        (("plan",), ["--queues", "nowhere"]),
        (("enqueue",), ["nothing"]),
        (("enqueue",), ["anything", "--queue", "nowhere"]),
        (("render",), ["nothing"]),
        (("retries",), ["never"]),
        (("explain",), ["nothing"]),
        (("queues", "pause"), ["nowhere"]),
        *((("jobs", verb), ["17"]) for verb in ("show", "retry", "run-now", "cancel", "delete", "wait")),
        (("jobs", "reschedule"), ["17", "--in", "1h"]),
    ],
)
@pytest.mark.usefixtures("tables")
def test_a_name_that_nothing_has_is_exit_5(path: Name, args: list[str], invoke: Invoke) -> None:
    invoke(*path, *args, exit_code=5)

    assert 5 in listed(path, invoke)


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_a_group_lists_the_exit_codes_of_its_commands(group: Name, invoke: Invoke) -> None:
    inner = [listed(path, invoke) for path in LEAVES if path[:-1] == group]

    assert set().union(*inner) == listed(group, invoke)
