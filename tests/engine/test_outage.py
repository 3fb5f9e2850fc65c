"""One word when the database goes, one when it is back."""

from kongflow.engine.events import Event, Events, StoreBack, StoreLost
from kongflow.engine.outage import Outage
from kongflow.errors import StoreUnavailable


def test_an_outage_of_all_parts_is_one_line_and_its_end_another() -> None:
    told: list[Event] = []
    outage = Outage(Events(told.append))

    for part in ("claim", "settle", "heartbeat"):
        for _ in range(5):
            outage.failed(part, StoreUnavailable("away"))
    for part in ("claim", "settle", "heartbeat", "route"):
        outage.worked(part)

    assert [type(event) for event in told] == [StoreLost, StoreBack]


def test_each_part_waits_longer_each_time_up_to_a_second() -> None:
    outage = Outage(Events())

    waits = [outage.failed("claim", StoreUnavailable("away")) for _ in range(8)]
    other = outage.failed("settle", StoreUnavailable("away"))

    assert waits == sorted(waits)
    assert waits[-1] == 1.0
    assert other == waits[0]


def test_a_part_that_worked_starts_with_a_short_wait_again() -> None:
    outage = Outage(Events())
    first = outage.failed("claim", StoreUnavailable("away"))
    outage.failed("claim", StoreUnavailable("away"))
    outage.worked("claim")

    assert outage.failed("claim", StoreUnavailable("away")) == first
