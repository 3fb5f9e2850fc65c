"""Runners that die or freeze: nothing is lost, nothing is written twice, no attempt is used up."""

import signal
from collections.abc import Callable

from tests.acceptance.project import Project, most_at_once
from tests.freezing import freeze

YAML = """\
version: 1
runner: {concurrency: 4, poll_interval: 200ms, heartbeat: 300ms, lease: 2s}
tasks:
  work: {handler: handlers.work, max_attempts: 2, crash_limit: 100}
  wait: {handler: handlers.wait, max_attempts: 2}
"""


def test_a_job_of_a_killed_runner_runs_again_on_another_with_its_attempts_untouched(
    project: Callable[[str], Project],
) -> None:
    work = project(YAML)
    first = work.start()
    work.enqueue([{"task": "wait"}])
    work.wait_for("the first start", lambda: len(work.events("start")) == 1)
    second = work.start()

    first.kill()

    work.wait_for("the start elsewhere", lambda: len(work.events("start")) == 2)
    (work.folder / "go").touch()
    work.wait_for("the job's end", lambda: len(work.events("end")) == 1)
    again = work.events("start")[-1]
    assert (again["pid"], again["attempt"], again["claims"]) == (second.pid, 1, 2)
    (job,) = work.succeeded()
    assert job["attempt"] == 1


def test_a_frozen_runner_cannot_settle_what_was_given_away(project: Callable[[str], Project]) -> None:
    work = project(YAML)
    frozen = work.start()
    work.enqueue([{"task": "wait"}])
    work.wait_for("the first start", lambda: len(work.events("start")) == 1)

    freeze(frozen, work.url)
    second = work.start()
    work.wait_for("the start elsewhere", lambda: len(work.events("start")) == 2)
    frozen.send_signal(signal.SIGCONT)
    (work.folder / "go").touch()

    work.wait_for("both ends", lambda: len(work.events("end")) == 2)
    (job,) = work.succeeded()
    assert (job["attempt"], job["claims"]) == (1, 2)
    assert str(second.pid) in job["runner"]
    work.wait_for("the frozen runner's word", lambda: '"job.lost"' in (work.folder / "runner-0.log").read_text())


def test_a_runner_that_is_killed_while_a_serial_queue_goes_from_job_to_job_loses_nothing(
    project: Callable[[str], Project],
) -> None:
    work = project(YAML + "queues: {line: {concurrency: 1}}\n")
    count = 30
    work.enqueue([{"task": "work", "queue": "line", "payload": {"n": n, "seconds": 0}} for n in range(count)])
    first = work.start()
    work.wait_for("some ends", lambda: len(work.events("end")) >= 5)

    first.kill()

    work.start()
    work.wait_for("all ends", lambda: len({event["n"] for event in work.events("end")}) == count)
    jobs = work.succeeded()
    assert (len(jobs), {job["attempt"] for job in jobs}) == (count, {1})
    assert sum(job["claims"] - 1 for job in jobs) <= 1, "only the job of that moment ran twice"
    assert most_at_once(work.events()) == 1
