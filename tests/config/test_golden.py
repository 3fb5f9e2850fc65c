"""Every golden file gives exactly its .out; KONGFLOW_REWRITE_GOLDEN=1 rewrites them, for review."""

from __future__ import annotations

import os

import pytest

from kongflow.config.findings import SEVERITIES, Severity
from tests.config.golden import cases

REWRITE = os.environ.get("KONGFLOW_REWRITE_GOLDEN") == "1"
ELSEWHERE = {"file-too-large"}
"""What no file of a size to be kept can show: test_document and test_json_document do."""


@pytest.mark.parametrize("case", cases("err"), ids=lambda case: case.name)
def test_a_broken_file_is_reported_exactly(case, monkeypatch):
    loaded = case.load(monkeypatch)

    if REWRITE:
        case.out.write_text(case.report(loaded))
    assert case.report(loaded) == case.out.read_text()
    assert loaded.catalog is None


@pytest.mark.parametrize("case", cases("ok"), ids=lambda case: case.name)
def test_a_good_file_gives_a_catalog(case, monkeypatch):
    loaded = case.load(monkeypatch)

    if REWRITE:
        case.out.write_text(case.report(loaded))
    assert case.report(loaded) == case.out.read_text()
    assert loaded.catalog is not None
    assert all(found.severity is not Severity.ERROR for found in loaded.findings)


def test_every_finding_has_a_golden_file():
    shown = "".join(case.out.read_text() for kind in ("ok", "err") for case in cases(kind))

    assert {slug for slug in SEVERITIES if f"[{slug}]" not in shown} == ELSEWHERE


@pytest.mark.parametrize("case", cases("err"), ids=lambda case: case.name)
def test_the_marked_range_lies_in_the_file(case, monkeypatch):
    loaded = case.load(monkeypatch)

    for found in loaded.findings:
        lines = loaded.texts[found.file].splitlines() or [""]
        assert 1 <= found.line <= found.end_line <= len(lines) + 1
        assert (found.line, found.col) < (found.end_line, found.end_col)
        assert found.col <= len(lines[found.line - 1]) + 1
