"""RetryPolicy: how many attempts a job has, how long it waits before each, and which errors are worth one."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Backoff(StrEnum):
    """How the delay grows with the number of the attempt that failed."""

    EXPONENTIAL = "exponential"
    """initial_delay × factor^(attempt − 1)"""
    LINEAR = "linear"
    """initial_delay × attempt"""
    CONSTANT = "constant"
    """initial_delay"""


@dataclass(frozen=True, slots=True)
class Delay:
    """The window in which a retry starts, in seconds after the failure; `expected` is the middle before the cap."""

    attempt: int
    """The attempt that failed; the retry is attempt + 1."""
    earliest: float
    expected: float
    latest: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A declared retry policy with every field resolved. Times are seconds.

    The defaults are graphile-worker's numbers: e^attempt seconds up to e^10, 25 attempts.
    """

    max_attempts: int = 25
    backoff: Backoff = Backoff.EXPONENTIAL
    initial_delay: float = 2.71828
    factor: float = 2.71828
    max_delay: float = 22_027.0
    jitter: float = 0.1
    retry_on: tuple[str, ...] = ("*",)
    give_up_on: tuple[str, ...] = ()
    max_duration: float | None = None
    """No retry starts later than this after the job was first ready. None: no such limit."""

    def base_delay(self, attempt: int) -> float:
        """Return the delay after the failure of `attempt` (1 is the first), before jitter and cap."""
        match self.backoff:
            case Backoff.CONSTANT:
                return self.initial_delay
            case Backoff.LINEAR:
                return self.initial_delay * attempt
            case Backoff.EXPONENTIAL:
                try:
                    return self.initial_delay * self.factor ** (attempt - 1)
                except OverflowError:
                    return self.max_delay

    def window(self, attempt: int) -> Delay:
        """Return the window of the delay after the failure of `attempt`."""
        base = self.base_delay(attempt)
        low, middle, high = (min(base * (1 + part), self.max_delay) for part in (-self.jitter, 0.0, self.jitter))
        return Delay(attempt, low, middle, high)

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Return one delay of that window, in seconds: the cap holds after the jitter."""
        base = self.base_delay(attempt)
        return min(base * (1 + self.jitter * rng.uniform(-1, 1)), self.max_delay)

    def windows(self, max_attempts: int | None = None) -> Iterator[Delay]:
        """Yield the window of every retry that the policy allows, in order."""
        for attempt in range(1, max_attempts or self.max_attempts):
            yield self.window(attempt)

    def retries(self, error_classes: tuple[str, ...]) -> bool:
        """Say whether an error is worth another attempt.

        `error_classes`: the dotted names of the exception's class and of its bases (`class_names`). A name in
        `give_up_on` wins over `retry_on`; `*` matches every error.
        """
        return not _matches(self.give_up_on, error_classes) and _matches(self.retry_on, error_classes)


def class_names(error: type[BaseException]) -> tuple[str, ...]:
    """Return every dotted name under which the class and its bases are known: that of the module which defines it, and
    of the packages around that module which have it by its name (`requests.Timeout`); builtins also without prefix.
    """
    names: list[str] = []
    for cls in error.__mro__:
        if cls is object:
            continue
        names.append(f"{cls.__module__}.{cls.__qualname__}")
        if cls.__module__ == "builtins":
            names.append(cls.__qualname__)
        elif cls.__module__ == "kongflow.errors":
            names.append(f"kongflow.{cls.__qualname__}")
        else:
            names += _names_in_packages(cls)
    return tuple(names)


def _names_in_packages(cls: type) -> Iterator[str]:
    package = cls.__module__.rpartition(".")[0]
    while package:
        # Who has imported a module has imported the packages around it; nothing else is imported or asked.
        if vars(sys.modules.get(package, object)).get(cls.__name__) is cls:
            yield f"{package}.{cls.__name__}"
        package = package.rpartition(".")[0]


def _matches(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(pattern == "*" or pattern in names for pattern in patterns)
