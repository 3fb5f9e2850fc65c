"""The pages of the checks: checks.md, which says of each finding why, an example, and what to do; then how to silence
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from kongflow.config.findings import SEVERITIES, Severity

_OF_AN_ERROR = "An error cannot be silenced: without a correct file there is no catalog."
_OF_OTHERS = """\
If it is meant like this, silence it where it stands, with `# kongflow: ignore[{slug}] why` behind the value or in a
line of its own above it; in the whole project, and for what stands in JSON files, with `lint: {{ignore: [{slug}]}}`."""


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say about one finding; `title` is its first sentence, how to silence it the last."""

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
        severity = SEVERITIES[slug]
        silencing = _OF_AN_ERROR if severity is Severity.ERROR else _OF_OTHERS.format(slug=slug)
        found[slug] = Page(severity, text.partition("\n")[0], f"{text}\n\n{silencing}")
    return found
