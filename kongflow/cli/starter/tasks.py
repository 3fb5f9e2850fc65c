"""The handlers of this project: plain functions, named by their dotted path in kongflow.yaml."""

from dataclasses import dataclass

from kongflow import JobContext


async def greet(payload: dict[str, str]) -> dict[str, str]:
    """A handler gets the payload; what it returns is the job's result."""
    return {"greeting": f"{payload['salutation']}, {payload['name']}!"}


@dataclass
class Visit:
    """A payload as a type of your own: the parameter's annotation is enough."""

    user: str


async def count_visit(visit: Visit, job: JobContext) -> dict[str, str | None]:
    """A second parameter gives the job: its id, queue, attempt, logger, progress and more."""
    job.logger.info("a visit by %s", visit.user)
    return {"user": visit.user, "queue": job.queue}
