"""Templates: they can be read, and what they do works for every payload that its schema allows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding, related_to
from kongflow.config.templates import TemplateUse

_WRONG = re.compile(r"<<.*|\w+", re.DOTALL)
"""What is marked of a template that cannot be read: a word, or all that is never closed."""

_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def template_syntax(facts: Facts) -> Iterator[Finding]:
    """Every template can be read."""
    for use in facts.templates:
        if use.problem is not None:
            start = min(use.problem.offset, max(len(use.text) - 1, 0))
            wrong = _WRONG.match(use.text, start)
            place = use.place(start, wrong.end() if wrong else start + 1)
            yield finding("template-syntax", place, use.problem.message, _cut_short(use))


def template_braces(facts: Facts) -> Iterator[Finding]:
    """No queue and no job key is written with the braces of other languages: they are plain text here."""
    for use in facts.templates:
        braces = _BRACES.search(use.text) if use.is_of_a_task else None
        if braces:
            message = f"this is plain text, a part of the `{use.key}` of every job"
            yield finding(
                "template-braces", use.place(*braces.span()), message, f"a template is << {braces[1].strip()} >>"
            )


def template_unknown_name(facts: Facts) -> Iterator[Finding]:
    """Every name in a template is in scope: `payload` and `task`, or of a schedule `schedule`."""
    yield from _found(facts, "template-unknown-name")


def template_unknown_key(facts: Facts) -> Iterator[Finding]:
    """No template reads a key that can never be there, because the schema is closed."""
    yield from _found(facts, "template-unknown-key")


def template_undeclared_key(facts: Facts) -> Iterator[Finding]:
    """No template reads a key that the schema does not list among others, though it would allow it."""
    yield from _found(facts, "template-undeclared-key")


def template_maybe_missing(facts: Facts) -> Iterator[Finding]:
    """No template uses a value that may be missing."""
    yield from _found(facts, "template-maybe-missing")


def template_nullable(facts: Facts) -> Iterator[Finding]:
    """No template prints a value that may be null, works on it, or reads a key of it."""
    yield from _found(facts, "template-nullable")


def template_type(facts: Facts) -> Iterator[Finding]:
    """Operators get what they work on, and keys are read from objects."""
    yield from _found(facts, "template-type")


def template_renders_object(facts: Facts) -> Iterator[Finding]:
    """Objects and lists are not printed into text."""
    yield from _found(facts, "template-renders-object")


def template_value_type(facts: Facts) -> Iterator[Finding]:
    """A template that gives a value of its own type gives one of the type that is wanted: a priority is an integer."""
    yield from _found(facts, "template-value-type")


def template_filter_args(facts: Facts) -> Iterator[Finding]:
    """Filters and tests get what they work on."""
    yield from _found(facts, "template-filter-args")


def template_constant(facts: Facts) -> Iterator[Finding]:
    """No condition is always true or always false."""
    yield from _found(facts, "template-constant")


def template_not_boolean(facts: Facts) -> Iterator[Finding]:
    """No list and no object is taken for a condition."""
    yield from _found(facts, "template-not-boolean")


def _found(facts: Facts, slug: str) -> Iterator[Finding]:
    """Yield the findings of one slug; one walk through a template has found those of all."""
    for found in facts.template_problems:
        if found.problem.slug == slug:
            place = found.use.place(found.problem.start, found.problem.end)
            heirs = [task.key_place() for task in found.heirs]
            related = related_to(heirs, "a task that inherits the template")
            yield finding(slug, place, found.problem.message, found.problem.help, related)


def _cut_short(use: TemplateUse) -> str:
    """Say what to do where YAML ended an unquoted value in the middle of a template."""
    if use.is_plain and use.text.count("<<") > use.text.count(">>"):
        return "a comma in [ ] or { }, or ' #', ends an unquoted value: quote the whole text"
    return ""
