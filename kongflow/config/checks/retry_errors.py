"""The errors of retry policies: each name is one that errors are known by, and no list undoes what the other says."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.exceptions import known_class
from kongflow.config.findings import Finding, finding, listing, related_to


def retry_exception_unknown(facts: Facts) -> Iterator[Finding]:
    """Every name in `retry_on` and `give_up_on` is the name of an exception class, as errors are known by it."""
    for policy in facts.project.written_policies:
        for key in ("retry_on", "give_up_on"):
            for index, name in enumerate(policy.value.get(key, [])):
                problem = facts.bad_exceptions.get(name)
                if problem is not None:
                    place = policy.value_place(key, index)
                    yield finding("retry-exception-unknown", place, problem.message, problem.help)


def retry_lists_overlap(facts: Facts) -> Iterator[Finding]:
    """`give_up_on` does not hold a class of `retry_on`, or a base of it."""
    for policy in facts.project.written_policies:
        wanted = policy.value.get("retry_on", [])
        for index, name in enumerate(policy.value.get("give_up_on", [])):
            covered = [at for at, other in enumerate(wanted) if _covers(name, other)]
            if name == "*":
                message, advice = "every error gives up: nothing is ever retried", "write `max_attempts: 1` instead"
            elif covered:
                names = listing(wanted[at] for at in covered)
                message = f"`retry_on` names {names}, and `give_up_on` wins: such an error is never retried"
                advice = "delete it in one of the two lists, or name a narrower class here"
            else:
                continue
            related = related_to([policy.value_place("retry_on", at) for at in covered], "named here")
            yield finding("retry-lists-overlap", policy.value_place("give_up_on", index), message, advice, related)


def _covers(name: str, other: str) -> bool:
    """Say whether every error of one class is one of another, as far as that is known without reading anything."""
    if name == other:
        return True
    base, cls = known_class(name), known_class(other)
    return base is not None and cls is not None and issubclass(cls, base)
