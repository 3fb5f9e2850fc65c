"""A plan: what a deploy would change, and which of the jobs that wait it would break; exactly, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from kongflow.core.job import JobOptions
from kongflow.core.json import Json
from kongflow.core.new_job import new_job
from kongflow.engine.plan.change import Effect, Jobs, Kind
from kongflow.engine.plan.plan import make_plan, plan_without_tables
from tests.builders import make_catalog
from tests.engine.plans import LATER, catalog, outline, site
from tests.store.stage import RETRIED, add_by_sql

pytestmark = pytest.mark.anyio

IDS: Json = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


# --- nothing, and the first time -------------------------------------------------------------------------------------


async def test_the_configuration_that_is_in_force_changes_nothing(tmp_path: Path) -> None:
    queued = catalog({"mail": 2}, work={"queue": "mail", "payload": IDS})
    async with site(tmp_path, queued) as at:
        await at.add("work", {"id": "1"}, {"id": "2"})
        plan = await at.plan(queued)
    assert (plan.changes, plan.notes, plan.checked) == ((), (), 2)
    assert plan.is_empty
    assert not plan.blocks


async def test_before_the_first_runner_everything_is_new_and_jobs_are_checked_all_the_same(tmp_path: Path) -> None:
    async with site(tmp_path, catalog(work={}, gone={}), in_force=False) as at:
        bad, _ = await at.add("work", {}, {"id": "1"})
        (stranded,) = await at.add("gone", {})
        changes = await at.changes(catalog(work={"payload": IDS}))
    assert outline(changes) == [
        ("task_removed", "gone", "blocks"),
        ("payloads_refused", "work", "blocks"),
        ("config_first", "kongflow", "changes"),
    ]
    assert [change.jobs for change in changes] == [Jobs(1, 0, (stranded,)), Jobs(1, 0, (bad,)), Jobs()]


def test_where_there_are_no_tables_a_runner_makes_them_unless_it_may_not() -> None:
    auto = catalog(work={})
    manual = replace(auto, database=replace(auto.database, migrate="manual"))
    assert outline(list(plan_without_tables(auto, "here").changes))[0] == ("tables_missing", "here", "changes")
    assert not plan_without_tables(auto, "here").blocks
    assert plan_without_tables(manual, "here").blocks


# --- tasks -----------------------------------------------------------------------------------------------------------


async def test_a_task_that_goes_strands_its_jobs_and_blocks(tmp_path: Path) -> None:
    async with site(tmp_path, catalog(work={}, old={"handler": "a.b"}, idle={})) as at:
        ids = await at.add("old", *({} for _ in range(7)))
        changes = await at.changes(catalog(work={}, new={"handler": "a.b"}))
    assert outline(changes) == [
        ("task_removed", "old", "blocks"),
        ("task_removed", "idle", "changes"),
        ("task_added", "new", "changes"),
    ]
    assert changes[0].jobs == Jobs(7, 0, ids[:5])
    assert "old: {renamed_to: new}" in changes[0].remedy


async def test_jobs_that_nobody_runs_already_block_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, catalog(work={})) as at:
        await add_by_sql(at.stage, "unknown")
        plan = await at.plan(catalog(work={}))
    assert outline(list(plan.changes)) == [("task_removed", "unknown", "stands")]
    assert plan.is_empty


async def test_jobs_of_a_removed_task_are_said_to_be_cancelled(tmp_path: Path) -> None:
    async with site(tmp_path, catalog(work={}, old={})) as at:
        await at.add("old", {}, {})
        graves = make_catalog(work={}, tombstones={"old": None})
        (change,) = await at.changes(graves)
        await at.runs(graves)
        (after,) = await at.changes(graves)
    assert (change.kind, change.effect, change.jobs.waiting) == (Kind.TASK_REMOVED, Effect.CHANGES, 2)
    assert "cancelled" in change.what
    assert (after.effect, after.jobs.waiting) == (Effect.STANDS, 2)


async def test_jobs_of_a_renamed_task_are_checked_by_the_new_one(tmp_path: Path) -> None:
    new = make_catalog(
        new={"payload": IDS, "queue": "runs:<< payload.id >>"}, queues={"runs:*": 1}, tombstones={"old": "new"}
    )
    async with site(tmp_path, catalog(old={})) as at:
        fits, _, empty = await at.add("old", {"id": "1"}, {"id": 2}, {"id": ""})
        changes = {change.kind: change for change in await at.changes(new)}
        await at.stage.store.bury({"old": "new"})
    renamed, refused = changes[Kind.TASK_RENAMED], changes[Kind.PAYLOADS_REFUSED]
    assert (renamed.subject, renamed.effect, renamed.jobs.waiting) == ("old", Effect.CHANGES, 3)
    assert (refused.subject, refused.effect, refused.jobs.waiting) == ("old", Effect.BLOCKS, 2)
    assert {(each.what, each.jobs.count) for each in refused.details} == {
        ("$.id: expected text", 1),
        ("a template of the task cannot be rendered with its payload", 1),
    }
    assert changes[Kind.QUEUE_ADDED].jobs == Jobs(1, 0, (fits,))
    assert empty in refused.jobs.first


async def test_a_job_that_a_runner_would_route_is_judged_as_the_runner_does(tmp_path: Path) -> None:
    old = catalog({"mail": 1}, work={"queue": "mail"})
    async with site(tmp_path, old) as at:
        await add_by_sql(at.stage, "work", queue="mail")
        await add_by_sql(at.stage, "work", queue="nowhere")
        plan = await at.plan(catalog({"post": 1}, work={"queue": "post"}))
    refused = next(change for change in plan.changes if change.kind is Kind.PAYLOADS_REFUSED)
    assert refused.effect is Effect.BLOCKS
    assert [(each.what, each.jobs.count) for each in refused.details] == [
        ("no declared queue or pattern matches its queue", 2)
    ]


async def test_a_changed_task_says_what_has_changed_and_which_jobs_that_is_for(tmp_path: Path) -> None:
    async with site(tmp_path, catalog({"mail": 1}, work={}, other={})) as at:
        await at.add("work", {}, {})
        await at.add("other", {})
        changes = await at.changes(
            catalog({"mail": 1}, work={"timeout": 300.0, "max_attempts": 3}, other={"queue": "mail"})
        )
    work, other = sorted(changes, key=lambda change: change.subject, reverse=True)
    assert work.what == "timeout 10m → 5m, retry.max_attempts 25 → 3"
    assert [(each.field, each.before, each.after) for each in work.differences] == [
        ("timeout", 600, 300.0),
        ("retry.max_attempts", 25, 3),
    ]
    assert work.jobs.waiting == 2
    assert (other.what, other.jobs.count) == ("queue none → mail (of new jobs)", 0)


# --- payloads --------------------------------------------------------------------------------------------------------


async def test_payloads_that_the_new_schema_refuses_are_counted_by_reason(tmp_path: Path) -> None:
    old = {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "additionalProperties": False}
    new = {
        "type": "object",
        "required": ["id", "size"],
        "properties": {
            "colour": {"enum": ["red"]},
            "id": {"type": "string"},
            "size": {"type": "integer", "default": 1},
        },
        "additionalProperties": False,
    }
    async with site(tmp_path, catalog(work={"payload": old}, same={"payload": old})) as at:
        ids = await at.add("work", {"colour": "green"}, {"colour": "red"}, {"colour": "green"})
        await at.add("same", {"colour": "green"})
        change = await at.change(catalog(work={"payload": new}, same={"payload": old}), Kind.PAYLOADS_REFUSED)
    assert (change.subject, change.effect, change.jobs) == ("work", Effect.BLOCKS, Jobs(3, 0, ids))
    assert [(each.what, each.jobs) for each in change.details] == [
        ("$.id: is required and missing", Jobs(3, 0, ids)),
        ('$.colour: expected one of "red"', Jobs(2, 0, (ids[0], ids[2]))),
    ]


async def test_what_a_runner_forgives_is_no_change_of_any_job(tmp_path: Path) -> None:
    closed = {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}, "additionalProperties": False}
    async with site(tmp_path, catalog(work={})) as at:
        await at.add("work", {"gone": 1}, {})
        changes = await at.changes(catalog(work={"payload": closed}))
    assert [change.kind for change in changes] == [Kind.TASK_CHANGED]


async def test_jobs_in_every_state_that_has_not_ended_are_checked(tmp_path: Path) -> None:
    now = JobOptions()
    async with site(tmp_path, catalog({"mail": 1}, work={"queue": "mail"})) as at:
        runner = await at.runs(at.catalog)
        await at.add("work", {}, options=now)
        await at.stage.end(runner, await at.stage.claim_one(runner))
        await at.add("work", {}, options=now)
        await at.stage.end(runner, await at.stage.claim_one(runner), RETRIED)
        await at.add("work", {}, {}, {}, options=now)
        await at.stage.claim(runner)
        await at.add("work", {})
        await add_by_sql(at.stage, "work")
        change = await at.change(catalog({"mail": 1}, work={"queue": "mail", "payload": IDS}), Kind.PAYLOADS_REFUSED)
    assert (change.jobs.waiting, change.jobs.running) == (5, 1)


async def test_payloads_that_the_schema_in_force_refuses_too_are_nothing_new(tmp_path: Path) -> None:
    strict = catalog(work={"payload": IDS})
    async with site(tmp_path, strict) as at:
        await at.stage.add("work", '{"id":5}', delay=60.0)
        await add_by_sql(at.stage, "work", payload="[1]")
        plan = await at.plan(strict)
    (change,) = plan.changes
    assert (change.kind, change.effect, change.jobs.waiting) == (Kind.PAYLOADS_REFUSED, Effect.STANDS, 2)
    assert plan.is_empty


# --- runners, and what is odd ----------------------------------------------------------------------------------------


async def test_runners_of_another_configuration_than_the_one_in_force_are_named(tmp_path: Path) -> None:
    old, new = catalog(work={}), catalog(work={}, more={})
    async with site(tmp_path, old) as at:
        await at.runs(new)
        plan = await at.plan(new)
    (note,) = plan.notes
    assert note.startswith("here:1 still runs another configuration than the one in force")
    assert plan.is_empty


async def test_a_plan_reads_page_by_page_while_others_write(tmp_path: Path) -> None:
    old = catalog(work={})
    async with site(tmp_path, old) as at:
        await at.add("work", *({} for _ in range(2_500)))
        told: list[int] = []
        planning = asyncio.create_task(make_plan(at.stage.store, catalog(work={"payload": IDS}), told.append))
        other = await at.stage.another()
        while not planning.done():
            await other.insert([new_job(old, "work", {"id": "new"}, LATER)])
        (refused, _) = (await planning).changes
        await other.close()
    assert told[:2] == [1_000, 2_000]
    assert refused.jobs.waiting == 2_500


@pytest.mark.only_on("postgres")
async def test_flags_that_are_no_list_of_texts_are_one_jobs_failure(tmp_path: Path) -> None:
    careful = catalog(work={})
    careful = replace(careful, runner=replace(careful.runner, forbidden_flags=("a",)))
    async with site(tmp_path, careful) as at:
        await at.stage.sql("insert into kongflow.job (task, flags) values ('work', '{{a,b},{c,d}}')")
        await at.stage.sql("insert into kongflow.job (task, flags) values ('work', '{NULL}')")
        await at.add("work", {})
        plan = await at.plan(careful)
    (change,) = plan.changes
    assert (change.kind, change.jobs.waiting, plan.checked) == (Kind.PAYLOADS_REFUSED, 2, 3)


async def test_a_rename_that_is_in_force_already_blocks_nothing_again(tmp_path: Path) -> None:
    new = make_catalog(new={"payload": IDS}, tombstones={"old": "new"})
    stricter = make_catalog(new={"payload": {**IDS, "minProperties": 2}}, tombstones={"old": "new"})
    async with site(tmp_path, catalog(old={})) as at:
        await at.add("old", {}, {"id": "1"})
        assert (await at.plan(new)).blocks
        await at.runs(new)
        same, other = await at.plan(new), await at.plan(stricter)
    assert outline(list(same.changes)) == [("task_renamed", "old", "stands"), ("payloads_refused", "old", "stands")]
    assert same.is_empty
    assert other.blocks


async def test_what_nobody_can_route_now_blocks_no_change_that_routes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, catalog({"mail": 1}, work={"queue": "mail"})) as at:
        await add_by_sql(at.stage, "work", queue="nowhere")
        slower = await at.plan(catalog({"mail": 2}, work={"queue": "mail", "timeout": 300.0}))
        routed = await at.plan(catalog({"mail": 1, "nowhere": 1}, work={"queue": "mail", "priority": 3}))
        other = await at.plan(catalog({"mail": 1}, work={"queue": "mail", "priority": 3}))
    assert ("payloads_refused", "work", "stands") in outline(list(slower.changes))
    assert not slower.blocks
    assert Kind.PAYLOADS_REFUSED not in {change.kind for change in routed.changes}
    assert other.blocks
