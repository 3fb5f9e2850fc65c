"""`kongflow validate`, `explain` and `schema`: what they print where, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from kongflow.cli.main import command
from tests.cli.runners import KONGFLOW

GOOD = (
    "version: 1\nqueues: {mail: {}}\nretry_policies: {patient: {}}\n"
    "tasks: {work: {handler: tasks.work, queue: mail, retry: patient}}\n"
)
BAD = "version: 1\nqueues: {mail: {}}\ntasks: {work: {handler: tasks.work, queue: mial}}\n"
INCLUDING = GOOD + "include: [catalog/*.yaml]\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "tasks.py").write_text("def work(payload):\n    return payload\n")
    (tmp_path / "kongflow.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Ran(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def kongflow(*args: str, stdin: str | None = None, **env: str) -> Ran:
    """Call the command line as a shell would, in this process."""
    ours = dict.fromkeys(key for key in os.environ if key.startswith(("KONGFLOW_", "GITHUB_", "FORCE_", "NO_COLOR")))
    result = CliRunner().invoke(command, args, input=stdin, env={**ours, **env}, prog_name="kongflow")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return Ran(result.exit_code, result.stdout, result.stderr)


def in_a_process(*args: str, **env: str) -> Ran:
    """Run it where what is imported has descriptors of its own to write to."""
    done = subprocess.run([*KONGFLOW, *args], capture_output=True, text=True, env={**os.environ, **env}, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_good_file_is_one_line(project):
    ran = kongflow("validate")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "✓ kongflow.yaml: 1 task · 1 queue · 1 retry policy · 1 file\n"


def test_a_bad_file_is_a_report_and_exit_code_1(project):
    (project / "kongflow.yaml").write_text(BAD)

    ran = kongflow("validate")

    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.splitlines() == [
        "kongflow.yaml:3:44: error[queue-not-declared]: no declared queue or pattern matches 'mial'",
        "3 | tasks: {work: {handler: tasks.work, queue: mial}}",
        "  |                                            ^^^^",
        "  = help: did you mean 'mail'?",
        "",
        "1 error; `kongflow explain queue-not-declared` says more",
    ]


SCHEDULED = GOOD + "schedules: {sweep: {every: 1h, task: work}, daily: {cron: '0 6 * * *', task: work}}\n"


def test_the_next_slot_of_each_schedule_is_told(project):
    (project / "kongflow.yaml").write_text(SCHEDULED)

    summary, first, second = kongflow("validate").stdout.splitlines()
    told = json.loads(kongflow("validate", "--json").stdout)["schedules"]

    assert summary == "✓ kongflow.yaml: 1 task · 1 queue · 1 retry policy · 2 schedules · 1 file"
    assert sorted([first[6:11], second[6:11]]) == ["daily", "sweep"]
    assert {each["name"]: (each["timezone"], each["words"]) for each in told} == {
        "sweep": ("Etc/UTC", "every 1h"),
        "daily": ("Etc/UTC", "at 06:00 every day"),
    }
    assert all(each["next"].endswith(":00:00.000Z") for each in told)


@pytest.mark.parametrize("wrong", ["quues: {}\n", "name: ${DEPLOYMENT}\n"])
def test_no_slot_is_told_of_a_configuration_that_is_not_whole(project, wrong):
    (project / "kongflow.yaml").write_text(SCHEDULED + wrong)

    assert "next:" not in kongflow("validate", "--no-env").stdout
    assert json.loads(kongflow("validate", "--no-env", "--json").stdout)["schedules"] == []


def test_wrong_usage_is_exit_code_2(project):
    assert kongflow("validate", "-o", "xml").returncode == 2


def test_a_file_that_is_not_there_is_exit_code_3(project):
    ran = kongflow("validate", "nowhere.yaml")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "there is no nowhere.yaml" in ran.stderr
    assert kongflow("validate", ".").returncode == 3


@pytest.mark.parametrize("args", [("sub/kongflow.yaml",), ("-c", "sub/kongflow.yaml")])
def test_a_path_is_an_argument_or_an_option(project, args):
    (project / "sub").mkdir()
    (project / "sub/kongflow.yaml").write_text("version: 1\nquues: {}\n")

    assert kongflow("validate", *args).stdout.startswith("sub/kongflow.yaml:2:1: error[unknown-key]")


def test_the_path_may_come_from_the_environment(project):
    assert kongflow("validate", KONGFLOW_CONFIG="nowhere.yaml").returncode == 3


def test_json_is_one_object_on_stdout_good_or_bad(project):
    assert json.loads(kongflow("validate", "--json").stdout)["findings"] == []
    (project / "kongflow.yaml").write_text(BAD)

    ran = kongflow("validate", "--json")

    assert ran.returncode == 1
    assert [found["slug"] for found in json.loads(ran.stdout)["findings"]] == ["queue-not-declared"]


def test_warnings_pass_and_with_strict_they_fail(project):
    (project / "catalog").mkdir()
    (project / "catalog/later.yaml").write_text("# later\n")
    (project / "kongflow.yaml").write_text(INCLUDING)

    lax, strict = kongflow("validate"), kongflow("validate", "--strict")

    assert (lax.returncode, strict.returncode) == (0, 1)
    assert "warning[include-empty]" in lax.stdout
    assert lax.stdout.endswith("✓ kongflow.yaml: 1 task · 1 queue · 1 retry policy · 2 files\n")
    assert "error[include-empty]" in strict.stdout


def test_a_missing_variable_fails_unless_there_is_no_environment(project):
    (project / "kongflow.yaml").write_text(GOOD + "name: ${DEPLOYMENT}\n")

    assert kongflow("validate").returncode == 1
    assert kongflow("validate", DEPLOYMENT="shop").returncode == 0
    assert kongflow("validate", "--no-env").returncode == 0


def test_importing_is_asked_for_and_keeps_stdout_clean(project):
    (project / "tasks.py").write_text("print('noise')\nimport a_missing_driver\n\n\ndef work(payload): ...\n")

    read = in_a_process("validate", "--json")
    imported = in_a_process("validate", "--import", "--json")

    assert (read.returncode, imported.returncode) == (0, 1)
    (found,) = json.loads(imported.stdout)["findings"]
    assert "No module named 'a_missing_driver'" in found["message"]
    assert imported.stderr == "noise\n"


LOUD = """\
import os, subprocess, sys
print("print")
sys.__stdout__.write("original\\n")
os.write(1, b"descriptor\\n")
subprocess.run(["echo", "child"], check=True)


def work(payload): ...
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nothing_that_an_import_starts_reaches_stdout(project, unbuffered):
    (project / "tasks.py").write_text(LOUD)

    ran = in_a_process("validate", "--import", "--json", PYTHONUNBUFFERED=unbuffered)

    assert json.loads(ran.stdout)["findings"] == []
    assert sorted(ran.stderr.splitlines()) == ["child", "descriptor", "original", "print"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_an_import_works_without_a_stdout_or_stderr(project, closed):
    (project / "tasks.py").write_text("print('noise')\n\n\ndef work(payload): ...\n")

    shell = ["sh", "-c", f'"$0" -m kongflow validate --import {closed}', sys.executable]

    assert subprocess.run(shell, check=False, capture_output=True).returncode == 0


# --- from stdin ------------------------------------------------------------------------------------------------------


def test_a_configuration_is_read_from_stdin_with_paths_from_the_working_directory(project):
    (project / "catalog").mkdir()
    (project / "catalog/more.yaml").write_text("queues: {letters: {}}\n")

    ran = kongflow("validate", "-", stdin=INCLUDING)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "✓ <stdin>: 1 task · 2 queues · 1 retry policy · 2 files\n"


@pytest.mark.parametrize("args", [("-",), ("-c", "-")])
def test_findings_in_stdin_are_placed_there(project, args):
    ran = kongflow("validate", *args, stdin=BAD)

    assert ran.returncode == 1
    assert ran.stdout.startswith("<stdin>:3:44: error[queue-not-declared]")
    assert "3 | tasks: {work: {handler: tasks.work, queue: mial}}" in ran.stdout


def test_what_is_no_text_or_too_large_is_a_finding_from_stdin_too(project):
    assert "error[file-too-large]" in kongflow("validate", "-", stdin="#" * (4 << 20) + "\n").stdout
    assert "error[yaml-empty]" in kongflow("validate", "-", stdin="").stdout


def test_a_stdin_that_is_closed_is_wrong_usage(project):
    done = subprocess.run(
        ["sh", "-c", '"$0" -m kongflow validate - <&-', sys.executable], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "stdin is closed" in done.stderr


# --- colour, explain, schema -----------------------------------------------------------------------------------------


def test_colour_is_for_terminals_and_those_who_force_it(project):
    (project / "kongflow.yaml").write_text(BAD)

    assert "\x1b[" not in kongflow("validate").stdout
    assert "\x1b[" in kongflow("validate", FORCE_COLOR="1").stdout
    assert "\x1b[" not in kongflow("validate", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_finding_is_explained(project):
    ran = kongflow("explain", "duration-invalid")

    assert ran.returncode == 0
    assert ran.stdout.startswith("duration-invalid: error\n")
    assert "1h30m" in ran.stdout


def test_an_unknown_finding_is_exit_code_5_with_the_nearest(project):
    ran = kongflow("explain", "duration-invald")

    assert (ran.returncode, ran.stdout) == (5, "")
    assert "did you mean 'duration-invalid'?" in ran.stderr


def test_all_findings_are_listed(project):
    lines = kongflow("explain").stdout.splitlines()

    assert len(lines) > 60
    assert "unknown-key                A key is not part of the language." in lines


def test_the_schema_is_printed_or_written(project):
    printed = kongflow("schema")
    written = kongflow("schema", "--write", "schema.json")

    assert json.loads(printed.stdout)["title"].startswith("kongflow.yaml")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "wrote schema.json\n")
    assert Path("schema.json").read_text() == printed.stdout


def test_a_schema_that_cannot_be_written_is_exit_code_3(project):
    ran = kongflow("schema", "--write", "nowhere/schema.json")

    assert ran.returncode == 3
    assert "cannot write nowhere/schema.json" in ran.stderr


def test_a_path_as_argument_and_as_option_is_wrong_usage(project):
    ran = kongflow("validate", "kongflow.yaml", "-c", "other.yaml")

    assert ran.returncode == 2
    assert "give PATH or -c, not both" in ran.stderr
    assert kongflow("validate", "kongflow.yaml", KONGFLOW_CONFIG="nowhere.yaml").returncode == 0


@pytest.mark.parametrize("args", [("-c", ""), ("",)])
def test_an_empty_path_is_wrong_usage(project, args):
    ran = kongflow("validate", *args)

    assert ran.returncode == 2
    assert "the path is empty; name a file" in ran.stderr


def test_a_path_of_the_environment_that_is_not_there_says_where_it_came_from(project):
    for nowhere in ("nowhere.yaml", "/nowhere/kongflow.yaml"):
        told = kongflow("validate", KONGFLOW_CONFIG=nowhere).stderr
        assert f"there is no {nowhere} (KONGFLOW_CONFIG names it)" in told
    assert "KONGFLOW_CONFIG" not in kongflow("validate", "-c", "gone.yaml", KONGFLOW_CONFIG="nowhere.yaml").stderr
