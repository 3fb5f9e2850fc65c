"""The contract of the store once more, in a process of its own, on a server that is set up in another way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_suite(paths: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run tests on PostgreSQL and return pytest's last line; fail with its output where one fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *paths, "-k", "postgres"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]
