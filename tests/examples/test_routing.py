"""examples/routing: every task sends its jobs where the example says, and the sessions of its page run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kongflow import InvalidPayload, KongFlow
from kongflow.testing import drain

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[2] / "examples/routing"

ROUTES: list[tuple[str, dict[str, Any], str]] = [
    ("performRun", {"id": "run_1"}, "runs:run_1"),
    ("startProjectRuns", {"projectId": "shop"}, "project:shop:runs"),
    ("startProjectRuns", {}, "project:none:runs"),
    ("processUserTask", {"plan": "enterprise", "region": "eu"}, "enterprise:eu"),
    ("processUserTask", {"plan": "pro", "region": "us"}, "pro:us"),
    ("processUserTask", {"plan": "standard", "region": "eu"}, "standard:eu"),
    ("processDocument", {"text": "x"}, "size:small"),
    ("processDocument", {"text": "x" * 200}, "size:medium"),
    ("processDocument", {"text": "x" * 2000}, "size:large"),
    ("syncTenant", {"tenant": "acme", "tier": "dedicated"}, "tenant:acme"),
    ("syncTenant", {"tenant": "tiny", "tier": "shared"}, "shared"),
    ("processPersonalData", {"region": "de"}, "gdpr:de"),
    ("aggregate", {"rows": 10}, "analytics"),
    ("aggregate", {"rows": 10_001}, "analytics-batch"),
    ("aggregate", {"rows": 10_001, "urgent": True}, "analytics-urgent"),
]
PLANS = ("enterprise", "pro", "standard")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "routing", ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    return tmp_path / "routing"


def size_of(payload: dict[str, Any]) -> int:
    return len(json.dumps(payload, separators=(",", ":")))


async def test_every_job_goes_to_the_queue_of_its_payload_and_runs_there(project: Path) -> None:
    async with KongFlow.from_config(project / "kongflow.yaml") as flow:
        added = [await flow.enqueue(task, payload) for task, payload, _ in ROUTES]
        ends = await drain(flow)
        results = [(await flow.get(job.id)).result for job in added]

    assert [job.queue for job in added] == [queue for _, _, queue in ROUTES]
    assert {end.outcome for end in ends} == {"succeeded"}
    assert results == [{"queue": queue} for _, _, queue in ROUTES]


async def test_every_task_of_the_example_is_shown() -> None:
    declared = yaml.safe_load((EXAMPLE / "kongflow.yaml").read_text())["tasks"]

    assert {task for task, _, _ in ROUTES} == declared.keys()
    assert all(f"`{task}`" in (EXAMPLE / "README.md").read_text() for task in declared)


@pytest.mark.parametrize(("characters", "queue"), [(100, "small"), (101, "medium"), (1000, "medium"), (1001, "large")])
async def test_the_size_of_a_payload_is_that_of_its_json(project: Path, characters: int, queue: str) -> None:
    payload = {"text": "x" * (characters - size_of({"text": ""}))}
    async with KongFlow.from_config(project / "kongflow.yaml") as flow:
        job = await flow.enqueue("processDocument", payload)

    assert job.queue == f"size:{queue}"


async def test_a_better_plan_has_a_better_priority(project: Path) -> None:
    async with KongFlow.from_config(project / "kongflow.yaml") as flow:
        jobs = [await flow.enqueue("processUserTask", {"plan": plan, "region": "eu"}) for plan in PLANS]

    assert [job.priority for job in jobs] == [0, 10, 20]


async def test_what_the_line_needs_is_asked_for(project: Path) -> None:
    async with KongFlow.from_config(project / "kongflow.yaml") as flow:
        for task, payload in [("performRun", {}), ("processUserTask", {"plan": "gold", "region": "eu"})]:
            with pytest.raises(InvalidPayload):
                await flow.enqueue(task, payload)


def test_the_sessions_of_the_page_run(project: Path) -> None:
    session, serving = re.findall(r"```text\n(\$ .*?)\n```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    commands = [line.removeprefix("$ ") for line in (*session.splitlines(), f"{serving} --once")]
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)],
        cwd=project,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "analytics-batch" in done.stdout
