"""The two clocks of a host: the wall clock for instants, the monotonic one for leases. Tests move them."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache
from pathlib import Path

_LINUX_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock:
    """Milliseconds of both clocks. The monotonic one is the same for every process of one boot of the host."""

    def __init__(self) -> None:
        self._wall_offset = 0
        self._monotonic_offset = 0
        self._ahead = self.wall() - self.monotonic()

    @property
    def boot(self) -> str:
        """Names this boot of the host: monotonic times of another boot mean nothing here."""
        return _boot_id()

    def wall(self) -> int:
        """Return the wall clock: milliseconds since 1970."""
        return time.time_ns() // 1_000_000 + self._wall_offset

    def monotonic(self) -> int:
        """Return the monotonic clock, which nobody sets and which stands still while the host is suspended."""
        return time.monotonic_ns() // 1_000_000 + self._monotonic_offset

    def no_later_than(self) -> int:
        """Return the earlier of what the wall clock says, and what it would had nobody set it since this was made: what
        is thrown away is gone, so it must be over by both.
        """
        return min(self.wall(), self._ahead + self.monotonic())

    def advance(self, seconds: float, *, wall_only: bool) -> None:
        """Move the clocks."""
        self._wall_offset += int(seconds * 1000)
        if not wall_only:
            self._monotonic_offset += int(seconds * 1000)


@cache
def _boot_id() -> str:
    if _LINUX_BOOT_ID.exists():
        return _LINUX_BOOT_ID.read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()  # noqa: S603
    return "unknown"
