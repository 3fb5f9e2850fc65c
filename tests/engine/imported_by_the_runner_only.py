"""A module that a runner in a test can import, and its fork server cannot."""

import sys
from typing import Any

if "pytest" not in sys.modules:
    raise RuntimeError("only where tests run")


def work(payload: Any) -> None: ...
