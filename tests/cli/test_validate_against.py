"""`kongflow validate --against`: what a commit of git, or a folder, had that this version would strand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kongflow.cli.main import command
from kongflow.config.versions import version_at

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

CONFIG = """\
version: 1
include: [catalog/*.yaml]
"""
TASKS = """\
tasks:
  greet: {{handler: tasks.greet, payload: ../schemas/greet.json{more}}}
"""
ME = ("-c", "user.name=me", "-c", "user.email=me@example.com")
SCHEMA = '{"type": "object", "required": [%s], "properties": {"name": {"type": "string"}, "size": {}}}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository, committed, and then changed: a field became required."""
    folder = tmp_path / "repository" / "deploy"
    write(folder, '"name"')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return folder


def write(folder: Path, required: str) -> None:
    for name, text in {
        "kongflow.yaml": CONFIG,
        "catalog/tasks.yaml": TASKS.format(more=""),
        "schemas/greet.json": SCHEMA % required,
        "tasks.py": "def greet(payload): ...\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path) -> None:
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*ME, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=folder.parent, check=True, capture_output=True)


def validate(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, ["validate", *arguments], input=stdin, prog_name="kongflow")


@needs_git
def test_a_commit_is_compared_with_what_is_here(folder: Path) -> None:
    commit(folder)
    assert validate("--against", "git:main", "--strict").exit_code == 0
    write(folder, '"name", "size"')

    result = validate("--against", "git:HEAD")

    assert result.exit_code == 1
    assert (
        "schemas/greet.json:1:41: error[schema-incompatible]: jobs of greet that wait may be refused" in result.stdout
    )
    assert "kongflow-" not in result.stdout


@needs_git
@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("nothing", "Not a valid object name nothing"),
        ("", "names no commit"),
        ("--output=x", "names no commit"),
        ("main\0", "names no commit"),
    ],
)
def test_what_is_no_commit_is_told(folder: Path, ref: str, said: str) -> None:
    commit(folder)

    result = validate("--against", f"git:{ref}")

    assert result.exit_code == 3
    assert said in result.stderr


@needs_git
def test_a_commit_without_the_file_is_told(folder: Path) -> None:
    commit(folder)
    shutil.copy(folder / "kongflow.yaml", folder / "other.yaml")

    result = validate("other.yaml", "--against", "git:main")

    assert (result.exit_code, "git:main has no other.yaml" in result.stderr) == (3, True)


@needs_git
def test_a_folder_without_git_is_told(folder: Path) -> None:
    result = validate("--against", "git:main")

    assert result.exit_code == 3
    assert "not a git repository" in result.stderr


@needs_git
def test_jobs_of_a_renamed_task_are_taken_by_the_new_one(folder: Path) -> None:
    commit(folder)
    (folder / "catalog" / "tasks.yaml").write_text(
        "tasks:\n  greet: {renamed_to: welcome}\n  welcome: {handler: tasks.greet, payload: {required: [size]}}\n"
    )

    result = validate("--against", "git:main")

    assert result.exit_code == 1
    assert (
        "catalog/tasks.yaml:3:56: error[schema-incompatible]: jobs of greet that wait may be refused" in result.stdout
    )
    assert "schema-incompatible-forward" not in result.stdout


@needs_git
def test_a_warning_of_the_other_version_does_not_matter(folder: Path) -> None:
    (folder / "catalog" / "more.yaml").write_text("")
    commit(folder)
    (folder / "catalog" / "more.yaml").unlink()

    assert validate("--against", "git:main").exit_code == 0


@needs_git
def test_links_that_stay_in_the_commit_are_followed(folder: Path) -> None:
    for file, target in (("kongflow.yaml", "deploy.yaml"), ("schemas/greet.json", "../first/greet.json")):
        place = folder / file
        (place.parent / target).parent.mkdir(exist_ok=True)
        place.rename(place.parent / target)
        place.symlink_to(target)
    commit(folder)
    (folder / "first" / "greet.json").write_text(SCHEMA % '"name", "size"')

    assert "schema-incompatible" in validate("--against", "git:main").stdout


@needs_git
@pytest.mark.parametrize("target", ["/etc/hostname", "../../x.yaml", "here/../../x.yaml"])
def test_no_other_link_of_a_commit_is_followed(folder: Path, target: str) -> None:
    (folder / "catalog" / "more.yaml").symlink_to(target)
    commit(folder)

    with version_at("git:main", folder / "kongflow.yaml") as before:
        assert [file.name for file in (before.config.parent / "catalog").iterdir()] == ["tasks.yaml"]


@needs_git
def test_a_shallow_clone_is_told_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    commit(folder)
    subprocess.run(["git", "clone", "-q", "--depth", "1", folder.parent.as_uri(), "clone"], cwd=tmp_path, check=True)

    result = validate(str(tmp_path / "clone" / "deploy" / "kongflow.yaml"), "--against", "git:HEAD~1")

    assert (result.exit_code, "has to fetch it first" in result.stderr) == (3, True)


@needs_git
def test_a_file_that_git_has_lost_is_told(folder: Path) -> None:
    commit(folder)
    words = ("git", "rev-parse", "HEAD:deploy/schemas/greet.json")
    name = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    (folder.parent / ".git" / "objects" / name[:2] / name[2:]).unlink()

    result = validate("--against", "git:main")

    assert (result.exit_code, result.stdout) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--against", ""), "the version to compare with is empty"),
        (("nowhere/kongflow.yaml", "--against", "git:main"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_compared_is_told(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    result = validate(*arguments)

    assert (result.exit_code, said in result.stderr) == (3, True)


@needs_git
def test_a_link_of_a_commit_leads_nowhere(folder: Path) -> None:
    (folder / "catalog" / "more.yaml").symlink_to("/etc/hostname")
    commit(folder)
    (folder / "catalog" / "more.yaml").unlink()

    assert validate("--against", "git:main").exit_code == 0


def test_a_folder_or_a_file_does_as_well(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "before", '"name"')
    write(folder, '"name", "size"')

    for path in (tmp_path / "before", tmp_path / "before" / "kongflow.yaml"):
        assert "schema-incompatible" in validate("--against", str(path)).stdout


def test_a_version_that_cannot_be_read_is_no_finding_of_ours(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "before", '"name"')
    (tmp_path / "before" / "catalog" / "tasks.yaml").write_text("tasks: [\n")

    result = validate("--against", str(tmp_path / "before"))

    assert (result.exit_code, result.stdout) == (3, "")
    assert "cannot be compared with: tasks.yaml:1:9: [yaml-syntax]" in result.stderr
    assert validate("--against", str(tmp_path / "nowhere")).exit_code == 3


def test_standard_input_has_no_other_version(folder: Path) -> None:
    assert validate("-", "--against", "git:main", stdin=CONFIG).exit_code == 2
