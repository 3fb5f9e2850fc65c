"""Where the findings of `validate` go: one form or several, to stdout and into files, and what CI gets by itself."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import pytest

from kongflow.cli.outputs import write_whole
from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG

BROKEN = CONFIG.replace("retry: quick", "retry: quik")


@pytest.fixture
def broken(project: Path) -> Path:
    """The project with one error."""
    (project / "kongflow.yaml").write_text(BROKEN)
    return project


def with_warnings(project: Path, number: int = 1) -> None:
    """Write warnings into the project, each about an included file that is empty."""
    for index in range(number):
        (project / f"empty{index:03}.yaml").write_text("# nothing\n")
    (project / "kongflow.yaml").write_text(f"include: [empty*.yaml]\n{CONFIG}")


# --- forms -----------------------------------------------------------------------------------------------------------


def test_text_is_what_comes_without_a_wish(broken: Path, invoke: Invoke) -> None:
    plain = invoke("validate", exit_code=1)

    assert "error[unknown-retry-policy]" in plain.stdout
    assert plain.stdout == invoke("validate", "-o", "text", exit_code=1).stdout


def test_json_is_asked_for_in_two_words_for_one_thing(broken: Path, invoke: Invoke) -> None:
    printed = [invoke("validate", *args, exit_code=1).stdout for args in (["--json"], ["-o", "json"])]

    assert printed[0] == printed[1] == invoke("validate", "--json", "-o", "json", exit_code=1).stdout
    assert json.loads(printed[0])["findings"][0]["json_path"] == "$.tasks.retry.retry"


@pytest.mark.usefixtures("broken")
def test_every_form_goes_to_stdout(invoke: Invoke) -> None:
    def printed(form: str) -> str:
        return invoke("validate", "--output", form, exit_code=1).stdout

    assert printed("github").startswith("::error file=kongflow.yaml,line=")
    assert json.loads(printed("gitlab"))[0]["check_name"] == "unknown-retry-policy"
    assert json.loads(printed("sarif"))["runs"][0]["results"][0]["ruleId"] == "unknown-retry-policy"


def test_without_findings_there_are_no_annotations_and_empty_documents(invoke: Invoke) -> None:
    assert invoke("validate", "-o", "github").stdout == ""
    assert json.loads(invoke("validate", "-o", "gitlab").stdout) == []
    assert json.loads(invoke("validate", "-o", "sarif").stdout)["runs"][0]["results"] == []


@pytest.mark.usefixtures("broken")
def test_several_forms_go_to_their_places(invoke: Invoke) -> None:
    text = invoke("validate", exit_code=1).stdout

    ran = invoke("validate", "-o", "sarif=kongflow.sarif", "-o", "text", "-o", "text=log.txt", exit_code=1)

    assert (ran.stdout, ran.stderr) == (text, "")
    assert Path("log.txt").read_text() == text
    assert Path("kongflow.sarif").read_text() == invoke("validate", "-o", "sarif", exit_code=1).stdout


@pytest.mark.usefixtures("broken")
def test_with_files_alone_nothing_is_printed(invoke: Invoke) -> None:
    assert invoke("validate", "-o", "json=findings.json", exit_code=1).stdout == ""


@pytest.mark.usefixtures("broken")
def test_a_file_has_no_colour_even_where_stdout_has(invoke: Invoke) -> None:
    ran = invoke("validate", "-o", "text", "-o", "text=log.txt", exit_code=1, env={"FORCE_COLOR": "1"}, color=True)

    assert "\x1b[" in ran.stdout
    assert "\x1b[" not in Path("log.txt").read_text()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["-o", "sarfi"], "'sarfi' is none of text, json, github, gitlab, sarif; did you mean 'sarif'?"),
        (["-o", "sarif="], "the file is missing in 'sarif='; write sarif=FILE"),
        (["-o", "text", "-o", "json"], "text and json would mix on stdout; write one to a file: -o json=FILE"),
        (["--json", "-o", "sarif"], "sarif and json would mix on stdout; write one to a file: -o sarif=FILE"),
        (["-o", "text=a", "-o", "json=./a"], "two outputs would go to "),
    ],
)
def test_outputs_that_make_no_sense_are_wrong_usage(args: list[str], told: str, invoke: Invoke) -> None:
    assert told in invoke("validate", *args, exit_code=2).stderr.replace("\n", " ")


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["nowhere/found.json", "."])
@pytest.mark.usefixtures("broken")
def test_a_file_that_cannot_be_written_is_exit_3_after_the_findings(target: str, invoke: Invoke) -> None:
    ran = invoke("validate", "-o", "text", "-o", f"json={target}", exit_code=3)

    assert "error[unknown-retry-policy]" in ran.stdout
    assert ran.stderr.startswith("error: cannot write ")


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(folder / "found.json")
    write_whole(link, "one")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(Exception, match=r"cannot write .*link.json: No space left on device"):
        write_whole(link, "two")

    assert link.is_symlink()
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("found.json", "one")]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    write_whole(pipe, "text")

    reader.join(60)
    assert read == ["text"]
    assert pipe.is_fifo()


# --- inside GitHub Actions -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("broken")
def test_github_actions_gets_text_and_annotations_by_itself(invoke: Invoke) -> None:
    text, annotations = (invoke("validate", "-o", form, exit_code=1).stdout for form in ("text", "github"))

    inside = invoke("validate", exit_code=1, env={"GITHUB_ACTIONS": "true"}).stdout

    assert inside == text + annotations
    assert invoke("validate", "--json", exit_code=1, env={"GITHUB_ACTIONS": "true"}).stdout.startswith("{")
    assert invoke("validate", exit_code=1, env={"GITHUB_ACTIONS": "false"}).stdout == text


def test_a_file_is_annotated_by_its_path_in_the_repository(
    broken: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    (broken / ".git").mkdir()
    (broken / "shop").mkdir()
    (broken / "kongflow.yaml").rename(broken / "shop/kongflow.yaml")
    (broken / "job_handlers.py").rename(broken / "shop/job_handlers.py")
    monkeypatch.chdir(broken / "shop")

    assert invoke("validate", "-o", "github", exit_code=1).stdout.startswith("::error file=shop/kongflow.yaml,")
    assert json.loads(invoke("validate", "-o", "gitlab", exit_code=1).stdout)[0]["location"]["path"] == (
        "shop/kongflow.yaml"
    )
    assert invoke("validate", exit_code=1).stdout.startswith("kongflow.yaml:")


def test_the_summary_of_the_step_is_appended_to(broken: Path, invoke: Invoke) -> None:
    file = broken / "summary.md"
    file.write_text("before\n")
    inside = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)}

    invoke("validate", exit_code=1, env=inside)
    invoke("validate", "--json", exit_code=1, env=inside)

    lines = file.read_text().splitlines()
    assert lines[:2] == ["before", "### kongflow.yaml: 1 error"]
    assert lines[-1].endswith("| unknown-retry-policy |")


def test_a_summary_that_is_full_is_left_alone(broken: Path, invoke: Invoke) -> None:
    file = broken / "summary.md"
    file.write_bytes(b"#" * (1 << 20))

    invoke("validate", "-o", "github", exit_code=1, env={"GITHUB_STEP_SUMMARY": str(file)})

    assert file.stat().st_size == 1 << 20


def test_a_summary_that_cannot_be_written_is_said_and_fails_nothing(invoke: Invoke) -> None:
    ran = invoke("validate", env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "nowhere/summary.md"})

    assert "✓ kongflow.yaml" in ran.stdout
    assert ran.stderr == "cannot write the summary to nowhere/summary.md: No such file or directory\n"


# --- what fails, and how much is shown -------------------------------------------------------------------------------


def test_what_fails_is_a_choice_and_changes_no_severity(project: Path, invoke: Invoke) -> None:
    with_warnings(project)

    passed, failed = invoke("validate"), invoke("validate", "--fail-on", "warning", exit_code=1)

    assert "warning[include-empty]" in passed.stdout
    assert "✓ kongflow.yaml" in passed.stdout
    assert "warning[include-empty]" in failed.stdout
    assert "✓" not in failed.stdout
    invoke("validate", "--fail-on", "info", exit_code=1)
    assert "error[include-empty]" in invoke("validate", "--strict", exit_code=1).stdout


def test_an_info_fails_where_it_is_asked_for(project: Path, invoke: Invoke) -> None:
    cron = 'schedules: {both: {cron: "0 6 13 * 5", task: anything}}\n'
    (project / "kongflow.yaml").write_text(CONFIG.partition("schedules:")[0] + cron)

    assert "info[cron-day-or]" in invoke("validate", "--fail-on", "warning").stdout
    invoke("validate", "--fail-on", "info", exit_code=1)


def test_of_many_findings_the_text_shows_the_gravest_in_their_order(project: Path, invoke: Invoke) -> None:
    with_warnings(project, 4)
    (project / "kongflow.yaml").write_text((project / "kongflow.yaml").read_text().replace("quick", "quik", 1))

    shown = invoke("validate", "--max-findings", "3", exit_code=1).stdout
    slugs = re.findall(r": (?:error|warning)\[([a-z-]+)\]", shown)

    assert slugs == ["include-empty", "include-empty", "unknown-retry-policy"]
    assert "… and 2 more: --max-findings 5 shows them all" in shown
    assert "1 error, 4 warnings;" in shown
    assert len(json.loads(invoke("validate", "--max-findings", "3", "--json", exit_code=1).stdout)["findings"]) == 5


def test_the_text_shows_200_findings(project: Path, invoke: Invoke) -> None:
    with_warnings(project, 201)

    shown = invoke("validate").stdout

    assert shown.count("warning[include-empty]") == 200
    assert "… and 1 more: --max-findings 201 shows them all" in shown
