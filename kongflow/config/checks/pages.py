"""The pages of the checks: checks.md, which says of each finding why, an example, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from kongflow.config.findings import SEVERITIES, Severity


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say about one finding; `title` is its first sentence."""

    severity: Severity
    title: str
    text: str


def pages_text() -> str:
    """Return checks.md as it is shipped."""
    return resources.files("kongflow.config.checks").joinpath("checks.md").read_text(encoding="utf-8")


def pages() -> dict[str, Page]:
    """Return the page of every slug, in the order of checks.md: one second-level heading each, of code style."""
    found: dict[str, Page] = {}
    for block in pages_text().split("\n### `")[1:]:
        slug, _, rest = block.partition("`")
        text = rest.partition("\n## ")[0].strip()
        found[slug] = Page(SEVERITIES[slug], text.partition("\n")[0], text)
    return found
