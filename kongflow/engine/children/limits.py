"""Limits: what the kernel does for us around a child: how much memory it may use, and that it dies with its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CAN_LIMIT_MEMORY = sys.platform == "linux"
"""Linux counts what a process can write to against RLIMIT_DATA (since 4.7); macOS takes the limit and ignores it."""
_PR_SET_PDEATHSIG = 1
ROOM = 64 << 20
"""Bytes that a memory limit must leave beyond what the imported handlers take: for the threads and connections of
`job.transaction()`, whose stacks take 8 MiB each, and to say why a handler has failed."""


def least_limit(base: int) -> int | None:
    """Return the least memory limit, in bytes, of a child that begins with so many; None where none is enforced."""
    return -(-(base + ROOM) >> 20) << 20 if CAN_LIMIT_MEMORY else None


def data_size() -> int:
    """Return the bytes that count against a memory limit: all private memory that this process can write to."""
    if not CAN_LIMIT_MEMORY:
        return 0
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


@contextmanager
def memory_limit(size: int | None) -> Iterator[None]:
    """Let this process hold so many bytes at most, for the length of the block; beyond, Python raises MemoryError.

    Only the soft limit is moved, so that it can be taken back without asking for memory.
    """
    if size is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, whatever it is doing then. Only Linux can; elsewhere a
    child notices by its pipe, unless C code holds it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
