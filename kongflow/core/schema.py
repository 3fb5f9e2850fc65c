"""PayloadSchema: a compiled JSON Schema, draft 2020-12, that payloads and results are checked against.

One engine, jsonschema-rs, gives both the verdict and the reasons: its patterns run in linear time or give up, so that
no payload can hang the check. Nothing is ever fetched: a `$ref` leads into the schema itself or into `resources`.

Formats are checked, not only noted: date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri
uri-reference iri iri-reference uri-template uuid json-pointer relative-json-pointer regex. Others are notes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import jsonschema_rs

from kongflow.core.json import Json, dump, path_of
from kongflow.core.schema_defaults import Defaults, defaults_of
from kongflow.core.schema_errors import explain, keywords, plain_words
from kongflow.core.schema_references import References
from kongflow.core.schema_walk import DRAFT, subschemas
from kongflow.errors import InvalidConfig, InvalidPayload

MAX_PROBLEMS = 50
"""Problems that one error lists."""
BACKTRACK_LIMIT = 100_000
"""Steps of one pattern with look-around or back-references, on one text; others run in linear time."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """What is wrong with a schema, and where in it."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """A compiled schema; equal where the schema and its resources are equal."""

    schema: Json
    resources: Mapping[str, Json]
    _validator: jsonschema_rs.Validator = field(compare=False, repr=False)
    _defaults: Defaults = field(compare=False, repr=False)
    references: References = field(compare=False, repr=False)
    """Where its `$ref`s lead."""

    @classmethod
    def compile(cls, schema: Json, resources: Mapping[str, Json] | None = None, uri: str = "") -> PayloadSchema:
        """Compile a schema. `resources` are the other schemas that a `$ref` may lead to, by their path in the project
        (or by an absolute URI); `uri` is the path of this one, which its relative references start from.

        Raises: InvalidConfig, with every problem of the schema.
        """
        resources = resources or {}
        problems = schema_problems(schema, resources, uri)
        if problems:
            raise InvalidConfig(_listed("the schema is not valid", [_line(problem) for problem in problems]))
        references = References(schema, resources, uri)
        return cls(schema, resources, _validator(schema, references), defaults_of(schema, references), references)

    @property
    def declared(self) -> frozenset[str]:
        """The keys that an object may have by `properties`, also those behind a `$ref`."""
        return self._defaults.names()

    def check_added(self, value: Json) -> Json:
        """Return a payload that is added: defaults filled in, on a copy. Raises: InvalidPayload, with every problem."""
        filled = self._defaults.fill(value)
        if not self._validator.is_valid(filled):
            raise self._refusal(filled, "payload")
        return filled

    def check_run(self, value: Json) -> Json:
        """Return a payload that is about to run: defaults filled in, on a copy. The schema may have changed since it
        was added, so a field that the schema does not declare is forgiven, if that is all.

        Raises: InvalidPayload, with every problem.
        """
        filled = self._defaults.fill(value)
        if not self._validator.is_valid(filled) and not self._forgives(filled):
            raise self._refusal(filled, "payload")
        return filled

    def check_result(self, value: Json) -> None:
        """Check a result exactly as it is. Raises: InvalidPayload, with every problem."""
        if not self._validator.is_valid(value):
            raise self._refusal(value, "result")

    def why_unfit(self, properties: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with the default that is filled in at the last of these properties, one inside the
        other, whatever else a payload holds.
        """
        value: Json = {}
        for name in reversed(properties[:-1]):
            value = {name: value}
        filled = self._defaults.fill(value)
        for error in self._validator.iter_errors(filled):
            inside = tuple(error.instance_path)[: len(properties)] == tuple(properties)
            if inside and _is_unconditional(error, len(properties)):
                yield from (f"{path_of(path)}: {message}" for path, message in plain_words(error, filled))

    def _forgives(self, value: Json) -> bool:
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as first:
            return _is_forgivable(first) and all(map(_is_forgivable, self._validator.iter_errors(value)))
        except ValueError:
            return False
        return True

    def _refusal(self, value: Json, what: str) -> InvalidPayload:
        problems = list(islice(explain(self._validator, value), MAX_PROBLEMS + 1))
        if len(problems) > MAX_PROBLEMS:
            problems[MAX_PROBLEMS] = f"… and more: only the first {MAX_PROBLEMS} problems are listed"
        return InvalidPayload(_listed(f"the {what} does not match its schema", problems), problems)


def schema_problems(
    schema: Json, resources: Mapping[str, Json] | None = None, uri: str = ""
) -> tuple[SchemaProblem, ...]:
    """Return what is wrong with a schema: each problem once, in the order of the schema. Nothing is fetched or read."""
    try:
        dump(schema, "schema")
    except InvalidPayload as error:
        return (SchemaProblem((), str(error)),)
    problems = {problem.path: problem for problem in (*_against_metaschema(schema), *_other_drafts(schema))}
    for name, resource in (resources or {}).items():
        for problem in _other_drafts(resource):
            problems.setdefault((), SchemaProblem((), f"{name}, which it refers to: {problem.message}"))
    if problems:
        return tuple(problems.values())
    references = References(schema, resources or {}, uri)
    found = list(references.unresolved()) or list(references.endless())
    if not found:
        try:
            _validator(schema, references)
            defaults_of(schema, references)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            found = list(_bad_patterns(schema)) or [((), str(error).split("\n", 1)[0])]
    return tuple(SchemaProblem(path, message) for path, message in found)


def _validator(schema: Json, references: References) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        registry=references.registry,
        base_uri=references.base,
        offline=True,
        validate_formats=True,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT),
    )


def _bad_patterns(schema: Json) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the patterns that look like one to the metaschema, and that the engine cannot read."""
    for path, sub in subschemas(schema):
        pattern = sub.get("pattern") if isinstance(sub, dict) else None
        named = sub.get("patternProperties", {}) if isinstance(sub, dict) else {}
        for place, each in (
            ((*path, "pattern"), pattern),
            *(((*path, "patternProperties", name), name) for name in named),
        ):
            try:
                jsonschema_rs.Draft202012Validator({} if each is None else {"pattern": each})
            except ValueError:
                yield place, f"the pattern {each!r} cannot be read, or is too large"


@functools.cache
def _metaschema() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": DRAFT}, offline=True, validate_formats=True)


# --- what is wrong with a schema -------------------------------------------------------------------------------------


def _other_drafts(schema: Json) -> Iterator[SchemaProblem]:
    for path, sub in subschemas(schema):
        draft = sub.get("$schema", DRAFT) if isinstance(sub, dict) else DRAFT
        if not isinstance(draft, str) or draft.rstrip("#") != DRAFT:
            yield SchemaProblem((*path, "$schema"), f"expected {DRAFT!r}, got {draft!r}: schemas are of draft 2020-12")


def _against_metaschema(schema: Json) -> Iterator[SchemaProblem]:
    for error in _metaschema().iter_errors(schema):
        for path, message in plain_words(error, schema):
            yield SchemaProblem(path, message)


def _is_forgivable(error: jsonschema_rs.ValidationError) -> bool:
    """Say whether an error is a field that the schema does not declare, in a place where that is no choice."""
    used = keywords(error.evaluation_path)
    return (
        bool(used)
        and used[-1] in ("additionalProperties", "unevaluatedProperties")
        and not {"oneOf", "anyOf", "not", "if"} & set(used)
    )


def _is_unconditional(error: jsonschema_rs.ValidationError, depth: int) -> bool:
    """Say whether an error comes of what the schema says of a property in any case, `depth` properties down."""
    for keyword in keywords(error.evaluation_path):
        if depth == 0:
            break
        if keyword not in ("properties", "$ref", "allOf"):
            return False
        depth -= keyword == "properties"
    return depth == 0


def _line(problem: SchemaProblem) -> str:
    return f"{path_of(problem.path)}: {problem.message}"


def _listed(what: str, lines: list[str]) -> str:
    return f"{what}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{what}:", *lines])
