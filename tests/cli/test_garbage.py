"""The garbage collector rests at the start of a command, and works as usual in a runner."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.conftest import Invoke
from tests.cli.runners import KONGFLOW, Enqueue

HANDLERS = """\
import gc


def anything(payload):
    return [gc.isenabled(), gc.get_threshold()]
"""


def test_handlers_run_beside_a_collector_with_pythons_own_thresholds(
    project: Path, enqueue: Enqueue, invoke: Invoke
) -> None:
    (project / "collected.py").write_text(HANDLERS)
    (project / "kongflow.yaml").write_text(
        'version: 1\ndatabase: {url: "sqlite:///jobs.db"}\ntasks: {look: {handler: collected.anything}}\n'
    )
    job = enqueue("look")

    subprocess.run([*KONGFLOW, "run", "--once"], check=True, capture_output=True)

    usual = subprocess.run(
        [KONGFLOW[0], "-c", "import gc, json; print(json.dumps([gc.isenabled(), gc.get_threshold()]))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(invoke("jobs", "show", job, "--json").stdout)["result"] == json.loads(usual.stdout)
