"""A small project in a folder, for tests that work on one: kongflow.yaml and handlers of every kind."""

from __future__ import annotations

from pathlib import Path

CONFIG = """\
version: 1
name: tests
database: {url: "${KONGFLOW_DATABASE_URL:-sqlite:///jobs.db}"}
secrets:
  api_token: {env: API_TOKEN, default: dummy-sesame}
runner: {concurrency: 4, poll_interval: 50ms, heartbeat: 100ms, shutdown_timeout: 4s}
retry_policies:
  quick: {max_attempts: 3, backoff: constant, initial_delay: 1h, jitter: 0}
  growing: {max_attempts: 4, backoff: exponential, initial_delay: 1s, factor: 2, max_delay: 3s, jitter: 0.1}
queues:
  greetings: {concurrency: 2}
  fast: {concurrency: unlimited}
  "runs:*": {concurrency: 1}
tasks:
  greet:
    handler: job_handlers.greet
    payload:
      type: object
      additionalProperties: false
      required: [name]
      properties:
        name: {type: string}
        salutation: {type: string, default: Hello}
        times: {type: integer}
    queue: greetings
    timeout: 30s
  start_run:
    handler: job_handlers.start_run
    payload:
      type: object
      required: [id]
      properties: {id: {type: string, minLength: 1}}
    queue: runs:<< payload.id >>
    job_key: run:<< payload.id >>
    max_attempts: 1
    tags: [run]
  fail: {handler: job_handlers.fail, max_attempts: 1}
  retry: {handler: job_handlers.fail, retry: quick}
  decline: {handler: job_handlers.decline}
  linger: {handler: job_handlers.linger}
  leave_nothing: {handler: job_handlers.anything, keep: none, retry: growing}
  anything: {handler: job_handlers.anything}
  stick: {handler: job_handlers.stick}
  exit_inside: {handler: job_handlers.exit_inside, max_attempts: 1}
  add_another: {handler: job_handlers.add_another}
schedules:
  leap_day: {cron: "30 2 29 2 *", timezone: Europe/Berlin, task: anything, payload: {at: << schedule.slot >>}}
"""

HANDLERS = """\
import asyncio
import time

from kongflow import Cancel


async def greet(payload):
    return f"{payload['salutation']}, {payload['name']}!"


def start_run(payload, job):
    return {"queue": job.queue}


def fail(payload):
    raise ValueError("no such \\x1b[31muser")


async def decline(payload):
    return Cancel("not today")


async def linger(payload):
    await asyncio.sleep(600)


def stick(payload):
    time.sleep(600)


def anything(payload):
    return payload


async def exit_inside(payload):
    async def leave():
        raise SystemExit(3)

    await asyncio.gather(leave())


async def add_another(payload, job):
    await job.enqueue("anything", {"from": job.id})
"""


def write_project(folder: Path, config: str = CONFIG) -> Path:
    """Write the project into a folder and return the path of its configuration."""
    (folder / "job_handlers.py").write_text(HANDLERS)
    path = folder / "kongflow.yaml"
    path.write_text(config)
    return path
