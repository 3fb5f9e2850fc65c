"""Roster: the live runners and the config in force, as one generation of them; who may take what, and queue limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from kongflow.core.queue import Queue, QueueFilter, QueueRules
from kongflow.store.rows import names
from kongflow.store.sqlite.transaction import Transaction

_MOST_REMEMBERED = 100_000
"""Answers kept for concrete queue names, or for flags: their number has no bound of its own."""


@dataclass(frozen=True, slots=True)
class LiveRunner:
    """What decides which jobs a runner takes. Its queue patterns are read by the rules that it published."""

    id: int
    tasks: frozenset[str]
    filter: QueueFilter
    forbidden_flags: frozenset[str]
    rules: QueueRules

    def takes_kind(self, task: str, flags: tuple[str, ...]) -> bool:
        """Say whether it knows the task and forbids none of the flags."""
        return task in self.tasks and self.forbidden_flags.isdisjoint(flags)

    def serves(self, queue: str | None) -> bool:
        """Say whether it serves a queue."""
        return self.filter.serves(queue, self.rules)


@dataclass(slots=True)
class Roster:
    """Answers, remembered for as long as no runner comes or goes."""

    generation: int
    rules: QueueRules | None
    """Those in force; None before any runner has come."""
    runners: Mapping[int, LiveRunner]
    _kinds: dict[tuple[str, str | None], tuple[LiveRunner, ...]] = field(default_factory=dict)
    _served: dict[tuple[int, str | None], bool] = field(default_factory=dict)
    _limits: dict[str, int | None] = field(default_factory=dict)

    def mine(self, runner: LiveRunner, task: str, flags: str | None, queue: str | None) -> bool:
        """Say whether one runner may take a job."""
        return runner in self._takers(task, flags) and self._serves(runner, queue)

    def takeable(self, task: str, flags: str | None, queue: str | None) -> bool:
        """Say whether any live runner may take a job."""
        return any(self._serves(runner, queue) for runner in self._takers(task, flags))

    def limit(self, queue: str) -> int | None:
        """Return how many jobs of a queue may run at once; None is unlimited."""
        if queue not in self._limits:
            if len(self._limits) >= _MOST_REMEMBERED:
                self._limits.clear()
            self._limits[queue] = (self.rules or QueueRules()).concurrency(queue)
        return self._limits[queue]

    def _takers(self, task: str, flags: str | None) -> tuple[LiveRunner, ...]:
        takers = self._kinds.get((task, flags))
        if takers is None:
            if len(self._kinds) >= _MOST_REMEMBERED:
                self._kinds.clear()
            flag_names = names(flags)
            takers = tuple(runner for runner in self.runners.values() if runner.takes_kind(task, flag_names))
            self._kinds[task, flags] = takers
        return takers

    def _serves(self, runner: LiveRunner, queue: str | None) -> bool:
        if "*" in runner.filter.patterns:
            return True
        served = self._served.get((runner.id, queue))
        if served is None:
            if len(self._served) >= _MOST_REMEMBERED:
                self._served.clear()
            served = self._served[runner.id, queue] = runner.serves(queue)
        return served


def current_roster(tx: Transaction, known: Roster | None) -> Roster:
    """Return the roster of this transaction: the known one, if no runner has come or gone since."""
    row = tx.one("generation")
    generation = row[0] if row else 0
    if known is not None and known.generation == generation:
        return known
    configs = {config: rules_of(queues) for config, queues in tx.all("configs")}
    runners = {
        runner: LiveRunner(
            runner,
            frozenset(json.loads(tasks)),
            QueueFilter(tuple(json.loads(queues))),
            frozenset(json.loads(flags)),
            configs[config],
        )
        for runner, tasks, queues, flags, config in tx.all("live_runners")
    }
    in_force = tx.one("config_in_force")
    return Roster(generation, configs[in_force[0]] if in_force else None, runners)


def rules_text(rules: QueueRules) -> str:
    """Return the stored form of queue rules."""
    return json.dumps({name: queue.concurrency for name, queue in sorted(rules.queues.items())}, ensure_ascii=False)


def rules_of(text: str) -> QueueRules:
    """Return stored queue rules."""
    return QueueRules({name: Queue(name, concurrency) for name, concurrency in json.loads(text).items()})
