"""What of the records of a store is more than data."""

from __future__ import annotations

from kongflow.core.job import JobState
from kongflow.core.outcome import Finish
from kongflow.store.records import Settled, Settlement, with_next
from tests.builders import make_claimed

DONE = Finish(JobState.SUCCEEDED)


def test_a_job_that_is_handed_over_comes_with_an_end_that_was_written() -> None:
    """The slot of an end that is put aside is not free, and nobody would hear of the job."""
    ends = [Settlement(id, int(id), DONE, next_of="mail") for id in "12"]
    verdicts = [Settled("1", DONE, later=True), Settled("2", DONE)]
    next_job = make_claimed(id="3", queue="mail")

    assert [end.next for end in with_next(ends, verdicts, [next_job])] == [None, next_job]
