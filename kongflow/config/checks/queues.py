"""Queues: what tasks and runners name is declared, no two patterns have the same rank, and every task is served."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Related, finding, listing, quoted, related_to, suggestion
from kongflow.config.templates import TemplateUse
from kongflow.core.queue import Queue, QueueRules, patterns_of_equal_rank


def queue_not_declared(facts: Facts) -> Iterator[Finding]:
    """The queue of a task, where it is no template, is declared or matches a pattern."""
    rules = _rules(facts)
    for use in facts.templates:
        if use.key != "queue" or use.template is None or not use.template.is_literal:
            continue
        if rules.rule(use.text) is None:
            message = f"no declared queue or pattern matches {quoted(use.text)}"
            advice = suggestion(use.text, rules.queues, f"declared: {listing(rules.queues)}")
            yield finding("queue-not-declared", use.entry.value_place("queue"), message, advice)


def queue_pattern_no_match(facts: Facts) -> Iterator[Finding]:
    """Some name that the template of a queue can give is declared or matches a pattern."""
    queues = _rules(facts).queues
    for use in facts.templates:
        if use.key != "queue" or use.template is None or use.template.is_literal:
            continue
        parts = use.template.literal_parts()
        if not any(_can_meet(parts, queue) for queue in queues.values()):
            form = "".join("…" if part is None else part for part in parts)
            message = f"no declared queue or pattern matches names of the form {quoted(form)}"
            advice = suggestion(form.replace("…", "*"), queues, f"declared: {listing(queues)}")
            yield finding("queue-pattern-no-match", use.entry.value_place("queue"), message, advice)


def queue_pattern_ambiguous(facts: Facts) -> Iterator[Finding]:
    """No name matches two patterns of which neither has the longer literal prefix."""
    for first, second in patterns_of_equal_rank(_rules(facts).queues.values()):
        here, there = (facts.project.queues[queue.name] for queue in (second, first))
        message = f"a name can match this and {quoted(first.name)} with equal rank"
        advice = "the longest text before * wins: lengthen it in one of the two, or delete one"
        related = (Related(there.key_place(), "the other pattern"),)
        yield finding("queue-pattern-ambiguous", here.key_place(), message, advice, related)


def runner_queue_unknown(facts: Facts) -> Iterator[Finding]:
    """`runner.queues` holds `*` or names exactly as they are declared."""
    declared = facts.project.queues
    for index, name in enumerate(facts.project.main.below("runner").value.get("queues", [])):
        if name != "*" and name not in declared:
            message = f"no queue or pattern {quoted(name)} is declared"
            advice = suggestion(name, declared, f"names must be exactly as declared: {listing(declared)}")
            place = facts.project.main.value_place("runner", "queues", index)
            yield finding("runner-queue-unknown", place, message, advice)


def queue_unserved(facts: Facts) -> Iterator[Finding]:
    """`runner.queues` serves the queue of every task; where it holds a variable, each deployment serves others."""
    runner = facts.project.main.below("runner")
    served = runner.value.get("queues", ["*"])
    varies = any(runner.varies("queues", index) for index in range(len(served)))
    if runner.failed("queues") or varies or "*" in served or not set(served) <= facts.project.queues.keys():
        return
    defaults, rules = facts.project.task_defaults, _rules(facts)
    homeless = [
        task
        for task in facts.project.tasks.values()
        if not any("queue" in entry.value or entry.failed("queue") for entry in (task, defaults))
    ]
    left = {task.name: task.key_place() for task in homeless}
    missing: set[str] = set()
    for use in facts.templates:
        possible = set(_possible(use, rules)) if use.key == "queue" else set()
        if possible and possible.isdisjoint(served):
            missing |= possible
            left |= {task.name: use.entry.value_place("queue") for task in use.tasks}
    if left:
        message = f"this runner takes no job of {listing(left)}"
        ways = [f"add {listing(missing)}"] if missing else []
        ways += ['only "*" serves what has no queue'] if homeless else []
        advice = f"{'; '.join(ways)}; or start another runner with `kongflow run --queues`"
        related = related_to([left[name] for name in sorted(left)], "its queue is not served")
        yield finding("queue-unserved", runner.value_place("queues"), message, advice, related)


def _possible(use: TemplateUse, rules: QueueRules) -> Iterator[str]:
    """Yield the declared queues and patterns that a template may lead to."""
    if use.template is None:
        return
    if use.template.is_literal:
        rule = rules.rule(use.text)
        yield from () if rule is None else (rule.name,)
    else:
        parts = use.template.literal_parts()
        yield from (name for name, queue in rules.queues.items() if _can_meet(parts, queue))


def _rules(facts: Facts) -> QueueRules:
    return QueueRules({name: Queue(name) for name in facts.project.queues})


def _can_meet(parts: tuple[str | None, ...], queue: Queue) -> bool:
    """Say whether a template can give a name that a queue or pattern matches: their outer literal parts must agree."""
    prefix, suffix = parts[0] or "", parts[-1] or ""
    if not queue.is_pattern:
        return len(queue.name) > len(prefix) + len(suffix) and _fits(parts, queue.name)
    other_prefix, _, other_suffix = queue.name.partition("*")
    return (prefix.startswith(other_prefix) or other_prefix.startswith(prefix)) and (
        suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    )


def _fits(parts: tuple[str | None, ...], name: str) -> bool:
    """Say whether a template can give exactly this name; each expression gives at least one character."""
    prefix, suffix = parts[0] or "", parts[-1] or ""
    if not (name.startswith(prefix) and name.endswith(suffix)):
        return False
    at = len(prefix)
    for part in parts[1:-1]:
        if part is not None:
            at = name.find(part, at + 1)
            if at < 0:
                return False
            at += len(part)
    return at < len(name) - len(suffix)
