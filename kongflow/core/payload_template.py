"""PayloadTemplate: a payload as a file declares it, in which every text may be a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from kongflow.core.json import Json
from kongflow.core.template import Template

Steps: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


@dataclass(frozen=True, slots=True)
class PayloadTemplate:
    """A parsed payload; equal where the sources are equal."""

    source: Mapping[str, Json]
    """The payload as it is written, defaults and variables filled in."""
    _templates: Mapping[Steps, Template] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, source: Mapping[str, Json]) -> PayloadTemplate:
        """Parse every text of a payload. Raises: TemplateSyntaxProblem, with the offset in the text that is wrong."""
        templates = {steps: Template.parse(text) for steps, text in texts_of(source)}
        return cls(source, {steps: template for steps, template in templates.items() if not template.is_literal})

    def render(self, scope: Mapping[str, Json]) -> dict[str, Json]:
        """Return the payload with its templates rendered, each as a value of its own type where it is one whole
        `<< … >>`. Raises: TemplateError.
        """
        return {key: self._rendered(value, (key,), scope) for key, value in self.source.items()}

    def _rendered(self, value: Json, steps: Steps, scope: Mapping[str, Json]) -> Json:
        if isinstance(value, dict):
            return {key: self._rendered(item, (*steps, key), scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rendered(item, (*steps, index), scope) for index, item in enumerate(value)]
        template = self._templates.get(steps)
        return value if template is None else template.render(scope)


def texts_of(value: Json, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield every text in a value, with the steps that lead to it. Keys are none."""
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_of(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts_of(item, (*steps, index))
