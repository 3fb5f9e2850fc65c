"""docs/reference-catalog.md, typed into a shell: a copy of the deployment, real processes, a real endpoint."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import PROJECT
from tests.catalog.index_answer import shop_index
from tests.catalog.shop import open_shop

PAGE = (PROJECT / "docs/reference-catalog.md").read_text()
SESSIONS = re.findall(r"```text\n(\$ .*?)\n```", PAGE, re.DOTALL)
DOCUMENTED_URL = "https://shop.example.com/api/trigger"


@pytest.fixture
def shop() -> Iterator[str]:
    with open_shop(lambda _request: shop_index()) as url:
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("catalog", "schemas"):
        shutil.copytree(PROJECT / name, folder / name)  # with its bytecode
    shutil.copy(PROJECT / "kongflow.yaml", folder)
    return folder


def type_in(session: str, folder: Path) -> str:
    """Run the `$` lines of a session in one shell that stops at the first failure; return its standard output."""
    commands = "\n".join(line.removeprefix("$ ") for line in session.splitlines() if line.startswith("$ "))
    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env={
            **{
                name: value
                for name, value in os.environ.items()
                if name not in ("KONGFLOW_DATABASE_URL", "EMAIL_OUTBOX")
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_page_shows_two_sessions():
    assert len(SESSIONS) == 2


def test_an_email_lands_in_the_outbox(project: Path):
    output = type_in(SESSIONS[0], project)

    assert "Subject: ✨ Welcome to Trigger.dev!" in output
    assert "Hello Ada" in output
    (message,) = (project / "outbox").iterdir()
    assert message.suffix == ".eml"


def test_an_endpoint_is_indexed(project: Path, shop: str):
    assert DOCUMENTED_URL in SESSIONS[1]

    output = type_in(SESSIONS[1].replace(DOCUMENTED_URL, shop), project)

    assert re.search(rf"^ep_\w+  PRODUCTION  default  {re.escape(shop)}  \S+ \S+Z  11 jobs$", output, re.MULTILINE)
