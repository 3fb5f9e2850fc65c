"""What the pages of `kongflow explain` show: each example gives its finding, and what stands there instead does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kongflow.config.checks.pages import pages
from kongflow.config.findings import Severity
from kongflow.config.load import Loaded, load
from kongflow.config.versions import Version
from tests.config.golden import IMPORTED, importer

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOT_SHOWN = {"file-too-large", "file-unreadable", "yaml-encoding"}
"""What is wrong with a file as such, not with its text."""
NO_WAY_ROUND = {"schema-incompatible-forward"}
"""What is to be done in another order, not in another way."""

Files = dict[str, str]


@dataclass(frozen=True)
class Example:
    before: Files
    wrong: Files
    right: Files


def example_of(text: str) -> Example:
    """Read a page: `Before:` and `After:` stand in those that compare two versions."""
    shown, _, instead = text.partition("\nInstead:\n")
    earlier, _, later = shown.rpartition("\nAfter:\n")
    before, wrong, right = files_in(earlier), files_in(later), files_in(instead)
    return Example(before, wrong, {**wrong, **right} if right else {})


def files_in(text: str) -> Files:
    """Return the fenced files; one without a name before it is kongflow.yaml."""
    found = re.findall(r"(?:^`([\w./]+)`:\n\n)?^```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return {name or "kongflow.yaml": content for name, content in found}


def whole(files: Files) -> Files:
    """Add what an example leaves out: its version, the tasks that its schedules name, and their handlers."""
    main = files["kongflow.yaml"]
    if not re.search(r"^(# )?version:", main, re.MULTILINE):
        main = f"version: 1\n{main}"
    if "tasks:" not in main:
        named = sorted(set(re.findall(r"\btask: (\w+)", main)))
        main += "tasks:\n" + "".join(f"  {name}: {{handler: tasks.{name}}}\n" for name in named) if named else ""
    files = {**files, "kongflow.yaml": main}
    handlers = sorted(set(re.findall(r"\btasks\.(\w+)", "".join(files.values()))))
    return {"tasks.py": "".join(f"def {name}(payload): ...\n" for name in handlers), **files}


def loaded(slug: str, folder: Path, files: Files, before: Files) -> Loaded:
    """Load what a page shows, its variables set, unless that is what the page is about."""
    for root, version in ((folder / "now", files), (folder / "before", before)):
        for name, text in whole(version).items() if version else ():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    against = Version("before", folder / "before" / "kongflow.yaml") if before else None
    used = re.findall(r"\$\{(\w+)", "".join(files.values()))
    return load(
        folder / "now" / "kongflow.yaml",
        env={} if slug.startswith("env-") else dict.fromkeys(used, "1"),
        now=NOW,
        importer=importer if slug in IMPORTED else None,
        against=against,
    )


EXAMPLES = {slug: example_of(page.text) for slug, page in pages().items()}


def test_every_page_has_an_example_and_what_to_write_instead():
    assert {slug for slug, example in EXAMPLES.items() if not example.wrong} == NOT_SHOWN
    assert {slug for slug, example in EXAMPLES.items() if example.wrong and not example.right} == NO_WAY_ROUND


@pytest.mark.parametrize("slug", [slug for slug in EXAMPLES if slug not in NOT_SHOWN])
def test_the_example_of_a_page_gives_its_finding_and_nothing_graver(tmp_path, slug):
    example = EXAMPLES[slug]
    found = loaded(slug, tmp_path, example.wrong, example.before).findings
    severity = pages()[slug].severity

    assert slug in {finding.slug for finding in found}
    assert {finding.slug for finding in found if finding.severity.rank <= severity.rank} == {slug}


@pytest.mark.parametrize("slug", [slug for slug in EXAMPLES if slug not in NOT_SHOWN | NO_WAY_ROUND])
def test_what_a_page_shows_instead_is_clean(tmp_path, slug):
    example = EXAMPLES[slug]
    found = loaded(slug, tmp_path, example.right, example.before).findings

    assert slug not in {finding.slug for finding in found}
    assert [finding for finding in found if finding.severity is not Severity.INFO] == []
