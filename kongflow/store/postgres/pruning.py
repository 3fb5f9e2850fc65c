"""Pruning: finished jobs go with the partition of their days, and by row where none takes them along."""

from __future__ import annotations

from kongflow.store.postgres.access import Access


async def prune(access: Access, limit: int) -> int:
    """Delete what is due by row, a bounded number; drop partitions that are over, and make others ahead. Return how
    many jobs and starts were deleted by row. Raises: StoreError.
    """
    count: int = await access.value("prune", limit=limit, shift=access.shift)
    for step in ("drop_partition", "make_partition"):
        # One a transaction, so that its locks are as short as can be.
        while await access.value(step, shift=access.shift):
            pass
    return count
