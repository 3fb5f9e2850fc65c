"""Death: how a process ended, in words."""

from __future__ import annotations

import signal


def how_it_died(code: int) -> str:
    """Return what an exit code says, or minus the number of a signal: `ended with exit code 7`."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"
