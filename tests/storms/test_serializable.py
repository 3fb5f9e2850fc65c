"""A server whose transactions are serializable unless they say otherwise: ours do, and the contract holds."""

from __future__ import annotations

import psycopg
import pytest

from tests.storms.cluster import clusters
from tests.storms.suite import run_suite

SUITE = [
    "tests/store/contract",
    "tests/store/postgres",
    "tests/store/test_model.py",
    "tests/store/test_contention.py",
    "tests/engine/test_overlapping_slots.py",
    "tests/engine/test_scheduler.py",
]


@pytest.mark.slow
def test_the_contract_holds_where_transactions_are_serializable() -> None:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute("alter system set default_transaction_isolation = 'serializable'")
            connection.execute("select pg_reload_conf()")
        print(f"\nserializable: {run_suite(SUITE, {'KONGFLOW_TEST_DSN': cluster.url('postgres')})}")
