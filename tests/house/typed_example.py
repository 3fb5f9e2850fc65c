"""How an application uses the public names, for the type checker. It is never run.

Each mistake is marked with `type: ignore`; one that mypy does not see is an unused ignore, and so a finding.
"""

from datetime import timedelta
from typing import Any

from kongflow import (
    Cancel,
    GiveUp,
    InvalidPayload,
    Job,
    JobContext,
    KongFlow,
    Snooze,
    SyncJobContext,
    SyncKongFlow,
)
from kongflow.testing import Ended, drain, enqueued


async def handler(payload: dict[str, Any], job: JobContext) -> dict[str, int] | Snooze | Cancel:
    if job.cancelled:
        return Cancel("stopped")
    if job.attempt > 3:
        raise GiveUp("too often")
    async with job.transaction() as tx:
        tx.result({"n": 1})
    added: Job = await job.enqueue("other", {"a": 1}, priority=3)
    await job.progress({"added": added.id})
    return Snooze(5) if job.key is None else {"n": len(job.tags)}


def plain_handler(payload: dict[str, Any], job: SyncJobContext) -> None:
    with job.transaction() as tx:
        tx.result(payload)


async def application() -> str | None:
    async with KongFlow.from_config("kongflow.yaml") as flow:
        job = await flow.enqueue("greet", {"name": "Ada"}, run_at=timedelta(minutes=5), tags=["x"], job_key=None)
        jobs: list[Job] = await flow.enqueue_many([("greet", {"name": n}, {"priority": 5}) for n in ("a", "b")])
        async with flow.transaction() as tx:
            await flow.enqueue("greet", {"name": "c"}, connection=tx)
        try:
            await flow.wait(job.id, timeout=timedelta(seconds=3))
        except InvalidPayload as error:
            return "; ".join(error.problems)
        ends: list[Ended] = await drain(flow)
        return jobs[0].queue if ends else (await enqueued(flow, "greet"))[0].key


def script() -> int:
    with SyncKongFlow.from_config() as flow:
        with flow.transaction() as tx:
            flow.enqueue("greet", {"name": "Ada"}, connection=tx, priority=1)
        return flow.run(until_idle=True).exit_code


async def mistakes(flow: KongFlow) -> None:
    await flow.enqueue("greet", {}, prority=1)  # type: ignore[call-arg]
    await flow.enqueue("greet", {}, priority="high")  # type: ignore[arg-type]
    await flow.enqueue(5)  # type: ignore[arg-type]
    await flow.enqueue_many([("greet", {}, {"prority": 1})])  # type: ignore[typeddict-unknown-key]
