"""A plan in words: as text for people at a terminal, and as Markdown for a comment on a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from kongflow.cli.output import escape

if TYPE_CHECKING:  # only for annotations: they load the database's libraries
    from kongflow.engine.plan.change import Change, Jobs, Plan

MOST_ROWS = 100
"""Rows of the table in Markdown: a comment on GitHub has 65,536 characters."""
MOST_IN_CELL = 300
"""Characters of one cell."""

_SIGNS = {"added": ("+", "green"), "first": ("+", "green"), "missing": ("+", "green"), "removed": ("-", "red")}
_STANDING, _BLOCKING, _CHANGED = ("·", None), ("✗", "red"), ("~", "yellow")
# What Markdown gives a meaning, beside what HTML does.
_MARKUP = re.compile(r"[\\`*_\[\]|~@#$]|:(?=\S)")


# --- text ------------------------------------------------------------------------------------------------------------


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of a plan: a change each, with what to do, and the sum at the end."""
    nouns = max((len(_noun(change)) for change in plan.changes), default=0)
    for change in plan.changes:
        sign, colour = _sign(change)
        counts = f" ({_count(change.jobs)})" if change.jobs.count else ""
        subject = click.style(escape(change.subject), bold=True)
        name = f"{_noun(change):<{nouns}}  {subject}" if change.subject else _noun(change)
        yield f"{click.style(sign, fg=colour)} {name}  {escape(change.what)}{counts}"
        for detail in change.details:
            yield f"    {_reason(detail.what, detail.jobs)}"
        if change.jobs.first and not change.details and str(change.effect) == "blocks":
            yield f"    {_ids(change.jobs)}"
        if change.remedy:
            yield f"  → {escape(change.remedy)}"
    for text in plan.notes:
        yield f"! {escape(text)}"
    yield f"{_verdict(plan)}; {_checked(plan)}"


def _reason(what: str, jobs: Jobs) -> str:
    return f"{escape(what)}: {_count(jobs)}; {_ids(jobs)}" if jobs.count else escape(what)


def _sign(change: Change) -> tuple[str, str | None]:
    if str(change.effect) != "changes":
        return _BLOCKING if str(change.effect) == "blocks" else _STANDING
    return _SIGNS.get(str(change.kind).rpartition("_")[2], _CHANGED)


def _noun(change: Change) -> str:
    noun = str(change.kind).partition("_")[0]
    return "task" if noun == "payloads" else noun


def _count(jobs: Jobs) -> str:
    parts = [f"{jobs.waiting:,} waiting"] if jobs.waiting or not jobs.running else []
    return ", ".join([*parts, *([f"{jobs.running:,} running"] if jobs.running else [])])


def _ids(jobs: Jobs) -> str:
    more = " …" if jobs.count > len(jobs.first) else ""
    return f"job{'s' * (jobs.count > 1)} {', '.join(jobs.first)}{more}"


def _verdict(plan: Plan) -> str:
    effects = [str(change.effect) for change in plan.changes]
    blocking, changing = effects.count("blocks"), effects.count("changes")
    parts = [f"{blocking} block{'s' * (blocking == 1)} the deploy"] if blocking else []
    parts += [f"{changing} change{'s' * (changing != 1)}"] if changing else []
    return ", ".join(parts) or "no change"


def _checked(plan: Plan) -> str:
    return f"{plan.checked:,} {'job' if plan.checked == 1 else 'jobs'} checked"


# --- Markdown --------------------------------------------------------------------------------------------------------


def plan_markdown(plan: Plan) -> str:
    """Return a plan as Markdown of GitHub and GitLab. Names cannot break the table, nor mention anybody."""
    lines = [f"### kongflow plan: {_verdict(plan)}", ""]
    if plan.changes:
        lines += ["| | | what | waiting | running | jobs |", "|---|---|---|---:|---:|---|"]
        lines += map(_row, plan.changes[:MOST_ROWS])
        if len(plan.changes) > MOST_ROWS:
            lines += ["", f"… and {len(plan.changes) - MOST_ROWS:,} more: `kongflow plan`"]
        lines.append("")
    lines += [f"- {_plain(text)}" for text in plan.notes]
    lines += [""] if plan.notes else []
    return "\n".join([*lines, f"{_checked(plan)}."])


def _row(change: Change) -> str:
    sign = {"blocks": "⛔", "stands": "·"}.get(str(change.effect), f"`{_sign(change)[0]}`")
    what = [_plain(change.what), *(_plain(_detail(each.what, each.jobs)) for each in change.details)]
    if change.remedy:
        what.append(f"→ {_plain(change.remedy)}")
    jobs = change.jobs
    cells = (
        sign,
        f"{_noun(change)} {_code(change.subject)}" if change.subject else _noun(change),
        "<br>".join(what),
        f"{jobs.waiting:,}" if jobs.count else "",
        f"{jobs.running:,}" if jobs.count else "",
        _ids(jobs).partition(" ")[2] if jobs.count else "",
    )
    return f"| {' | '.join(cells)} |"


def _detail(what: str, jobs: Jobs) -> str:
    return f"{what}: {jobs.count:,}" if jobs.count else what


def _code(text: str) -> str:
    """Return a name in the type of code, in which nothing has a meaning."""
    return f"<code>{_entities(escape(_cut(text)))}</code>"


def _plain(text: str) -> str:
    """Return words that mean nothing but themselves; a space without width keeps `@` and `#` from being links."""
    return re.sub("(&#64;|&#35;)", "\\1\u200b", _entities(escape(_cut(text))))


def _entities(text: str) -> str:
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", html.escape(text, quote=False))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_IN_CELL else f"{text[: MOST_IN_CELL - 1]}…"
