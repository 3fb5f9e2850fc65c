"""The golden files: a kongflow.yaml, or a folder with one, and beside it in .out what `validate` says of it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from kongflow.config.importing import Imported
from kongflow.config.load import Loaded, load
from kongflow.config.report import text_report
from kongflow.config.versions import Version
from kongflow.engine.children.importing import import_handlers

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ENVIRONMENT = {"NUMBER": "5", "WORD": "many", "EMPTY": "", "TEMPLATE": "<< payload.id >>"}


IMPORTED = ("handler-import-error", "memory-limit-too-small")


def importer(root: Path, dotted: Mapping[str, str], in_children: Collection[str]) -> Imported:
    """Import the handlers; what they take is the same on every machine."""
    return replace(import_handlers(root, dotted, in_children), least_memory_limit=80 << 20)


@dataclass(frozen=True)
class Case:
    kind: str
    name: str
    config: Path

    @property
    def out(self) -> Path:
        return GOLDEN / self.kind / f"{self.name}.out"

    def load(self, monkeypatch) -> Loaded:
        monkeypatch.chdir(self.config.parent)
        monkeypatch.setattr(sys, "path", sys.path[:])
        before = Version("before", Path("before/kongflow.yaml"))
        return load(
            Path(self.config.name),
            env=ENVIRONMENT,
            now=NOW,
            importer=importer if self.name in IMPORTED else None,
            against=before if before.config.exists() else None,
        )

    def report(self, loaded: Loaded) -> str:
        counts = " · ".join(f"{number} {what}" for what, number in loaded.counts.items())
        catalog = "a catalog" if loaded.catalog else "no catalog"
        report = text_report(loaded.findings, loaded.texts) + "\n\n" if loaded.findings else ""
        return f"{report}{catalog}: {counts}\n".replace(str(self.config.parent), "/project")


def cases(kind: str) -> list[Case]:
    folder = GOLDEN / kind
    files = [Case(kind, path.stem, path) for path in folder.glob("*.yaml")]
    folders = [Case(kind, path.parent.name, path) for path in folder.glob("*/kongflow.yaml")]
    return sorted(files + folders, key=lambda case: case.name)
