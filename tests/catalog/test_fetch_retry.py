"""When a fetch is made again: which rule holds for a status, and how long each strategy waits."""

from datetime import UTC, datetime, timedelta

import pytest

from catalog.running import fetch_retry
from catalog.running.fetch_retry import MAX_JITTER, backoff_at, in_range, reset_at, retry_at

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PLAIN = {"strategy": "backoff", "randomize": False}


@pytest.fixture
def no_jitter(monkeypatch):
    monkeypatch.setattr(fetch_retry, "random", lambda: 0.0)


def waits(rule, attempts):
    due = backoff_at(rule, attempts, AT)
    return due and (due - AT) / timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("statuses", "inside", "outside"),
    [
        ("all", [200, 404, 599], []),
        ("429", [429], [428, 430, 42]),
        ("401,403", [401, 403], [402, 400]),
        ("401, 403", [401, 403], [402]),
        ("500-599", [500, 550, 599], [499, 600]),
        ("4xx", [400, 404, 499], [399, 500]),
        ("50x", [500, 509], [510, 499]),
        ("401,5xx", [401, 502], [404]),
        ("nonsense", [], [200, 500]),
        ("", [], [200]),
        ("x", [], [200]),
        ("5", [], [500]),
        (".*", [], [500]),
    ],
)
def test_a_range_holds_for_its_statuses(statuses, inside, outside):
    assert [each for each in inside + outside if in_range(each, statuses)] == inside


def test_the_first_rule_that_holds_counts():
    rules = {"503": {**PLAIN, "minTimeoutInMs": 1000}, "5xx": {**PLAIN, "minTimeoutInMs": 2000}}

    assert retry_at(rules, 503, {}, None, 1, AT) == AT + timedelta(seconds=1)
    assert retry_at(rules, 500, {}, None, 1, AT) == AT + timedelta(seconds=2)
    assert retry_at(rules, 404, {}, None, 1, AT) is None
    assert retry_at({}, 503, {}, None, 1, AT) is None


def test_a_rule_for_a_body_holds_for_that_body():
    rules = {"all": {**PLAIN, "bodyFilter": {"code": ["busy"]}}}

    assert retry_at(rules, 500, {}, {"code": "busy"}, 1, AT) is not None
    assert retry_at(rules, 500, {}, {"code": "gone"}, 1, AT) is None
    assert retry_at(rules, 500, {}, None, 1, AT) is None
    assert retry_at({"all": {**PLAIN, "bodyFilter": 5}}, 500, {}, {"code": "busy"}, 1, AT) is None


def test_the_backoff_grows_from_the_third_attempt_on_as_in_the_sdk():
    rule = {**PLAIN, "minTimeoutInMs": 100, "factor": 2, "limit": 5}

    assert [waits(rule, attempts) for attempts in (1, 2, 3, 4, 5)] == [100, 100, 200, 400, None]


def test_what_a_backoff_does_not_say_is_as_in_the_sdk(no_jitter):
    assert [waits({"strategy": "backoff"}, attempts) for attempts in (1, 4, 5)] == [1000, 3240, None]


def test_a_backoff_is_never_longer_than_it_says():
    assert waits({**PLAIN, "limit": 100, "maxTimeoutInMs": 5000}, 50) == 5000
    assert waits({**PLAIN, "limit": 100, "factor": 1000}, 99) == 60_000
    assert waits({**PLAIN, "maxTimeoutInMs": 1e300, "minTimeoutInMs": 1e300}, 1) == 30 * 86_400_000


@pytest.mark.parametrize("rule", [{**PLAIN, "limit": 1e9}, {"strategy": "headers", "resetHeader": "x-reset"}])
def test_no_rule_asks_a_third_party_for_ever(rule):
    assert retry_at({"all": rule}, 500, {"x-reset": "0"}, None, 99, AT) is not None
    assert retry_at({"all": rule}, 500, {"x-reset": "0"}, None, 100, AT) is None


def test_no_backoff_asks_again_at_once():
    assert waits({**PLAIN, "minTimeoutInMs": 0, "maxTimeoutInMs": 0}, 1) == 100


def test_a_random_backoff_is_up_to_twice_as_long(monkeypatch):
    monkeypatch.setattr(fetch_retry, "random", lambda: 0.5)

    assert waits({"strategy": "backoff"}, 1) == 1500


@pytest.mark.parametrize(
    ("format", "text", "due"),
    [
        ("unix_timestamp", "1769860830", AT + timedelta(seconds=30)),
        ("unix_timestamp_in_ms", "1769860830500", AT + timedelta(seconds=30.5)),
        ("iso_8601", "2026-01-31T12:00:30Z", AT + timedelta(seconds=30)),
        ("iso_8601_duration_openai_variant", "1m30.5s", AT + timedelta(seconds=90.5)),
        ("iso_8601_duration_openai_variant", "1d2h3m4s5ms", AT + timedelta(1, 4, 0, 5, 3, 2)),
        ("unix_timestamp", "1769860000", AT),
        ("unix_timestamp", "9999999999", AT + timedelta(days=30)),
        *[("unix_timestamp", text, None) for text in ("", "soon", "nan", "inf", "1e999")],
        *[("iso_8601", text, None) for text in ("", "soon", "30")],
        *[("iso_8601_duration_openai_variant", text, None) for text in ("", "soon", "9" * 400 + "d")],
    ],
)
def test_a_header_says_when_to_come_back(no_jitter, format, text, due):
    rule = {"strategy": "headers", "resetHeader": "X-Reset", "resetFormat": format}

    assert reset_at(rule, {"x-reset": text}, AT) == due


def test_a_header_that_is_missing_or_says_that_some_are_left_allows_no_retry(no_jitter):
    rule = {"strategy": "headers", "resetHeader": "X-Reset", "remainingHeader": "X-Left"}
    reset = {"x-reset": "1769860830"}

    assert reset_at(rule, {"x-left": "0"}, AT) is None
    assert reset_at(rule, {**reset, "x-left": "3"}, AT) is None
    assert reset_at(rule, {**reset, "x-left": "0"}, AT) == AT + timedelta(seconds=30)
    assert reset_at(rule, reset, AT) == AT + timedelta(seconds=30)


def test_those_who_are_sent_away_until_one_time_do_not_all_come_back_at_once(monkeypatch):
    monkeypatch.setattr(fetch_retry, "random", lambda: 1.0)

    due = reset_at({"strategy": "headers", "resetHeader": "r"}, {"r": "1769860830"}, AT)
    assert due == AT + timedelta(seconds=30) + MAX_JITTER
