"""Runners: who is there, whose config is in force, and what becomes of the jobs of those who are gone."""

from __future__ import annotations

import json
import sqlite3

from kongflow.core.catalog import Retention
from kongflow.core.outcome import Finish, RunAgain, after_crash, overruled
from kongflow.store.attempts import ended_text
from kongflow.store.instants import to_instant
from kongflow.store.records import Pause, Rescued, RunnerInfo, RunnerView
from kongflow.store.refusals import Refusals
from kongflow.store.rows import Row, names
from kongflow.store.sqlite.claiming import terms_of
from kongflow.store.sqlite.ending import finish, retention_text, run_again
from kongflow.store.sqlite.faults import is_damage, is_refusal
from kongflow.store.sqlite.roster import rules_text
from kongflow.store.sqlite.sweeping import begin_sweep
from kongflow.store.sqlite.transaction import Transaction
from kongflow.store.suspects import Suspects


def join(tx: Transaction, info: RunnerInfo) -> int:
    """Register a runner and publish its config, which comes into force unless a live runner has it already."""
    tx.run(
        "publish_config",
        hash=info.config_hash,
        queues=rules_text(info.rules),
        retention=retention_text(info.retention),
        declared=info.declared,
    )
    row = tx.one(
        "join",
        host=info.host,
        pid=info.pid,
        config=info.config_hash,
        queues=json.dumps(info.filter.patterns),
        tasks=json.dumps(sorted(info.tasks)),
        forbidden_flags=json.dumps(info.forbidden_flags),
        lease=int(info.lease * 1000),
        boot=tx.boot,
        mono=tx.monotonic,
        now=tx.now,
        ticks=int(info.ticks),
    )
    assert row is not None
    roster_changed(tx)
    runner: int = row[0]
    return runner


def leave(tx: Transaction, runner: int) -> None:
    """Unregister a runner."""
    if tx.run("leave", runner=runner):
        roster_changed(tx)


def renew(tx: Transaction, runner: int) -> None:
    """Write that a runner is alive; one that was declared dead comes back."""
    row = tx.one("renew", runner=runner, boot=tx.boot, mono=tx.monotonic, now=tx.now)
    if row is None and tx.run("revive", runner=runner, boot=tx.boot, mono=tx.monotonic, now=tx.now):
        roster_changed(tx)


def registered(tx: Transaction) -> list[RunnerView]:
    """Return the runners that have not left."""
    in_force = tx.one("config_in_force")
    return [_view(row, tx, in_force[0] if in_force else None) for row in tx.all("registered_runners")]


def _view(row: Row, tx: Transaction, in_force: str | None) -> RunnerView:
    id, host, pid, queues, tasks, forbidden_flags, config, lease, boot, seen_mono, seen_at, alive, running, ticks = row
    silent = tx.monotonic - seen_mono if boot == tx.boot else max(tx.now - seen_at, lease + 1)
    return RunnerView(
        id=id,
        host=host,
        pid=pid,
        queues=names(queues),
        tasks=names(tasks),
        forbidden_flags=names(forbidden_flags),
        config_hash=config,
        in_force=config == in_force,
        running=running,
        seen=max(silent, 0) / 1000,
        alive=bool(alive) and silent <= lease,
        ticks=bool(ticks),
    )


def paused(tx: Transaction) -> list[Pause]:
    """Return what is paused, by name."""
    return [Pause(name, reason, author, to_instant(at)) for name, reason, author, at in tx.all("pauses")]


def roster_changed(tx: Transaction) -> None:
    """Who may take what, or a limit, may have changed: all processes read the roster anew, all queues are looked at."""
    tx.run("next_generation")
    begin_sweep(tx)


def rescue(tx: Transaction, suspects: Suspects, refusals: Refusals, retention: Retention) -> list[Rescued]:
    """End the attempts of runners that have left, or that two looks saw expired with nothing written in between."""
    expired = tx.all("expired_runners", boot=tx.boot, mono=tx.monotonic)
    rescued: list[Rescued] = []
    for runner, name, boot, seen, has_left in expired:
        if not has_left and not suspects.confirmed(runner, (boot, seen), tx.monotonic):
            continue
        refusals.look(tx.monotonic)
        if tx.run("declare_dead", runner=runner):
            roster_changed(tx)
        rescued.extend(
            _rescue_job(tx, refusals, row, name, seen, retention)
            for row in tx.all("held_jobs", runner=runner)
            if not refusals.are_enough and not refusals.rests(row[0])
        )
    suspects.keep_only({row[0] for row in expired})
    return rescued


def _rescue_job(tx: Transaction, refusals: Refusals, row: Row, runner: str, seen: int, retention: Retention) -> Rescued:
    """End one lost attempt of a runner that was last seen alive at `seen`."""
    job_id, lease, task, queue, attempt, crashes, claimed, terms_text, cancel_requested, superseded = row
    terms, keep = terms_of(terms_text)
    lost = after_crash(attempt, crashes, (seen - claimed) / 1000, terms)
    crashed = lost.gives_back if isinstance(lost, RunAgain) else lost.reason == "crashed"
    transition = overruled(lost, cancel_requested=bool(cancel_requested), superseded=bool(superseded))
    ended = ended_text(transition, crashed=crashed)
    try:
        with tx.apart():
            match transition:
                case Finish():
                    finish(tx, job_id, lease, transition, ended, keep=keep, retention=retention, crashed=crashed)
                case RunAgain():
                    run_again(tx, job_id, lease, transition, ended, crashed=crashed)
    except sqlite3.DatabaseError as error:
        if not is_refusal(error):
            raise
        refusals.add(job_id, str(error))
        if is_damage(error):
            raise  # SQLite writes nothing more in this transaction; the next look leaves this job alone
        return Rescued(str(job_id), task, queue, runner, transition, refused=str(error))
    return Rescued(str(job_id), task, queue, runner, transition)
