"""Reading an index: what is registered, what is skipped, what is broken, and what is no index at all."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.indexing.index import InvalidIndex, read_index
from catalog.indexing.versions import version_order
from tests.catalog.index_answer import job, on, shop_index


def test_disabled_jobs_are_skipped_and_not_counted():
    offer = read_index(shop_index())

    assert len(offer.jobs) == 11
    assert "old-newsletter" not in {job.id for job in offer.jobs}
    assert "old-newsletter" not in offer.listed_jobs
    assert (offer.disabled, offer.rejected, offer.issues) == (1, 0, ())


def test_examples_are_taken_out_of_the_event_specification():
    greet = read_index(shop_index()).jobs[0]

    assert [example.id for example in greet.examples] == ["gold", "guest"]
    assert "examples" not in greet.event


def with_filter(filter):
    trigger = on("order.paid")
    return {**trigger, "rule": {**trigger["rule"], "payload": filter}}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": None}, "None is not of type 'string' at \"version\""),
        ({"trigger": {"type": "static"}}, "'rule' is a required property at \"trigger\""),
        ({"trigger": {"type": "scheduled"}}, "'schedule' is a required property at \"trigger\""),
        ({"trigger": {"type": "sometimes"}}, "'sometimes' is not one of "),
        ({"startPosition": "middle"}, "'middle' is not one of "),
        ({"queue": {"maxConcurrent": 5}}, "'name' is a required property at \"queue\""),
        ({"queue": {"name": "slow", "maxConcurrent": 0}}, '0 is less than the minimum of 1 at "queue.maxConcurrent"'),
        ({"concurrencyLimit": 0}, '0 is less than the minimum of 1 at "concurrencyLimit"'),
        ({"integrations": {"mail": {"id": "resend"}}}, "'authSource' is a required property at \"integrations.mail\""),
        ({"enabled": None}, "None is not of type 'boolean' at \"enabled\""),
        ({"trigger": on("x", "s" * 201)}, f"'{'s' * 201}' is too long at \"trigger.rule.source\""),
        ({"trigger": on(["x"] * 101)}, "['x', 'x', "),
        ({"trigger": on([""])}, "'' should be non-empty at \"trigger.rule.event.0\""),
        ({"trigger": on(5)}, "5 is not of type 'string', 'array' at \"trigger.rule.event\""),
        (
            {"trigger": with_filter({"user": {"plan": [{"$like": "p"}]}})},
            "'user.plan' has no operator '$like'; there are $startsWith, ",
        ),
        (
            {"trigger": with_filter({"plan": list(range(1001))})},
            'a filter holds at most 1000 fields and operands at "trigger.rule.payload"',
        ),
        ({"integrations": {f"k{n}": {"id": "a", "authSource": "LOCAL"} for n in range(101)}}, "{'k0': "),
        ({"event": {"name": "x", "source": "s", "examples": [{"id": "a", "name": "A"}] * 101}}, "[{'id': 'a', "),
    ],
)
def test_one_broken_job_is_set_aside_and_costs_no_other(change, problem):
    index = shop_index()
    index["jobs"][3] |= change

    offer = read_index(index)

    assert (len(offer.jobs), offer.rejected) == (10, 1)
    assert offer.issues[0].startswith(f'Job "print-label": {problem}')
    assert "print-label" in offer.listed_jobs


def test_a_broken_job_without_an_id_is_named_by_its_number():
    index = shop_index()
    del index["jobs"][3]["id"]

    assert read_index(index).issues == ("Job \"number 4\": 'id' is a required property",)


def test_an_issue_is_one_printable_line_however_long_the_names_are():
    broken = {"id": "a\nERROR faked\x1b[31m" + "b" * 5000, "enabled": True}

    (issue,) = read_index({"jobs": [broken]}).issues

    assert issue.startswith('Job "a ERROR faked [31mb')
    assert len(issue) < 800


def test_an_issue_says_what_is_wrong_however_long_that_is_which_is():
    (issue,) = read_index({"jobs": [job("a", on(["x" * 50] * 101))]}).issues

    assert issue.startswith("""Job "a": ['xxxxxxx""")
    assert issue.endswith(' is too long at "event.name"')
    assert len(issue) < 800


def test_a_broken_dynamic_trigger_is_set_aside_and_named():
    offer = read_index(
        {"jobs": [], "dynamicTriggers": [{"id": "a"}, {"id": "b", "jobs": [{"id": "j", "version": "1"}]}]}
    )

    assert [(trigger.id, trigger.jobs) for trigger in offer.triggers] == [("b", ("j",))]
    assert offer.issues == ("Dynamic trigger \"a\": 'jobs' is a required property",)
    assert offer.listed_triggers == {"a", "b"}


@pytest.mark.parametrize(
    ("says", "queue", "limit"),
    [
        ({}, "default", 100),
        ({"queue": "slow"}, "slow", 100),
        ({"queue": {"name": "slow"}}, "slow", 100),
        ({"queue": {"name": "slow", "maxConcurrent": 2}}, "slow", 2),
        ({"concurrencyLimit": 3}, "job:a", 3),
        ({"concurrencyLimit": {"id": "mail", "limit": 4}}, "group:mail", 4),
        ({"concurrencyLimit": 3.0}, "job:a", 3),
        ({"queue": {"name": "slow", "maxConcurrent": 2.0}}, "slow", 2),
    ],
)
def test_a_job_says_its_queue_or_its_limit(says, queue, limit):
    (offered,) = read_index({"jobs": [job("a", on("x"), **says)]}).jobs

    assert (offered.queue, offered.max_jobs) == (queue, limit)
    assert isinstance(offered.max_jobs, int)


def test_an_integration_is_read_by_its_key():
    says = {"mail": {"id": "resend", "metadata": {"id": "resend", "name": "Resend"}, "authSource": "LOCAL"}}
    (offered,) = read_index({"jobs": [job("a", on("x"), integrations=says)]}).jobs

    ((key, id, title, source),) = [(each.key, each.id, each.title, each.auth_source) for each in offered.integrations]
    assert (key, id, title, source) == ("mail", "resend", "Resend", "LOCAL")


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


@pytest.mark.parametrize("name", ["jobs", "dynamicTriggers", "webhooks"])
def test_an_index_lists_at_most_1000_of_a_kind(name):
    assert len(read_index({"jobs": [], name: [{"id": "a"}] * 1000}).data[name]) == 1000

    with pytest.raises(InvalidIndex, match=rf"^\$\.{name}: .* is too long$"):
        read_index({"jobs": [], name: [{"id": "a"}] * 1001})


class Told(int):
    """A number that counts how often somebody writes it down."""

    times = 0

    def __repr__(self):
        Told.times += 1
        return "5"


@pytest.mark.parametrize("within", [list, lambda wrong: [{"id": "a", "jobs": wrong}]], ids=["a list", "a part"])
def test_of_a_list_in_which_everything_is_wrong_the_first_is_told_and_no_other_looked_at(within):
    Told.times = 0
    with suppress(InvalidIndex):
        assert read_index({"jobs": [], "dynamicTriggers": within([Told()] * 100)}).issues

    assert Told.times == 1


def test_versions_are_ordered_as_semantic_versions_are():
    ordered = [
        *("next", "v1"),  # no semantic versions
        *("0.9.0", "1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta"),
        *("1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "9.0.0", "10.0.0"),
    ]

    assert sorted(set(ordered), key=version_order) == ordered


def test_what_was_built_does_not_count():
    assert version_order("1.0.0+build.9") == version_order("1.0.0+build.10") == version_order("1.0.0")
    assert version_order("1.0.0-rc.1+9") == version_order("1.0.0-rc.1")


@settings(deadline=None)
@given(one=st.text(), other=st.text())
def test_any_two_texts_can_be_compared_as_versions(one, other):
    assert version_order(one) <= version_order(other) or version_order(other) < version_order(one)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(key=st.sampled_from([*job("a", on("x")), "queue", "concurrencyLimit"]), value=anything)
def test_whatever_an_endpoint_says_in_a_job_it_is_read_or_set_aside(key, value):
    offer = read_index({"jobs": [job("a", on("x")) | {key: value}]})

    assert len(offer.jobs) + offer.disabled + offer.rejected == 1
    assert len(offer.issues) == offer.rejected
