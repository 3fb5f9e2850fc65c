from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import kongflow
from kongflow.cli.lazy import LazyGroup
from kongflow.cli.main import command
from tests.cli.conftest import Invoke

ROOT = Path(kongflow.__file__).parent.parent


def every_command(group: LazyGroup, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*before, name), found
        if isinstance(found, LazyGroup):
            yield from every_command(found, *before, name)


COMMANDS = dict(every_command(command))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_examples_and_its_exit_codes_in_its_help(path: tuple[str, ...], invoke: Invoke) -> None:
    text = invoke(*path, "--help").stdout

    assert "Examples:" in text
    assert f"kongflow {' '.join(path)}" in text.split("Examples:")[1]
    assert "Exit codes:" in text


@pytest.mark.parametrize("path", [path for path, found in COMMANDS.items() if not isinstance(found, click.Group)])
def test_every_command_that_reads_the_configuration_takes_its_path(path: tuple[str, ...]) -> None:
    without = {("init",), ("explain",), ("schema",)}
    takes = any("--config" in parameter.opts for parameter in COMMANDS[path].params)

    assert takes or path in without


def test_the_tables_of_commands_say_what_the_commands_say() -> None:
    def check(group: LazyGroup) -> None:
        for name, entry in group.entries.items():
            found = group.get_command(click.Context(group), name)
            assert found is not None
            assert found.help is not None
            assert found.help.startswith(entry.help.removesuffix("."))
            assert found.name == name
            if isinstance(found, LazyGroup):
                check(found)

    check(command)


def test_the_help_imports_no_library_but_click() -> None:
    heavy = ["sqlalchemy", "alembic", "yaml", "jinja2", "jsonschema", "jsonschema_rs", "asyncio", "psycopg"]
    script = (
        "import sys, json\n"
        "from kongflow.cli.main import command\n"
        "code = command(['--help'], prog_name='kongflow', standalone_mode=False)\n"
        f"print(json.dumps([code, [name for name in {heavy} if name in sys.modules]]), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert json.loads(done.stderr) == [0, []]
    assert "Commands" not in done.stdout
    assert "Look and repair:" in done.stdout


def test_a_misspelt_command_gets_the_nearest_one(invoke: Invoke) -> None:
    assert "no such command 'enqeue'; did you mean 'enqueue'?" in invoke("enqeue", exit_code=2).stderr
    assert "no such command 'lst'; did you mean 'list'?" in invoke("jobs", "lst", exit_code=2).stderr


def test_no_command_at_all_shows_the_help(invoke: Invoke) -> None:
    result = invoke(exit_code=2)

    assert "kongflow enqueue greet" in result.stdout + result.stderr


def test_the_help_lists_every_exit_code(invoke: Invoke) -> None:
    listed = invoke("--help").stdout.split("Exit codes:")[1].split()

    assert {"0", "1", "2", "3", "4", "5", "10", "11", "124", "130"} <= set(listed)


def test_the_version_is_that_of_the_package(invoke: Invoke) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert invoke("--version").stdout == f"kongflow {declared}\n"


@pytest.mark.usefixtures("tables")
def test_colour_is_on_with_force_color_and_off_with_no_color(invoke: Invoke) -> None:
    forced = invoke("jobs", "show", "17", exit_code=5, env={"FORCE_COLOR": "1"})
    refused = invoke("jobs", "show", "17", exit_code=5, env={"FORCE_COLOR": "1", "NO_COLOR": "1"})

    assert "\x1b[" in forced.stderr
    assert "\x1b[" not in refused.stderr


@pytest.mark.parametrize("arguments", [["-c", "x.yaml", "jobs", "list"], ["jobs", "--json", "list"], ["--config", "x"]])
def test_an_option_before_its_command_is_told_its_place(arguments: list[str], invoke: Invoke) -> None:
    assert "after the command, as in kongflow jobs list -" in invoke(*arguments, exit_code=2).stderr
