"""From a project to its catalog: defaults, and the precedence of every field by itself."""

from __future__ import annotations

import pytest

from kongflow.core.catalog import DatabaseSettings, Lint, Retention, RunnerSettings, Secret
from kongflow.core.queue import Queue, RateLimit
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.task import Isolation, JobKeyMode, Keep, Tombstone
from tests.config.projects import catalog_of

TASK = "tasks: {work: {handler: tasks.work}}"


def task_of(folder, config: str):
    return catalog_of(folder, f"version: 1\n{config}").tasks["work"]


def test_the_smallest_file_gives_every_default(tmp_path):
    catalog = catalog_of(tmp_path, f"version: 1\n{TASK}")

    assert catalog.root == tmp_path
    assert (catalog.name, catalog.description) == ("kongflow", "")
    assert catalog.database == DatabaseSettings(f"sqlite:///{tmp_path}/kongflow.db", "kongflow", 10, "auto")
    assert catalog.runner == RunnerSettings()
    assert catalog.retention == Retention()
    assert catalog.lint == Lint()
    assert catalog.retry_policies == {"default": RetryPolicy()}
    assert (catalog.queues.queues, catalog.tombstones, catalog.secrets) == ({}, {}, {})


def test_a_task_of_one_key_gives_every_default(tmp_path):
    task = task_of(tmp_path, TASK)

    assert (task.name, task.handler) == ("work", "tasks.work")
    assert (task.payload_schema, task.result_schema, task.queue, task.job_key) == (None, None, None, None)
    assert task.retry == RetryPolicy()
    assert (task.priority, task.timeout, task.cancel_grace, task.crash_limit) == (0, 600.0, 30.0, 3)
    assert (task.job_key_mode, task.isolation, task.keep) == (JobKeyMode.REPLACE, Isolation.AUTO, Keep.ALL)
    assert (task.flags, task.tags, task.description, task.owner, task.examples) == ((), (), "", "", ())


def test_every_key_arrives_in_the_catalog(tmp_path):
    catalog = catalog_of(
        tmp_path,
        """
version: 1
name: shop
description: a shop
database: {url: "sqlite:////var/jobs.db?synchronous=normal", schema: shop, pool_size: 2, migrate: manual, pooler: none}
secrets: {password: {env: PASSWORD, default: ""}, token: {file: token.txt}, far: {file: /run/secrets/far}}
runner: {concurrency: 9, poll_interval: 2s, queues: [mail], forbidden_flags: [gpu], heartbeat: 1s, lease: 9s,
         shutdown_timeout: 1m, stall_limit: off}
queues:
  mail: {concurrency: unlimited, max_active: 7, rate_limit: {limit: 10, per: 1s}, max_wait: 1m, description: outgoing}
retention: {succeeded: 1d, failed: 2d, cancelled: 3d}
lint: {strict: true, ignore: [include-empty]}
tasks:
  work:
    handler: tasks:work
    payload: {type: object}
    result: {type: "null"}
    queue: mail
    priority: -3
    max_attempts: 2
    timeout: 1s
    cancel_grace: 2s
    crash_limit: 1
    job_key: << payload.id >>
    job_key_mode: preserve_run_at
    flags: [gpu]
    tags: [a]
    isolation: thread
    keep: none
    description: works
    owner: me
    examples: [{id: "1"}]
  moved: {renamed_to: work}
  gone: {removed: true}
""",
    )

    assert (catalog.name, catalog.description) == ("shop", "a shop")
    assert catalog.database == DatabaseSettings("sqlite:////var/jobs.db?synchronous=normal", "shop", 2, "manual")
    assert catalog.secrets == {
        "password": Secret("password", env="PASSWORD", default=""),
        "token": Secret("token", file=tmp_path / "token.txt"),
        "far": Secret("far", file=catalog.root.joinpath("/run/secrets/far")),
    }
    assert catalog.runner == RunnerSettings(9, 2.0, ("mail",), ("gpu",), 1.0, 9.0, 60.0, None)
    assert catalog.queues.queues == {"mail": Queue("mail", None, 7, RateLimit(10, 1.0), 60.0, "outgoing")}
    assert catalog.retention == Retention(86_400.0, 172_800.0, 259_200.0)
    assert catalog.lint == Lint(strict=True, ignore=("include-empty",))
    assert catalog.tombstones == {"moved": Tombstone("moved", "work"), "gone": Tombstone("gone", None)}
    task = catalog.tasks["work"]
    assert task.payload_schema is not None
    assert task.result_schema is not None
    assert (task.queue.text, task.priority, task.job_key.text) == ("mail", -3, "<< payload.id >>")
    assert (task.retry.max_attempts, task.timeout, task.cancel_grace, task.crash_limit) == (2, 1.0, 2.0, 1)
    assert (task.job_key_mode, task.isolation, task.keep) == (
        JobKeyMode.PRESERVE_RUN_AT,
        Isolation.THREAD,
        Keep.NONE,
    )
    assert (task.flags, task.tags, task.description, task.owner) == (("gpu",), ("a",), "works", "me")
    assert task.examples == ({"id": "1"},)


@pytest.mark.parametrize(
    ("default_policy", "defaults", "task", "max_attempts"),
    [
        ("{}", "{}", "", 25),
        ("{max_attempts: 1}", "{}", "", 1),
        ("{max_attempts: 1}", "{retry: general}", "", 2),
        ("{max_attempts: 1}", "{retry: general, max_attempts: 3}", "", 3),
        ("{max_attempts: 1}", "{retry: general, max_attempts: 3}", "retry: own", 4),
        ("{max_attempts: 1}", "{retry: general, max_attempts: 3}", "retry: {max_attempts: 5}", 5),
        ("{max_attempts: 1}", "{retry: general, max_attempts: 3}", "retry: own, max_attempts: 6", 6),
    ],
)
def test_the_nearest_max_attempts_wins(tmp_path, default_policy, defaults, task, max_attempts):
    """Key of the task > its policy > key of the defaults > their policy > the policy default > built in."""
    config = f"""
defaults: {{task: {defaults}}}
retry_policies: {{default: {default_policy}, general: {{max_attempts: 2}}, own: {{max_attempts: 4}}}}
tasks: {{work: {{handler: tasks.work, {task}}}}}
"""
    assert task_of(tmp_path, config).retry.max_attempts == max_attempts


def test_a_policy_of_the_task_does_not_lose_to_a_key_of_the_defaults(tmp_path):
    config = """
defaults: {task: {max_attempts: 9}}
retry_policies: {own: {max_attempts: 4}}
tasks: {work: {handler: tasks.work, retry: own}}
"""
    assert task_of(tmp_path, config).retry.max_attempts == 4


def test_each_field_of_a_policy_is_looked_for_by_itself(tmp_path):
    config = """
defaults: {task: {retry: general}}
retry_policies:
  default: {jitter: 0, factor: 3, max_delay: 9s}
  general: {factor: 4, initial_delay: 7s}
  own: {backoff: linear, max_delay: 1h}
tasks: {work: {handler: tasks.work, retry: own}}
"""
    assert task_of(tmp_path, config).retry == RetryPolicy(
        backoff=Backoff.LINEAR, initial_delay=7.0, factor=4, max_delay=3_600.0, jitter=0
    )


def test_a_policy_by_itself_is_filled_from_the_policy_default(tmp_path):
    config = "version: 1\nretry_policies: {default: {jitter: 0}, own: {max_attempts: 3, give_up_on: [ValueError]}}"

    policies = catalog_of(tmp_path, config).retry_policies

    assert policies["own"] == RetryPolicy(max_attempts=3, jitter=0, give_up_on=("ValueError",))
    assert policies["default"] == RetryPolicy(jitter=0)


def test_the_defaults_hold_for_every_key_that_a_task_does_not_give(tmp_path):
    config = """
queues: {mail: {}, "runs:*": {}}
defaults:
  task: {timeout: 1s, queue: mail, priority: << payload.p >>, job_key: << payload.k >>, tags: [all], keep: failed}
tasks: {work: {handler: tasks.work, queue: runs:<< payload.id >>, priority: 0, tags: []}}
"""
    task = task_of(tmp_path, config)

    assert (task.timeout, task.keep, task.job_key.text) == (1.0, Keep.FAILED, "<< payload.k >>")
    assert (task.queue.text, task.priority, task.tags) == ("runs:<< payload.id >>", 0, ())


def test_a_relative_database_starts_at_the_project_whatever_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    catalog = catalog_of(tmp_path, 'version: 1\ndatabase: {url: "sqlite:///data/jobs.db"}')

    assert catalog.database.url == f"sqlite:///{tmp_path}/data/jobs.db"
