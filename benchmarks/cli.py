"""The command line beside a bare interpreter, each as a process of its own, in one run: `kongflow --help`, and
`kongflow validate` of 1,000 tasks in 100 files, each file with a module of handlers.

A task has a schema in its file and two templates: once plain names, once expressions, which need Jinja. Absolute
figures drift with the machine; a process that only starts Python says how fast it is today.

Usage: python benchmarks/cli.py [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES, TASKS = 100, 10

MAIN = """\
version: 1
include: [catalog/*.yaml]
queues: {"runs:*": {concurrency: 1}}
"""
TASK = """\
  task_{number}:
    handler: catalog.handlers_{file}.task_{number}
    payload:
      type: object
      additionalProperties: false
      required: [id]
      properties: {{id: {{type: string, minLength: 1}}, times: {{type: integer, default: 3}}}}
    queue: runs:<< payload.id{filter} >>
    job_key: "task_{number}:<< payload.id{filter} >>"
    max_attempts: 5
    timeout: 5m
    tags: [a, b]
    description: One of a thousand.
"""
HANDLER = """\
async def task_{number}(payload, job):
    for time in range(payload["times"]):
        job.logger.info("%s, time %s", payload["id"], time)
    return {{"id": payload["id"]}}


"""


def write(folder: Path, filter: str) -> Path:
    """Write a project whose templates end in a filter, or in none; return its kongflow.yaml."""
    catalog = folder / "catalog"
    catalog.mkdir(parents=True)
    (folder / "kongflow.yaml").write_text(MAIN)
    (catalog / "__init__.py").write_text("")
    for file in range(FILES):
        numbers = range(file * TASKS, (file + 1) * TASKS)
        tasks = [TASK.format(number=number, file=file, filter=filter) for number in numbers]
        (catalog / f"file_{file}.yaml").write_text("tasks:\n" + "".join(tasks))
        (catalog / f"handlers_{file}.py").write_text("".join(HANDLER.format(number=number) for number in numbers))
    return folder / "kongflow.yaml"


def measure(args: list[str]) -> tuple[float, float]:
    """Return the seconds and the MB at most of one process. Raises: where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *args], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, args)
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as name:
        plain = write(Path(name, "plain"), "")
        jinja = write(Path(name, "jinja"), " | lower")
        kongflow = ["-m", "kongflow"]
        works = {
            "python -c pass": ["-c", "pass"],
            "kongflow --help": [*kongflow, "--help"],
            "kongflow validate, 1,000 tasks in 100 files": [*kongflow, "validate", str(plain)],
            "the same with 2,000 expressions": [*kongflow, "validate", str(jinja)],
        }
        measured: dict[str, list[tuple[float, float]]] = {work: [] for work in works}
        for _ in range(rounds):
            for work, args in works.items():
                measured[work].append(measure(args))
    print("| medians | ms | MB | × python |\n|---|---:|---:|---:|")
    ruler = statistics.median(seconds for seconds, _ in measured["python -c pass"])
    for work, figures in measured.items():
        seconds, memory = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"| {work} | {seconds * 1000:,.0f} | {memory:,.0f} | {seconds / ruler:.1f} |")


if __name__ == "__main__":
    main()
