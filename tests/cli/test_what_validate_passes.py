"""What `validate --import` passes, `run --once` takes: whatever is changed in a configuration that uses every key."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kongflow.config.load import load
from kongflow.engine.children.importing import import_handlers
from tests.cli.conftest import Invoke
from tests.postgres import Server

HANDLERS = """\
import functools


def work(payload): ...
async def wait(payload, job): ...
async def many(payload, *, job=None): ...
def generates(payload): yield 1
def three(a, b, c): ...
def keyword(*, payload): ...
def any_number(*args): ...
def none(): ...


class Worker:
    def method(self, payload): ...
    @staticmethod
    def static(payload): ...
    @classmethod
    def made(cls, payload): ...
    def __call__(self, payload): ...


worker = Worker()
bound = worker.method
part = functools.partial(three, 1)
waits = functools.partial(wait)
cached = functools.lru_cache(work)


@functools.wraps(work)
def wrapped(*args, **kwargs): ...


def annotated(payload: "Nothing"): ...
"""
SCHEMA = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}, "n": {}}}'
FULL = """\
version: 1
name: a
include: [more.yaml]
database: {schema: kongflow, pool_size: 5, migrate: auto, pooler: none}
runner: {concurrency: 2, poll_interval: 50ms, queues: ["*"], forbidden_flags: [x], heartbeat: 1s, lease: 5s,
  shutdown_timeout: 3s, stall_limit: 30s, max_jobs_per_child: 5}
defaults: {task: {timeout: 5s, retry: p}}
retry_policies:
  p: {max_attempts: 3, backoff: linear, initial_delay: 1s, factor: 2, max_delay: 1m, jitter: 0.1, retry_on: ["*"],
    give_up_on: [ValueError], max_duration: 1h}
queues:
  q: {concurrency: 1, max_active: 1, rate_limit: {limit: 5, per: 1s}, max_wait: 1m}
  "r:*": {concurrency: 2}
tasks:
  work: {handler: tasks.work, payload: {type: object, properties: {id: {type: string, default: z}}}, result: {},
    queue: q, priority: 1, max_attempts: 2, retry: p, timeout: 10s, cancel_grace: 1s, crash_limit: 2, job_key: k,
    job_key_mode: replace, flags: [y], tags: [t], isolation: auto, keep: all, examples: [{id: a}]}
  dyn: {handler: tasks.wait, payload: schema.json, queue: "r:<< payload.id >>", job_key: "d:<< payload.id >>",
    priority: << payload.n | default(0) >>}
  proc: {handler: tasks.work, isolation: process, memory_limit: 512MiB}
  gone: {removed: true}
  old: {renamed_to: work}
schedules:
  s: {cron: 0 6 * * *, timezone: Etc/UTC, task: work, payload: {id: a}, overlap: skip, grace: 60s,
    catchup: {window: 1d, policy: latest}}
  e: {every: 1h, task: dyn, payload: {id: << schedule.name >>, n: 2}}
retention: {succeeded: 1d, failed: 1d, cancelled: 1d}
lint: {strict: false, ignore: []}
"""
MORE = "tasks: {more: {handler: tasks.wait, queue: q2}}\nqueues: {q2: {}}\n"

OF_A_KEY = {
    "handler": [
        "tasks.wait",
        "tasks.many",
        "tasks.generates",
        "tasks.three",
        "tasks.keyword",
        "tasks.any_number",
        "tasks.none",
        "tasks.Worker",
        "tasks:Worker.method",
        "tasks:Worker.static",
        "tasks:Worker.made",
        "tasks.worker",
        "tasks.bound",
        "tasks.part",
        "tasks.waits",
        "tasks.cached",
        "tasks.wrapped",
        "tasks.annotated",
        "tasks.missing",
        "os.getcwd",
    ],
    "schema": ["a", "x" * 48, "pg_x", "sqlite_x", "public", "select", "information_schema", "_a"],
    "memory_limit": ["1B", "1KiB", "64MiB", "99999GiB", "16777216GiB"],
    "isolation": ["thread", "process", "async", "auto"],
    "cron": ["* * * * *", "*/7 * * * *", "0 0 31 2 *", "0 2 29 2 *", "@daily", "0 0 L * *"],
    "timezone": ["Europe/Berlin", "UTC", "Nope/Zone", "Asia/Kathmandu"],
    "queue": ["q", "q2", "r:a", "r:*", "a", "r:<< task.name >>", "<< payload.id >>", "r:<< payload.n >>", "é", " q"],
    "payload": [{}, {"$ref": "#"}, {"$ref": "schema.json"}, {"type": "string"}, {"required": ["zz"]}, {"not": {}}],
    "give_up_on": [["tasks.Worker"], ["nope.Error"], ["*"], []],
}
DURATIONS = ["0s", "1ms", "10ms", "30ms", "1s", "1h", "1w", "99999w", "292277w", "999999999w", "0.1ms", "1.5h"]
NUMBERS = [0, 1, 2, 100, 1000, 10_000, 32_767, 32_768, -32_768, -1, 2**31, 2**63, 2**64, 0.5, 1e300]
WORDS = ["", "a", "é", "*", "a:*", "q", "p", "work", "old", "x" * 128, "x" * 129, "a b", "${NOT_SET:-5}", "${NOT_SET}"]
ANYTHING = st.sampled_from([*DURATIONS, *NUMBERS, *WORDS, None, True, {}, [], ["*"], ["q", "q2"], ["a"] * 2])

Steps = tuple[Any, ...]


def inner(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Yield where each value stands in another."""
    for step, child in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield (*steps, step)
        yield from inner(child, (*steps, step))


def at(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """Return the whole configuration with a few values changed, left out or put elsewhere."""
    config: dict[str, Any] = copy.deepcopy(yaml.safe_load(FULL))
    for _ in range(draw(st.integers(1, 3))):
        steps = draw(st.sampled_from(list(inner(config))))
        parent, last = at(config, steps[:-1]), steps[-1]
        match draw(st.sampled_from(["change", "change", "change", "change", "drop", "rename", "copy"])):
            case "drop":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(["a", "a:b", "work", "old", "default", "*", "b:*", "é"]))] = parent.pop(
                    last
                )
            case "copy":
                parent[last] = copy.deepcopy(at(config, draw(st.sampled_from(list(inner(config))))))
            case _:
                parent[last] = draw(another(last, parent[last]))
    return config


def another(key: object, value: object) -> st.SearchStrategy[Any]:
    """Return values that might stand in the place of one."""
    if isinstance(key, str) and key in OF_A_KEY:
        return st.sampled_from(OF_A_KEY[key])
    if isinstance(value, str) and value[:1].isdigit():
        return st.sampled_from(DURATIONS)
    if isinstance(value, int):
        return st.sampled_from(NUMBERS)
    return ANYTHING


def check(folder: Path, config: dict[str, Any], url: str, invoke: Invoke) -> None:
    config.setdefault("database", {})
    if isinstance(config["database"], dict):
        config["database"]["url"] = url
    files = {"kongflow.yaml": yaml.safe_dump(config, allow_unicode=True), "more.yaml": MORE, "tasks.py": HANDLERS}
    for name, text in {**files, "schema.json": SCHEMA}.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / "kongflow.yaml"
    if load(path, env={}).catalog is None or load(path, env={}, importer=import_handlers).catalog is None:
        return
    for file in folder.glob("jobs.db*"):
        file.unlink()
    try:
        invoke("run", "--once", "--log-format", "json")
    finally:
        sys.modules.pop("tasks", None)


FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # what is found is small as it is
)


@FEW
@given(changed())
def test_a_runner_takes_what_validate_passes(project: Path, invoke: Invoke, config: dict[str, Any]) -> None:
    check(project, config, "sqlite:///jobs.db", invoke)


@pytest.mark.slow
@settings(FEW, max_examples=2_000)
@given(changed())
def test_a_runner_takes_whatever_validate_passes_on_sqlite(
    project: Path, invoke: Invoke, config: dict[str, Any]
) -> None:
    check(project, config, "sqlite:///jobs.db", invoke)


@pytest.mark.slow
@settings(FEW, max_examples=2_000)
@given(changed())
def test_a_runner_takes_whatever_validate_passes_on_postgresql(
    project: Path, invoke: Invoke, server: Server, config: dict[str, Any]
) -> None:
    database = server.create()
    try:
        check(project, config, server.url(database), invoke)
    finally:
        server.drop(database)
