"""What is true of SQLite alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kongflow.core.catalog import DatabaseSettings


@pytest.fixture
def database(fresh_database: Callable[[str], DatabaseSettings]) -> DatabaseSettings:
    """An SQLite database, with our tables and nothing in them."""
    return fresh_database("sqlite")
