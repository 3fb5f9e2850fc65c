"""Queue rules: which declared queue or pattern a concrete queue name belongs to, and how many of it may run at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kongflow.core.json import Json
from kongflow.errors import InvalidOption

MAX_QUEUE_NAME = 128
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff*]")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Never more than `limit` starts in any window of `per` seconds."""

    limit: int
    per: float


@dataclass(frozen=True, slots=True)
class Queue:
    """One declared queue or pattern. `concurrency` None means unlimited; `max_wait` is seconds."""

    name: str
    concurrency: int | None = 1
    """Jobs of one concrete name that may run at once in the cluster."""
    max_active: int | None = None
    """Jobs that may run at once; of a pattern: of all its names together."""
    rate_limit: RateLimit | None = None
    """Of a pattern: for each concrete name."""
    max_wait: float | None = None
    description: str = ""

    @property
    def is_pattern(self) -> bool:
        """True where the name holds `*`, which stands for one or more characters, `:` included."""
        return "*" in self.name

    @property
    def slots(self) -> int | None:
        """How many jobs of one concrete name may run at once, whatever its others do; None is unlimited."""
        limits = [self.concurrency, None if self.is_pattern else self.max_active]
        return min((limit for limit in limits if limit is not None), default=None)

    def published(self) -> dict[str, Json]:
        """Return its limits as runners publish them; `Queue.of_published` reads them."""
        rate = self.rate_limit
        return {
            "concurrency": self.concurrency,
            "max_active": self.max_active,
            "rate_limit": None if rate is None else rate.limit,
            "rate_per": None if rate is None else rate.per,
        }

    @classmethod
    def of_published(cls, name: str, limits: Mapping[str, Any]) -> Queue:
        """Return a queue of which only the limits are known, as some runner published them."""
        rate = None if limits["rate_limit"] is None else RateLimit(limits["rate_limit"], limits["rate_per"])
        return cls(name, limits["concurrency"], limits["max_active"], rate)

    def matches(self, concrete: str) -> bool:
        """Say whether a concrete queue name belongs to this queue or pattern."""
        if not self.is_pattern:
            return self.name == concrete
        prefix, _, suffix = self.name.partition("*")
        return len(concrete) > len(prefix) + len(suffix) and concrete.startswith(prefix) and concrete.endswith(suffix)


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The declared queues, by name. Exact beats pattern; among patterns the longest literal prefix wins.

    Two patterns of one literal prefix are an error of the catalog, found by `validate`.
    """

    queues: Mapping[str, Queue] = field(default_factory=dict)

    def rule(self, concrete: str) -> Queue | None:
        """Return the rule in force for a concrete queue name, or None where nothing declared matches."""
        exact = self.queues.get(concrete)
        if exact is not None and not exact.is_pattern:
            return exact
        matching = [queue for queue in self.queues.values() if queue.is_pattern and queue.matches(concrete)]
        return max(matching, key=lambda queue: queue.name.index("*"), default=None)

    def effective(self, concrete: str) -> Queue:
        """Return the rule whose limits hold for a concrete queue name.

        A name that no rule matches runs serially: its declaration may have been removed while jobs wait.
        """
        return self.rule(concrete) or Queue(concrete)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which queues a runner serves: `*` for everything, jobs without a queue included, or names exactly as declared."""

    patterns: tuple[str, ...] = ("*",)

    def may_serve(self, rule: str) -> bool:
        """Say whether a runner with this filter may take jobs of a queue that belonged to a declared one when somebody
        looked last: empty for jobs without a queue, `?` where nobody knows. `serves` has the last word on each job.
        """
        if "*" in self.patterns or rule == "?":
            return True
        return rule != "" and any(may_overlap(pattern, rule) for pattern in self.patterns)

    def serves(self, concrete: str | None, rules: QueueRules) -> bool:
        """Say whether a runner with this filter takes jobs of this queue; None is a job without a queue."""
        if "*" in self.patterns:
            return True
        if concrete is None:
            return False
        rule = rules.rule(concrete)
        return concrete in self.patterns if rule is None else rule.name in self.patterns


def may_overlap(one: str, other: str) -> bool:
    """Say whether a concrete name may belong to two queues or patterns at once. Too often true does no harm."""
    if "*" not in one and "*" not in other:
        return one == other
    first, second = one.partition("*")[0], other.partition("*")[0]
    return one == other or first.startswith(second) or second.startswith(first)


def check_queue_name(concrete: str) -> str:
    """Return a concrete queue name, or refuse it.

    Raises: InvalidOption where it is empty, over 128 characters, holds `*` or a control character, or has outer spaces.
    """
    if not concrete or len(concrete) > MAX_QUEUE_NAME:
        raise InvalidOption(f"a queue name has 1 to {MAX_QUEUE_NAME} characters, this one has {len(concrete)}")
    if concrete != concrete.strip():
        raise InvalidOption(f"the queue name {concrete!r} begins or ends with a space")
    if _FORBIDDEN.search(concrete):
        raise InvalidOption(f"the queue name {concrete!r} holds a control character or '*'")
    return concrete


def patterns_of_equal_rank(queues: Iterable[Queue]) -> list[tuple[Queue, Queue]]:
    """Return the pairs of patterns that no rule of precedence tells apart: equal literal prefix, both can match."""
    patterns = sorted((queue for queue in queues if queue.is_pattern), key=lambda queue: queue.name)
    pairs: list[tuple[Queue, Queue]] = []
    for index, first in enumerate(patterns):
        prefix, _, suffix = first.name.partition("*")
        for second in patterns[index + 1 :]:
            other_prefix, _, other_suffix = second.name.partition("*")
            if prefix == other_prefix and (suffix.endswith(other_suffix) or other_suffix.endswith(suffix)):
                pairs.append((first, second))
    return pairs
