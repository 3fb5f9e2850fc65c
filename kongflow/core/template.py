"""Template: text with `<< expression >>` parts, as in `queue: runs:<< payload.id >>`. Parsed once, rendered often.

Only `<<` opens anything. There are no statements and no comments: where Jinja would see one, the template is refused.
To print a delimiter itself, write it as text in an expression: `<< '<<' >>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kongflow.core.expression import MAX_TEXT, DottedName, Expression, TemplateSyntaxProblem, as_text
from kongflow.core.json import Json
from kongflow.errors import TemplateError

MAX_SOURCE = 4096
"""Characters of a template's text."""

# `>>` inside a quoted text does not close the expression. Each branch starts with another character: no backtracking.
_EXPRESSION = re.compile(r"""<<((?:[^'">]|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|>(?!>))*)>>""", re.DOTALL)
_STRAY = re.compile("<%|<#|>>")
_STRAY_HINTS = {
    "<%": "statements are not allowed, only << expressions >>; write << '<%' >> to print it",
    "<#": "comments are not allowed; write << '<#' >> to print it",
    ">>": "`>>` without `<<` before it; write << '>>' >> to print it",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; equal where the text is equal."""

    text: str
    parts: tuple[str | Expression, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a template. Raises: TemplateSyntaxProblem, with the offset of what is wrong."""
        if len(text) > MAX_SOURCE:
            raise TemplateSyntaxProblem(f"the template is longer than {MAX_SOURCE:,} characters", MAX_SOURCE)
        parts: list[str | Expression] = []
        position = 0
        while (start := text.find("<<", position)) >= 0:
            parts.append(_literal(text, position, start))
            match = _EXPRESSION.match(text, start)
            if match is None:
                raise TemplateSyntaxProblem(
                    "the template is not closed: `>>` is missing; write << '<<' >> to print `<<`", start
                )
            parts.append(_expression(match[1], start + 2))
            position = match.end()
        parts.append(_literal(text, position, len(text)))
        return cls(text, tuple(part for part in parts if part != ""))

    @property
    def is_literal(self) -> bool:
        """True where nothing is to be rendered."""
        return all(isinstance(part, str) for part in self.parts)

    def literal_parts(self) -> tuple[str | None, ...]:
        """Return the parts in order: literal text, or None for an expression."""
        return tuple(part if isinstance(part, str) else None for part in self.parts)

    def render(self, scope: Mapping[str, Json]) -> Json:
        """Return the value: of its own type where the template is one whole `<< … >>`, else text.

        Raises: TemplateError, naming the expression and what is wrong with it.
        """
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return self.parts[0].evaluate(scope)
        return self.render_text(scope)

    def render_text(self, scope: Mapping[str, Json]) -> str:
        """Return the text. Raises: TemplateError, also where a part is null, a list or an object."""
        return "".join(self.render_parts(scope))

    def render_parts(self, scope: Mapping[str, Json]) -> tuple[str, ...]:
        """Return the text of every part, in the order of `literal_parts`. Raises: as `render_text`."""
        texts = tuple(
            part if isinstance(part, str) else as_text(part.evaluate(scope), part.source) for part in self.parts
        )
        if sum(map(len, texts)) > MAX_TEXT:
            raise TemplateError(f"the template prints more than {MAX_TEXT:,} characters")
        return texts


def _literal(text: str, start: int, end: int) -> str:
    stray = _STRAY.search(text, start, end)
    if stray:
        raise TemplateSyntaxProblem(_STRAY_HINTS[stray.group()], stray.start())
    return text[start:end]


def _expression(source: str, offset: int) -> Expression:
    dotted = DottedName.parse(source, offset)
    if dotted is not None:
        return dotted
    # Jinja costs 50 ms to import; most catalogs name fields only and never need it.
    from kongflow.core.sandbox import SandboxedExpression

    return SandboxedExpression.parse(source, offset)
