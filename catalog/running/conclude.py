"""The conclusion of a call: what its answer means becomes rows and jobs, if the run still waits for it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from catalog.app.models import (
    ExecutionReason,
    ExecutionStatus,
    JobRun,
    JobRunExecution,
    RunStatus,
    Task,
    TaskStatus,
)
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.running.calls import Call
from catalog.running.endings import cancel_run, end_run, lock_run
from catalog.running.executions import OPEN, add_execution, close_execution, resume, try_again
from catalog.running.steps import (
    CompleteTask,
    Fail,
    GiveWay,
    Resume,
    RetryTask,
    StartNow,
    Step,
    StopCanceled,
    Succeed,
    Together,
    TryAgain,
)
from catalog.running.tasks import complete_task, fail_task, find_task, retry_task

MAX_YIELDS = 100
"""Times that a job itself may give way in one run: as in Trigger.dev 2.3."""


MAX_CALLS = 10_000
"""Calls of one run. An endpoint that always wants another would be called for ever."""


class _Stranger(Exception):
    """An answer names a task that is none of its run; the text is the task's id."""


async def conclude(work: Work, call: Call, step: Step) -> RunStatus | None:
    """Write what a call has come to, and return where the run stands then; None, and nothing is written, where the run
    was canceled, or ended, while the call was under way.
    """
    run = await lock_run(work.session, call.run_id)
    execution = await work.session.get(JobRunExecution, call.execution_id, populate_existing=True)
    if run is None or execution is None or execution.status not in OPEN:
        return None
    await _conclude(work, run, execution, step)
    return run.status


async def _conclude(work: Work, run: JobRun, execution: JobRunExecution, step: Step) -> None:
    try:
        # An answer counts as a whole: before anything is written, every task it names is known to be the run's.
        tasks = await _named_tasks(work, run, step)
    except _Stranger as stranger:
        step, tasks = Fail({"message": f"Endpoint named a task that the run does not have: {stranger}"}), {}
    if isinstance(step, TryAgain):
        if step.late and await _got_on(work, run, execution):
            step = GiveWay()
        elif await try_again(work, execution, step.output):
            return
        else:
            step = Fail(step.output, RunStatus.TIMED_OUT if step.late else RunStatus.FAILURE)
    if not isinstance(step, Fail | Succeed) and await _calls(work, run) >= MAX_CALLS:
        step = Fail({"message": f"Run was called too many times, the maximum is {MAX_CALLS}"})
    if isinstance(step, Fail):
        await _fail(work, run, execution, step, tasks)
        return
    close_execution(execution, ExecutionStatus.SUCCESS)
    await work.session.flush()
    await _go_on(work, run, step, tasks)


async def _calls(work: Work, run: JobRun) -> int:
    counted = select(func.count()).select_from(JobRunExecution).where(JobRunExecution.run_id == run.id)
    return (await work.session.scalars(counted)).one()


async def _got_on(work: Work, run: JobRun, execution: JobRunExecution) -> bool:
    """Say whether the run has done something new since the call began: then the next call gets further."""
    new = select(Task.id).where(Task.run_id == run.id, Task.created_at >= execution.started_at).limit(1)
    return (await work.session.scalars(new)).first() is not None


async def _fail(work: Work, run: JobRun, execution: JobRunExecution, step: Fail, tasks: Mapping[str, Task]) -> None:
    """Fail the execution and its run; a run that could not be preprocessed starts all the same."""
    close_execution(execution, ExecutionStatus.FAILURE, step.output)
    if execution.reason is ExecutionReason.PREPROCESS and step.status is not RunStatus.ABORTED:
        await _start(work, run)
        return
    if step.task_id is not None and (task := tasks.get(step.task_id)) is not None:
        fail_task(task, step.output)
    await end_run(work, run, step.status, step.output)


async def _start(work: Work, run: JobRun) -> None:
    run.status, run.started_at = RunStatus.STARTED, now()
    await add_execution(work, run.id)


async def _go_on(work: Work, run: JobRun, step: Step, tasks: Mapping[str, Task]) -> None:
    match step:
        case Succeed():
            await end_run(work, run, RunStatus.SUCCESS, step.output)
        case StartNow():
            run.properties = step.properties
            await _start(work, run)
        case StopCanceled():
            await cancel_run(work, run.id)
        case GiveWay():
            await _give_way(work, run, step)
        case Resume() | RetryTask() | CompleteTask():
            await _go_on_with(work, run, step, tasks[step.task_id])
        case Together():
            _note_properties(tasks[step.task_id], step)
            for each in step.steps:
                # One of them may have ended the run; what the others want then is nobody's business any more.
                if not run.status.is_final:
                    await _go_on(work, run, each, tasks)


async def _go_on_with(work: Work, run: JobRun, step: Resume | RetryTask | CompleteTask, task: Task) -> None:
    match step:
        case Resume():
            _note_properties(task, step)
            if task.operation is None:
                await resume(work, run.id, task.id, step.at)
            elif task.status.is_final:
                # Its end has resumed the run; if that was long ago, nobody else will.
                await resume(work, run.id)
        case RetryTask() if task.status.is_final:
            await resume(work, run.id)
        case RetryTask():
            retry_task(task, step.error, step.at)
            task.status = TaskStatus.WAITING
            await resume(work, run.id, task.id, step.at)
        case CompleteTask():
            complete_task(task, step.output, step.properties)
            await resume(work, run.id)


def _note_properties(task: Task, step: Resume | Together) -> None:
    if step.output_properties is not None:
        task.output_properties = step.output_properties


async def _give_way(work: Work, run: JobRun, step: GiveWay) -> None:
    if step.key is not None:
        if len(run.yielded_executions) >= MAX_YIELDS:
            message = f"Run has yielded too many times, the maximum is {MAX_YIELDS}"
            await end_run(work, run, RunStatus.FAILURE, {"message": message})
            return
        run.yielded_executions = [*run.yielded_executions, step.key]
    await resume(work, run.id)


async def _named_tasks(work: Work, run: JobRun, step: Step) -> dict[str, Task]:
    """Return the tasks that a step names, by id. A failure counts, whatever task it names. Raises: _Stranger."""
    tasks: dict[str, Task] = {}
    for id in sorted(_ids(step)):
        task = await find_task(work.session, run, id)
        if task is not None:
            tasks[id] = task
        elif not isinstance(step, Fail):
            raise _Stranger(id)
    return tasks


def _ids(step: Step) -> set[str]:
    match step:
        case Resume() | RetryTask() | CompleteTask():
            return {step.task_id}
        case Fail(task_id=str(id)):
            return {id}
        case Together():
            return {step.task_id}.union(*map(_ids, step.steps))
        case _:
            return set()
