"""What `validate --import` says of handlers."""

from __future__ import annotations

from kongflow.engine.children.importing import import_handlers
from tests.config.projects import load_project, slugs


def test_importing_shows_the_exception(tmp_path):
    files = {"broken_handlers.py": "import a_module_that_is_not_there\n\n\ndef work(payload): ...\n"}

    config = "version: 1\ntasks: {work: {handler: broken_handlers.work}}"

    loaded = load_project(tmp_path, config, files, importer=import_handlers)

    (found,) = loaded.findings
    assert (found.slug, found.line, found.col, found.end_col) == ("handler-import-error", 2, 25, 40)
    assert "broken_handlers.py, line 1" in found.message
    assert "No module named 'a_module_that_is_not_there'" in found.message


def test_importing_tells_what_the_source_does_not(tmp_path):
    source = "import functools\n\n\n@functools.cache\ndef work(payload): ...\n\n\n@functools.cache\ndef none(): ...\n"
    config = "version: 1\ntasks: {a: {handler: cached_handlers.work}, b: {handler: cached_handlers.none}}"

    read = load_project(tmp_path, config, {"cached_handlers.py": source})
    imported = load_project(tmp_path, config, {"cached_handlers.py": source}, importer=import_handlers)

    assert slugs(read) == ["handler-unresolvable", "handler-unresolvable"]
    assert slugs(imported) == ["handler-signature"]
