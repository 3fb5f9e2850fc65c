"""Filtering: which rows of the live and of the finished jobs a filter means, as portable conditions.

What an index answers: a state (but succeeded, and retrying among scheduled), an id, a key without `*`. Everything else
is looked at newest first until the page is full: fast where the newest jobs match, a scan where few jobs do. Where the
finished jobs are in partitions, each is searched for its own newest match: so first among the newest jobs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, and_, cast, false, func, literal_column, or_, true

from kongflow.core.job import JobState
from kongflow.core.job_filter import Match, Operator, Term, states_of
from kongflow.store.records import JobFilter
from kongflow.store.rows import SCHEDULED, STORED_STATE, SUCCEEDED, UNROUTED
from kongflow.store.tables import COMPARE, Tables

_COLUMN = {"tag": "tags", "flag": "flags", "since": "created_at", "until": "created_at", "error": "attempts"}


def parts(tables: Tables, filter: JobFilter) -> Iterator[tuple[Table, list[ColumnElement[bool]]]]:
    """Return the tables to read, each with the conditions of its rows: a part for every state where the filter names
    states, because of one state an index has the order, and of several it has not.
    """
    states = states_of(filter.terms, filter.states)
    named = len(states) < len(JobState)
    for table, here in (
        (tables.job, [state for state in states if not state.is_final]),
        (tables.history, [state for state in states if state.is_final]),
    ):
        if not here:
            continue
        conditions = [_condition(tables, table, term) for term in (*_options(filter), *filter.terms)]
        for state in here if named else [None]:
            yield table, conditions if state is None else [_in_state(table, state), *conditions]


def looks_into_rows(filter: JobFilter) -> bool:
    """Say whether no index answers a part of the filter, so that jobs have to be looked at one by one."""
    by_index = {"state", "id", "key"}
    terms = (*_options(filter), *filter.terms)
    return not all(
        term.field in by_index and all(match.operator is Operator.IS for match in term.matches) for term in terms
    )


def _options(filter: JobFilter) -> Iterator[Term]:
    """The options of a call as terms."""
    for field in ("task", "queue", "key", "tag"):
        value = getattr(filter, field)
        if value is not None:
            yield Term(field, (Match(Operator.IS, value),))
    if filter.since is not None:
        yield Term("since", (Match(Operator.AT_LEAST, filter.since),))


def _condition(tables: Tables, table: Table, term: Term) -> ColumnElement[bool]:
    if term.field == "state":
        return true()  # a part is of its states
    found = or_(*(_matches(tables, table, term, match) for match in term.matches))
    # What is not there has no value: nothing is unknown to a filter.
    return func.coalesce(found, false()).is_(false()) if term.negated else found


def _matches(tables: Tables, table: Table, term: Term, match: Match) -> ColumnElement[bool]:
    dialect = tables.dialect
    is_live = table is tables.job
    if term.field == "key" and is_live:
        waits = _text(tables, table.c.job_key, match)
        # Unrouted jobs have an index of their own; written so, each part has one.
        zero: ColumnElement[int] = literal_column(str(UNROUTED))
        routed, unrouted = and_(waits, table.c.state > zero), and_(waits, table.c.state == zero)
        return or_(routed, unrouted, _text(tables, table.c.claimed_key, match))
    if term.field == "reason" and is_live:
        return false()
    column = table.c[_COLUMN.get(term.field, term.field)]
    if term.field in ("tag", "flag"):
        return dialect.holds(column, lambda name: _text(tables, name, match))
    if term.field == "payload" and term.path:
        return dialect.value_matches(column, term.path, match)
    if term.field == "payload":
        return dialect.contains(cast(column, Text), str(match.value))
    if term.field == "error":
        return _error(tables, column, match)
    if term.field in ("since", "until"):
        assert isinstance(match.value, datetime)
        return COMPARE[match.operator](column, dialect.stored_instant(match.value))
    return _text(tables, column, match)


def _text(tables: Tables, column: ColumnElement[Any], match: Match) -> ColumnElement[bool]:
    if match.operator is Operator.LIKE:
        return tables.dialect.like(column, str(match.value))
    if match.operator is Operator.CONTAINS:
        return tables.dialect.contains(column, str(match.value))
    return COMPARE[match.operator](column, match.value)


def _error(tables: Tables, attempts: ColumnElement[str], match: Match) -> ColumnElement[bool]:
    """The last error: a part of its type or message, or its type, with or without the module before it."""
    kind, message = (tables.dialect.last_error(attempts, field) for field in ("type", "message"))
    if match.operator is Operator.CONTAINS:
        return or_(_text(tables, kind, match), _text(tables, message, match))
    return or_(_text(tables, kind, match), tables.dialect.like(kind, f"*.{match.value}"))


def _in_state(table: Table, state: JobState) -> ColumnElement[bool]:
    # Literals: SQLite takes an index over some states only where the query repeats its condition, word for word.
    stored = table.c.state == literal_column(str(STORED_STATE[state]))
    if STORED_STATE[state] > SUCCEEDED:
        return and_(stored, table.c.state > literal_column(str(SUCCEEDED)))
    if state is JobState.READY:
        return and_(stored, table.c.priority.is_not(None))  # always true, and the condition of PostgreSQL's index
    if STORED_STATE[state] != SCHEDULED:
        return stored
    return and_(stored, table.c.attempt > 0 if state is JobState.RETRYING else table.c.attempt == 0)
