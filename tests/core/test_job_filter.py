from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.job import JobState
from kongflow.core.job_filter import MAX_VALUES, Match, Operator, Term, parse_filter, states_of
from kongflow.errors import InvalidFilter

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
IS, LIKE, CONTAINS = Operator.IS, Operator.LIKE, Operator.CONTAINS


def parsed(text: str) -> tuple[Term, ...]:
    return parse_filter(text, NOW)


def one(text: str) -> Term:
    (term,) = parsed(text)
    return term


def refused(text: str) -> InvalidFilter:
    with pytest.raises(InvalidFilter) as caught:
        parsed(text)
    return caught.value


def test_a_space_is_and_a_comma_is_or_a_minus_is_not() -> None:
    assert parsed("state:failed,retrying  -tag:canary\ttask:mail") == (
        Term("state", (Match(IS, "failed"), Match(IS, "retrying"))),
        Term("tag", (Match(IS, "canary"),), negated=True),
        Term("task", (Match(IS, "mail"),)),
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("queue:runs:42", Match(IS, "runs:42")),
        ("task:send_*", Match(LIKE, "send_*")),
        ("task:~mail", Match(CONTAINS, "mail")),
        ("task:~a*", Match(CONTAINS, "a*")),
        ('task:"a*, b"', Match(IS, "a*, b")),
        (r'key:"say \"hi\" \\ there"', Match(IS, r'say "hi" \ there')),
        ("tag:-x", Match(IS, "-x")),
        ('queue:""', Match(IS, "")),
        ('error:">5"', Match(IS, ">5")),
        ("attempt:>3", Match(Operator.ABOVE, 3)),
        ("priority:<=-5", Match(Operator.AT_MOST, -5)),
        ("since:1h30m", Match(Operator.AT_LEAST, NOW - timedelta(minutes=90))),
        ("until:2026-11-24T09:30:00Z", Match(Operator.BELOW, datetime(2026, 11, 24, 9, 30, tzinfo=UTC))),
        ("id:17", Match(IS, 17)),
    ],
)
def test_a_value_says_how_it_is_compared(text: str, match: Match) -> None:
    assert one(text).matches == (match,)


def test_a_number_alone_is_an_id_and_a_word_a_part_of_a_tasks_name() -> None:
    assert one("17") == Term("id", (Match(IS, 17),))
    assert one("mail") == Term("task", (Match(CONTAINS, "mail"),))
    assert one("-mail") == Term("task", (Match(CONTAINS, "mail"),), negated=True)
    assert one('"17"') == Term("task", (Match(CONTAINS, "17"),))


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("payload.user.id:42", ("user", "id"), ("42", 42)),
        ("payload.x:4.5", ("x",), ("4.5", 4.5)),
        ('payload.x:"42"', ("x",), ("42",)),
        ("payload.x:true", ("x",), ("true", True)),
        ("payload.x:null", ("x",), ("null", None)),
        ("payload.x:007", ("x",), ("007",)),
        ("payload.x:1e999", ("x",), ("1e999",)),
        ('payload."a b"."c.d":e', ("a b", "c.d"), ("e",)),
        ("payload.items.0.id:7", ("items", "0", "id"), ("7", 7)),
        ("payload.größe:9", ("größe",), ("9", 9)),
    ],
)
def test_a_value_of_the_payload_may_have_been_stored_as_text(
    text: str, path: tuple[str, ...], values: tuple[object, ...]
) -> None:
    term = one(text)
    assert term.path == path
    assert tuple(match.value for match in term.matches) == values
    assert [type(match.value) for match in term.matches] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("stat:failed", 1, "there is no qualifier 'stat'; did you mean 'state'?"),
        ("task:a  -staet:x", 10, "did you mean 'state'?"),
        ("zzz:1", 1, "known are state, reason, task"),
        ("state:faild", 7, "there is no state 'faild'; did you mean 'failed'?"),
        ("state:failed,", 14, "a value is missing after `state:`"),
        ("state:failed, retrying", 14, "a value is missing"),
        ("tag:~", 6, "a value is missing after `tag:~`"),
        ("state:~fail", 7, "there is no state '~fail'"),
        ('task:"mail', 6, "this quote has no end"),
        ('task:ma"il', 8, "begins and ends with them"),
        ('task:"ma"il', 10, "begins and ends with them"),
        ("attempt:many", 9, "takes a whole number"),
        ("attempt:9999999999", 9, "takes a whole number"),
        ("since:yesterday", 7, "is not a duration"),
        ("since:2026-11-24T09:30:00", 7, "has no time zone"),
        ("since:1h,2h", 10, "takes one time"),
        ("-since:1h", 1, "is written `until:`"),
        ("since:>1h", 7, "write the time alone"),
        ("id:abc", 4, "is no id of a job"),
        ("payload:42", 9, "write payload.FIELD:value"),
        ("payload.x:>soon", 11, "is no number"),
        ('payload."a\\"b":1', 8, "cannot be looked up"),
        ("task.name:x", 5, "only `payload` has fields"),
        ("queue:>5", 7, "quote the value"),
        (":x", 1, "expected a qualifier"),
        ("-", 2, "expected a qualifier"),
        (">5", 1, "expected a qualifier"),
        ("", 1, "leave it out"),
        ("   ", 1, "leave it out"),
        ("task:a\x00b", 7, "this character is in no job"),
        ("task:\ud800", 6, "this character is in no job"),
    ],
)
def test_a_mistake_is_shown_at_its_column(text: str, column: int, words: str) -> None:
    error = refused(text)
    assert words in str(error)
    assert error.column == column
    assert str(error).splitlines()[-1] == "  " + " " * (column - 1) + "^"


def test_a_filter_is_as_long_as_a_database_can_bear() -> None:
    parsed("id:" + ",".join(["1"] * MAX_VALUES))
    assert "more than" in str(refused("id:" + ",".join(["1"] * (MAX_VALUES + 1))))
    assert "characters" in str(refused("task:" + "x" * 5000))


def test_terms_about_states_leave_the_states_that_all_of_them_allow() -> None:
    assert states_of(parsed("state:failed,ready -state:ready")) == (JobState.FAILED,)
    assert states_of(parsed("state:failed"), (JobState.READY,)) == ()
    assert states_of(parsed("task:x")) == tuple(JobState)


@given(st.text(max_size=40) | st.text(alphabet='-:,.~"\\ <>=*state payload17', max_size=40))
def test_any_text_is_a_filter_or_is_refused_in_words(text: str) -> None:
    column = 1
    try:
        assert all(term.matches for term in parsed(text))
    except InvalidFilter as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
