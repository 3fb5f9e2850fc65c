"""The report for people: exact carets, and nothing that a terminal obeys."""

from __future__ import annotations

import pytest

from kongflow.config.findings import Place, Related, Span, finding, in_order, raised_to_errors
from kongflow.config.report import WIDTH, summary, text_report
from kongflow.config.text import SourceText


def found(text: str, word: str, slug: str = "unknown-key", **extra):
    start = text.index(word)
    return finding(slug, SourceText("a.yaml", text).place(start, start + len(word)), "it is wrong", **extra)


def lines_of(text: str, word: str, **extra) -> list[str]:
    return text_report([found(text, word, **extra)], {"a.yaml": text}).splitlines()


def test_a_finding_has_its_line_its_carets_and_its_help():
    assert lines_of("one: 1\ntaks: 2\n", "taks", help="did you mean 'tasks'?") == [
        "a.yaml:2:1: error[unknown-key]: it is wrong",
        "2 | taks: 2",
        "  | ^^^^",
        "  = help: did you mean 'tasks'?",
        "",
        "1 error; `kongflow explain unknown-key` says more",
    ]


def test_carets_stand_below_wide_characters():
    assert lines_of("a: 人😀é́ word", "word")[1:3] == ["1 | a: 人😀é́ word", "  | " + " " * 9 + "^^^^"]
    assert lines_of("a: 人人", "人人")[2] == "  |    ^^^^"


def test_carets_stand_below_tabs():
    assert lines_of("a:\tx\tword", "word")[1:3] == ["1 | a:\tx\tword", "  |   \t \t^^^^"]


def test_a_finding_over_several_lines_is_marked_to_the_end_of_the_first():
    assert lines_of("a: 'one\n  two'", "one\n  two")[1:3] == ["1 | a: 'one", "  |     ^^^"]


def test_a_finding_at_the_end_of_the_file_is_marked_behind_it():
    text = "a: {b: 1"
    place = SourceText("a.yaml", text).place(8, 9)

    report = text_report([finding("yaml-syntax", place, "unclosed")], {"a.yaml": text}).splitlines()

    assert report[1:3] == ["1 | a: {b: 1", "  |         ^"]


def test_of_a_long_line_the_part_around_the_finding_is_shown():
    report = lines_of("[" * 5_000 + "word" + "]" * 5_000, "word")

    assert len(report[1]) <= WIDTH + len("1 | ……")
    assert report[1].index("word") == report[2].index("^^^^")


def test_nothing_in_a_file_or_message_can_move_the_cursor():
    text = "a: \x1b[31m\u202eword"
    place = SourceText("a.yaml", text).place(3, 4)

    report = text_report([finding("unknown-key", place, "bad \x1b[2J\n", "\x07")], {"a.yaml": text})

    assert "\x1b" not in report
    assert "\u202e" not in report
    assert "\x07" not in report
    assert "bad \\u001b[2J\\u000a" in report


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("url: postgresql://app:s3cr@t@db/shop # word", "url: postgresql://app:******@db/shop # word"),
        ("url: 'https://me:pw@[::1]:1/x?y=word'", "url: 'https://me:**@[::1]:1/x?y=word'"),
        ("url: postgresql://app:${word}@db/shop", "url: postgresql://app:${word}@db/shop"),
        ("at: a@b.c word", "at: a@b.c word"),
    ],
)
def test_the_password_of_a_url_is_not_shown(line: str, shown: str):
    assert lines_of(line, "word")[1:3] == [f"1 | {shown}", "  | " + " " * line.index("word") + "^^^^"]


def test_another_place_has_a_line_of_its_own():
    related = (Related(Place("b.yaml", Span(3, 1, 3, 5)), "first written here"),)

    assert "  = b.yaml:3:1: first written here" in lines_of("word", "word", related=related)


def test_the_summary_counts_by_severity():
    many = [
        found("a b", "a"),
        found("a b", "b"),
        found("a", "a", "include-empty"),
        found("a", "a", "handler-unresolvable"),
    ]

    assert summary(many).startswith("2 errors, 1 warning, 1 info;")
    assert summary([]) == "no findings"


def test_findings_are_sorted_and_each_stands_once():
    text = "b a c"
    first, second = found(text, "b"), found(text, "a")

    assert in_order([second, first, second]) == (first, second)


def test_strict_turns_warnings_into_errors_and_leaves_infos():
    warning, info = found("a", "a", "include-empty"), found("a", "a", "handler-unresolvable")

    assert [item.severity for item in raised_to_errors([warning, info])] == ["error", "info"]


def test_the_summary_explains_the_gravest_finding_wherever_it_stands():
    info, error = found("a", "a", "handler-unresolvable"), found("a b", "b")

    assert summary([info, error]).endswith("`kongflow explain unknown-key` says more")
    assert summary([info]).endswith("`kongflow explain handler-unresolvable` says more")


@pytest.mark.parametrize(("slug", "shown"), [("secret-literal", "key: **** # x"), ("unknown-key", "key: word # x")])
def test_a_secret_that_a_finding_marks_is_not_shown(slug: str, shown: str):
    assert lines_of("key: word # x", "word", slug=slug)[1:3] == [f"1 | {shown}", "  |      ^^^^"]
