"""A project in a temporary folder, written and loaded in one call."""

from __future__ import annotations

from pathlib import Path

from kongflow.config.findings import Severity, any_as_grave
from kongflow.config.load import Loaded, load
from kongflow.core.catalog import Catalog

HANDLERS = "def work(payload):\n    return payload\n\n\nasync def wait(payload, job):\n    return payload\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, with `tasks.py` beside them, and return the path of kongflow.yaml."""
    for name, text in {"tasks.py": HANDLERS, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "kongflow.yaml"


def load_project(folder: Path, config: str, files: dict[str, str] | None = None, **options) -> Loaded:
    path = write(folder, {"kongflow.yaml": config, **(files or {})})
    return load(path, **{"env": {}, **options})


def catalog_of(folder: Path, config: str, files: dict[str, str] | None = None, **options) -> Catalog:
    loaded = load_project(folder, config, files, **options)
    assert not any_as_grave(loaded.findings, Severity.WARNING)
    assert loaded.catalog is not None
    return loaded.catalog


def slugs(loaded: Loaded) -> list[str]:
    return [found.slug for found in loaded.findings]
