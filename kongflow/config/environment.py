"""Variables in values: `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$`, filled in after the YAML is parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
class Filled:
    """A text with its variables filled in. `text` None: it is unknown, or has problems.

    `whole`: the text was one single variable, so the value takes the type that its key wants; `origin` says for
    messages where it came from.
    """

    text: str | None
    whole: bool = False
    origin: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """What one variable gives: its text (None: unknown) and where that came from, or a problem."""

    text: str | None = None
    origin: str = ""
    problem: Problem | None = None


def fill(text: str, environment: Environment) -> Filled:
    """Return a text with its variables filled in, or every problem with them."""
    parts: list[str] = []
    problems: list[Problem] = []
    position, unknown, whole, origin = 0, False, False, ""
    while found := _PIECE.search(text, position):
        parts.append(text[position : found.start()])
        if found.group() == "$$":
            parts.append("$")
            position = found.end()
        elif found.group() == "${":
            position = _end_of_variable(text, found.end())
            value = _value(text, found.start(), position, environment)
            whole, origin = (found.start(), position) == (0, len(text)), value.origin
            unknown = unknown or value.text is None
            parts.append(value.text or "")
            problems.extend([value.problem] if value.problem else [])
        else:
            rest = _TEMPLATE_REST.match(text, found.end())
            position = rest.end() if rest else len(text)
            parts.append(text[found.start() : position])
            problems.extend(_inside_template(text, found.start(), position))
    parts.append(text[position:])
    if problems or unknown:
        return Filled(None, problems=tuple(problems))
    return Filled("".join(parts), whole, origin)


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


def _end_of_variable(text: str, start: int) -> int:
    """Return where the variable ends whose `${` ends at `start`; braces inside a default nest."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)


def _value(text: str, start: int, end: int, environment: Environment) -> _Value:
    inner = text[start + 2 : end - 1]
    name = _NAME.match(inner)
    rest = inner[name.end() :] if name else inner
    if text[end - 1] != "}" or end - start < 4 or name is None or not (not rest or rest[:2] in (":-", ":?")):
        message = f"{quoted(text[start:end])} is not a variable"
        advice = "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a plain $"
        return _Value("", problem=Problem("env-syntax", message, advice, start, end))
    given = environment.get(name.group())
    if given or (given == "" and not rest):
        if _TEMPLATE in given:
            message = f"the value of {name.group()} holds '<<', which begins a template"
            advice = "templates are written in the file, where they can be checked"
            return _Value("", problem=Problem("env-in-template", message, advice, start, end))
        return _Value(given, f"the value of {name.group()}")
    if rest.startswith(":-"):
        return _default(rest[2:], name.group(), start, end)
    if not environment.use:
        return _Value()
    return _Value("", problem=_missing(name.group(), rest, start, end))


def _default(default: str, name: str, start: int, end: int) -> _Value:
    if "${" in default or _TEMPLATE in default:
        message = f"the default of {name} holds another variable or a template"
        return _Value("", problem=Problem("env-syntax", message, "give a plain text as the default", start, end))
    return _Value(default.replace("$$", "$"), f"the default of {name}")


def _missing(name: str, rest: str, start: int, end: int) -> Problem:
    if rest:
        return Problem("env-missing", f"{name} is not set: {rest[2:].strip()}", f"set {name}", start, end)
    advice = f"set it, or write ${{{name}:-default}}; `validate --no-env` checks the rest without it"
    return Problem("env-missing", f"{name} is not set and has no default", advice, start, end)


def _inside_template(text: str, start: int, end: int) -> list[Problem]:
    return [
        Problem(
            "env-in-template",
            "variables are not filled in inside << >>",
            "move it outside: ${NAME}-<< payload.id >>",
            found.start(),
            _end_of_variable(text, found.end()),
        )
        for found in re.compile(r"\$\{").finditer(text, start, end)
    ]
