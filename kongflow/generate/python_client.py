"""The typed client: a Python module by which type checkers check who adds jobs, written from a catalog."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kongflow.core.catalog import Catalog
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task
from kongflow.errors import InvalidPayload
from kongflow.generate.python_expressions import rendered
from kongflow.generate.python_names import WIDTH, Taken, class_names, docstring, is_field, text_literal
from kongflow.generate.python_types import Alias, Field, Shape, shapes_of

MARK = "# Written by `kongflow generate python`: change kongflow.yaml and the schemas, and write it again."
"""The first line, by which a file is known as one that may be replaced."""

_ABOUT = (
    "`Client(flow).enqueue(task, payload, …)` is `flow.enqueue(task, payload, …)` with the types of each task. `flow` "
    "is a `KongFlow` or a `SyncKongFlow`, or inside a handler its job or its transaction.",
    "`flow.enqueue_many([addition(task, payload, …), …])` adds several in one transaction.",
)

_OPTIONS = '''\
Json: TypeAlias = Any
JobKeyMode: TypeAlias = Literal["replace", "preserve_run_at", "unsafe_dedupe"]


class Options(TypedDict, total=False):
    """The options of one call; None means "not given": then the catalog decides."""

    run_at: datetime | timedelta | None
    queue: str | None
    priority: int | None
    max_attempts: int | None
    job_key: str | None
    job_key_mode: JobKeyMode | None
    flags: Collection[str] | None
    tags: Collection[str] | None
'''

_CLIENT = '''\
Added = TypeVar("Added")
Added_co = TypeVar("Added_co", covariant=True)


class Enqueues(Protocol[Added_co]):
    """What adds jobs by names that no type checker knows."""

    def enqueue(self, task: str, payload: Json = None, **options: Unpack[Options]) -> Added_co:
        """Add a job."""
        ...


class Client(Generic[Added]):
    """Adds jobs, with the types of each task. Raises: as the `enqueue` that it calls."""

    def __init__(self, flow: Enqueues[Added]) -> None:
        self.flow = flow

'''

_METHOD_BODY = """\
        joined: dict[str, Any] = {} if connection is None else {"connection": connection}
        return self.flow.enqueue(task, payload, **joined, **options)
"""

_ADDITION_BODY = """\
    return task, payload, options
"""

_SOURCES = {
    "collections.abc": ("Collection", "Mapping"),
    "datetime": ("datetime", "timedelta"),
    "typing": (
        *("Any", "Generic", "Literal", "Never", "NotRequired", "Protocol", "TypeAlias", "TypedDict", "TypeVar"),
        *("Union", "Unpack", "overload"),
    ),
}


@dataclass(frozen=True, slots=True)
class _Call:
    """How a task is called: what is accepted as its payload."""

    task: Task
    payload: str


def python_client(catalog: Catalog) -> str:
    """Return the module: the types of payloads and results, and a client whose `enqueue` takes nothing else."""
    tasks = [catalog.tasks[name] for name in sorted(catalog.tasks)]
    stems = class_names(task.name for task in tasks)
    taken = Taken(f"{stem}{part}" for stem in stems.values() for part in ("Payload", "Result"))
    types = [line for task in tasks for line in _types(task, stems[task.name], taken)]
    calls = [_call(task, stems[task.name]) for task in tasks]
    body = "\n".join(
        [
            _OPTIONS,
            *types,
            "",
            _CLIENT
            + "\n".join(_signatures(calls, "enqueue", "    ", "connection: object = None", "Added", _METHOD_BODY)),
            "",
            "\n".join(_signatures(calls, "addition", "", "", "tuple[str, Json, Options]", _ADDITION_BODY)),
        ]
    )
    about = [f"Typed calls of the tasks of {catalog.name}.", *_ABOUT]
    body = re.sub(r"\n{4,}", "\n\n\n", body)
    return "\n".join(
        [
            MARK,
            "# ruff: noqa",
            "# ruff: noqa: PGH004",
            "# fmt: off",
            *docstring(about, ""),
            "",
            *_imports(body),
            "",
            body,
        ]
    )


def _imports(body: str) -> Iterator[str]:
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    for source, names in _SOURCES.items():
        wanted = [name for name in names if name in used]
        if wanted:
            yield f"from {source} import {', '.join(wanted)}"


# --- types -----------------------------------------------------------------------------------------------------------


def _types(task: Task, stem: str, taken: Taken) -> Iterator[str]:
    known: set[str] = set()
    for part, schema in (("Payload", task.payload_schema), ("Result", task.result_schema)):
        if schema is None:
            continue
        for definition in shapes_of(schema, stem + part, taken, payload=part == "Payload"):
            yield ""
            yield from _definition(definition, known)
            known.add(definition.name)


def _definition(definition: Shape | Alias, known: set[str]) -> Iterator[str]:
    if isinstance(definition, Alias):
        yield f"{definition.name}: TypeAlias = {rendered(definition.type, known)}"
    elif all(is_field(each.key) and each.key not in known for each in definition.fields):
        yield from _class(definition, known)
    else:
        yield from _call_of_typed_dict(definition, known)


def _class(shape: Shape, known: set[str]) -> Iterator[str]:
    yield ""
    yield f"class {shape.name}(TypedDict):"
    about = docstring(shape.doc, "    ")
    yield from about or ([] if shape.fields else ['    """No key at all."""'])
    if about and shape.fields:
        yield ""
    for each in shape.fields:
        yield f"    {each.key}: {_typed(each, known)}"
        yield from docstring([each.doc], "    ")
    yield ""


def _call_of_typed_dict(shape: Shape, known: set[str]) -> Iterator[str]:
    """Yield the other form of a TypedDict, for keys that are no names."""
    yield f'{shape.name} = TypedDict("{shape.name}", {{'
    for each in shape.fields:
        yield f"    {text_literal(each.key)}: {_typed(each, known)},"
    yield "})"
    told = [f"{each.key}: {each.doc}" for each in shape.fields if each.doc]
    yield from docstring([*shape.doc, *told], "")


def _typed(field: Field, known: set[str]) -> str:
    expression = rendered(field.type, known)
    return expression if field.required else f"NotRequired[{expression}]"


# --- calls -----------------------------------------------------------------------------------------------------------


def _call(task: Task, stem: str) -> _Call:
    schema = task.payload_schema
    if schema is None:
        return _Call(task, "Mapping[str, Json] | None = None")
    return _Call(task, f"{stem}Payload" + (" | None = None" if _may_be_empty(schema) else ""))


def _may_be_empty(schema: PayloadSchema) -> bool:
    """Say whether a job needs no payload, since an empty one is filled by defaults or says enough."""
    try:
        schema.check_added({})
    except InvalidPayload:
        return False
    return True


def _signatures(calls: Sequence[_Call], name: str, indent: str, option: str, returned: str, body: str) -> Iterator[str]:
    """Yield a function with an overload for each task. A single overload is none: then the function itself is typed."""
    own = "self, " if indent else ""
    options = f"{'*, ' + option + ', ' if option else ''}**options: Unpack[Options]"

    def signature(task: str, payload: str) -> str:
        lines = [f"{own}task: {task}, payload: {payload}, {options}"]
        if len(lines[0]) + len(indent) + 4 > WIDTH:
            lines = [f"{own}task: {task}, payload: {payload},", options]
        inner = "".join(f"{indent}    {line}\n" for line in lines)
        return f"{indent}def {name}(\n{inner}{indent}) -> {returned}:"

    signatures = [signature(f"Literal[{text_literal(call.task.name)}]", call.payload) for call in calls]
    if len(calls) > 1:
        for call, line in zip(calls, signatures, strict=True):
            yield f"{indent}@overload"
            yield line
            yield from docstring([call.task.description or "Add a job."], f"{indent}    ")
            yield f"{indent}    ..."
            yield ""
    one = signatures[0] if len(calls) == 1 else signature("str" if calls else "Never", "Json = None")
    about = calls[0].task.description if len(calls) == 1 else ""
    yield one
    yield from docstring([about or ("Add a job." if indent else "Return an entry of `enqueue_many`.")], f"{indent}    ")
    yield body
