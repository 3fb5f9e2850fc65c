"""Overrides: what the caller of a run may say in place of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kongflow.core.catalog import Catalog
from kongflow.core.spelling import did_you_mean
from kongflow.engine.arguments import positive, queue_names
from kongflow.errors import UnknownQueue


def with_overrides(catalog: Catalog, queues: Sequence[str] | None, concurrency: int | None) -> Catalog:
    """Return the catalog for a run with queues and a concurrency of its own. Raises: InvalidOption, UnknownQueue."""
    runner = catalog.runner
    if queues is not None:
        names = queue_names(queues)
        for name in names:
            if name != "*" and name not in catalog.queues.queues:
                raise UnknownQueue(
                    f"no queue or pattern {name!r} is declared{catalog.where}; a runner serves '*' or names exactly as "
                    f"declared{did_you_mean(name, catalog.queues.queues)}"
                )
        runner = replace(runner, queues=names)
    if concurrency is not None:
        runner = replace(runner, concurrency=positive("concurrency", concurrency))
    return replace(catalog, runner=runner)
