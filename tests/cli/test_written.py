"""Files that are written from the configuration: printed, written, compared; and never over somebody's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from kongflow.cli.written import MAX_DIFF
from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG

COMMANDS = pytest.mark.parametrize("command", [("generate", "python")], ids=" ".join)
Command = tuple[str, ...]


def change(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("start_run:", "start_it:"))


@COMMANDS
def test_what_is_printed_is_what_is_written(command: Command, invoke: Invoke, project: Path) -> None:
    printed = invoke(*command).stdout

    written = invoke(*command, "-o", "file.txt")

    assert (project / "file.txt").read_text() == printed
    assert (written.stdout, written.stderr) == ("", "wrote file.txt\n")


@COMMANDS
def test_check_passes_what_is_up_to_date_and_writes_nothing(command: Command, invoke: Invoke, project: Path) -> None:
    invoke(*command, "-o", "file.txt")
    before = (project / "file.txt").stat()

    checked = invoke(*command, "--out", "file.txt", "--check")

    assert (checked.stdout, checked.stderr) == ("", "✓ file.txt is up to date\n")
    again = invoke(*command, "-o", "file.txt")
    assert again.stderr == "file.txt is up to date\n"
    assert (project / "file.txt").stat() == before


@COMMANDS
def test_check_refuses_what_is_not(command: Command, invoke: Invoke, project: Path) -> None:
    invoke(*command, "-o", "file.txt")
    before = (project / "file.txt").read_text()
    change(project)

    checked = invoke(*command, "-o", "file.txt", "--check", exit_code=1)

    assert (project / "file.txt").read_text() == before
    assert checked.stdout.startswith("--- file.txt\n+++ file.txt as it would be written\n@@")
    assert "start_run" in checked.stdout
    assert "start_it" in checked.stdout
    assert len(checked.stdout.splitlines()) <= MAX_DIFF + 1
    assert checked.stderr == (
        f"error: file.txt is out of date; write it again with: kongflow {' '.join(command)} -o file.txt\n"
    )


@COMMANDS
def test_check_of_a_file_that_is_not_there_says_how_to_write_it(
    command: Command, invoke: Invoke, project: Path
) -> None:
    (project / "other.yaml").write_text(CONFIG)

    checked = invoke(*command, "-o", "a file", "--check", "-c", "other.yaml", exit_code=1)

    line = f"kongflow {' '.join(command)} -o 'a file' -c other.yaml"
    assert checked.stderr == f"error: a file does not exist; write it with: {line}\n"
    assert not (project / "a file").exists()


@COMMANDS
@pytest.mark.parametrize("content", [b"my own notes\n", b"\xff\xfe not text", b" "])
def test_what_somebody_wrote_himself_is_not_replaced(
    command: Command, content: bytes, invoke: Invoke, project: Path
) -> None:
    (project / "own.txt").write_bytes(content)

    refused = invoke(*command, "-o", "own.txt", exit_code=1)

    assert refused.stderr.startswith("error: own.txt was not written by this command, and nothing was changed")
    assert (project / "own.txt").read_bytes() == content
    invoke(*command, "-o", "own.txt", "--force")
    invoke(*command, "-o", "own.txt", "--check")


@COMMANDS
def test_an_empty_file_and_an_older_one_of_ours_are_replaced(command: Command, invoke: Invoke, project: Path) -> None:
    (project / "file.txt").touch()
    invoke(*command, "-o", "file.txt")
    change(project)

    invoke(*command, "-o", "file.txt")

    assert "start_it" in (project / "file.txt").read_text()
    assert sorted(path.name for path in project.iterdir()) == ["file.txt", "job_handlers.py", "kongflow.yaml"]


@COMMANDS
def test_line_ends_of_windows_are_no_difference(command: Command, invoke: Invoke, project: Path) -> None:
    (project / "file.txt").write_bytes(invoke(*command).stdout.replace("\n", "\r\n").encode())

    invoke(*command, "-o", "file.txt", "--check")


@COMMANDS
def test_what_cannot_be_meant_is_wrong_usage(command: Command, invoke: Invoke, project: Path) -> None:
    assert "name it with -o FILE" in invoke(*command, "--check", exit_code=2).stderr
    (project / "folder").mkdir()
    assert "is a directory" in invoke(*command, "-o", "folder", exit_code=2).stderr
    assert "cannot write nowhere/file.txt" in invoke(*command, "-o", "nowhere/file.txt", exit_code=3).stderr


@COMMANDS
def test_a_configuration_with_findings_writes_nothing(command: Command, invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("retry: quick", "retry: quik"))

    assert "[unknown-retry-policy]" in invoke(*command, "-o", "file.txt", exit_code=1).stderr
    assert not (project / "file.txt").exists()
