"""A mutant: a copy of the package with one bug sown into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STORES = ("sqlite", "postgres")


class NotFound(Exception):
    """The code that a mutant changes is not there any more: give it a new anchor, or it proves nothing."""


@dataclass(frozen=True)
class Change:
    """`old` becomes `new` wherever it stands in a file of the package; the path is relative to kongflow/."""

    file: str
    old: str
    new: str

    def apply(self, package: Path) -> None:
        """Change the file. Raises: NotFound."""
        path = package / self.file
        source = path.read_text() if path.exists() else ""
        if self.old not in source:
            raise NotFound(f"kongflow/{self.file} has no {self.old!r}")
        path.write_text(source.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutant:
    """A bug: what it breaks, the tests that must catch it, and what it changes.

    `shared` code makes one mutant; what each store has in its own words makes one a store, tried with the tests of that
    store alone.
    """

    breaks: str
    tests: tuple[str, ...]
    shared: tuple[Change, ...] = ()
    sqlite: tuple[Change, ...] = ()
    postgres: tuple[Change, ...] = ()

    def variants(self) -> Iterator[Variant]:
        """Yield what there is to try."""
        for store, changes in (("both", self.shared), ("sqlite", self.sqlite), ("postgres", self.postgres)):
            if changes:
                yield Variant(self.breaks, store, changes, self.tests)


@dataclass(frozen=True)
class Variant:
    """A mutant on one store, or in the code of both."""

    breaks: str
    store: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.breaks} [{self.store}]"

    @property
    def selection(self) -> list[str]:
        """The arguments of pytest that choose its tests."""
        return [*self.tests, *([] if self.store == "both" else ["-k", self.store])]

    def apply(self, package: Path) -> None:
        """Sow the bug into a copy of the package. Raises: NotFound."""
        for change in self.changes:
            change.apply(package)
