"""One operation on several jobs: each is tried, each failure is told, the first one gives the exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kongflow.cli.output import emit_items, error
from kongflow.core.json import Json
from kongflow.errors import KongFlowError


async def for_each(ids: Sequence[str], act: Callable[[str], Awaitable[Json]], as_json: bool) -> int:
    """Call `act` for each id, print what the calls return with `--json`, and return the exit code."""
    code = 0
    items: list[Json] = []
    for job in dict.fromkeys(ids):
        try:
            items.append(await act(job))
        except KongFlowError as failure:
            error(str(failure))
            code = code or failure.exit_code
    if as_json:
        emit_items(items)
    return code
