"""Engine tests run on asyncio, as runners do."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
