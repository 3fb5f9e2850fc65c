"""`kongflow schema`: the JSON Schema of kongflow.yaml, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from kongflow.cli.options import ALONE, epilogue
from kongflow.cli.output import error, hint, note
from kongflow.config.law import law_text

_FAILED = 3


@click.command("schema", epilog=epilogue("kongflow schema\nkongflow schema --write .kongflow.schema.json", ALONE, 3))
@click.option(
    "--write", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH", help="Write it to a file."
)
def command(target: Path | None) -> int:
    """Print the JSON Schema of kongflow.yaml, as this version understands it."""
    if target is None:
        click.echo(law_text(), nl=False)
        return 0
    try:
        target.write_text(law_text(), encoding="utf-8")
    except OSError as problem:
        error(f"cannot write {target}: {problem.strerror}")
        return _FAILED
    note(f"wrote {target}")
    hint(f"first line of kongflow.yaml: # yaml-language-server: $schema={target}")
    return 0
