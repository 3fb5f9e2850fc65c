"""Findings as a Code Quality report of GitLab, which shows them in a merge request.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from kongflow.config.findings import Finding, Severity
from kongflow.config.formats.repository import fingerprints
from kongflow.core.json import Json

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def gitlab_report(findings: Sequence[Finding]) -> str:
    """Return findings, seen from the root of the repository, as a JSON array. GitLab compares the fingerprints of two
    branches: what has the same in both is not new.
    """
    issues = [_issue(found, fingerprint) for found, fingerprint in zip(findings, fingerprints(findings), strict=True)]
    return json.dumps(issues, indent=2)


def _issue(found: Finding, fingerprint: str) -> Json:
    return {
        "check_name": found.slug,
        "description": found.advised,
        "severity": _SEVERITIES[found.severity],
        "fingerprint": fingerprint,
        "location": {"path": found.file, "lines": {"begin": found.line, "end": found.end_line}},
    }
