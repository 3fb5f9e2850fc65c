"""Schedules: from what kongflow.yaml says of them to what the catalog has."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kongflow.config.time_zones import zone_names, zone_of
from kongflow.core.cron import Cron
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schedule import Catchup, CatchupPolicy, Every, Overlap, Schedule
from tests.config.projects import catalog_of, load_project, slugs

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def config(schedule: str, more: str = "") -> str:
    return f"version: 1\ntasks: {{work: {{handler: tasks.work}}}}\nschedules: {{sweep: {{{schedule}}}}}\n{more}"


def schedule_of(folder, schedule: str) -> Schedule:
    return catalog_of(folder, config(schedule), now=NOW).schedules["sweep"]


def test_a_schedule_of_two_keys_gives_every_default(tmp_path):
    assert schedule_of(tmp_path, "every: 15m, task: work") == Schedule(
        name="sweep",
        timing=Every(900.0),
        task="work",
        payload=PayloadTemplate.parse({}),
        timezone="Etc/UTC",
        overlap=Overlap.SKIP,
        grace=60.0,
        catchup=Catchup(CatchupPolicy.NONE, 0.0),
        description="",
    )


def test_every_key_of_a_schedule_arrives_in_the_catalog(tmp_path):
    payload = "{day: << schedule.slot | default(1) >>, deep: [{text: 'of << schedule.name >>'}, 5, null]}"
    found = schedule_of(
        tmp_path,
        f"cron: '30 6 * * 1-5', timezone: Asia/Tokyo, task: work, payload: {payload}, overlap: cancel_running, "
        "grace: 1m30s, catchup: {window: 2d, policy: latest}, description: of the morning",
    )

    assert found.timing == Cron.parse("30 6 * * 1-5", ZoneInfo("Asia/Tokyo"))
    assert found.payload.source["deep"] == [{"text": "of << schedule.name >>"}, 5, None]
    assert (found.timezone, found.overlap, found.grace) == ("Asia/Tokyo", Overlap.CANCEL_RUNNING, 90.0)
    assert (found.catchup, found.description) == (Catchup(CatchupPolicy.LATEST, 172_800.0), "of the morning")


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1.0), ("1h30m", 5400.0), ("1s500ms", 1.5), ("2.5s", 2.5)])
def test_an_interval_is_a_duration_of_a_second_or_more(tmp_path, text, seconds):
    assert schedule_of(tmp_path, f"every: {text}, task: work").timing == Every(seconds)


@pytest.mark.parametrize("text", ["0s", "999ms"])
def test_an_interval_of_less_than_a_second_is_refused(tmp_path, text):
    loaded = load_project(tmp_path, config(f"every: {text}, task: work"))

    assert slugs(loaded) == ["out-of-range"]


def test_variables_are_filled_into_every_key_and_into_the_payload(tmp_path):
    payload = "{at: '${PLACE} << schedule.slot >>'}"
    found = catalog_of(
        tmp_path,
        config(f"every: '${{EVERY}}', task: '${{TASK}}', overlap: '${{OVERLAP:-allow}}', payload: {payload}"),
        env={"EVERY": "5m", "TASK": "work", "PLACE": "here"},
    ).schedules["sweep"]

    assert (found.timing, found.task, found.overlap) == (Every(300.0), "work", Overlap.ALLOW)
    assert found.payload.source == {"at": "here << schedule.slot >>"}


def test_what_no_variable_is_known_for_is_no_finding(tmp_path):
    for schedule in ("cron: '${LINE}', task: work", "every: 5m, task: '${TASK}'", "every: '${EVERY}', task: work"):
        loaded = load_project(tmp_path, config(schedule), use_env=False)

        assert (loaded.findings, loaded.catalog) == ((), None)


def test_schedules_of_included_files_are_schedules_like_others(tmp_path):
    included = "schedules: {nightly: {cron: '0 2 * * *', task: work}}"
    loaded = load_project(
        tmp_path, config("every: 15m, task: work", "include: [more/*.yaml]"), {"more/a.yaml": included}, now=NOW
    )

    assert loaded.catalog is not None
    assert list(loaded.catalog.schedules) == ["sweep", "nightly"]
    assert loaded.counts["schedules"] == 2


def test_a_schedule_that_is_declared_twice_is_refused_with_both_places(tmp_path):
    included = "schedules: {sweep: {cron: '0 2 * * *', task: work}}"
    loaded = load_project(
        tmp_path, config("every: 15m, task: work", "include: [more/*.yaml]"), {"more/a.yaml": included}, now=NOW
    )

    (found,) = loaded.findings
    assert (found.slug, found.message) == (
        "include-duplicate",
        f"the schedule 'sweep' is also declared at {tmp_path}/kongflow.yaml:3:13",
    )


@pytest.mark.parametrize("name", ["Nightly", "nightly-report", "_nightly", "1st", "n" * 129, "nächtlich"])
def test_a_name_is_lower_snake_case(tmp_path, name):
    text = config("every: 15m, task: work").replace("sweep", name)

    assert slugs(load_project(tmp_path, text)) == ["name-invalid"]


@pytest.mark.parametrize("payload", ["5", "text", "[1]", "null", "${P}"])
def test_a_payload_is_a_mapping(tmp_path, payload):
    loaded = load_project(tmp_path, config(f"every: 15m, task: work, payload: '{payload}'"), env={"P": "5"})
    plain = load_project(tmp_path, config(f"every: 15m, task: work, payload: {payload if '$' not in payload else '5'}"))

    assert slugs(loaded) == ["env-type" if "$" in payload else "wrong-type"]
    assert slugs(plain) == ["wrong-type"]


def test_every_time_zone_that_is_known_can_be_used():
    assert len(zone_names()) > 500
    assert all(zone_of(name).key == name for name in zone_names())


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/etc/passwd", "../UTC", "Europe", "zones", "localtime", "posixrules", "a\0b", "x" * 5000]
)
def test_what_is_no_time_zone_is_looked_for_in_no_file(name):
    assert zone_of(name) is None
