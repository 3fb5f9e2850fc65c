"""SARIF: a log is what the standard requires of the parts that it has.

The schema below is written from https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, section by section,
and knows those parts alone; what no schema can say follows it as code.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from kongflow.config.findings import SEVERITIES, Finding, Place, Related, Span, finding
from kongflow.config.formats.sarif import sarif_report
from kongflow.version import __version__
from tests.config.golden import cases


def exactly(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
URI = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9\-._~/!$&'()*+,;=:@?]*(%[0-9A-F]{2}[A-Za-z0-9\-._~/!$&'()*+,;=:@?]*)*$",
}
POSITIVE = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
MESSAGE = exactly({"text": TEXT})  # 3.11.8
FORMATTED = exactly({"text": TEXT}, {"markdown": TEXT})  # 3.12
ARTIFACT = exactly({"uri": URI}, {"uriBaseId": TEXT})  # 3.4
REGION = exactly({"startLine": POSITIVE, "startColumn": POSITIVE, "endLine": POSITIVE, "endColumn": POSITIVE})  # 3.30
PHYSICAL = exactly({"artifactLocation": ARTIFACT, "region": REGION})  # 3.29
LOCATION = exactly(  # 3.28
    {"physicalLocation": PHYSICAL},
    {"message": MESSAGE, "logicalLocations": {"type": "array", "items": exactly({"fullyQualifiedName": TEXT})}},
)
RULE = exactly(  # 3.49
    {"id": TEXT, "shortDescription": FORMATTED, "fullDescription": FORMATTED, "help": FORMATTED},
    {"defaultConfiguration": exactly({"level": LEVEL})},
)
RESULT = exactly(  # 3.27
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": MESSAGE,
        "locations": {"type": "array", "items": LOCATION, "minItems": 1, "maxItems": 1},
        "partialFingerprints": {
            "type": "object",
            "propertyNames": {"pattern": "^[^/]+(/[^/]+)*$"},  # 3.5.4
            "additionalProperties": {"type": "string"},
        },
    },
    {"relatedLocations": {"type": "array", "items": LOCATION, "uniqueItems": True}},
)
DRIVER = exactly(  # 3.19
    {"name": TEXT, "version": TEXT, "semanticVersion": TEXT, "rules": {"type": "array", "items": RULE}}
)
RUN = exactly(  # 3.14
    {
        "tool": exactly({"driver": DRIVER}),
        "columnKind": {"const": "unicodeCodePoints"},
        "originalUriBaseIds": {"type": "object", "additionalProperties": exactly({"description": MESSAGE})},
        "results": {"type": "array", "items": RESULT},
    }
)
LOG = exactly({"version": {"const": "2.1.0"}, "$schema": URI, "runs": {"type": "array", "items": RUN}})  # 3.13
PLACEHOLDERS = re.compile(r"\{\{|\}\}")
CODE = re.compile(r"^```.*?^```|`[^`]+`", re.DOTALL | re.MULTILINE)


def run_of(findings: list[Finding]) -> dict[str, Any]:
    """Return the run of the log of these findings, once all that the standard requires of it holds."""
    log = json.loads(sarif_report(findings))
    jsonschema.Draft202012Validator(LOG).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert "<" not in CODE.sub("", rule["help"]["markdown"])  # 3.11.4.2: no HTML
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.6
        for location in [*result["locations"], *result.get("relatedLocations", [])]:
            check_location(location, run)
        for message in (result["message"], *(near["message"] for near in result.get("relatedLocations", []))):
            rest = PLACEHOLDERS.sub("", message["text"])
            assert not re.search(r"[{}]", rest)  # 3.11.5: no placeholder without arguments
            assert "](" not in rest  # 3.11.6: no link
    return run


def check_location(location: dict[str, Any], run: dict[str, Any]) -> None:
    artifact, region = location["physicalLocation"].values()
    if artifact["uri"].startswith("file:///"):
        assert "uriBaseId" not in artifact  # 3.4.4: an absolute URI has none
    else:
        assert not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", artifact["uri"])  # RFC 3986, 4.2: it is relative
        assert artifact["uriBaseId"] in run["originalUriBaseIds"]
    start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
    assert start < end  # 3.30.7 and 3.30.8: the end is behind the last character


def found(slug: str = "unknown-key", file: str = "a.yaml", message: str = "it is wrong", **more) -> Finding:
    return replace(finding(slug, Place(file, Span(2, 3, 2, 7)), message, "fix it"), **more)


def test_what_all_checks_find_is_a_valid_log(monkeypatch):
    findings = [found for kind in ("err", "ok") for case in cases(kind) for found in case.load(monkeypatch).findings]

    run = run_of(findings)

    assert len(run["results"]) == len(findings) > 100
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted({found.slug for found in findings})


def test_a_log_without_findings_is_valid():
    run = run_of([])

    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])
    assert run["tool"]["driver"]["version"] == __version__


def test_a_result_has_every_fact():
    related = (Related(Place("b.yaml", Span(3, 1, 3, 5)), "first written here"),)

    (result,) = run_of([found(json_path="$.tasks", related=related)])["results"]

    del result["partialFingerprints"]
    assert result == {
        "ruleId": "unknown-key",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "it is wrong (fix it)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 7},
                },
                "logicalLocations": [{"fullyQualifiedName": "$.tasks"}],
            }
        ],
        "relatedLocations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "b.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 5},
                },
                "message": {"text": "first written here"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("slug", "level"), [("unknown-key", "error"), ("include-empty", "warning"), ("handler-unresolvable", "note")]
)
def test_a_severity_is_a_level_and_a_rule_has_its_own(slug, level):
    run = run_of([found(slug, severity=SEVERITIES["unknown-key"])])

    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {"level": level}
    assert run_of([found(slug)])["results"][0]["level"] == level


def test_the_page_of_a_check_is_the_help_of_its_rule():
    (rule,) = run_of([found("duration-invalid")])["tool"]["driver"]["rules"]

    assert rule["shortDescription"]["text"] == rule["help"]["text"].splitlines()[0]
    assert "1h30m" in rule["help"]["markdown"]


@pytest.mark.parametrize("file", ["catalog/a b.yaml", "a:b.yaml", "100%.yaml", "ü?.yaml", "<stdin>", "/srv/a#b.yaml"])
def test_a_file_is_a_uri(file):
    (result,) = run_of([found(file=file)])["results"]

    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri.removeprefix("file://")) == file


def test_a_message_holds_neither_placeholders_nor_links():
    (result,) = run_of([found(message="'{0}' and [here](https://x.example)")])["results"]

    assert result["message"]["text"] == "'{{0}}' and [here] (https://x.example) (fix it)"
