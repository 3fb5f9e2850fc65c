"""What keeps the house in order: lengths, directions, names."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TOP_LEVEL = {"kongflow", "catalog", "schemas", "tests", "kongflow.yaml", "pyproject.toml", "README.md"}


def tracked(*suffixes: str) -> list[Path]:
    folders = ("kongflow", "catalog", "tests", "benchmarks", "docs", "examples")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return [path for path in files if path.suffix in suffixes and "__pycache__" not in path.parts]


def test_the_fixed_top_level_is_there() -> None:
    assert {path.name for path in ROOT.iterdir()} >= TOP_LEVEL


def test_no_file_is_longer_than_400_lines() -> None:
    by_hand = [path for path in tracked(".py", ".sql") if path != ROOT / "catalog/client.py"]  # `generate` writes that
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in by_hand}

    assert {str(path): length for path, length in lengths.items() if length > 400} == {}


def test_no_line_of_sql_is_longer_than_120_columns() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(".sql")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 120
    ]

    assert long == []


def test_no_module_is_called_manager_helper_or_util() -> None:
    assert [path.name for path in tracked(".py") if re.search(r"manager|helper|util", path.stem)] == []


def test_every_package_module_says_what_it_is() -> None:
    silent = [path for path in (ROOT / "kongflow").rglob("*.py") if not path.read_text().lstrip().startswith('"""')]

    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_every_sql_file_says_its_purpose_and_its_caller() -> None:
    silent = [path for path in tracked(".sql") if not path.read_text().startswith("-- ")]

    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_ci_runs_the_second_command_of_the_readme() -> None:
    commands = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    script = (ROOT / ".ci" / "run").read_text()

    assert commands[1].strip() in script


def test_the_dependencies_that_the_project_promises_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in project["dependencies"]}

    assert names >= {"pyyaml", "jsonschema", "sqlalchemy", "psycopg", "jinja2", "click"}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    ],
    ids=["style", "format", "types", "imports"],
)
def test_the_tool_finds_nothing(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
