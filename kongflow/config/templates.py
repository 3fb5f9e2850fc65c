"""The templates of tasks and of schedules: each parsed once, with the way from an offset in it to its place in the
file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kongflow.config.findings import Place
from kongflow.config.law import TEMPLATED
from kongflow.config.project import Entry, Project
from kongflow.core.expression import TemplateSyntaxProblem
from kongflow.core.payload_template import Steps, texts_of
from kongflow.core.template import Template


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One template as it stands in a file; it has a `problem` where it could not be parsed."""

    entry: Entry
    tasks: tuple[Entry, ...]
    """Whose template it is: of a default, every task that inherits it; of a schedule none."""
    steps: Steps
    """The keys and indexes that lead from the entry to it."""
    text: str
    template: Template | None
    problem: TemplateSyntaxProblem | None

    @property
    def key(self) -> str | int:
        """The key of the entry that it stands at, or in."""
        return self.steps[0]

    def place(self, start: int, end: int) -> Place:
        """Return the place of the characters from `start` up to `end` of the template's text."""
        return self.entry.text_place(self.steps, start, end)

    @property
    def is_of_a_task(self) -> bool:
        """True for a key of a task; else it stands in the payload of a schedule."""
        return self.key != "payload"

    @property
    def is_plain(self) -> bool:
        """True where the value is written without quotes, so that a comma or ` #` may have cut it short."""
        node = self.entry.document.scalar_node((*self.entry.path, *self.steps))
        return node is not None and not node.style


def parse_templates(project: Project) -> tuple[TemplateUse, ...]:
    """Return every template of every task, of the defaults and of every schedule, parsed."""
    return (*_of_tasks(project), *_of_schedules(project))


def _of_tasks(project: Project) -> Iterator[TemplateUse]:
    for key in TEMPLATED:
        for entry in (project.task_defaults, *project.tasks.values()):
            text = entry.value.get(key)
            if isinstance(text, str):
                tasks = (entry,) if entry.name else project.heirs(key)
                yield TemplateUse(entry, tasks, (key,), text, *_parsed(text))


def _of_schedules(project: Project) -> Iterator[TemplateUse]:
    for entry in project.schedules.values():
        for steps, text in texts_of(entry.value.get("payload", {}), ("payload",)):
            yield TemplateUse(entry, (), steps, text, *_parsed(text))


def _parsed(text: str) -> tuple[Template | None, TemplateSyntaxProblem | None]:
    try:
        return Template.parse(text), None
    except TemplateSyntaxProblem as problem:
        return None, problem
