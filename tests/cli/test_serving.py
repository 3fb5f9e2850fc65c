"""Why no living runner takes a job, and how a runner that is gone is listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kongflow.cli.workers.list import cells
from kongflow.core.job import Job, JobState
from kongflow.core.queue import Queue, QueueRules
from kongflow.engine.serving import why_unserved
from kongflow.store.records import RunnerView
from tests.builders import make_catalog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job("1", "send", "mail", JobState.READY, 0, {}, NOW, NOW)
RUNNER = RunnerView(
    id=1,
    host="here",
    pid=7,
    queues=("*",),
    tasks=("send",),
    forbidden_flags=(),
    config_hash="0123456789ab",
    in_force=True,
    running=0,
    seen=0.5,
    alive=True,
    ticks=True,
)
RULES = QueueRules({"mail": Queue("mail")})


@pytest.mark.parametrize(
    ("job", "runners", "why"),
    [
        (JOB, [RUNNER], ""),
        (JOB, [], "no runner is alive; start one: kongflow run"),
        (JOB, [replace(RUNNER, tasks=("other",))], "no living runner knows task 'send'"),
        (replace(JOB, task="sned"), [], "no living runner knows task 'sned'; it is not declared; did you mean 'send'?"),
        (
            JOB,
            [replace(RUNNER, queues=("other",))],
            "no living runner that knows task 'send' serves queue 'mail'",
        ),
        (
            replace(JOB, queue=None),
            [replace(RUNNER, queues=("mail",))],
            "no living runner that knows task 'send' serves jobs without a queue",
        ),
        (
            replace(JOB, flags=("gpu",)),
            [replace(RUNNER, forbidden_flags=("gpu",))],
            "every living runner that knows task 'send' forbids one of its flags: gpu",
        ),
        (replace(JOB, state=JobState.UNROUTED, queue=None), [replace(RUNNER, queues=("mail",))], ""),
        (JOB, [replace(RUNNER, tasks=()), RUNNER], ""),
    ],
)
def test_each_obstacle_has_its_words(job: Job, runners: list[RunnerView], why: str) -> None:
    assert why_unserved(job, runners, RULES, make_catalog(send={})) == why


def test_a_runner_that_is_gone_says_for_how_long_and_has_nothing_in_force() -> None:
    living, gone = cells(RUNNER), cells(replace(RUNNER, alive=False, seen=200.0))

    assert (living[1], living[2], living[-1]) == ("yes", "500ms ago", "yes")
    assert (gone[1], gone[2], gone[-1]) == ("no", "silent for 3m", "-")
    assert cells(replace(RUNNER, in_force=False))[-1] == "no"
