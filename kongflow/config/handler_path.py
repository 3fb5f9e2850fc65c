"""The dotted path of a handler: how it is written, and what may be wrong with where it leads."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MAX_ATTRIBUTES = 2
"""Names after the colon: a function, or a class and its static method."""


class HandlerFault(StrEnum):
    """What is wrong with a handler."""

    PATH = "path"
    """The dotted path itself: no handler may be called that."""
    MODULE = "module"
    """There is no such module."""
    SYNTAX = "syntax"
    """The module cannot be parsed."""
    IMPORT = "import"
    """Importing the module failed."""
    ATTRIBUTE = "attribute"
    """The module has no such name."""
    CALLABLE = "callable"
    """The name is no function."""
    SIGNATURE = "signature"
    """The function does not take (payload) or (payload, job), or its annotation cannot be followed."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A character of a Python file; line and column count from 1, and may lie behind its end."""

    file: Path
    line: int
    col: int


@dataclass(frozen=True, slots=True)
class HandlerProblem:
    """Why a dotted path leads to no handler. `start` and `end` are the characters of the path that are wrong; `place`
    is where the cause stands, if that is in a file of its own.
    """

    fault: HandlerFault
    message: str
    start: int
    end: int
    help: str | None = None
    place: FilePlace | None = None


class BadHandler(Exception):
    """Carries a HandlerProblem out of the search for a handler."""

    def __init__(
        self,
        fault: HandlerFault,
        message: str,
        span: tuple[int, int],
        help: str | None = None,
        place: FilePlace | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = HandlerProblem(fault, message, *span, help, place)


@dataclass(frozen=True, slots=True)
class HandlerPath:
    """A dotted path, taken apart."""

    text: str
    module: str
    attributes: tuple[str, ...]

    @property
    def module_span(self) -> tuple[int, int]:
        """The characters of the module in the text."""
        return 0, len(self.module)

    @property
    def attribute_span(self) -> tuple[int, int]:
        """The characters after the module in the text."""
        return len(self.module) + 1, len(self.text)

    @classmethod
    def parse(cls, text: str) -> HandlerPath:
        """Take apart `package.module.function`, or `package.module:attribute` with up to two names.

        Raises: BadHandler, where no handler may be called that.
        """
        module, _, attribute = text.partition(":") if ":" in text else text.rpartition(".")
        attributes = tuple(attribute.split("."))
        if not module or not attribute or len(attributes) > MAX_ATTRIBUTES:
            raise _bad("a handler is package.module.function, or package.module:Class.method", (0, len(text)))
        for name in (*module.split("."), *attributes):
            if not name.isidentifier() or keyword.iskeyword(name):
                raise _bad(f"{name!r} is not a name of Python", (0, len(text)))
            if name.startswith("_"):
                raise _bad(f"{name!r} begins with an underscore: private names are no handlers", (0, len(text)))
        first = module.split(".")[0]
        if is_of_python(first):
            raise _bad(
                f"{first!r} is a module of Python itself",
                (0, len(first)),
                "a handler is a function of yours; call Python's from it, or rename your module",
            )
        return cls(text, module, attributes)


def is_of_python(module: str) -> bool:
    """Say whether a module belongs to Python's standard library."""
    return module.split(".", 1)[0] in sys.stdlib_module_names


def _bad(message: str, span: tuple[int, int], help: str | None = None) -> BadHandler:
    return BadHandler(HandlerFault.PATH, message, span, help)
