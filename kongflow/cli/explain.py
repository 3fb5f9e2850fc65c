"""`kongflow explain SLUG`: one page for each finding of `validate`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from kongflow.cli.options import ALONE, epilogue, json_option
from kongflow.cli.output import emit_items, emit_json, error
from kongflow.config.checks.pages import Page, pages
from kongflow.core.json import Json
from kongflow.core.spelling import did_you_mean

_NOT_FOUND = 5


@click.command("explain", epilog=epilogue("kongflow explain unknown-key\nkongflow explain", ALONE, 5))
@click.argument("slug", required=False)
@json_option
def command(slug: str | None, as_json: bool) -> int:
    """Explain a finding of `kongflow validate`; without SLUG, list them all."""
    known = pages()
    if slug is None:
        _list(known, as_json)
    elif slug not in known:
        error(f"there is no finding {slug!r}{did_you_mean(slug, known)}")
        return _NOT_FOUND
    elif as_json:
        emit_json({**_shape(slug, known[slug]), "text": known[slug].text})
    else:
        click.echo(f"{slug}: {known[slug].severity}\n\n{known[slug].text}")
    return 0


def _list(known: Mapping[str, Page], as_json: bool) -> None:
    if as_json:
        emit_items([_shape(slug, page) for slug, page in known.items()])
        return
    width = max(map(len, known))
    for slug, page in known.items():
        click.echo(f"{slug:<{width}} {page.title}")


def _shape(slug: str, page: Page) -> dict[str, Json]:
    return {"slug": slug, "severity": str(page.severity), "title": page.title}
