"""Schedules: from what kongflow.yaml says of them to what the catalog has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
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


# --- lines that mean something else ----------------------------------------------------------------------------------


def gaps(line: str) -> set[float]:
    """The seconds between the times of a line, over three days."""
    times = Cron.parse(line, ZoneInfo("UTC")).local_times(datetime(2027, 1, 1))
    some = list(takewhile(lambda time: time < datetime(2027, 1, 4), times))
    return {(after - before).total_seconds() for before, after in pairwise(some)}


def found_in(folder, lines: list[str]) -> dict[str, set[str]]:
    """What is found of each line."""
    schedules = "".join(f"  s{number}: {{cron: '{line}', task: work}}\n" for number, line in enumerate(lines))
    loaded = load_project(
        folder, f"version: 1\ntasks: {{work: {{handler: tasks.work}}}}\nschedules:\n{schedules}", now=NOW
    )
    found: dict[str, set[str]] = {line: set() for line in lines}
    for each in loaded.findings:
        found[lines[each.line - 4]].add(each.slug)
    return found


def test_a_step_is_uneven_exactly_where_gaps_differ(tmp_path):
    lines = [f"*/{step} * * * *" for step in range(1, 60)] + [f"0 */{step} * * *" for step in range(1, 24)]

    found = found_in(tmp_path, lines)

    assert {line for line, slugs in found.items() if "cron-uneven" in slugs} == {
        line for line in lines if len(gaps(line)) > 1
    }


def test_a_step_is_too_large_exactly_where_it_changes_nothing(tmp_path):
    lines = [f"*/{step} * * * *" for step in (59, 60, 61, 90)] + [f"0 */{step} * * *" for step in (23, 24, 48)]

    found = found_in(tmp_path, lines)

    assert {line for line, slugs in found.items() if "cron-step" in slugs} == {
        line for line in lines if gaps(line) in (gaps("0 * * * *"), gaps("0 0 * * *"))
    }


USUAL = ["* * * * *", "*/15 * * * *", "0 */6 * * *", "30 6 * * 1-5", "0 9-17 * * MON-FRI", "0 0 1 * *", "15,45 8 L * *"]


def test_usual_lines_are_not_talked_about(tmp_path):
    assert found_in(tmp_path, USUAL) == {line: set() for line in USUAL}


def test_a_day_of_either_kind_counts_exactly_where_it_is_told(tmp_path):
    lines = ["0 9 1 * 1", "0 9 1 * */2", "0 9 */2 * 1", "0 9 1 * *", "0 9 * * 1", "0 9 L * 5L"]

    found = found_in(tmp_path, lines)

    def fires_on_days_of_either(line: str) -> bool:
        day, weekday = ({*days(f"0 9 {d} * {w}")} for d, w in ((line.split()[2], "*"), ("*", line.split()[4])))
        return day != weekday and {*days(line)} == day | weekday and not day >= weekday and not weekday >= day

    assert {line for line, slugs in found.items() if "cron-day-or" in slugs} == set(
        filter(fires_on_days_of_either, lines)
    )


def days(line: str) -> list[datetime]:
    times = Cron.parse(line, ZoneInfo("UTC")).local_times(datetime(2027, 1, 1))
    return list(takewhile(lambda time: time < datetime(2028, 1, 1), times))


def test_what_a_change_of_the_clocks_does_is_told_as_it_will_be(tmp_path):
    text = config("cron: '30 2 * * *', timezone: Europe/Berlin, task: work")
    (found,) = load_project(tmp_path, text, now=NOW).findings
    cron = Cron.parse("30 2 * * *", ZoneInfo("Europe/Berlin"))

    spring, autumn = (
        cron.after(datetime(2027, month, day, tzinfo=UTC)).astimezone(cron.zone) for month, day in ((3, 28), (10, 31))
    )

    assert found.message == "02:30 is skipped on 2027-03-28 and comes twice on 2027-10-31 in Europe/Berlin"
    assert f": at {spring:%H:%M} and at the first {autumn:%H:%M};" in found.help
    assert (autumn.fold, cron.after(autumn) - autumn.astimezone(UTC) > timedelta(hours=24)) == (0, True)


# --- the job of a slot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "place"), [("{id: [1, {a: b}]}", "b"), ("{id: [1, {}]}", "{}"), ("{}", "{}")])
def test_what_does_not_fit_is_pointed_at_as_closely_as_it_is_written(tmp_path, payload, place):
    schema = "{type: object, required: [id], properties: {id: {items: {type: [object, integer], required: [a],"
    tasks = f"tasks: {{work: {{handler: tasks.work, payload: {schema} properties: {{a: {{type: integer}}}}}}}}}}}}}}}}"
    text = f"version: 1\n{tasks}\nschedules: {{sweep: {{every: 1h, task: work, payload: {payload}}}}}"

    (found,) = load_project(tmp_path, text, now=NOW).findings

    assert found.slug == "schedule-payload"
    assert text.splitlines()[found.line - 1][found.col - 1 : found.end_col - 1] == place


def test_a_job_is_tried_once_nothing_else_is_wrong(tmp_path):
    text = config("every: 1h, task: work, payload: {id: '<< schedule.slot[99] >>'}")

    assert slugs(load_project(tmp_path, text)) == ["schedule-payload"]
    assert slugs(load_project(tmp_path, text + "quues: {}\n")) == ["unknown-key"]


def test_a_payload_that_fits_some_slots_keeps_nobody_from_starting_at_any_time(tmp_path):
    even = "<< 1 if schedule.slot[11:13] | int % 2 == 0 else 'odd' >>"
    schema = "{type: object, properties: {n: {type: integer}}}"
    text = (
        f"version: 1\ntasks: {{work: {{handler: tasks.work, payload: {schema}}}}}\n"
        f'schedules:\n  sweep: {{every: 1h, task: work, payload: {{n: "{even}"}}}}\n'
    )
    before_an_even_hour, before_an_odd_one = NOW - timedelta(hours=1), NOW

    assert slugs(load_project(tmp_path, text, now=before_an_even_hour)) == []
    assert slugs(load_project(tmp_path, text, now=before_an_odd_one)) == ["schedule-payload"]
    for now in (before_an_even_hour, before_an_odd_one):
        assert load_project(tmp_path, text, now=now, tries_next=False).catalog is not None
