"""Finding: what is wrong, where exactly, and what to do about it. Every phase of loading yields them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from kongflow.core.spelling import nearest


class Severity(StrEnum):
    """How much a finding weighs: an error stops the catalog from being built."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a text, in characters: lines and columns from 1, the end just behind the last character."""

    line: int
    col: int
    end_line: int
    end_col: int


@dataclass(frozen=True, slots=True)
class Place:
    """A range of a file; `file` is the path as it is shown."""

    file: str
    span: Span

    def __str__(self) -> str:
        return f"{self.file}:{self.span.line}:{self.span.col}"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that a finding speaks of, and what is there."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `slug` names its page in `kongflow explain`. Lines, columns and ends are those of `Span`."""

    slug: str
    severity: Severity
    message: str
    help: str
    file: str
    line: int
    col: int
    end_line: int
    end_col: int
    related: tuple[Related, ...] = ()
    json_path: str = ""
    """What it is about, such as `$.tasks.greet.queue`; empty in a file of Python."""

    @property
    def advised(self) -> str:
        """The message with its help, for formats that have one text for both."""
        return f"{self.message} ({self.help})" if self.help else self.message


def finding(slug: str, place: Place, message: str, help: str = "", related: Iterable[Related] = ()) -> Finding:
    """Return a finding at a place, with the severity that its slug has. Raises: KeyError for an unknown slug."""
    span = place.span
    return Finding(
        slug,
        SEVERITIES[slug],
        message,
        help,
        place.file,
        span.line,
        span.col,
        span.end_line,
        span.end_col,
        tuple(related),
    )


MAX_RELATED = 5
"""Places that one finding lists."""


def related_to(places: Sequence[Place], message: str) -> tuple[Related, ...]:
    """Return the first of many places with what is there; the last that is listed says how many more there are."""
    more = len(places) - MAX_RELATED
    listed = [Related(place, message) for place in places[:MAX_RELATED]]
    if more > 0:
        listed[-1] = Related(listed[-1].place, f"{message}; and {more} more places")
    return tuple(listed)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by file, line and column; one that was found twice stands once."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (f.file, f.line, f.col, f.slug, f.message)))


def raised_to_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with every warning turned into an error: what `strict` means."""
    return tuple(
        replace(found, severity=Severity.ERROR) if found.severity is Severity.WARNING else found for found in findings
    )


def has_errors(findings: Iterable[Finding]) -> bool:
    """Say whether any finding is an error."""
    return any(found.severity is Severity.ERROR for found in findings)


def any_as_grave(findings: Iterable[Finding], least: Severity) -> bool:
    """Say whether any finding weighs as much as `least`, or more."""
    return any(found.severity.rank <= least.rank for found in findings)


def gravest(findings: Sequence[Finding], number: int) -> tuple[Finding, ...]:
    """Return at most `number` findings in the order that they have: errors first, of equal ones the first."""
    chosen = sorted(range(len(findings)), key=lambda index: (findings[index].severity.rank, index))[:number]
    return tuple(findings[index] for index in sorted(chosen))


def quoted(value: object, limit: int = 60) -> str:
    """Return a value as it stands in a message: quoted, control characters escaped, long ones cut."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `did you mean 'x'?` for the nearest known name, or `otherwise`."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else otherwise


def listing(names: Iterable[str], nothing: str = "none") -> str:
    """Return names in one short line, for a help that says what there is."""
    names = sorted(names)
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or nothing


_ERRORS = """
file-too-large file-unreadable
yaml-syntax yaml-encoding yaml-control-character yaml-empty yaml-multiple-documents yaml-nesting yaml-anchor-limit
yaml-recursive-alias yaml-tag yaml-duplicate-key yaml-key-type yaml-merge-key yaml-not-finite yaml-integer-too-large
include-not-found include-duplicate include-section include-self path-escape
env-missing env-syntax env-type env-in-key env-in-template
language-version not-in-this-version
unknown-key renamed-key missing-key wrong-type wrong-choice wrong-format out-of-range duplicate-item name-invalid
duration-invalid
unknown-retry-policy unknown-task queue-not-declared queue-pattern-no-match queue-pattern-ambiguous runner-queue-unknown
schema-not-found schema-not-json schema-invalid schema-remote-ref schema-outside-project schema-ref-not-found
example-invalid
task-removed schema-incompatible
tombstone-not-alone tombstone-target secret-source database-url heartbeat-too-slow
lint-unknown-slug lint-ignores-error
handler-path handler-module handler-syntax handler-attribute handler-not-callable handler-signature handler-isolation
memory-limit-isolation memory-limit-too-small handler-import-error
template-syntax template-unknown-name template-unknown-key template-not-allowed template-in-key
template-maybe-missing template-nullable template-type template-renders-object template-value-type template-filter-args
schedule-timing schedule-payload timezone-without-cron timezone-unknown cron-invalid cron-never
"""
_WARNINGS = """
schema-unsatisfiable default-invalid
include-empty pooler-without-server
unused-ignore ignore-syntax
queue-removed schema-incompatible-forward
cron-every-minute cron-uneven cron-step cron-short-months schedule-catchup schedule-overlap
template-braces template-undeclared-key template-constant template-not-boolean
yaml-ambiguous-scalar secret-literal secret-in-payload secret-in-name handler-payload-type
queue-limit-inert job-key-collision retry-exceeds-max-duration retry-delay-capped
retry-exception-unknown retry-lists-overlap
"""
_INFOS = """
handler-unresolvable schema-unproved schema-default-changed cron-day-or cron-dst
unused-definition queue-unserved queue-serial-long-job queue-cardinality retry-no-effect retry-single-attempt
"""

SEVERITIES = {
    slug: severity
    for severity, slugs in ((Severity.ERROR, _ERRORS), (Severity.WARNING, _WARNINGS), (Severity.INFO, _INFOS))
    for slug in slugs.split()
}
"""Every slug, with its severity."""
