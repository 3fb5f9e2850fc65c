"""Retry policies: each is used, and says nothing that never comes to be: a delay, a limit, an attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, takewhile

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Related, finding, listing, quoted
from kongflow.config.retry_layers import Layer, LayeredPolicy, LayerKey, layered_policies
from kongflow.core.duration import format_duration
from kongflow.core.retry import Backoff, RetryPolicy

_AS_MANY_AS_FIT = 1000
"""Attempts that are allowed where somebody means that only the time counts."""


def unused_definition(facts: Facts) -> Iterator[Finding]:
    """Every retry policy is named by a task, or by the defaults."""
    levels = (facts.project.task_defaults, *facts.project.tasks.values())
    used = {level.value.get("retry") for level in levels if isinstance(level.value.get("retry"), str)}
    if any(level.failed("retry") for level in levels) or not used <= {"default", *facts.project.policies}:
        return  # a name that is wrong may have meant it
    for name, entry in facts.project.policies.items():
        if name != "default" and name not in used and facts.project.tasks and Layer(entry, entry.value).is_whole:
            message = f"no task names the retry policy {quoted(name)}"
            yield finding("unused-definition", entry.key_place(), message, f"delete it, or write `retry: {name}`")


def retry_exceeds_max_duration(facts: Facts) -> Iterator[Finding]:
    """Where there are attempts left, the first retry comes before `max_duration` ends."""
    for use in layered_policies(facts.project):
        policy, first = use.policy, use.policy.window(1).earliest
        is_fixed = not use.varies("max_attempts", "initial_delay", "max_delay", "jitter", "max_duration")
        if policy.max_attempts > 1 and policy.max_duration is not None and first > policy.max_duration and is_fixed:
            message = (
                f"no retry ever starts: the first would come {format_duration(first)} after the failure, and "
                f"`max_duration` allows {format_duration(policy.max_duration)} since the job was ready"
            )
            advice = "a longer `max_duration`, or a shorter `initial_delay`; for no retries write `max_attempts: 1`"
            yield from _between("retry-exceeds-max-duration", use, ("max_duration", "initial_delay"), message, advice)


def retry_delay_capped(facts: Facts) -> Iterator[Finding]:
    """An `initial_delay` that somebody writes is not longer than the `max_delay` that is in force there."""
    for use in layered_policies(facts.project):
        policy = use.policy
        is_chosen = use.giver("initial_delay") is not None and use.rank("initial_delay") <= use.rank("max_delay")
        is_fixed = not use.varies("max_attempts", "initial_delay", "max_delay")
        if policy.max_attempts > 1 and policy.initial_delay > policy.max_delay and is_chosen and is_fixed:
            cap = format_duration(policy.max_delay)
            why = "that is `max_delay`" if use.giver("max_delay") else "`max_delay` is that if not given"
            message = f"every retry comes after {cap}: {why}"
            advice = f"write a `max_delay` of {format_duration(policy.initial_delay)} or more"
            yield from _between("retry-delay-capped", use, ("initial_delay", "max_delay"), message, advice)


def _between(slug: str, use: LayeredPolicy, fields: tuple[str, str], message: str, advice: str) -> Iterator[Finding]:
    """Yield a finding of two fields at the one that is nearer to the task, with the place of the other."""
    near, far = sorted(fields, key=use.rank)
    here, there = use.giver(near), use.giver(far)
    assert here is not None
    related = () if there is None else (Related(there.value_place(far), f"`{far}`"),)
    yield finding(slug, here.value_place(near), message, advice, related)


def retry_no_effect(facts: Facts) -> Iterator[Finding]:
    """What a policy says of delays and attempts makes a difference for some task that gets it from there."""
    for layer, field, uses in _givers(facts):
        policy = uses[0].policy
        if all(use.policy.max_attempts == 1 for use in uses):
            continue  # retry-single-attempt
        if field == "factor" and _all(uses, "backoff", lambda use: use.policy.backoff is not Backoff.EXPONENTIAL):
            message = f"`factor` has no effect with `backoff: {policy.backoff}`"
            yield finding("retry-no-effect", layer.entry.key_place("factor"), message, "delete it")
        elif field == "backoff" and _all(uses, "initial_delay", partial(_is_at_once, layer)):
            message = f"`backoff: {policy.backoff}` has no effect: whatever is made of `initial_delay: 0s`, it stays 0s"
            advice = "a longer `initial_delay`; for retries at once delete `backoff`"
            yield finding("retry-no-effect", layer.entry.key_place("backoff"), message, advice)
        elif field == "max_attempts" and _all(uses, "max_duration", partial(_reached, layer)):
            most = max(_reached(layer, use) for use in uses)
            message = f"the attempts {most + 1} to {policy.max_attempts} never start: `max_duration` ends before them"
            advice = f"`max_attempts: {most}` says the same, or write a longer `max_duration`"
            yield finding("retry-no-effect", layer.value_place("max_attempts"), message, advice)


def _all(uses: list[LayeredPolicy], field: str, holds: Callable[[LayeredPolicy], object]) -> bool:
    return all(holds(use) and not use.varies(field) for use in uses)


def _is_at_once(layer: Layer, use: LayeredPolicy) -> bool:
    """Say whether every delay is 0 by the `initial_delay` that stands beside a `backoff` of another kind."""
    giver = use.giver("initial_delay")
    is_here = giver is not None and giver.key == layer.key
    return is_here and use.policy.initial_delay == 0 and use.policy.backoff is not Backoff.CONSTANT


def _reached(layer: Layer, use: LayeredPolicy) -> int:
    """Return how many attempts can start before the `max_duration` that stands beside `max_attempts`; 0 where all can,
    where no retry does (`retry-exceeds-max-duration`), or where none stands there.
    """
    policy, giver = use.policy, use.giver("max_duration")
    if policy.max_duration is None or giver is None or giver.key != layer.key or use.varies("max_attempts"):
        return 0
    if policy.max_attempts >= _AS_MANY_AS_FIT:
        return 0
    most = _attempts_within(policy, policy.max_duration)
    return most if 1 < most < policy.max_attempts else 0


def _attempts_within(policy: RetryPolicy, seconds: float) -> int:
    """Return how many attempts can start within so many seconds, if each of them fails at once."""
    starts = accumulate(delay.earliest for delay in policy.windows())
    return 1 + sum(1 for _ in takewhile(lambda start: start <= seconds, starts))


def _givers(facts: Facts) -> Iterator[tuple[Layer, str, list[LayeredPolicy]]]:
    """Yield every field that is written in a policy, with the policies of the tasks that get it from there."""
    found: dict[tuple[LayerKey, str], tuple[Layer, list[LayeredPolicy]]] = {}
    for use in layered_policies(facts.project):
        for layer in use.layers:
            for field in layer.fields:
                giver = use.giver(field)
                if layer.is_policy and giver is not None and giver.key == layer.key:
                    found.setdefault((layer.key, field), (layer, []))[1].append(use)
    for (_, field), (layer, uses) in found.items():
        yield layer, field, uses


def retry_single_attempt(facts: Facts) -> Iterator[Finding]:
    """Where one attempt is allowed, nothing is said about more."""
    uses = layered_policies(facts.project)
    yield from filter(None, map(_beside_one_attempt, uses))
    written = {layer.key: layer for use in uses for layer in use.layers}
    tried_again = {layer.key for use in uses for layer in use.layers if use.policy.max_attempts > 1}
    for key in written.keys() - tried_again:
        layer = written[key]
        others = _others(layer.fields)
        is_fixed = not layer.entry.varies("max_attempts")
        if layer.is_policy and layer.fields.get("max_attempts") == 1 and others and is_fixed:
            message = f"with one attempt nothing is retried: {listing(others)} cannot matter"
            advice = "delete what stands beside it, or allow more attempts"
            yield finding("retry-single-attempt", layer.value_place("max_attempts"), message, advice)


def _beside_one_attempt(use: LayeredPolicy) -> Finding | None:
    """Return what is to be said of a task that allows one attempt and has a policy for more."""
    task = use.task
    is_one = "max_attempts" in task.value and use.policy.max_attempts == 1 and not task.varies("max_attempts")
    if not is_one or not _others(task.value.get("retry")):
        return None
    message = "with `max_attempts: 1` nothing is retried: this policy is never used"
    advice = "delete one of the two (a call may ask for more attempts, too)"
    related = (Related(task.value_place("max_attempts"), "the only attempt"),)
    return finding("retry-single-attempt", task.key_place("retry"), message, advice, related)


def _others(retry: object) -> list[str]:
    """Return what a policy says beside the number of attempts; of one that is named, its name."""
    if isinstance(retry, str):
        return [retry]
    return [f"`{field}`" for field in retry if field != "max_attempts"] if isinstance(retry, dict) else []
