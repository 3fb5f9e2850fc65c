"""Opened: whether a KongFlow is connected, and for what; every call that needs its database asks first."""

from __future__ import annotations

from dataclasses import dataclass

from kongflow.errors import NotInitialized


@dataclass(slots=True)
class Opened:
    """Closed at first. Who only looks may not write."""

    may_look: bool = False
    may_write: bool = False

    def opened(self, looking: bool) -> None:
        """Note that it is connected."""
        self.may_look, self.may_write = True, not looking

    def closed(self) -> None:
        """Note that it is not connected any more."""
        self.may_look = self.may_write = False

    def is_enough(self, looking: bool) -> bool:
        """Say whether who asks to open it has that already."""
        return self.may_write or (looking and self.may_look)

    def check(self) -> None:
        """Raises: NotInitialized."""
        if not self.may_look:
            raise NotInitialized(
                "this KongFlow is not connected: call `await flow.initialize()` first, or use `async with`"
            )

    def check_may_write(self) -> None:
        """Raises: NotInitialized, also where one only looks."""
        self.check()
        if not self.may_write:
            raise NotInitialized("this KongFlow was opened for looking only: call `flow.initialize()` before you write")
