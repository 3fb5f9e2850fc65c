"""The law: kongflow.schema.json, which says what kongflow.yaml may hold, read into the form that `shape` walks.

The file is plain JSON Schema, so that editors read it too. On top of that it says with annotations of its own:
`x-kind` what a text means, `x-min` the shortest duration, `x-format` how to name a form in a message, `x-text` that a
text is for people, and `x-later` what this version knows by name and refuses.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

Rule = dict[str, Any]
"""One schema of the law with every `$ref` resolved; alternatives are in `anyOf`, none of which has its own."""


def law_text() -> str:
    """Return the JSON Schema of kongflow.yaml as it is shipped."""
    return resources.files("kongflow.config").joinpath("kongflow.schema.json").read_text(encoding="utf-8")


@cache
def law() -> Rule:
    """Return the rule of a whole kongflow.yaml."""
    raw = json.loads(law_text())
    return _resolved(raw, raw["$defs"])


@cache
def included_law() -> Rule:
    """Return the rule of an included file: only what is declared by name."""
    properties = {name: rule for name, rule in law()["properties"].items() if name in INCLUDABLE}
    return {**law(), "properties": properties, "required": []}


def is_later(rule: Rule) -> bool:
    """Say whether a key is part of the language, but not of this release."""
    return rule.get("x-later") is True


TEMPLATED = ("queue", "job_key", "priority")
"""The keys of a task that take a template."""
INCLUDABLE = ("tasks", "queues", "retry_policies", "events", "schedules", "workflows")


def _resolved(rule: Rule, definitions: dict[str, Rule]) -> Rule:
    """Return a rule with references followed; what stands beside a `$ref` wins over what it points at."""
    if "$ref" in rule:
        target = definitions[rule["$ref"].removeprefix("#/$defs/")]
        rule = {**target, **{key: value for key, value in rule.items() if key != "$ref"}}
        return _resolved(rule, definitions)
    result = dict(rule)
    for key in ("additionalProperties", "items", "propertyNames"):
        if isinstance(rule.get(key), dict):
            result[key] = _resolved(rule[key], definitions)
    if "properties" in rule:
        result["properties"] = {name: _resolved(child, definitions) for name, child in rule["properties"].items()}
    if "anyOf" in rule:
        result = _with_branches(result, [_resolved(branch, definitions) for branch in rule["anyOf"]])
    return result


def _with_branches(rule: Rule, branches: list[Rule]) -> Rule:
    """Return a rule with its alternatives flat; left out are those that never come to be checked: variables, which
    are filled in before, and names of own data, which are ignored.
    """
    own = {key: value for key, value in rule.items() if key != "anyOf"}
    flat = [inner for branch in branches for inner in branch.get("anyOf", [branch])]
    inherited = {key: value for key, value in own.items() if key.startswith("x-")}
    left = [{**branch, **inherited} for branch in flat if branch.get("x-kind") not in ("variable", "own")]
    return {**left[0], **own} if len(left) == 1 else {**own, "anyOf": left}
