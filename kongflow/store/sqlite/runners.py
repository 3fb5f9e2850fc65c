"""Runners: who is there, whose config is in force, and what becomes of the jobs of those who are gone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from kongflow.core.catalog import Retention
from kongflow.core.outcome import Finish, RunAgain, after_crash, overruled
from kongflow.store.records import Rescued, RunnerInfo
from kongflow.store.rows import Row
from kongflow.store.sqlite.claiming import terms_of
from kongflow.store.sqlite.ending import finish, retention_text, run_again
from kongflow.store.sqlite.roster import rules_text
from kongflow.store.sqlite.transaction import Transaction

SHORTEST_GAP = 500
"""Milliseconds between the two looks that must see a runner expired, at least."""


@dataclass(slots=True)
class Suspects:
    """Runners that were seen expired once: what was seen, and when."""

    gap: int
    """Milliseconds between two looks: one poll, at least SHORTEST_GAP."""
    _seen: dict[int, tuple[object, int]] = field(default_factory=dict)

    def confirmed(self, runner: int, seen: object, now: int) -> bool:
        """Say whether a runner is dead: an earlier look, long enough ago, saw the same expired value."""
        known = self._seen.get(runner)
        if known is None or known[0] != seen:
            self._seen[runner] = seen, now
            return False
        return now - known[1] >= self.gap

    def keep_only(self, runners: set[int]) -> None:
        """Forget runners that are not expired any more."""
        for runner in self._seen.keys() - runners:
            del self._seen[runner]


def join(tx: Transaction, info: RunnerInfo) -> int:
    """Register a runner and publish its config, which comes into force unless a live runner has it already."""
    tx.run(
        "publish_config",
        hash=info.config_hash,
        queues=rules_text(info.rules),
        retention=retention_text(info.retention),
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


def roster_changed(tx: Transaction) -> None:
    """Who may take what, or a limit, may have changed: all processes read the roster anew, all queues are looked at."""
    tx.run("next_generation")
    tx.run("check_blocked_queues")


def rescue(tx: Transaction, suspects: Suspects, retention: Retention) -> list[Rescued]:
    """End the attempts of runners that have left, or that two looks saw expired with nothing written in between."""
    expired = tx.all("expired_runners", boot=tx.boot, mono=tx.monotonic)
    rescued: list[Rescued] = []
    for runner, name, boot, seen, has_left in expired:
        if not has_left and not suspects.confirmed(runner, (boot, seen), tx.monotonic):
            continue
        if tx.run("declare_dead", runner=runner):
            roster_changed(tx)
        last_moment = tx.monotonic if boot == tx.boot else seen
        rescued.extend(_rescue_job(tx, row, name, last_moment, retention) for row in tx.all("held_jobs", runner=runner))
    suspects.keep_only({row[0] for row in expired})
    return rescued


def _rescue_job(tx: Transaction, row: Row, runner: str, last_moment: int, retention: Retention) -> Rescued:
    """End one lost attempt. After a reboot the old monotonic clock is known up to the last renewal only."""
    job_id, lease, task, queue, attempt, crashes, claimed, terms_text, cancel_requested, superseded, errors = row
    terms, keep = terms_of(terms_text)
    lost = after_crash(attempt, crashes, (last_moment - claimed) / 1000, terms)
    crashed = lost.gives_back if isinstance(lost, RunAgain) else lost.reason == "crashed"
    transition = overruled(lost, cancel_requested=bool(cancel_requested), superseded=bool(superseded))
    match transition:
        case Finish():
            finish(tx, job_id, lease, transition, keep=keep, retention=retention, crashed=crashed)
        case RunAgain():
            run_again(tx, job_id, lease, transition, errors, crashed=crashed)
    return Rescued(str(job_id), task, queue, runner, transition)
