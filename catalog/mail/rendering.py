"""Rendering: a template and its fields → subject, text and HTML. Pure but for reading the template files.

`templates/NAME.txt` has the subject in its first line, an empty line, and the text; `NAME.html` the same for eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One e-mail in words."""

    subject: str
    text: str
    html: str


def render(template: str, fields: Mapping[str, str]) -> Rendered:
    """Render one of the six templates; values are escaped in the HTML and stand as they are in the text.

    `fields` hold no line breaks: the first line of the text is the subject.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    subject, _, text = environment.get_template(f"{template}.txt").render(fields).partition("\n\n")
    return Rendered(subject, text.rstrip() + "\n", environment.get_template(f"{template}.html").render(fields) + "\n")
