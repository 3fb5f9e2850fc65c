"""The names that the schema of the tables may have."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from kongflow.core.database_schema import RESERVED, check_schema_name
from kongflow.errors import InvalidOption


@pytest.mark.parametrize("name", ["kongflow", "a", "jobs_2", "a" * 48, "public", "orders"])
def test_plain_names_are_taken(name):
    assert check_schema_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_a",
        "2a",
        "A",
        "a-b",
        "a b",
        "a" * 49,
        "jobs\n",
        "é",
        "pg_jobs",
        "sqlite_jobs",
        "information_schema",
        "order",
    ],
)
def test_what_one_of_the_databases_would_not_take_is_refused_for_both(name):
    with pytest.raises(InvalidOption):
        check_schema_name(name)


def test_every_word_that_sqlalchemy_would_quote_is_reserved():
    assert RESERVED_WORDS <= RESERVED
