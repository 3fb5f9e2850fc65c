from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kongflow.cli.main import command
from tests.project_folder import write_project

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory is a fresh project; its handlers are imported anew."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    ours = ("KONGFLOW_CONFIG", "KONGFLOW_DATABASE_URL", "NO_COLOR", "FORCE_COLOR")
    for variable in (*ours, "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path
    root.handlers[:], root.level = handlers, level
    for module in ("job_handlers", "handlers_of_several", "tasks"):
        sys.modules.pop(module, None)


@pytest.fixture
def tables(project: Path, migrated_file: Path) -> None:
    """Our tables in the project's database, and nothing in them."""
    shutil.copy(migrated_file, project / "jobs.db")


@pytest.fixture
def invoke() -> Invoke:
    """Call the command line as a shell would; `exit_code` is what is expected."""

    def call(*args: str, exit_code: int = 0, stdin: str | bytes | None = None, **options: Any) -> Result:
        result = CliRunner().invoke(command, list(args), input=stdin, prog_name="kongflow", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == exit_code, (result.exit_code, result.stdout, result.stderr, result.exc_info)
        return result

    return call


@pytest.fixture
def enqueue(invoke: Invoke) -> Callable[..., str]:
    """Add a job and return its id."""

    def call(*args: str) -> str:
        return invoke("enqueue", *args).stdout.strip()

    return call


@pytest.fixture
def show(invoke: Invoke) -> Callable[[str], dict[str, Any]]:
    """Return a job as `jobs show --json` prints it."""

    def call(id: str) -> dict[str, Any]:
        job: dict[str, Any] = json.loads(invoke("jobs", "show", id, "--json").stdout)
        return job

    return call
