"""Shape: a document against the law. Variables are filled in, types, ranges and names checked, one cause once.

What fails is left out of the shaped value and its path is remembered, so that later checks neither trip over it nor
take a default in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from kongflow.config.document import Document, KeyPath
from kongflow.config.environment import Environment, Filled, Piece, fill
from kongflow.config.findings import Finding, Place, finding, listing, quoted, suggestion
from kongflow.config.law import INCLUDABLE, TEMPLATED, Rule, included_law, is_later, law
from kongflow.config.scalars import Refused, accepts, check_scalar, wanted, wrong_type
from kongflow.config.template_positions import place_in_scalar
from kongflow.config.yaml_values import scalar
from kongflow.core.json import Json

_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


class _Broken:
    """Stands for a value that failed, or whose variable is not known."""


_BROKEN = _Broken()


@dataclass(frozen=True, slots=True)
class Shaped:
    """A document's shaped value: durations are seconds. `broken`: the paths that were left out."""

    document: Document
    value: dict[str, Json]
    findings: tuple[Finding, ...] = ()
    broken: frozenset[KeyPath] = frozenset()
    filled: Mapping[KeyPath, tuple[Piece, ...]] = field(default_factory=dict)
    """The texts with variables in them, as they are written."""


def shape_main(document: Document, environment: Environment) -> Shaped:
    """Return kongflow.yaml as the law wants it, and what is not so."""
    if document.value is None:
        empty = finding("yaml-empty", document.start, "the file holds nothing", "begin with `version: 1`")
        return Shaped(document, {}, (empty,))
    return _shape(document, document.value, law(), environment)


def shape_included(document: Document, environment: Environment) -> Shaped:
    """Return an included file as the law wants it, and what is not so."""
    if document.value is None:
        nothing = finding("include-empty", document.start, "the included file holds nothing", "fill it, or delete it")
        return Shaped(document, {}, (nothing,))
    if not isinstance(document.value, dict):
        return _shape(document, document.value, included_law(), environment)
    allowed = [name for name in INCLUDABLE if not is_later(law()["properties"][name])]
    elsewhere = [key for key in document.value if key in law()["properties"] and key not in INCLUDABLE]
    findings = tuple(
        finding(
            "include-section",
            document.key_place((key,)),
            f"{key!r} may stand in kongflow.yaml only",
            f"move it there; an included file holds {listing(allowed)}",
        )
        for key in elsewhere
    )
    kept = {key: value for key, value in document.value.items() if key not in elsewhere}
    shaped = _shape(document, kept, included_law(), environment)
    return replace(shaped, findings=findings + shaped.findings)


def _shape(document: Document, value: Json, rule: Rule, environment: Environment) -> Shaped:
    walk = _Walk(document, environment)
    shaped = walk.visit(value, rule, ())
    kept = shaped if isinstance(shaped, dict) else {}
    return Shaped(document, kept, tuple(walk.findings), frozenset(walk.broken), walk.filled)


@dataclass
class _Walk:
    document: Document
    environment: Environment
    findings: list[Finding] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)
    filled: dict[KeyPath, tuple[Piece, ...]] = field(default_factory=dict)

    def visit(self, value: Json, rule: Rule, path: KeyPath) -> Json:
        """Return the shaped value, or `_BROKEN`."""
        if is_later(rule):
            return self._later(path)
        if rule.get("x-kind") == "json" and "type" not in rule:
            return self._any_json(value, path)
        whole: Filled | None = None
        if isinstance(value, str) and "$" in value:
            filled = self._filled(value, path)
            if filled.text is None:
                return self._break(path)
            value, whole = filled.text, filled if filled.whole else None
        try:
            branch, value = _typed(rule, value, whole, lambda: self._written(value, path))
            if isinstance(value, dict) and branch.get("x-kind") != "json":
                return self._mapping(value, branch, path)
            if isinstance(value, list):
                return self._list(value, branch, path)
            return self._any_json(value, path) if isinstance(value, dict) else check_scalar(branch, value)
        except Refused as refused:
            return self._refuse(refused, self.document.value_place(path), path)

    # --- collections ---

    def _mapping(self, value: dict[str, Json], rule: Rule, path: KeyPath) -> Json:
        properties = rule.get("properties", {})
        others = rule.get("additionalProperties", False)
        result: dict[str, Json] = {}
        for key, child in value.items():
            if key.startswith("x-"):
                continue
            inner = properties.get(key)
            if inner is None and not isinstance(others, dict):
                if ">>" in key and any(_is_cut_short(value.get(name)) for name in TEMPLATED):
                    self.broken.add((*path, key))  # the rest of a template that a comma cut: one cause, one finding
                    continue
                self._unknown_key(key, properties, (*path, key))
                continue
            if inner is None and not self._name_is_good(key, rule, (*path, key)):
                result[key] = {}  # who refers to it is not to blame
                continue
            shaped = self.visit(child, inner or others, (*path, key))
            if shaped is not _BROKEN:
                result[key] = shaped
            elif inner is None:
                result[key] = {}  # the name is declared, whatever is wrong inside
        self._required(value, rule, path)
        return result

    def _required(self, value: dict[str, Json], rule: Rule, path: KeyPath) -> None:
        gone = "if" in rule and any(option["required"][0] in value for option in rule["if"]["anyOf"])
        required = rule.get("required", []) if "if" not in rule else [] if gone else rule["else"]["required"]
        for key in required:
            if key not in value:
                inner = rule["properties"][key]
                advice = f"add `{key}: {inner.get('const') or inner.get('x-format') or wanted(inner)}`"
                place = self.document.key_place(path)
                self.findings.append(finding("missing-key", place, f"the key {key!r} is missing", advice))
                self.broken.add((*path, key))

    def _list(self, value: list[Json], rule: Rule, path: KeyPath) -> Json:
        if len(value) < rule.get("minItems", 0):
            raise Refused("wrong-format", "this list is empty", "name at least one, or delete the key")
        if len(value) > rule.get("maxItems", len(value)):
            raise Refused("out-of-range", f"at most {rule['maxItems']} of these, this list has {len(value)}")
        result: list[Json] = []
        for index, item in enumerate(value):
            shaped = self.visit(item, rule["items"], (*path, index))
            if shaped is _BROKEN:
                self.broken.add(path)
            elif rule.get("uniqueItems") and shaped in result:
                refused = Refused("duplicate-item", f"{quoted(shaped)} already stands in this list", "delete one")
                self._refuse(refused, self.document.value_place((*path, index)), (*path, index))
            else:
                result.append(shaped)
        return result

    def _any_json(self, value: Json, path: KeyPath) -> Json:
        """Return free data with variables filled in; a part that is unknown makes all of it unknown."""
        match value:
            case str() if "$" in value:
                filled = self._filled(value, path)
                return self._break(path) if filled.text is None else filled.text
            case dict():
                inner = {key: self._any_json(child, (*path, key)) for key, child in value.items()}
                return self._break(path) if _BROKEN in inner.values() else inner
            case list():
                items = [self._any_json(child, (*path, index)) for index, child in enumerate(value)]
                return self._break(path) if any(item is _BROKEN for item in items) else items
        return value

    # --- what is wrong ---

    def _unknown_key(self, key: str, properties: dict[str, Rule], path: KeyPath) -> None:
        place = self.document.key_place(path)
        snake = _CAMEL.sub(r"_\1", key).lower().replace("-", "_")
        self.broken.add(path)
        if is_later(properties.get(snake, {})):
            self._later(path)
            return
        if snake in properties:
            message, advice = f"{quoted(key)} is spelt {snake!r} here", f"rename it to {snake}"
            self.findings.append(finding("renamed-key", place, message, advice))
            return
        where = f" in {quoted(path[-2])}" if len(path) > 1 else ""
        if where and not isinstance(path[-2], str):
            where = ""
        known = [name for name, rule in properties.items() if not is_later(rule)]
        advice = suggestion(key, known, f"known here: {listing(known)}; own data goes under x-…")
        message = f"unknown key {quoted(key)}{where}"
        self.findings.append(finding("unknown-key", place, message, advice))

    def _name_is_good(self, key: str, rule: Rule, path: KeyPath) -> bool:
        try:
            check_scalar(rule["propertyNames"], key)
        except Refused as refused:
            self._refuse(refused, self.document.key_place(path), path)
            return False
        return True

    def _later(self, path: KeyPath) -> Json:
        message = f"{quoted(path[-1])} is not in this version of KongFlow"
        return self._refuse(Refused("not-in-this-version", message, "delete it"), self.document.key_place(path), path)

    def _refuse(self, refused: Refused, place: Place, path: KeyPath) -> _Broken:
        self.findings.append(finding(refused.slug, place, refused.message, refused.help))
        return self._break(path)

    def _break(self, path: KeyPath) -> _Broken:
        self.broken.add(path)
        return _BROKEN

    def _written(self, value: Json, path: KeyPath) -> str:
        """Return a value as it stands in the file: 3.10, which is the number 3.1."""
        node = self.document.scalar_node(path)
        return str(value) if node is None else node.value

    def _filled(self, text: str, path: KeyPath) -> Filled:
        filled = fill(text, self.environment)
        self.filled[path] = filled.pieces
        node = self.document.scalar_node(path)
        for problem in filled.problems:
            assert node is not None
            place = place_in_scalar(self.document.source, node, problem.start, problem.end)
            self.findings.append(finding(problem.slug, place, problem.message, problem.help))
        return filled


def _is_cut_short(value: Json) -> bool:
    return isinstance(value, str) and value.count("<<") > value.count(">>")


def _typed(rule: Rule, value: Json, whole: Filled | None, written: Callable[[], str]) -> tuple[Rule, Json]:
    """Return the alternative of a rule that a value is meant for, and the value in its type. Raises: Refused."""
    branches = rule.get("anyOf", [rule])
    meant = scalar(value) if whole is not None else value
    for candidate in (meant, value):  # a variable is a number first, where the key takes one
        fitting = [branch for branch in branches if accepts(branch, candidate)]
        exact = [branch for branch in fitting if branch.get("const", branch) == candidate]
        loose = [branch for branch in fitting if "const" not in branch]
        if exact or loose:
            return (exact or loose)[0], candidate
        if fitting and len(branches) == 1:
            return fitting[0], candidate
    if whole is not None:
        message = f"{whole.origin}, {quoted(value)}, does not fit: expected {wanted(rule)}"
        raise Refused("env-type", message, f"the key takes {wanted(rule)}")
    raise wrong_type(rule, value, written())
