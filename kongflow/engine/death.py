"""Death: how a process ended, in words."""

from __future__ import annotations

import signal


def how_it_died(code: int) -> str:
    """Return what an exit code says, or minus the number of a signal: `ended with exit code 7`."""
    if code >= 0:
        return f"ended with exit code {code}"
    hint = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
    return f"was ended by {signal_name(-code)}{hint}"


def signal_name(number: int) -> str:
    """Return what a signal is called; real-time signals have numbers only."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
