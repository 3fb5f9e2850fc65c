"""Variables in values: `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$`, filled in after the YAML is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kongflow.config.findings import quoted

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEMPLATE = "<<"
_TAKEN = re.compile(r"\$(?=[${])")
_PIECE = re.compile(r"\$\$|\$\{|" + _TEMPLATE)
# `>>` inside a quoted text does not close a template; one that is never closed reaches to the end of the text.
_TEMPLATE_REST = re.compile(r"""(?:[^'">]|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|>(?!>))*>>""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where variables come from. `use` False: none is looked up, and one without a default is `UNKNOWN`."""

    variables: Mapping[str, str]
    use: bool = True

    def get(self, name: str) -> str | None:
        """Return a variable's value, which may be empty; None where it is not set."""
        return self.variables.get(name) if self.use else None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a variable, at a range of the text it stands in."""

    slug: str
    message: str
    help: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a text as it is written, and what stands for it now: None where that is unknown."""

    start: int
    end: int
    text: str | None
    is_variable: bool = False
    """True for `$$` too: then no character of `text` stands at a place of its own."""
    origin: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its variables filled in. `text` None: it is unknown, or has problems.

    `whole`: the text was one single variable, so the value takes the type that its key wants; `origin` says for
    messages where it came from.
    """

    text: str | None
    whole: bool = False
    origin: str = ""
    problems: tuple[Problem, ...] = ()
    pieces: tuple[Piece, ...] = ()


def fill(text: str, environment: Environment) -> Filled:
    """Return a text with its variables filled in, or every problem with them."""
    pieces = tuple(_pieces(text, environment))
    problems = tuple(problem for piece in pieces for problem in piece.problems)
    parts = [piece.text for piece in pieces if piece.text is not None]
    if problems or len(parts) < len(pieces):
        return Filled(None, problems=problems, pieces=pieces)
    whole = len(pieces) == 1 and pieces[0].is_variable and text != "$$"
    return Filled("".join(parts), whole, pieces[0].origin if whole else "", pieces=pieces)


def range_as_written(pieces: Iterable[Piece], start: int, end: int) -> tuple[int, int]:
    """Return the range of a text as it is written for one of it filled in; a variable that it touches is all in it."""
    touched: list[tuple[int, int]] = []
    at = last = 0
    for piece in pieces:
        length = len(piece.text or "")
        if at < end and start < at + length:
            inner = (piece.start + max(start - at, 0), piece.start + min(end - at, length))
            touched.append((piece.start, piece.end) if piece.is_variable else inner)
        at, last = at + length, piece.end
    return (touched[0][0], touched[-1][1]) if touched else (max(last - 1, 0), last)


def _pieces(text: str, environment: Environment) -> Iterator[Piece]:
    at = 0
    while found := _PIECE.search(text, at):
        start = found.start()
        if at < start:
            yield Piece(at, start, text[at:start])
        if found.group() == "$$":
            at = found.end()
            yield Piece(start, at, "$", is_variable=True)
        elif found.group() == "${":
            at = _end_of_variable(text, found.end())
            yield _variable(text, start, at, environment)
        else:
            rest = _TEMPLATE_REST.match(text, found.end())
            at = rest.end() if rest else len(text)
            yield Piece(start, at, text[start:at], problems=_inside_template(text, start, at))
    if at < len(text):
        yield Piece(at, len(text), text[at:])


def unfill(text: str) -> str:
    """Return the text that `fill` turns into this one, whatever variables there are."""
    parts: list[str] = []
    position = 0
    while (start := text.find(_TEMPLATE, position)) >= 0:
        rest = _TEMPLATE_REST.match(text, start + len(_TEMPLATE))
        end = rest.end() if rest else len(text)
        parts += [_TAKEN.sub("$$", text[position:start]), text[start:end]]
        position = end
    return "".join([*parts, _TAKEN.sub("$$", text[position:])])


def variable_in(text: str) -> tuple[str, str | None] | None:
    """Return the name and the default of a variable as it is written, with its braces; None where it is none."""
    name = _NAME.match(text, 2) if text.startswith("${") else None
    if name is None:
        return None
    rest = text[name.end() : -1]
    return name.group(), rest[2:].replace("$$", "$") if rest.startswith(":-") else None


def _end_of_variable(text: str, start: int) -> int:
    """Return where the variable ends whose `${` ends at `start`; braces inside a default nest."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)


def _variable(text: str, start: int, end: int, environment: Environment) -> Piece:
    """Return the piece of one variable."""

    def problem(slug: str, message: str, help: str) -> Piece:
        return Piece(start, end, None, True, problems=(Problem(slug, message, help, start, end),))

    def value(given: str | None, origin: str = "") -> Piece:
        return Piece(start, end, given, True, origin)

    inner = text[start + 2 : end - 1]
    match = _NAME.match(inner)
    rest = inner[match.end() :] if match else inner
    if text[end - 1] != "}" or end - start < 4 or match is None or not (not rest or rest[:2] in (":-", ":?")):
        advice = "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a plain $"
        if inner.startswith("{"):
            advice = "a template is written << … >>; a variable of the environment is ${NAME}"
        return problem("env-syntax", f"{quoted(text[start:end])} is not a variable", advice)
    name = match.group()
    given = environment.get(name)
    if given or (given == "" and not rest):
        if _TEMPLATE in given:
            advice = "templates are written in the file, where they can be checked"
            return problem("env-in-template", f"the value of {name} holds '<<', which begins a template", advice)
        return value(given, f"the value of {name}")
    if rest.startswith(":-"):
        if "${" in rest or _TEMPLATE in rest:
            message = f"the default of {name} holds another variable or a template"
            return problem("env-syntax", message, "give a plain text as the default")
        return value(rest[2:].replace("$$", "$"), f"the default of {name}")
    return problem("env-missing", *_missing(name, rest)) if environment.use else value(None)


def _missing(name: str, rest: str) -> tuple[str, str]:
    """Return message and help for a variable that is not set."""
    said = rest[2:].strip()
    if said:
        return f"{name} is not set: {said}", f"set {name}"
    state = "is not set or empty" if rest else "is not set and has no default"
    advice = f"set it, or write ${{{name}:-default}}; `validate --no-env` checks the rest without it"
    return f"{name} {state}", advice


def _inside_template(text: str, start: int, end: int) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            "env-in-template",
            "variables are not filled in inside << >>",
            "move it outside: ${NAME}-<< payload.id >>",
            found.start(),
            _end_of_variable(text, found.end()),
        )
        for found in re.compile(r"\$\{").finditer(text, start, end)
    )
