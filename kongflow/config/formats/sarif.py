"""Findings as a SARIF 2.1.0 log, which code scanning and editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; sections of it are named as § below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from kongflow.config.checks.pages import Page, pages
from kongflow.config.findings import Finding, Place, Severity
from kongflow.config.formats.repository import fingerprints
from kongflow.core.json import Json
from kongflow.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif_report(findings: Sequence[Finding]) -> str:
    """Return findings, seen from the root of the repository, as a log with one run. Its rules are those that were
    broken, each with its page of `kongflow explain`. It holds no path of this machine, and nothing of a file's text.
    """
    known = pages()
    slugs = sorted({found.slug for found in findings})
    rules = {slug: index for index, slug in enumerate(slugs)}
    marks = fingerprints(findings)
    run = {
        "tool": {
            "driver": {
                "name": "kongflow",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(slug, known[slug]) for slug in slugs],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "results": [_result(found, rules, mark) for found, mark in zip(findings, marks, strict=True)],
    }
    return json.dumps({"version": "2.1.0", "$schema": _SCHEMA, "runs": [run]}, indent=2)


def _rule(slug: str, page: Page) -> Json:
    return {
        "id": slug,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.title},
        "help": {"text": page.text, "markdown": page.text},
        "defaultConfiguration": {"level": _LEVELS[page.severity]},
    }


def _result(found: Finding, rules: Mapping[str, int], fingerprint: str) -> Json:
    span = (found.line, found.col, found.end_line, found.end_col)
    location = {"physicalLocation": _physical(found.file, *span)}
    if found.json_path:
        location["logicalLocations"] = [{"fullyQualifiedName": found.json_path}]
    result = {
        "ruleId": found.slug,
        "ruleIndex": rules[found.slug],
        "level": _LEVELS[found.severity],
        "message": {"text": _message(found.advised)},
        "locations": [location],
        "partialFingerprints": {"kongflow/v1": fingerprint},
    }
    if found.related:
        result["relatedLocations"] = [
            {**_related(near.place), "message": {"text": _message(near.message)}} for near in found.related
        ]
    return result


def _related(place: Place) -> dict[str, Json]:
    span = place.span
    return {"physicalLocation": _physical(place.file, span.line, span.col, span.end_line, span.end_col)}


def _physical(file: str, line: int, col: int, end_line: int, end_col: int) -> Json:
    """Return a region of a file; its end is behind its last character, as ours is (§3.30.8)."""
    return {
        "artifactLocation": _artifact(file),
        "region": {"startLine": line, "startColumn": col, "endLine": end_line, "endColumn": end_col},
    }


def _artifact(file: str) -> Json:
    path = quote(file, errors="surrogateescape")
    return {"uri": f"file://{path}"} if file.startswith("/") else {"uri": path, "uriBaseId": _ROOT}


def _message(text: str) -> str:
    """Return a message without placeholders, whose braces are doubled (§3.11.5), and without links (§3.11.6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")
