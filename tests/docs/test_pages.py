"""Every page of the documentation is a session that works: its files are written, its commands are run, in order.

- A block of yaml, python or json is a file; the line before it names the file in backquotes.
- A block of console holds `$ command` lines, each with the output that is expected; `…` stands for any text. Those of
  README.md are processes of their own; elsewhere a plain `$ kongflow …` is a call, for a process takes a second.
- A block of sh is run; its output is not compared. Those that make a virtual environment are what CI itself runs.
- A block of text or mermaid is for reading; one of sql is run by tests/cli/test_roles.py.
"""

import contextlib
import logging
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from kongflow.cli.main import command as kongflow

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "docs/catalog.md"
"""By `kongflow docs`; tests/docs/test_catalog.py holds it up to date."""
PAGES = sorted([ROOT / "README.md", *({*(ROOT / "docs").rglob("*.md")} - {WRITTEN})])
FILES = {"yaml", "python", "json"}
FOR_READING = {"text", "mermaid", "sql"}
FENCE = re.compile(r"(?P<intro>[^\n]*)\n\n?```(?P<language>\w*)\n(?P<body>.*?)\n```", re.DOTALL)


class Block(NamedTuple):
    intro: str
    language: str
    body: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(match["intro"], match["language"], match["body"], text.count("\n", 0, match.start("body")) + 1)
        for match in FENCE.finditer(text)
    ]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("KONGFLOW_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def call(arguments: list[str], folder: Path) -> str:
    """Call the command line in this process, and leave nothing behind that the next command would not find."""
    root = logging.getLogger()
    handlers, level, known, path = root.handlers[:], root.level, set(sys.modules), sys.path[:]
    try:
        with contextlib.chdir(folder):
            done = CliRunner().invoke(kongflow, arguments, prog_name="kongflow")
    finally:
        root.handlers[:], root.level, sys.path[:] = handlers, level, path
        for name in sys.modules.keys() - known:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                del sys.modules[name]
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout


def is_plain(command: str) -> bool:
    return command.startswith("kongflow ") and not set("|&;<>$`\n") & set(command)


def run_as_on(page: Path, command: str, folder: Path) -> str:
    """Run one command of a page; return what it prints."""
    if page.name == "README.md" or not is_plain(command):
        return run(command, folder)
    return call(shlex.split(command, comments=True)[1:], folder)


def steps(console: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with its expected output."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        found.append((command, expected.strip("\n")))
    return found


def matches(expected: str, actual: str) -> bool:
    pattern = ".*?".join(re.escape(piece) for piece in expected.split("…"))
    return re.fullmatch(pattern, actual.strip("\n"), re.DOTALL) is not None


def play(block: Block, page: Path, folder: Path) -> Path:
    """Do what one block says; return the folder that the next block starts in."""
    where = f"{page.relative_to(ROOT)}:{block.line}"
    if block.language in FILES:
        named = re.findall(r"`([^`]+)`", block.intro)
        assert named, f"{where}: the line before a {block.language} block names its file in backquotes"
        target = folder / named[-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.body + "\n")
    elif block.language == "console":
        for command, expected in steps(block.body):
            if command.startswith("cd "):
                folder = folder / command.removeprefix("cd ").strip()
                continue
            actual = run_as_on(page, command, folder)
            assert matches(expected, actual), f"{where}: $ {command}\nexpected:\n{expected}\nactual:\n{actual}"
    elif block.language == "sh":
        lines = block.body.splitlines()
        for command in lines if all(map(is_plain, lines)) else [block.body]:
            run_as_on(page, command, folder)
    else:
        assert block.language in FOR_READING, f"{where}: a block is one of yaml python json console sh text mermaid sql"
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_the_page_works(page: Path, tmp_path: Path) -> None:
    folder = tmp_path
    for block in blocks(page):
        if "-m venv" not in block.body:
            folder = play(block, page, folder)


def test_every_link_between_pages_leads_somewhere() -> None:
    links = [
        (page, target)
        for page in [*PAGES, ROOT / "CONTRIBUTING.md"]
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    ]

    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []
