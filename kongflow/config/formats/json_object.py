"""Findings as one JSON object: all that `validate` knows, for scripts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from kongflow.config.findings import Finding, Severity
from kongflow.core.json import Json


def json_report(findings: Sequence[Finding], schedules: Sequence[Json] = ()) -> str:
    """Return findings as one JSON object; `end_line` and `end_col` stand just behind the last character. `schedules`:
    what is to be said of each of them.
    """
    counts = Counter(found.severity for found in findings)
    value = {
        "schema": 1,
        "findings": [_record(found) for found in findings],
        "counts": {str(severity): counts[severity] for severity in Severity},
        "schedules": list(schedules),
    }
    return json.dumps(value, indent=2)


def _record(found: Finding) -> Json:
    return {
        "slug": found.slug,
        "severity": str(found.severity),
        "message": found.message,
        "help": found.help,
        "file": found.file,
        "line": found.line,
        "col": found.col,
        "end_line": found.end_line,
        "end_col": found.end_col,
        "json_path": found.json_path,
        "related": [
            {
                "file": related.place.file,
                "line": related.place.span.line,
                "col": related.place.span.col,
                "message": related.message,
            }
            for related in found.related
        ],
    }
