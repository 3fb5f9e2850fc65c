"""`kongflow queues list`: what the file declares beside what the cluster obeys, and the jobs of each queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_items, escape, note, print_table
from kongflow.cli.pauses import pause_cell, pause_json
from kongflow.core.duration import format_duration
from kongflow.core.job import JobState
from kongflow.core.json import Json
from kongflow.core.queue import Queue, QueueRules

if TYPE_CHECKING:  # only for annotations: they load the database's libraries
    from kongflow.app import KongFlow
    from kongflow.store.records import Pause

LIVE = tuple(state for state in JobState if not state.is_final)


@dataclass(frozen=True, slots=True)
class Row:
    """One declared queue or pattern, or one concrete queue with jobs; `name` None are the jobs without a queue."""

    name: str | None
    declared: Queue | None
    effective: Queue | None
    """The rule that claims obey; None where no rule in force matches."""
    in_force: bool
    """False before any runner has come: then there is no rule in force at all."""
    counts: Mapping[JobState, int]
    pause: Pause | None
    """Why nothing of it starts."""

    @property
    def description(self) -> str:
        """What the file says about the queue, or about the pattern that it comes from."""
        return "" if self.declared is None else self.declared.description


@click.command(
    "list",
    epilog=epilogue(
        """
        kongflow queues list
        kongflow queues list --json | jq '.items[] | select(.counts.blocked > 0)'
        """,
        DATABASE,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> None:
    """List queues: declared and effective limits, pauses, jobs by state.

    Effective is what claims obey: the configuration of the runners that came last.
    """
    rows = asyncio.run(_rows(config))
    if as_json:
        emit_items([_shape(row) for row in rows])
        return
    states = [state for state in LIVE if any(row.counts.get(state) for row in rows)]
    headers = ["QUEUE", "RULE", "DECLARED", "EFFECTIVE", *(state.upper() for state in states)]
    cells = [_cells(row, states) for row in rows]
    if any(row.pause for row in rows):
        headers.append("PAUSED")
        cells = [(*line, pause_cell(row.pause)) for line, row in zip(cells, rows, strict=True)]
    if any(row.description for row in rows):
        headers.append("DESCRIPTION")
        cells = [(*line, escape(row.description)) for line, row in zip(cells, rows, strict=True)]
    print_table(headers, cells)
    if not all(row.in_force for row in rows):
        note("no runner has come yet: nothing is in force")


async def _rows(config: Path) -> list[Row]:
    async with opened(config, looking=True) as flow:
        return await _gather(flow)


async def _gather(flow: KongFlow) -> list[Row]:
    declared = flow.catalog.queues
    effective = await flow.store.rules_in_force()
    counts = {queue.queue: queue.counts for queue in await flow.queues()}
    pauses = {pause.name: pause for pause in await flow.store.pauses()}
    names = {*declared.queues, *counts, *pauses} | set(() if effective is None else effective.queues)

    def row(name: str | None) -> Row:
        mine, in_force = _rule(declared, name), _rule(effective, name)
        pause = pauses.get(name or "") or (None if in_force is None else pauses.get(in_force.name))
        return Row(name, mine, in_force, effective is not None, counts.get(name, {}), pause)

    return [row(name) for name in sorted(names, key=lambda name: (name is None, name or ""))]


def _rule(rules: QueueRules | None, name: str | None) -> Queue | None:
    if rules is None or name is None:
        return None
    return rules.queues.get(name) or rules.rule(name)


def _shape(row: Row) -> Json:
    return {
        "queue": row.name,
        "description": row.description or None,
        "declared": _rule_json(row.declared),
        "effective": _rule_json(row.effective),
        "paused": None if row.pause is None else pause_json(row.pause),
        "counts": {str(state): row.counts.get(state, 0) for state in LIVE},
    }


def _rule_json(rule: Queue | None) -> Json:
    if rule is None:
        return None
    rate = rule.rate_limit
    return {
        "rule": rule.name,
        "concurrency": "unlimited" if rule.concurrency is None else rule.concurrency,
        "max_active": rule.max_active,
        "rate_limit": None if rate is None else {"limit": rate.limit, "per": rate.per},
    }


def _cells(row: Row, states: list[JobState]) -> tuple[str, ...]:
    rule = row.declared or row.effective
    return (
        "(no queue)" if row.name is None else escape(row.name),
        "-" if rule is None else escape(rule.name),
        _limit(row, row.declared, "no"),
        _limit(row, row.effective, "1 (undeclared)") if row.in_force else "-",
        *(str(row.counts.get(state, 0)) for state in states),
    )


def _limit(row: Row, rule: Queue | None, without: str) -> str:
    if row.name is None:
        return "-"
    if rule is None:
        return without
    limits = ["unlimited" if rule.concurrency is None else str(rule.concurrency)]
    if rule.max_active is not None:
        limits.append(f"{rule.max_active} in all" if rule.is_pattern else f"at most {rule.max_active}")
    if rule.rate_limit is not None:
        limits.append(f"{rule.rate_limit.limit} per {format_duration(rule.rate_limit.per)}")
    return ", ".join(limits)
