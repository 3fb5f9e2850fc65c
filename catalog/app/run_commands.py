"""`python -m catalog.app runs …` and `test-job`: see runs, and steer them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import click

from catalog import PROJECT
from catalog.app.database import begin
from catalog.app.models import EnvironmentType, JobRun, RunStatus
from catalog.app.work import Work, transaction
from catalog.running.endings import cancel_run, lock_run
from catalog.running.restart import Refused, Where, continue_run, re_run, test_job
from catalog.running.show import list_runs, show_run
from catalog.wire.body import InvalidJson, read_json
from kongflow import KongFlow, KongFlowError


@click.group("runs")
def runs() -> None:
    """See the runs of jobs, and cancel, continue or repeat one."""


@runs.command("list")
@click.option("--status", type=click.Choice(tuple(RunStatus)), help="Only runs that stand there.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_(status: str | None, limit: int) -> None:
    """List the newest runs: id, number, job and version, status, when it was created, and how long it took."""

    async def listed() -> list[str]:
        async with begin() as session:
            found = await list_runs(session, status=RunStatus(status) if status else None, limit=limit)
            return [_line(run) for run in found]

    for line in asyncio.run(listed()):
        click.echo(line)


@runs.command("show")
@click.argument("run")
def show(run: str) -> None:
    """Print all there is about RUN, as JSON."""

    async def shown() -> dict[str, Any] | None:
        async with begin() as session:
            return await show_run(session, run)

    found = asyncio.run(shown())
    if found is None:
        raise click.ClickException(f"there is no run {run!r}")
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@runs.command("cancel")
@click.argument("run")
def cancel(run: str) -> None:
    """Cancel RUN. A call that is under way changes nothing any more."""

    async def cancelled(work: Work) -> JobRun:
        found = await lock_run(work.session, run)
        if found is None:
            raise Refused(f"there is no run {run!r}")
        if found.status.is_final and found.status is not RunStatus.CANCELED:
            raise Refused(f"the run {run} is {found.status}; there is nothing left to cancel")
        await cancel_run(work, run)
        return found

    _do(cancelled)


@runs.command("continue")
@click.argument("run")
def continue_(run: str) -> None:
    """Let RUN, which ended without success, go on where it stood."""
    _do(lambda work: continue_run(work, run))


@runs.command("rerun")
@click.argument("run")
def rerun(run: str) -> None:
    """Run the job of RUN once more, for a copy of its event."""
    _do(lambda work: re_run(work, run))


@click.command("test-job")
@click.argument("slug")
@click.option("--payload", default="{}", show_default=True, help="Of the sample event, as JSON.")
@click.option("--project", help="Slug of the project, where several have such a job.")
@click.option("--environment", type=click.Choice(tuple(EnvironmentType)), help="Where several have such a job.")
def test(slug: str, payload: str, project: str | None, environment: str | None) -> None:
    """Run the latest version of the job SLUG for a sample event."""
    try:
        value = read_json(payload)
    except InvalidJson as problem:
        raise click.UsageError(f"--payload: {problem}") from None
    where = Where(project, EnvironmentType(environment) if environment else None)
    _do(lambda work: test_job(work, slug, value, where))


def _do(service: Callable[[Work], Awaitable[JobRun]]) -> None:
    """Do something with a run in one transaction, and print where the run stands then."""

    async def done() -> str:
        async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow, transaction(flow) as work:
            run = await service(work)
            return f"{run.id}  {run.status}"

    try:
        click.echo(asyncio.run(done()))
    except (Refused, KongFlowError) as problem:
        raise click.ClickException(str(problem)) from None


def _line(run: JobRun) -> str:
    took = f"  after {(run.completed_at - run.created_at).total_seconds():.1f} s" if run.completed_at else ""
    job = f"{run.job.slug} {run.version.version}"
    return f"{run.id}  #{run.number}  {job}  {run.status}  {run.created_at:%Y-%m-%d %H:%M:%S}Z{took}"
