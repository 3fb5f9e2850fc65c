"""What the reference catalog needs around it: a database of its own, no mail settings, an outbox of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from catalog import PROJECT
from catalog.app.database import begin
from kongflow import KongFlow
from kongflow.app import find_catalog
from kongflow.core.catalog import Catalog
from tests.postgres import DIALECTS, Server

VARIABLES = (
    *("SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_TLS", "EMAIL_FROM", "EMAIL_REPLY_TO"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("ENDPOINT_ALLOW", "ENDPOINT_DENY"),
)
LOOPBACK = "127.0.0.0/8"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the catalog at this test's folder, whatever the environment of the test run says; its endpoints are on
    loopback.
    """
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENDPOINT_ALLOW", LOOPBACK)
    monkeypatch.setenv("EMAIL_OUTBOX", str(tmp_path / "outbox"))
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'app.db'}")


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


# --- both databases, with KongFlow's tables and the application's ---


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that works with `database` runs on every dialect; or on those that the mark `only_on` names."""
    if "database" in metafunc.fixturenames:
        only_on = metafunc.definition.get_closest_marker("only_on")
        metafunc.parametrize("database", only_on.args if only_on else DIALECTS, indirect=True)


def _create_tables(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def create() -> None:
        async with begin(tables=True):
            pass

    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
    asyncio.run(create())


@pytest.fixture(scope="session")
def app_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables; tests work on copies."""
    path = tmp_path_factory.mktemp("app") / "app.db"
    shutil.copy(migrated_file, path)
    with pytest.MonkeyPatch.context() as monkeypatch:
        _create_tables(f"sqlite:///{path}", monkeypatch)
    return path


@pytest.fixture(scope="session")
def app_database(server: Server, migrated_database: str) -> Iterator[str]:
    """A PostgreSQL database with all tables; tests work on copies."""
    name = server.create(template=migrated_database)
    with pytest.MonkeyPatch.context() as monkeypatch:
        _create_tables(server.url(name), monkeypatch)
    yield name
    server.drop(name)


@pytest.fixture
def database(
    request: pytest.FixtureRequest, surroundings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of an empty database of a dialect, which is also the one of the environment."""
    if request.param == "sqlite":
        path = tmp_path / "app.db"
        shutil.copy(request.getfixturevalue("app_file"), path)
        url = f"sqlite:///{path}?synchronous=normal"
        monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
        yield url
        return
    server: Server = request.getfixturevalue("server")
    name = server.create(template=request.getfixturevalue("app_database"))
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", server.url(name))
    yield server.url(name)
    server.drop(name)


@pytest.fixture(scope="session")
def reference() -> Catalog:
    """The reference deployment, loaded once: that takes longer than most tests with it."""
    return find_catalog(PROJECT / "kongflow.yaml")


@pytest.fixture
async def flow(database: str, reference: Catalog) -> AsyncIterator[KongFlow]:
    """The reference deployment, opened on an empty database of each dialect."""
    settings = replace(reference.database, url=database)
    async with KongFlow(replace(reference, database=settings)) as flow:
        yield flow
