"""The written client, as type checkers read it: callers that are right pass, and each mistake is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kongflow.config.load import load_catalog
from kongflow.generate.python_client import python_client

ROOT = Path(__file__).parents[2]
CALLERS = Path(__file__).parent / "typed"
ENVIRONMENT = {
    "MYPYPATH": str(ROOT),
    "PYTHONPATH": str(ROOT),
    "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",  # else it asks PyPI whether there is a newer one
}
REFUSED = {
    number
    for number, line in enumerate((CALLERS / "callers.py").read_text().splitlines(), 1)
    if line.endswith("# refused")
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in CALLERS.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    (tmp_path / "tasks.py").write_text("def anything(payload: object) -> None: ...\n")
    (tmp_path / "client.py").write_text(python_client(load_catalog(tmp_path / "kongflow.yaml", {})))
    return tmp_path


def run(tool: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_mypy_refuses_every_mistake_and_nothing_else(project: Path) -> None:
    options = [
        "--strict",
        "--python-version",
        "3.11",
        "--no-error-summary",
        "--cache-dir",
        str(ROOT / ".mypy_cache/written_client"),
    ]

    printed = run("mypy", *options, "callers.py", "client.py", folder=project)

    found = re.findall(r"^([\w.]+):(\d+): error: ", printed, re.MULTILINE)
    assert {file for file, _ in found} == {"callers.py"}, printed
    assert {int(line) for _, line in found} == REFUSED, printed


def test_pyright_refuses_every_mistake_and_nothing_else(project: Path) -> None:
    (project / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]})
    )

    printed = run("pyright", "--outputjson", "--pythonpath", sys.executable, "callers.py", "client.py", folder=project)

    found = [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in json.loads(printed)["generalDiagnostics"]
    ]
    assert {file for file, _ in found} == {"callers.py"}, printed
    assert {line for _, line in found} == REFUSED, printed
