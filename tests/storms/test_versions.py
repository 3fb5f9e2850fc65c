"""The other versions of PostgreSQL that we promise: each keeps the whole contract. CI runs the newest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.storms.binaries import PACKAGES, binaries_of
from tests.storms.cluster import clusters
from tests.storms.suite import run_suite

SUITE = ["tests/store/contract", "tests/store/postgres", "tests/store/test_model.py"]


@pytest.mark.slow
@pytest.mark.parametrize("version", PACKAGES)
def test_the_contract_holds_on_another_version(version: int) -> None:
    with tempfile.TemporaryDirectory(prefix=f"postgres-{version}-") as folder:
        Path(folder).chmod(0o755)  # the server may run as a user of its own
        with clusters(binaries_of(version, Path(folder))) as (cluster,):
            cluster.create()
            cluster.start()
            assert cluster.version == version
            said = run_suite(SUITE, {"KONGFLOW_TEST_DSN": cluster.url("postgres")})
    print(f"\nPostgreSQL {version}: {said}")
