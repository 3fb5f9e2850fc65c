"""Returning: what a claim has leased whose caller was cancelled meanwhile."""

from __future__ import annotations

import asyncio

from kongflow.core.outcome import RunAgain
from kongflow.errors import NotInitialized
from kongflow.store.attempts import ended_text
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.claiming import Claim
from kongflow.store.sqlite.ending import run_again
from kongflow.store.sqlite.transaction import Transaction

_GIVEN_BACK = RunAgain(0.0, gives_back=True, clears_crashes=False)


def give_back(access: Access, claimed: asyncio.Future[Claim]) -> None:
    """Give back the jobs of a claim that has ended and that nobody waits for."""
    if claimed.cancelled() or claimed.exception() is not None or not claimed.result().leased:
        return

    def work(tx: Transaction) -> None:
        for taken in claimed.result().leased:
            run_again(tx, taken.row[0], taken.row[1], _GIVEN_BACK, ended_text(_GIVEN_BACK), crashed=False)

    try:
        access.submit(work)
    except NotInitialized:
        pass  # closed meanwhile: the jobs are rescued when this runner has left
