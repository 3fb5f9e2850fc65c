"""Durations and sizes: what people write, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.duration import MAX_DURATION, format_duration, format_size, parse_duration, parse_size
from kongflow.errors import InvalidOption


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("2.5s", 2.5),
        ("5m", 300),
        ("1h30m", 5_400),
        ("6h7m7s", 22_027),
        ("2d", 172_800),
        ("1w2d3h4m5s6ms", 788_645.006),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_with_its_units(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "0",
        "1.5",
        "-5s",
        "30 s",
        "30S",
        "1m1h",
        "5s5s",
        "1y",
        "PT30S",
        "1e3s",
        "٣s",
        "s",
        "1.s",
        ".5s",
        "5s\n",
    ],
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(InvalidOption):
        parse_duration(text)


def test_a_bare_number_is_told_that_it_needs_a_unit():
    with pytest.raises(InvalidOption, match="a duration needs a unit"):
        parse_duration("30")


def test_more_than_a_hundred_years_is_refused():
    assert parse_duration("36500d") == MAX_DURATION
    with pytest.raises(InvalidOption, match="a hundred years"):
        parse_duration("36501d")


@given(st.integers(min_value=0, max_value=int(MAX_DURATION) * 1000))
def test_a_formatted_duration_is_read_back_exactly(milliseconds):
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


def test_a_duration_is_formatted_in_its_largest_units():
    assert format_duration(0) == "0s"
    assert format_duration(90) == "1m30s"
    assert format_duration(0.25) == "250ms"
    assert format_duration(22_027) == "6h7m7s"


@pytest.mark.parametrize(("text", "size"), [("0B", 0), ("512B", 512), ("256KiB", 262_144), ("2GiB", 2 << 30)])
def test_a_size_is_read_with_its_unit_and_written_back(text, size):
    assert parse_size(text) == size
    assert format_size(size) == text


@pytest.mark.parametrize("text", ["", "5", "1.5MiB", "1MB", "1 KiB", "-1B", "KiB"])
def test_anything_else_is_no_size(text):
    with pytest.raises(InvalidOption):
        parse_size(text)
