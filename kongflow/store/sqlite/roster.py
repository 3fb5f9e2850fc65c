"""Roster: the live runners and the config in force, as one generation of them; who may take what, and queue limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from kongflow.core.queue import Queue, QueueFilter, QueueRules, RateLimit
from kongflow.store.rows import names
from kongflow.store.sqlite.transaction import Transaction

_MOST_REMEMBERED = 100_000
"""Answers kept for concrete queue names, or for flags: their number has no bound of its own."""
NO_LIMIT = 2**31
"""The slots of a queue that has no limit."""
_SEPARATOR = "\x1f"


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits one concrete queue. `slots`: how many jobs may run at once; None is unlimited."""

    slots: int | None
    pattern: str | None = None
    """The lane that it shares with other queues."""
    rate: RateLimit | None = None


@dataclass(slots=True)
class Roster:
    """Answers, remembered for as long as no runner comes or goes and nothing is paused or resumed."""

    generation: int
    rules: QueueRules | None
    """Those in force; None before any runner has come."""
    runners: Mapping[int, LiveRunner]
    paused: frozenset[str] = frozenset()
    """Queues and patterns of which nothing may start."""
    _takers: dict[tuple[str, str | None], tuple[LiveRunner, ...]] = field(default_factory=dict)
    _kinds: dict[str, bool] = field(default_factory=dict)
    _served: dict[tuple[int, str | None], bool] = field(default_factory=dict)
    _limits: dict[str, Limits] = field(default_factory=dict)

    def mine(self, runner: LiveRunner, task: str, flags: str | None, queue: str | None) -> bool:
        """Say whether one runner may take a job."""
        return runner in self._takers_of(task, flags) and self._serves(runner, queue)

    def takeable(self, task: str, flags: str | None, queue: str | None) -> bool:
        """Say whether any live runner may take a job."""
        return any(self._serves(runner, queue) for runner in self._takers_of(task, flags))

    def kind_is_mine(self, runner: LiveRunner, kind: str) -> bool:
        """Say whether one runner may take jobs of a kind; `mine` has the last word on each job."""
        task, flags, rule = _parts_of(kind)
        return runner in self._takers_of(task, flags) and runner.filter.may_serve(rule)

    def rule_of_kind(self, kind: str) -> str:
        """Return the declared queue of a kind: empty for jobs without a queue, `?` where nobody knows."""
        return _parts_of(kind)[2]

    def takeable_kind(self, kind: str, of_rule: str | None = None) -> bool:
        """Say whether any live runner may take jobs of a kind, which belong to a declared queue or pattern where one
        is given; `takeable` has the last word on each job.
        """
        if kind not in self._kinds:
            if len(self._kinds) >= _MOST_REMEMBERED:
                self._kinds.clear()
            task, flags, rule = _parts_of(kind)
            takers = self._takers_of(task, flags)
            self._kinds[kind] = any(runner.filter.may_serve(rule) for runner in takers)
        return self._kinds[kind] and (of_rule is None or self.rule_of_kind(kind) in (of_rule, "?"))

    def limits(self, queue: str) -> Limits:
        """Return what limits a queue by the config in force."""
        if queue not in self._limits:
            if len(self._limits) >= _MOST_REMEMBERED:
                self._limits.clear()
            self._limits[queue] = self._limits_of(queue)
        return self._limits[queue]

    def pattern_slots(self, pattern: str) -> int | None:
        """Return how many jobs of all queues of a pattern may run at once; None is unlimited."""
        rule = (self.rules or QueueRules()).queues.get(pattern)
        if pattern in self.paused:
            return 0
        return None if rule is None else rule.max_active

    @property
    def shared_patterns(self) -> list[str]:
        """The patterns whose queues share a limit."""
        rules = self.rules or QueueRules()
        return [rule.name for rule in rules.queues.values() if rule.is_pattern and rule.max_active is not None]

    def _limits_of(self, queue: str) -> Limits:
        rule = (self.rules or QueueRules()).effective(queue)
        pattern = rule.name if rule.is_pattern and rule.max_active is not None else None
        if queue in self.paused or rule.name in self.paused:
            return Limits(0, pattern, rule.rate_limit)
        # A queue with a rate has a lane, whatever its concurrency.
        slots = NO_LIMIT if rule.slots is None and rule.rate_limit is not None else rule.slots
        return Limits(slots, pattern, rule.rate_limit)

    def _takers_of(self, task: str, flags: str | None) -> tuple[LiveRunner, ...]:
        takers = self._takers.get((task, flags))
        if takers is None:
            if len(self._takers) >= _MOST_REMEMBERED:
                self._takers.clear()
            flag_names = names(flags)
            takers = tuple(runner for runner in self.runners.values() if runner.takes_kind(task, flag_names))
            self._takers[task, flags] = takers
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
    paused = frozenset(row[0] for row in tx.all("paused"))
    return Roster(generation, configs[in_force[0]] if in_force else None, runners, paused)


def rules_text(rules: QueueRules) -> str:
    """Return the stored form of queue rules."""
    return json.dumps({name: queue.published() for name, queue in sorted(rules.queues.items())}, ensure_ascii=False)


def rules_of(text: str) -> QueueRules:
    """Return stored queue rules."""
    return QueueRules({name: Queue.of_published(name, limits) for name, limits in json.loads(text).items()})


def _parts_of(kind: str) -> tuple[str, str | None, str]:
    """Return task, flags and declared queue of a kind, as the tables put them together."""
    task, rest = kind.split(_SEPARATOR, 1)
    flags, rule = rest.rsplit(_SEPARATOR, 1)
    return task, flags or None, rule
