"""Reading an index: what is registered, what is skipped, what is broken, and what is no index at all."""

import pytest

from catalog.indexing.index import InvalidIndex, read_index
from catalog.indexing.registration import version_order
from tests.catalog.index_answer import job, on, shop_index


def test_disabled_jobs_are_skipped_and_not_counted():
    offer = read_index(shop_index())

    assert len(offer.jobs) == 11
    assert "old-newsletter" not in {job.id for job in offer.jobs}
    assert offer.stats == {
        "jobs": 11,
        "disabledJobs": 1,
        "rejectedJobs": 0,
        "sources": 1,
        "dynamicTriggers": 1,
        "dynamicSchedules": 0,
    }


def test_examples_are_taken_out_of_the_event_specification():
    greet = read_index(shop_index()).jobs[0]

    assert [example.id for example in greet.examples] == ["gold", "guest"]
    assert "examples" not in greet.event


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": None}, "$.version: None is not of type 'string'"),
        ({"trigger": {"type": "static"}}, "$.trigger: 'rule' is a required property"),
        ({"trigger": {"type": "sometimes"}}, "$.trigger.type: 'sometimes' is not one of"),
        ({"startPosition": "middle"}, "$.startPosition: 'middle' is not one of"),
    ],
)
def test_one_broken_job_is_set_aside_and_costs_no_other(change, problem):
    index = shop_index()
    index["jobs"][3] |= change

    offer = read_index(index)

    assert (len(offer.jobs), offer.stats["rejectedJobs"]) == (10, 1)
    assert offer.rejected[0].id == "print-label"
    assert offer.rejected[0].problem.startswith(problem)


def test_a_broken_job_without_an_id_is_named_by_its_place():
    index = shop_index()
    del index["jobs"][3]["id"]

    assert read_index(index).rejected[0].id == "jobs[3]"


def test_of_two_jobs_with_one_id_and_version_the_last_counts():
    offer = read_index({"jobs": [job("a", on("x")), job("a", on("y")), job("a", on("z"), version="2.0.0")]})

    assert [(job.version, job.trigger["rule"]["event"]) for job in offer.jobs] == [("1.0.0", "y"), ("2.0.0", "z")]


def test_lists_that_an_older_endpoint_does_not_send_are_empty_and_unknown_ones_are_left_out():
    data = read_index({"jobs": [], "surprise": 1}).data

    assert data["jobs"] == data["webhooks"] == []
    assert "surprise" not in data


@pytest.mark.parametrize("value", [None, [], "jobs", {}, {"jobs": {}}, {"jobs": ["a"]}, {"jobs": [], "sources": 5}])
def test_what_is_no_index_is_refused(value):
    with pytest.raises(InvalidIndex, match=r"^\$"):
        read_index(value)


def test_versions_are_ordered_by_their_numbers():
    versions = ["10.0.0", "1.0.0", "next", "1.0.0-beta", "9.0.0", "0.9.0", "1.0.1"]

    assert sorted(versions, key=version_order) == ["next", "0.9.0", "1.0.0-beta", "1.0.0", "1.0.1", "9.0.0", "10.0.0"]
