"""Queue rules: which declaration a name belongs to, and which names there may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.queue import Queue, QueueFilter, QueueRules, check_queue_name, patterns_of_equal_rank
from kongflow.errors import InvalidOption


def rules(*names: str) -> QueueRules:
    return QueueRules({name: Queue(name, concurrency=number) for number, name in enumerate(names, 1)})


@pytest.mark.parametrize(
    ("pattern", "concrete", "matches"),
    [
        ("runs:*", "runs:1", True),
        ("runs:*", "runs:a:b", True),
        ("runs:*", "runs:", False),
        ("runs:*", "run:1", False),
        ("*", "anything", True),
        ("*:done", "x:done", True),
        ("*:done", ":done", False),
        ("a*b", "axb", True),
        ("a*b", "ab", False),
        ("aa*aa", "aaaa", False),
        ("aa*aa", "aaaaa", True),
        ("runs", "runs", True),
        ("runs", "runs2", False),
        ("runs.*", "runsx1", False),
    ],
)
def test_a_star_stands_for_one_or_more_characters(pattern: str, concrete: str, matches: bool) -> None:
    assert Queue(pattern).matches(concrete) is matches


@pytest.mark.parametrize(
    ("declared", "concrete", "rule"),
    [
        (("runs:*", "runs:1"), "runs:1", "runs:1"),
        (("*", "runs:*", "runs:big:*"), "runs:big:1", "runs:big:*"),
        (("*", "runs:*", "runs:big:*"), "runs:1", "runs:*"),
        (("*", "runs:*"), "other", "*"),
        (("runs:*",), "other", None),
        (("*:1", "runs:*"), "runs:1", "runs:*"),
        ((), "x", None),
    ],
)
def test_exact_beats_pattern_and_the_longest_literal_prefix_wins(
    declared: tuple[str, ...], concrete: str, rule: str | None
) -> None:
    found = rules(*declared).rule(concrete)
    assert (found and found.name) == rule


def test_a_name_that_nothing_declares_runs_serially() -> None:
    assert rules("a", "b").effective("b").slots == 2
    assert rules("a").effective("gone").slots == 1
    assert QueueRules({"free": Queue("free", concurrency=None)}).effective("free").slots is None


@pytest.mark.parametrize(
    ("patterns", "concrete", "serves"),
    [
        (("*",), "runs:1", True),
        (("*",), None, True),
        (("runs:*",), "runs:1", True),
        (("runs:*",), "executions", False),
        (("runs:*",), None, False),
        (("executions",), "executions", True),
        (("runs:*",), "runs:special", False),
        (("runs:special",), "runs:special", True),
        (("gone",), "gone", True),
        ((), "runs:1", False),
    ],
)
def test_a_runner_serves_queues_exactly_as_declared(
    patterns: tuple[str, ...], concrete: str | None, serves: bool
) -> None:
    declared = rules("runs:*", "runs:special", "executions")
    assert QueueFilter(patterns).serves(concrete, declared) is serves


@pytest.mark.parametrize("name", ["a", "runs:1", "größe", "a b", "x" * 128, "<< x >>"])
def test_a_queue_name_is_a_short_line_of_text(name: str) -> None:
    assert check_queue_name(name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "1 to 128 characters, this one has 0"),
        ("x" * 129, "this one has 129"),
        (" a", "begins or ends with a space"),
        ("a\u00a0", "begins or ends with a space"),
        ("a*", "'*'"),
        ("a\nb", "control character"),
        ("a\x00b", "control character"),
        ("a\x85b", "control character"),
        ("a\u2028b", "control character"),
        ("a\ud800b", "control character"),
    ],
)
def test_any_other_queue_name_is_refused(name: str, words: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        check_queue_name(name)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("a*", "a*b", True),
        ("a*b", "a*cb", True),
        ("a*b", "a*c", False),
        ("a*", "ab*", False),
        ("*a", "*b", False),
        ("a*", "a", False),
    ],
)
def test_two_patterns_are_of_equal_rank_where_both_could_match_one_name(first: str, second: str, equal: bool) -> None:
    pairs = patterns_of_equal_rank([Queue(first), Queue(second)])
    assert [sorted((one.name, other.name)) for one, other in pairs] == ([sorted((first, second))] if equal else [])


LETTERS = st.text(alphabet="ab", max_size=3)


@given(prefixes=st.tuples(LETTERS, LETTERS), suffixes=st.tuples(LETTERS, LETTERS), name=st.text("ab", max_size=6))
def test_of_two_patterns_that_match_one_name_one_wins_or_they_are_of_equal_rank(
    prefixes: tuple[str, str], suffixes: tuple[str, str], name: str
) -> None:
    first, second = (Queue(f"{prefix}*{suffix}") for prefix, suffix in zip(prefixes, suffixes, strict=True))
    if first.name != second.name and first.matches(name) and second.matches(name):
        same_rank = first.name.index("*") == second.name.index("*")
        assert bool(patterns_of_equal_rank([first, second])) is same_rank
