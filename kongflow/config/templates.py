"""The templates of tasks: each parsed once, with the way from an offset in it to its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kongflow.config.findings import Place
from kongflow.config.law import TEMPLATED
from kongflow.config.project import Entry, Project
from kongflow.core.expression import TemplateSyntaxProblem
from kongflow.core.template import Template


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One template as it stands in a file; it has a `problem` where it could not be parsed."""

    entry: Entry
    tasks: tuple[Entry, ...]
    """Whose template it is: of a default, every task that inherits it."""
    key: str
    text: str
    template: Template | None
    problem: TemplateSyntaxProblem | None

    def place(self, start: int, end: int) -> Place:
        """Return the place of the characters from `start` up to `end` of the template's text."""
        return self.entry.text_place(self.key, start, end)

    @property
    def is_plain(self) -> bool:
        """True where the value is written without quotes, so that a comma or ` #` may have cut it short."""
        node = self.entry.document.scalar_node((*self.entry.path, self.key))
        return node is not None and not node.style


def parse_templates(project: Project) -> tuple[TemplateUse, ...]:
    """Return every template of every task and of the defaults, parsed."""
    return tuple(_uses(project))


def _uses(project: Project) -> Iterator[TemplateUse]:
    for key in TEMPLATED:
        for entry in (project.task_defaults, *project.tasks.values()):
            text = entry.value.get(key)
            if isinstance(text, str):
                tasks = (entry,) if entry.name else project.heirs(key)
                yield TemplateUse(entry, tasks, key, text, *_parsed(text))


def _parsed(text: str) -> tuple[Template | None, TemplateSyntaxProblem | None]:
    try:
        return Template.parse(text), None
    except TemplateSyntaxProblem as problem:
        return None, problem
