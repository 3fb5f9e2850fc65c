"""Queues that are named by the payload: one independent serial queue per id, over several processes."""

from collections.abc import Callable

from tests.acceptance.project import Project, most_at_once

YAML = """\
version: 1
runner: {concurrency: 10, poll_interval: 100ms}
queues: {"runs:*": {concurrency: 1}}
tasks:
  performRun:
    handler: handlers.work
    queue: runs:<< payload.id >>
"""


def test_one_id_runs_in_order_and_never_twice_at_once_while_ids_run_side_by_side(
    project: Callable[[str], Project],
) -> None:
    work = project(YAML)
    work.start()
    work.start()
    work.wait_for("both runners", lambda: work.logs().count('"runner.started"') == 2)
    work.enqueue({"task": "performRun", "payload": {"id": f"run_{n % 20}", "n": n, "seconds": 0.1}} for n in range(200))

    work.wait_for("200 jobs", lambda: len(work.events("end")) == 200)

    events = work.events()
    of_one_id = [[event for event in events if event["id"] == f"run_{id}"] for id in range(20)]
    assert [most_at_once(each) for each in of_one_id] == [1] * 20
    assert all(
        [event["n"] for event in each if event["event"] == "start"] == sorted({event["n"] for event in each})
        for each in of_one_id
    )
    assert most_at_once(events) > 5
    assert len({event["pid"] for event in events}) == 2
