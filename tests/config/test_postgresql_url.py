"""A PostgreSQL URL is refused for what can be seen without a server, and nothing that works is."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from kongflow.config.database_url import url_problem
from kongflow.config.postgresql_url import PARAMETERS
from kongflow.store.postgres.address import parse_address

GOOD = (
    "postgresql://db/shop",
    "postgresql:///shop",
    "postgresql:///shop?host=/run/postgresql&port=5433",
    "postgresql://me:s3%25cret%40@db:6432/shop",
    "postgresql://[::1]:6432/shop",
    "postgresql:///shop?hostaddr=::1",
    "postgresql://a:1,b:65535,c/shop?target_session_attrs=read-write",
    "postgresql://a,b/shop?port=5433",
    "postgresql://a,b/shop?port=5433,5434",
    "postgresql+psycopg://db/shop?sslmode=verify-full&sslrootcert=system",
    "postgres://db/shop?connect_timeout=9&options=-c%20lock_timeout%3D2s",
    "postgresql://%2Frun%2Fpostgresql/shop?",
    "postgresql://db:/shop?ssl=true",
)
BAD = (
    ("postgresql://h:99999/db", "port"),
    ("postgresql://h:0/db", "port"),
    ("postgresql://me:hunter2/x@h/db", "port"),
    ("postgresql://h/db?port=hunter2", "port"),
    ("postgresql://a:1,b:2,c:3/db?host=a,b", "3 ports for 2 hosts"),
    ("postgresql://a,b/db?port=1,2,3", "3 ports for 2 hosts"),
    ("postgresql://::1/db", "port"),
    ("postgresql://[::1/db", "host"),
    ("postgresql://me:hunter2@x@h/db", "more than one @"),
    ("postgresql://me:hunter2%@h/db", "%"),
    ("postgresql://me:hunter2?x@h/db", "name=value"),
    ("postgresql://h/db?sslmode", "name=value"),
    ("postgresql://h/db?sslmode=a=b", "name=value"),
    ("postgresql://h/db?sslmode=nonsense", "sslmode 'nonsense'"),
    ("postgresql://h/db?sslmode=", "sslmode ''"),
    ("postgresql://h/db?target_session_attrs=write", "target_session_attrs 'write'"),
    ("postgresql://h/db?connect_timeout=abc", "connect_timeout is a whole number"),
    ("postgresql://h/db?conect_timeout=1", "there is no parameter 'conect_timeout'"),
)


@pytest.mark.parametrize("url", GOOD)
def test_what_works_is_taken(url: str, tmp_path: Path) -> None:
    parse_address(url)
    assert url_problem(url, tmp_path) is None


@pytest.mark.parametrize(("url", "words"), BAD)
def test_what_cannot_work_is_refused_without_a_password(url: str, words: str, tmp_path: Path) -> None:
    found = url_problem(url, tmp_path)

    assert found is not None
    assert words in found.message
    assert "hunter2" not in found.message + found.help


def test_every_parameter_of_libpq_is_known() -> None:
    of_libpq = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}

    assert of_libpq - PARAMETERS == set()
