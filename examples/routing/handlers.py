"""What the jobs of this example do: say where they were routed."""

from kongflow import JobContext


async def report(_payload: object, job: JobContext) -> dict[str, str | None]:
    """Return the queue of the job."""
    return {"queue": job.queue}
