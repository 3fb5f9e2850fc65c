"""`kongflow explain SLUG`: one page for each finding of `validate`."""

from __future__ import annotations

import click

from kongflow.cli.options import ALONE, epilogue
from kongflow.cli.output import error
from kongflow.config.checks.pages import pages
from kongflow.core.spelling import did_you_mean

_NOT_FOUND = 5


@click.command("explain", epilog=epilogue("kongflow explain unknown-key\nkongflow explain", ALONE, 5))
@click.argument("slug", required=False)
def command(slug: str | None) -> int:
    """Explain a finding of `kongflow validate`; without SLUG, list them all."""
    known = pages()
    if slug is None:
        for name, page in known.items():
            click.echo(f"{name:<26} {page.title}")
        return 0
    if slug not in known:
        error(f"there is no finding {slug!r}{did_you_mean(slug, known)}")
        return _NOT_FOUND
    click.echo(f"{slug}: {known[slug].severity}\n\n{known[slug].text}")
    return 0
