"""What is true of PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kongflow.core.catalog import DatabaseSettings


@pytest.fixture
def database(fresh_database: Callable[[str], DatabaseSettings]) -> DatabaseSettings:
    """A PostgreSQL database, with our tables and nothing in them."""
    return fresh_database("postgres")
