"""What docs/ci.md tells others to put into their CI works: its commands run, and the files that they write are those
that the steps after them upload.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from kongflow.cli.main import command
from tests.docs.test_pages import ROOT, blocks

GOOD = "version: 1\nqueues: {mail: {}}\ntasks: {send: {handler: tasks.send, queue: mail}}\n"
BAD = GOOD.replace("queue: mail", "queue: mial")
WARNING = GOOD + "include: [empty.yaml]\n"
ELSEWHERE = ("pip ",)
"""What the commands of a job begin with that are not ours."""
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
FILES = {
    block.intro.rpartition("`")[0].rpartition("`")[2]: yaml.safe_load(block.body)
    for block in blocks(ROOT / "docs/ci.md")
    if block.language == "yaml"
}


def values(value: Any, key: str) -> Iterator[Any]:
    """Yield what stands under a key, at any depth."""
    if isinstance(value, dict):
        yield from ([value[key]] if key in value else [])
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values(inner, key)


def commands(file: str) -> list[str]:
    jobs = FILES[file]
    lines = [*values(jobs, "run"), *(line for script in values(jobs, "script") for line in script)]
    return [line for line in lines if not line.startswith(ELSEWHERE)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KONGFLOW_CONFIG", raising=False)
    (tmp_path / "tasks.py").write_text("def send(payload): ...\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    return tmp_path


def run(line: str, config: str) -> tuple[int, str]:
    Path("kongflow.yaml").write_text(config)
    program, *args = shlex.split(line)
    result = CliRunner().invoke(command, args, prog_name=program, env={"GITHUB_STEP_SUMMARY": None})
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "file", [".github/workflows/kongflow.yaml", ".github/workflows/scanning.yaml", ".gitlab-ci.yml"]
)
def test_a_job_fails_for_a_mistake_and_passes_without(file: str) -> None:
    (line,) = commands(file)

    assert line.startswith("kongflow validate ")
    assert run(line, GOOD)[0] == 0
    code, printed = run(line, BAD)
    assert code == 1
    assert "error[queue-not-declared]" in printed


@pytest.mark.parametrize(
    ("file", "key"), [(".github/workflows/scanning.yaml", "sarif_file"), (".gitlab-ci.yml", "codequality")]
)
def test_what_a_job_uploads_is_what_its_command_writes(file: str, key: str, project: Path) -> None:
    run(*commands(file), BAD)

    (uploaded,) = values(FILES[file], key)
    assert "queue-not-declared" in (project / uploaded).read_text()


def test_the_comment_on_a_pull_request_is_the_plan(project: Path) -> None:
    plan, comment = commands(".github/workflows/plan.yaml")
    line, file = plan.split(" > ")
    code, printed = run(line, GOOD)

    assert code == 0
    assert printed.startswith("### kongflow plan: 2 changes\n")
    assert f"--body-file {file} " in comment


# --- pre-commit ------------------------------------------------------------------------------------------------------


def test_the_hook_has_what_pre_commit_needs() -> None:
    assert (HOOK["id"], HOOK["language"], HOOK["pass_filenames"]) == ("kongflow-validate", "python", False)
    assert {"yaml", "json"} <= set(HOOK["types_or"])
    assert HOOK["name"]


@pytest.mark.usefixtures("project")
def test_the_entry_of_the_hook_checks_a_project_without_its_variables() -> None:
    assert run(HOOK["entry"], GOOD + "name: ${DEPLOYMENT}\n")[0] == 0
    assert run(HOOK["entry"], BAD)[0] == 1


@pytest.mark.usefixtures("project")
def test_the_hook_is_configured_as_the_page_shows() -> None:
    (used,) = next(values(FILES[".pre-commit-config.yaml"], "hooks"))

    assert used["id"] == HOOK["id"]
    line = shlex.join([*shlex.split(HOOK["entry"]), *used["args"]])
    assert [run(line, config)[0] for config in (GOOD, WARNING, BAD)] == [0, 1, 1]
    assert run(HOOK["entry"], WARNING)[0] == 0
