"""Queues: which come, go and change, which jobs lose their limits, and which their runners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kongflow.core.declaration import differences
from kongflow.core.json import Json
from kongflow.engine.plan.change import NO_JOBS, Change, Effect, Jobs, Kind
from kongflow.engine.plan.survey import Survey
from kongflow.engine.plan.tasks import Comparison
from kongflow.engine.plan.words import in_words, shown
from kongflow.store.records import RunnerView

NO_QUEUE, UNDECLARED = "(no queue)", "(undeclared)"


def queue_changes(compared: Comparison, living: Sequence[RunnerView]) -> Iterator[Change]:
    """Yield what becomes of queues, and which jobs no runner with the new configuration would take."""
    found = compared.found
    old, new = compared.sections("queues")
    for name in sorted({*old, *new}) if compared.before is not None else ():
        if name not in old:
            yield Change(Kind.QUEUE_ADDED, name, Effect.CHANGES, f"is new: {_limits(new[name])}", _after(found, name))
        elif name not in new:
            yield _removed(found, name)
        elif old[name] != new[name]:
            changed = differences(_as_written(old[name]), _as_written(new[name]))
            what = in_words(changed)
            yield Change(Kind.QUEUE_CHANGED, name, Effect.CHANGES, what, _after(found, name), differences=changed)
    if found.undeclared.jobs.count:
        what = "no rule matches their queues, as now: they run one at a time"
        yield Change(Kind.QUEUE_UNDECLARED, UNDECLARED, Effect.STANDS, what, found.undeclared.jobs)
    yield from _unserved(compared, living)
    yield from _forbidden(compared, living)


def _removed(found: Survey, name: str) -> Change:
    """Its jobs fall to the patterns that match, or to nothing."""
    heirs = sorted(after for before, after in found.moves if before == name and after)
    orphans = found.moves[name, ""].jobs if (name, "") in found.moves else NO_JOBS
    ends = [f"its jobs get the limits of {', '.join(heirs)}"] if heirs else []
    if orphans.count:
        ends.append(f"no rule matches {'the others' if heirs else 'its jobs'}, which run one at a time")
    what = f"is gone: {'; '.join(ends)}" if ends else "is gone"
    remedy = "leave it until it is empty" if orphans.count else ""
    jobs = found.before[name].jobs if name in found.before else NO_JOBS
    return Change(Kind.QUEUE_REMOVED, name, Effect.CHANGES, what, jobs, remedy)


def _unserved(compared: Comparison, living: Sequence[RunnerView]) -> Iterator[Change]:
    found, serves = compared.found, compared.catalog.runner.queues
    for rule, tally in sorted(found.unserved.items(), key=lambda each: each[0] or ""):
        stands = bool(living) and rule not in found.newly_unserved
        what = f"no runner with this configuration takes its jobs: it serves {', '.join(serves)}"
        remedy = "add it to runner.queues; where others serve it: kongflow plan --queues NAMES with all that are served"
        name = NO_QUEUE if rule is None else rule or UNDECLARED
        effect = Effect.STANDS if stands else Effect.BLOCKS
        yield Change(Kind.QUEUE_UNSERVED, name, effect, what, tally.jobs, remedy)


def _forbidden(compared: Comparison, living: Sequence[RunnerView]) -> Iterator[Change]:
    for flag, tally in sorted(compared.found.forbidden.items()):
        stands = bool(living) and all(flag in runner.forbidden_flags for runner in living)
        effect = Effect.STANDS if stands else Effect.BLOCKS
        what = "no runner with this configuration takes jobs with it: runner.forbidden_flags has it"
        yield Change(Kind.FLAG_FORBIDDEN, flag, effect, what, tally.jobs, "let other runners take them, or allow it")


def _after(found: Survey, name: str) -> Jobs:
    return found.after[name].jobs if name in found.after else NO_JOBS


def _limits(rule: Json) -> str:
    limits = ["unlimited" if rule["concurrency"] is None else f"{rule['concurrency']} at once"]
    if rule["max_active"] is not None:
        limits.append(f"max_active {rule['max_active']}")
    if rule["rate_limit"] is not None:
        limits.append(shown("rate_limit", _as_written(rule)["rate_limit"]))
    return ", ".join(limits)


def _as_written(rule: Json) -> Json:
    """Return published limits in the shape of kongflow.yaml."""
    rate = None if rule["rate_limit"] is None else {"limit": rule["rate_limit"], "per": rule["rate_per"]}
    return {"concurrency": rule["concurrency"], "max_active": rule["max_active"], "rate_limit": rate}
