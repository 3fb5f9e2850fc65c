"""The filter language: `state:failed task:send_* -tag:canary payload.user.id:42 error:~timeout since:2h`.

A space is AND, a comma is OR, a leading `-` is NOT, `~` is "contains", `*` stands for any text. Pure: text → terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn

from kongflow.core.duration import parse_duration
from kongflow.core.instant import parse_instant
from kongflow.core.job import JobState, Reason
from kongflow.core.spelling import did_you_mean
from kongflow.errors import InvalidFilter, InvalidOption

MAX_LENGTH = 4_000
"""Characters of one filter."""
MAX_VALUES = 200
"""Values of one filter: SQLite refuses an expression that is deeper than a thousand."""


class Operator(StrEnum):
    """How a field is held against a value."""

    IS = ""
    LIKE = "*"
    """`*` in the value stands for any characters."""
    CONTAINS = "~"
    """Upper and lower case are alike, of ASCII letters."""
    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"


COMPARISONS = (Operator.AT_LEAST, Operator.AT_MOST, Operator.ABOVE, Operator.BELOW)

Value = str | int | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Match:
    """One value that a field is held against."""

    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Term:
    """One qualifier: the field has any of the values; with `negated`, none of them."""

    field: str
    matches: tuple[Match, ...]
    negated: bool = False
    path: tuple[str, ...] = ()
    """Of `payload`: the keys down to the value; none where its whole text is meant."""


_TEXTS, _NUMBERS = (
    ("task", "queue", "key", "tag", "flag", "schedule", "error"),
    ("attempt", "claims", "crashes", "priority"),
)
_CHOICES: dict[str, type[StrEnum]] = {"state": JobState, "reason": Reason}
_TIMES = ("since", "until")
QUALIFIERS = (*_CHOICES, *_TEXTS, "id", *_NUMBERS, *_TIMES, "payload")

_KEY = r'"(?:[^"\\]|\\.)*"|[^\s.:,"]+'
_QUALIFIER = re.compile(rf"([A-Za-z_][A-Za-z0-9_-]*)((?:\.(?:{_KEY}))*):")
_OPERATOR = re.compile(r"~|>=|<=|>|<|")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r'[^\s,"]*')
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_ID = re.compile(r"[0-9]{1,18}")
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LITERALS: dict[str, Value] = {"true": True, "false": False, "null": None}


def parse_filter(text: str, now: datetime) -> tuple[Term, ...]:
    """Return the terms of a filter; all of them must hold. `now` is what `since:2h` counts from.

    Raises: InvalidFilter, which points at the column.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFilter(f"the filter has {len(text):,} characters, at most {MAX_LENGTH:,} are read", text[:40], 1)
    terms = tuple(_Reader(text, now).terms())
    if not terms:
        raise InvalidFilter("it is empty; to mean every job, leave it out", text, 1)
    if sum(len(term.matches) for term in terms) > MAX_VALUES:
        raise InvalidFilter(f"it has more than {MAX_VALUES} values", text, 1)
    return terms


def states_of(terms: Sequence[Term], states: Sequence[JobState] = ()) -> tuple[JobState, ...]:
    """Return the states that a job may have so that no term about states, and none of `states`, excludes it."""
    allowed = set(states) or set(JobState)
    for term in terms:
        if term.field == "state":
            named = {JobState(str(test.value)) for test in term.matches}
            allowed = allowed - named if term.negated else allowed & named
    return tuple(state for state in JobState if state in allowed)


@dataclass(frozen=True, slots=True)
class _Word:
    """One value as it was written."""

    column: int
    """Where it begins, from 0."""
    operator: str
    text: str
    quoted: bool


class _Reader:
    """Reads one filter from left to right."""

    def __init__(self, text: str, now: datetime) -> None:
        self._text = text
        self._now = now
        self._at = 0

    def terms(self) -> Iterator[Term]:
        if found := _UNSTORABLE.search(self._text):
            self._refuse("this character is in no job", found.start())
        while self._skip(_SPACE) is not None and self._at < len(self._text):
            yield self._term()

    def _term(self) -> Term:
        start = self._at
        negated = self._text.startswith("-", start)
        self._at += negated
        qualifier = _QUALIFIER.match(self._text, self._at)
        if qualifier is None:
            return self._bare_term(negated)
        column, name = self._at, qualifier[1]
        if name not in QUALIFIERS:
            known = did_you_mean(name, QUALIFIERS) or f"; known are {', '.join(QUALIFIERS)}"
            self._refuse(f"there is no qualifier {name!r}{known}", column)
        path = tuple(_unquoted(key) for key in re.findall(rf"\.({_KEY})", qualifier[2]))
        if path and name != "payload":
            self._refuse(f"only `payload` has fields below it; {name!r} has none", column + len(name))
        if negated and name in _TIMES:
            other = "until" if name == "since" else "since"
            self._refuse(f"`-{name}:` is written `{other}:`", start)
        if any('"' in key or "\\" in key for key in path):
            self._refuse("a key with a quote or a backslash cannot be looked up", column + len(name))
        self._at = qualifier.end()
        words = list(self._words(name))
        if name in _TIMES and len(words) > 1:
            self._refuse(f"`{name}:` takes one time", words[1].column)
        return Term(name, tuple(test for word in words for test in self._matches(name, path, word)), negated, path)

    def _bare_term(self, negated: bool) -> Term:
        """A word alone is an id, or a part of a task's name."""
        word = self._word()
        if not word.text or word.operator or (":" in word.text and not word.quoted):
            self._refuse("expected a qualifier such as state:failed", word.column)
        if not word.quoted and _ID.fullmatch(word.text):
            return Term("id", (Match(Operator.IS, int(word.text)),), negated)
        return Term("task", (Match(Operator.CONTAINS, word.text),), negated)

    def _words(self, name: str) -> Iterator[_Word]:
        while True:
            word = self._word()
            if not word.text and not word.quoted:
                self._refuse(f"a value is missing after `{name}:{word.operator}`", self._at)
            yield word
            if not self._text.startswith(",", self._at):
                return
            self._at += 1

    def _word(self) -> _Word:
        column = self._at
        operator = self._skip(_OPERATOR) or ""
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            text = re.sub(r"\\(.)", r"\1", quoted[1])
        elif self._text.startswith('"', self._at):
            self._refuse("this quote has no end", self._at)
        else:
            text = self._skip(_BARE) or ""
        rest = self._text[self._at : self._at + 1]
        if rest and rest != "," and not rest.isspace():
            self._refuse('a value with quotes begins and ends with them; write \\" for one inside', self._at)
        return _Word(column, operator, text, quoted is not None)

    def _matches(self, name: str, path: tuple[str, ...], word: _Word) -> Iterator[Match]:
        if name in _CHOICES:
            yield self._choice(name, word)
        elif name in _TEXTS:
            yield self._text_match(word)
        elif name in _TIMES:
            yield Match(Operator.AT_LEAST if name == "since" else Operator.BELOW, self._time(word))
        elif name == "id":
            yield self._id(word)
        elif name in _NUMBERS:
            if word.quoted or not _INTEGER.fullmatch(word.text) or word.operator == "~":
                self._refuse(f"`{name}:` takes a whole number, or a comparison such as >3", word.column)
            yield Match(Operator(word.operator), int(word.text))
        else:
            yield from self._payload_matches(path, word)

    def _choice(self, name: str, word: _Word) -> Match:
        known = [choice.value for choice in _CHOICES[name]]
        if word.operator or word.text not in known:
            near = did_you_mean(word.text, known) or f"; there are {', '.join(known)}"
            self._refuse(f"there is no {name} {word.operator + word.text!r}{near}", word.column)
        return Match(Operator.IS, word.text)

    def _text_match(self, word: _Word) -> Match:
        if word.operator not in ("", "~"):
            self._refuse("text is not compared by size; quote the value if it begins with < or >", word.column)
        if word.operator == "~":
            return Match(Operator.CONTAINS, word.text)
        return Match(Operator.LIKE if "*" in word.text and not word.quoted else Operator.IS, word.text)

    def _id(self, word: _Word) -> Match:
        if word.operator or not _ID.fullmatch(word.text):
            self._refuse(f"{word.operator + word.text!r} is no id of a job", word.column)
        return Match(Operator.IS, int(word.text))

    def _time(self, word: _Word) -> datetime:
        if word.operator:
            self._refuse("write the time alone: since:2h, until:2026-11-24T09:30:00Z", word.column)
        try:
            if re.match("[0-9]{4}-", word.text):
                return parse_instant(word.text)
            return self._now - timedelta(seconds=parse_duration(word.text))
        except InvalidOption as problem:
            self._refuse(str(problem), word.column)

    def _payload_matches(self, path: tuple[str, ...], word: _Word) -> Iterator[Match]:
        number = None if word.quoted or not _NUMBER.fullmatch(word.text) else _number(word.text)
        if word.operator == "~":
            yield Match(Operator.CONTAINS, word.text)
        elif not path:
            self._refuse("write payload.FIELD:value, or payload:~text to search the whole of it", word.column)
        elif word.operator:
            if number is None:
                self._refuse(f"{word.text!r} is no number; {word.operator} compares numbers", word.column)
            yield Match(Operator(word.operator), number)
        elif "*" in word.text and not word.quoted:
            yield Match(Operator.LIKE, word.text)
        else:
            # Nobody remembers whether an id was stored as text: 42 finds both. Quotes mean text alone.
            yield Match(Operator.IS, word.text)
            if number is not None:
                yield Match(Operator.IS, number)
            elif not word.quoted and word.text in _LITERALS:
                yield Match(Operator.IS, _LITERALS[word.text])

    def _skip(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _refuse(self, problem: str, at: int) -> NoReturn:
        raise InvalidFilter(problem, self._text, at + 1)


def _unquoted(key: str) -> str:
    return re.sub(r"\\(.)", r"\1", key[1:-1]) if key.startswith('"') else key


def _number(text: str) -> int | float | None:
    """Return a number that every database holds; None where it is too large for that."""
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    value = float(text)
    return value if abs(value) < 1e300 else None  # infinity compares false
