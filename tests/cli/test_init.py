from __future__ import annotations

import json
from pathlib import Path

import pytest

from kongflow.config import load
from tests.cli.conftest import Invoke


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    empty = tmp_path / "new"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


def test_the_starter_project_is_valid_and_does_its_work(folder: Path, invoke: Invoke) -> None:
    invoke("init")

    invoke("validate")
    greeting = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    visit = invoke("enqueue", "count_visit", "--arg", "user=7").stdout.strip()
    invoke("run", "--once")

    assert json.loads(invoke("jobs", "show", greeting, "--json").stdout)["result"] == {"greeting": "Hello, Ada!"}
    assert json.loads(invoke("jobs", "show", visit, "--json").stdout)["result"] == {"user": "7", "queue": "user:7"}


def test_it_may_be_a_folder_that_does_not_exist_yet(folder: Path, invoke: Invoke) -> None:
    result = invoke("init", "deep/emails")

    assert (folder / "deep/emails/kongflow.yaml").exists()
    assert "cd deep/emails && kongflow validate" in result.stderr


def test_the_editor_finds_the_schema_of_this_release(folder: Path, invoke: Invoke) -> None:
    invoke("init")

    first_line = (folder / "kongflow.yaml").read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=./kongflow.schema.json"
    shipped = Path(load.__file__).parent / "kongflow.schema.json"
    assert (folder / "kongflow.schema.json").read_bytes() == shipped.read_bytes()


def test_what_exists_is_never_overwritten_and_then_nothing_is_written_at_all(folder: Path, invoke: Invoke) -> None:
    (folder / "tasks.py").write_text("mine")

    result = invoke("init", exit_code=1)

    assert "tasks.py already exist" in result.stderr
    assert [path.name for path in folder.iterdir()] == ["tasks.py"]
    assert (folder / "tasks.py").read_text() == "mine"


def test_a_file_where_a_folder_is_needed_is_a_clear_word(folder: Path, invoke: Invoke) -> None:
    (folder / "schemas").write_text("a file")

    result = invoke("init", exit_code=1)

    assert "error: cannot write schemas/greet.json" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_whose_name_has_a_space_is_quoted_in_the_next_step(folder: Path, invoke: Invoke) -> None:
    assert "cd 'we ird' && kongflow validate" in invoke("init", "we ird").stderr


def test_the_database_is_kept_out_of_version_control(folder: Path, invoke: Invoke) -> None:
    invoke("init", "fresh")
    assert "*.db-wal" in (folder / "fresh/.gitignore").read_text().split()

    (folder / ".gitignore").write_text("mine\n")
    told = invoke("init").stderr

    assert ".gitignore is left as it is; let it have *.db *.db-shm *.db-wal" in told
    assert (folder / ".gitignore").read_text() == "mine\n"
    assert (folder / "kongflow.yaml").exists()
