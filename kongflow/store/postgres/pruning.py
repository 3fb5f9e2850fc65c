"""Pruning: finished jobs go with the partition of their days, and by row where none takes them along."""

from __future__ import annotations

from kongflow.store.postgres.access import Access


async def prune(access: Access, limit: int) -> int:
    """Delete what is due by row, a bounded number; drop partitions that are over, and make others ahead. Return how
    many jobs and starts were deleted by row. Raises: StoreError.
    """
    # What is gone is gone: that it is over must be true by more clocks than one, which may be wrong.
    now = {"latest": access.clock.no_later_than(), "shift": access.shift}
    count: int = await access.value("prune", limit=limit, **now)
    # One a transaction, so that its locks are as short as can be.
    while await access.value("drop_partition", **now):
        pass
    while await access.value("make_partition", shift=access.shift):
        pass
    return count
