"""Secrets: none is written into the files, none goes into a payload, and none becomes a name that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.database_url import url_problem
from kongflow.config.document import KeyPath
from kongflow.config.findings import Finding, finding, quoted
from kongflow.config.project import Entry
from kongflow.config.template_positions import place_in_scalar
from kongflow.core import syntax
from kongflow.core.payload_template import texts_of
from kongflow.core.syntax import Node

_PART = r"(?:\$\{[^}]*\}|[^\s:@/?])*"
_LOGIN = re.compile(
    rf"://(?P<user>{_PART}):(?P<password>(?:\$\{{[^}}]*\}}|[^\s@/?])+)@(?P<hosts>(?:\$\{{[^}}]*\}}|[^\s/?}}])*)"
)
_PARAMETER = re.compile(r"[?&](?:ssl)?password=(?P<password>(?:\$\{[^}]*\}|[^\s&}])+)")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rest>:[-?][^}]*)?\}")
_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])?(?::\d*)?")
_PLACEHOLDER = re.compile(
    r"[<\[({].*|[x*.…?-]+|(?:my|your)?[-_ ]?(?:password|passwd|pass|pw|secret|token)|postgres|test|testing|dev|local"
    r"|development|none|null|empty|unset|todo|.*(?:change[-_ ]?(?:me|it)|replace[-_ ]?me|example|placeholder|dummy|fake"
    r"|insecure|not[-_ ]?(?:a[-_ ]?)?secret|your[-_ ]).*",
    re.IGNORECASE | re.DOTALL,
)

_NAMES = """
password passwd passphrase apikey privatekey secretkey clientsecret accesstoken refreshtoken authtoken bearertoken
creditcard creditcardnumber cardnumber cvv cvc ssn socialsecuritynumber
"""
_SURE = frozenset(_NAMES.split())
"""The last words of a name, joined, that leave no doubt."""
_ALONE = frozenset({"secret", "token"})
"""Sure as the last word of a variable; of a field only where it is filled from one: a token may be that of a page."""
_FIRST = "has have is needs need no with without reset forgot use uses show set"
_ASKING = frozenset(_FIRST.split())
"""First words of what is no secret, but says something of one."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

_SHOWING = frozenset({"default", "lower", "upper", "trim", "string", "title", "capitalize", "replace", "truncate"})
"""Filters that leave something of a text to be read."""


def secret_literal(facts: Facts) -> Iterator[Finding]:
    """No password of a database beyond this host, and no secret, is written out in a file."""
    database = facts.project.main.below("database")
    node = database.document.scalar_node((*database.path, "url"))
    if node is not None and not url_problem(database.value.get("url", "sqlite:///x"), facts.project.root):
        for start, end in _passwords(node.value):
            place = place_in_scalar(database.document.source, node, start, end)
            message = f"the password of the database {_STANDS}"
            advice = "write ${DB_PASSWORD} in its place, or the whole URL as a variable; or use a passfile"
            yield finding("secret-literal", place, message, advice)
    for name in facts.project.main.below("secrets").value:
        secret = facts.project.main.below("secrets", name)
        default = _written(secret, ("default",))
        if _is_given(default):
            message = (
                f"the value of the secret {quoted(name)} stands in the file, for everybody who reads the repository"
            )
            advice = "delete the default; where none is needed write an empty one, or a word such as changeme"
            yield finding("secret-literal", secret.value_place("default"), message, advice)


_STANDS = "stands in the file, for everybody who reads the repository"


def secret_in_payload(facts: Facts) -> Iterator[Finding]:
    """A schedule puts no password, and no variable that holds one, into the payloads of its jobs."""
    declared = facts.project.main.below("secrets").value
    for schedule in facts.project.schedules.values():
        for steps, filled in texts_of(schedule.value.get("payload", {}), ("payload",)):
            text = _written(schedule, steps)
            key = next(step for step in reversed(steps) if isinstance(step, str))
            named = [found["name"] for found in _VARIABLE.finditer(text)]
            held = [name for name in named if _holds_secret(name) or _is_secret(key) or key.lower() in _ALONE]
            is_written = _is_secret(key) and "<<" not in text and filled not in declared and _is_given(text)
            if held or is_written:
                name = held[0] if held else key
                message = f"the value of {quoted(name)} is stored with every job of this schedule, and shown with it"
                advice = f"declare it under `secrets`; the handler reads job.secrets[{'_'.join(_words(name))!r}]"
                yield finding("secret-in-payload", schedule.value_place(*steps), message, advice)


def secret_in_name(facts: Facts) -> Iterator[Finding]:
    """No queue name and no job key shows a field that is a secret by its name."""
    for use in facts.templates:
        if use.template is None or use.key not in ("queue", "job_key"):
            continue
        what = "the queue name" if use.key == "queue" else "the job key"
        for part in use.template.parts:
            for node in () if isinstance(part, str) else _shown(part.tree):
                if isinstance(node.key, str) and _is_secret(node.key):
                    message = f"{quoted(node.key)} would be part of {what}, which lists, logs and metrics show"
                    advice = "use what everybody may see, such as an id"
                    yield finding("secret-in-name", use.place(*node.word), message, advice)


def _shown(node: Node) -> Iterator[syntax.Key]:
    """Yield the keys whose values are printed, as they are or in part."""
    match node:
        case syntax.Key():
            yield node
        case syntax.Filter() if node.name in _SHOWING:
            yield from _shown(node.subject)
            yield from (found for argument in node.arguments if node.name == "default" for found in _shown(argument))
        case syntax.Slice():
            yield from _shown(node.subject)
        case syntax.Choice(operands=(_, then, otherwise)):
            yield from (*_shown(then), *_shown(otherwise))
        case syntax.Concat() | syntax.Or() | syntax.And():
            for operand in node.operands:
                yield from _shown(operand)


def _is_secret(name: str) -> bool:
    """Say whether what is called so is a secret for sure."""
    words = _words(name)
    is_about = len(words) > 1 and words[0] in _ASKING
    return not is_about and any("".join(words[-count:]) in _SURE for count in (1, 2, 3))


def _holds_secret(variable: str) -> bool:
    """Say whether a variable holds a secret, as GITHUB_TOKEN does."""
    words = _words(variable)
    return _is_secret(variable) or (bool(words) and words[0] not in _ASKING and words[-1] in _ALONE)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _passwords(url: str) -> Iterator[tuple[int, int]]:
    """Yield where a URL, as it is written, has a password of a server that is not on this host."""
    login = _LOGIN.search(url)
    if login is not None:
        hosts = [_VARIABLE.sub(_default_of, host) for host in login["hosts"].split(",")]
        is_local = all(_LOCAL.fullmatch(host) for host in hosts)
        if not is_local and login["password"] != login["user"] and _is_given(login["password"]):
            yield login.span("password")
    yield from (found.span("password") for found in _PARAMETER.finditer(url) if _is_given(found["password"]))


def _is_given(text: str) -> bool:
    """Say whether a text is a value, and not a variable, a placeholder or nothing; the default of a variable counts."""
    whole = _VARIABLE.fullmatch(text)
    written = _default_of(whole) if whole else text
    return bool(written) and "${" not in written and _PLACEHOLDER.fullmatch(written) is None


def _default_of(variable: re.Match[str]) -> str:
    rest = variable["rest"] or ""
    return rest[2:] if rest.startswith(":-") else "${}"


def _written(entry: Entry, steps: KeyPath) -> str:
    """Return a text as it is written, variables not filled in; "" where none stands there."""
    node = entry.document.scalar_node((*entry.path, *steps))
    return "" if node is None else str(node.value)
