"""Forms: what the annotation of a payload says of it, read from the source. None where only running it could tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kongflow.config.annotations import Meaning, Names
from kongflow.config.handler_source import Source
from kongflow.config.types.type import Kind

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN})  # as Python takes one for the other
_LIST, _OBJECT = frozenset({Kind.LIST}), frozenset({Kind.OBJECT})
_KINDS = {
    "builtins.str": frozenset({Kind.TEXT}),
    "builtins.int": _NUMBERS,
    "builtins.float": _NUMBERS,
    "builtins.bool": frozenset({Kind.BOOLEAN}),
    "builtins.list": _LIST,
    "builtins.tuple": _LIST,
    "typing.List": _LIST,
    "typing.Tuple": _LIST,
    "typing.Sequence": _LIST,
    "typing.Iterable": _LIST,
    "collections.abc.Sequence": _LIST,
    "collections.abc.Iterable": _LIST,
    "builtins.dict": _OBJECT,
    "typing.Dict": _OBJECT,
    "typing.Mapping": _OBJECT,
    "typing.MutableMapping": _OBJECT,
    "collections.abc.Mapping": _OBJECT,
    "collections.abc.MutableMapping": _OBJECT,
}
_STRANGE = frozenset(
    [
        *("builtins.bytes", "builtins.bytearray", "builtins.set", "builtins.frozenset", "builtins.complex"),
        *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta"),
        *("decimal.Decimal", "fractions.Fraction", "uuid.UUID", "pathlib.Path"),
    ]
)
"""What no JSON value is, and no payload is made into."""
_MODELS = frozenset({"pydantic.BaseModel", "msgspec.Struct", "typing.NamedTuple"})
_TYPED_DICTS = frozenset({"typing.TypedDict", "typing_extensions.TypedDict"})
_WRAPPERS = {"Annotated": None, "Required": True, "NotRequired": False, "ReadOnly": None}
"""Of `typing`: what they say of a key being required."""
MAX_DEPTH = 5
"""Classes and other names, one inside the other."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class; `form` is None where it may be anything. `is_required`: without it nothing is made."""

    name: str
    is_required: bool
    form: Form | None


@dataclass(frozen=True, slots=True)
class Form:
    """What an annotation takes: values of some kinds, of which it may say more."""

    text: str
    """As it is written."""
    kinds: frozenset[Kind]
    fields: tuple[Field, ...] = ()
    items: Form | None = None
    strange: str = ""
    """A class that it names, and no payload is made into."""


def form_of(root: Path, source: Source, annotation: ast.expr) -> Form | None:
    """Return the form of an annotation that stands in a module. `root` is the folder of kongflow.yaml."""
    return _Forms(Names(root)).of(source, annotation)


class _Forms:
    """Reads each class once. One that holds itself is unknown there."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._classes: dict[tuple[Path, str], Form | None] = {}
        self._depth = 0

    def of(self, source: Source, node: ast.expr) -> Form | None:
        if isinstance(node, ast.Constant):
            return self._of_constant(source, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(ast.unparse(node), [self.of(source, node.left), self.of(source, node.right)])
        if isinstance(node, ast.Subscript):
            return self._subscript(source, node)
        found = self._names.meaning(source, node)
        return None if found is None else self._of_meaning(found, ast.unparse(node))

    def _of_constant(self, source: Source, node: ast.Constant) -> Form | None:
        if node.value is None:
            return Form("None", frozenset({Kind.NULL}))
        inner = _parsed(node)
        return None if inner is node else self.of(source, inner)

    def _subscript(self, source: Source, node: ast.Subscript) -> Form | None:
        found, text = self._names.meaning(source, node.value), ast.unparse(node)
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not isinstance(found, str) or not arguments:
            return None
        module, _, name = found.rpartition(".")
        if module in ("typing", "typing_extensions"):
            if name == "Optional":
                return self._union(text, [self.of(source, arguments[0]), Form("None", frozenset({Kind.NULL}))])
            if name == "Union":
                return self._union(text, [self.of(source, each) for each in arguments])
            if name in _WRAPPERS:
                return self.of(source, arguments[0])
        kinds = _KINDS.get(found)
        if found in _STRANGE:
            return Form(text, frozenset(), strange=text)
        is_alike = name.lower() != "tuple" or [getattr(each, "value", None) for each in arguments[1:]] == [...]
        if kinds == _LIST and is_alike:
            return Form(text, kinds, items=self.of(source, arguments[0]))
        return None if kinds is None else Form(text, kinds)

    def _union(self, text: str, members: Iterable[Form | None]) -> Form | None:
        """Return what takes each of several; None where one of them may be anything."""
        known = [member for member in members if member is not None]
        if len(known) < len(list(members)):
            return None
        holding = [member for member in known if Kind.OBJECT in member.kinds or member.kinds & _LIST]
        one = holding[0] if len(holding) == 1 else Form(text, frozenset())
        kinds = frozenset(kind for member in known for kind in member.kinds)
        strange = next((member.strange for member in known if member.strange), "")
        return Form(text, kinds, one.fields, one.items, strange)

    def _of_meaning(self, found: Meaning, text: str) -> Form | None:
        if not isinstance(found, str):
            return self._elsewhere(*found)
        if found in _STRANGE:
            return Form(text, frozenset(), strange=text)
        kinds = _KINDS.get(found)
        return None if kinds is None else Form(text, kinds)

    def _elsewhere(self, source: Source, node: ast.expr | ast.ClassDef) -> Form | None:
        """Return the form of what stands in its own place: a class, or what is only a name for something."""
        if self._depth == MAX_DEPTH:
            return None
        self._depth += 1
        try:
            return self._class(source, node) if isinstance(node, ast.ClassDef) else self.of(source, node)
        finally:
            self._depth -= 1

    # --- classes ---

    def _class(self, source: Source, node: ast.ClassDef) -> Form | None:
        key = (source.file, node.name)
        if key not in self._classes:
            self._classes[key] = None  # for who comes here again on the way
            self._classes[key] = self._read(source, node)
        return self._classes[key]

    def _read(self, source: Source, node: ast.ClassDef) -> Form | None:
        bases = [self._names.meaning(source, base) for base in node.bases]
        if not node.decorator_list and any(isinstance(base, str) and base in _MODELS for base in bases):
            return Form(node.name, frozenset(), strange=node.name)
        if not node.decorator_list and not bases and not node.keywords:
            return Form(node.name, frozenset(), strange=node.name)
        is_dataclass = self._is_dataclass(source, node)
        inherited: list[Field] = []
        for base in bases:
            if isinstance(base, str) and base in _TYPED_DICTS and not is_dataclass:
                continue
            if base is None or isinstance(base, str) or not isinstance(base[1], ast.ClassDef):
                return None
            form = self._class(base[0], base[1])
            if form is None or form.strange:
                return form if form is not None and not node.decorator_list else None
            inherited += form.fields
        if is_dataclass is None or (not is_dataclass and not self._is_typed_dict(source, node)):
            return None
        own = self._fields(source, node, is_dataclass)
        if own is None:
            return None
        fields = {field.name: field for field in (*inherited, *own)}
        return Form(node.name, _OBJECT, tuple(fields.values()))

    def _is_dataclass(self, source: Source, node: ast.ClassDef) -> bool | None:
        """Say whether a class is a plain dataclass; None where its decorators may make anything of it."""
        if not node.decorator_list:
            return False
        decorator = node.decorator_list[0]
        given: list[str | None] = []
        if isinstance(decorator, ast.Call):
            given = [keyword.arg for keyword in decorator.keywords]
            decorator = decorator.func
        is_one = self._names.meaning(source, decorator) == "dataclasses.dataclass" and len(node.decorator_list) == 1
        return True if is_one and "init" not in given and None not in given else None

    def _is_typed_dict(self, source: Source, node: ast.ClassDef) -> bool:
        for base in node.bases:
            found = self._names.meaning(source, base)
            if isinstance(found, str):
                return found in _TYPED_DICTS
            if found is not None and isinstance(found[1], ast.ClassDef):
                return self._is_typed_dict(found[0], found[1])
        return False

    def _fields(self, source: Source, node: ast.ClassDef, is_dataclass: bool) -> list[Field] | None:
        names = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        total = [getattr(keyword.value, "value", None) for keyword in node.keywords if keyword.arg in ("total", None)]
        if "__init__" in names or "__new__" in names or None in total:
            return None
        is_total = False not in total
        fields: list[Field] = []
        for each in node.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                marked = list(self._marks(source, each.annotation))
                if is_dataclass and {"ClassVar", "InitVar", "KW_ONLY"} & set(marked):
                    return None
                required = next((mark for name in marked if (mark := _WRAPPERS.get(name)) is not None), is_total)
                if is_dataclass and each.value is not None:
                    given = self._given_to_field(source, each.value)
                    if "init" in given:
                        return None
                    required = bool(given) and given.isdisjoint(("default", "default_factory"))
                # What `__post_init__` makes of a field is not known.
                form = None if "__post_init__" in names else self.of(source, each.annotation)
                fields.append(Field(each.target.id, required, form))
            elif not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Expr | ast.Pass | ast.Assign):
                return None
        return fields

    def _marks(self, source: Source, node: ast.expr) -> Iterator[str]:
        """Yield the names of `typing` and `dataclasses` that an annotation is wrapped into."""
        node = _parsed(node)
        found = self._names.meaning(source, node.value if isinstance(node, ast.Subscript) else node)
        if isinstance(found, str):
            yield found.rpartition(".")[2]
        if isinstance(node, ast.Subscript) and isinstance(found, str) and found.rpartition(".")[2] in _WRAPPERS:
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            yield from (mark for each in inner[:1] for mark in self._marks(source, each))

    def _given_to_field(self, source: Source, value: ast.expr) -> set[str]:
        """Return what `dataclasses.field` is called with, and its name; nothing where a value is no such call."""
        if not isinstance(value, ast.Call) or self._names.meaning(source, value.func) != "dataclasses.field":
            return set()
        return {"field", *(keyword.arg or "init" for keyword in value.keywords)}


def _parsed(node: ast.expr) -> ast.expr:
    """Return what an annotation says that is written as text; itself where it is no such text."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return node
    try:
        return ast.parse(node.value.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return node
