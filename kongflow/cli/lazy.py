"""A click group whose commands are a table of names: a command's module is imported when the command is called.

The table also holds the one-line help, so that `--help` imports nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import click

from kongflow.core.spelling import did_you_mean

_OF_COMMANDS = {"-c": "-c PATH", "--config": "--config PATH", "--json": "--json"}
"""Options that nearly every command has, and so no group; each with how it is given."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of a lazy group; its module exposes `command: click.Command`."""

    name: str
    module: str
    help: str
    """The first line of the command's own help."""
    section: str = "Commands"


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def __init__(self, *args: Any, entries: Sequence[Entry], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None where the table has no such name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        return cast("click.Command", importlib.import_module(entry.module).command)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an option of a command that stands before its name is told its place."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as problem:
            example = _OF_COMMANDS.get(problem.option_name)
            if example is not None:
                ctx.fail(f"put {problem.option_name} after the command, as in kongflow jobs list {example}")
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command name; a misspelt one gets the nearest name."""
        name = args[0]
        if name not in self.entries and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"no such command {name!r}{did_you_mean(name, self.entries)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, a section at a time."""
        names = max(len(name) for name in self.entries)
        for section in dict.fromkeys(entry.section for entry in self.entries.values()):
            rows = [(e.name.ljust(names), e.help) for e in self.entries.values() if e.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)
