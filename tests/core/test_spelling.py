"""Spelling: the nearest name is found, among many too, without comparing with all of them."""

from __future__ import annotations

import difflib

import pytest

from kongflow.core.spelling import MAX_COMPARED, did_you_mean, nearest

MANY = [f"customer-reports-{number}" for number in range(1_000)]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("customer_report_517", "customer-reports-517"),
        ("customr-reports-42", "customer-reports-42"),
        ("Customer.Reports.7", "customer-reports-7"),
        ("customer-reports-99x", "customer-reports-99"),
        ("xcustomer-reports-8", "customer-reports-8"),
    ],
)
def test_among_many_names_the_one_that_was_meant_is_found(wrong, meant):
    assert nearest(wrong, MANY) == meant


def test_among_many_names_few_are_compared(monkeypatch):
    compared = []
    matches = difflib.get_close_matches
    monkeypatch.setattr(
        difflib,
        "get_close_matches",
        lambda word, known, **more: compared.append(len(known)) or matches(word, known, **more),
    )

    for number in range(100):
        assert nearest(f"customer_report_{number}", MANY) == f"customer-reports-{number}"

    assert max(compared) <= MAX_COMPARED


def test_a_name_that_looks_like_none_has_no_suggestion():
    assert did_you_mean("zzz", MANY) == ""
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("a" * 100_000, ["a" * 100_000]) == ""
