"""Checks of retry policies: they follow each field to the place that gives it, over every layer."""

from __future__ import annotations

import pytest

from tests.config.projects import load_project, slugs


def checked(folder, policies: str, tasks: str, more: str = "", **options):
    config = f"version: 1\nretry_policies: {{{policies}}}\ntasks: {{{tasks}}}\n{more}"
    return load_project(folder, config, **options)


def task(name: str, more: str) -> str:
    return f"{name}: {{handler: tasks.work, {more}}}"


@pytest.mark.parametrize(
    ("retry", "found"),
    [
        ("{initial_delay: 1s, jitter: 0, max_duration: 1s}", []),
        ("{initial_delay: 1s, jitter: 0, max_duration: 999ms}", ["retry-exceeds-max-duration"]),
        ("{initial_delay: 1s, jitter: 0.5, max_duration: 600ms}", []),  # a lucky one comes after 500 ms
        ("{initial_delay: 1h, max_delay: 1s, max_duration: 5s}", ["retry-delay-capped"]),  # the cap lets it come
        ("{max_duration: 1s}", ["retry-exceeds-max-duration"]),  # the built-in delay is 2.7 s
    ],
)
def test_a_retry_fits_if_the_shortest_delay_does(tmp_path, retry, found):
    assert slugs(checked(tmp_path, "", task("work", f"retry: {retry}"))) == found


def test_a_conflict_of_two_layers_is_marked_at_the_nearer_one(tmp_path):
    tasks = task("work", "retry: {initial_delay: 2h}") + ", " + task("other", "max_attempts: 3")

    (found,) = checked(tmp_path, "default: {max_duration: 1h}", tasks).findings

    assert (found.slug, found.line, found.json_path) == (
        "retry-exceeds-max-duration",
        3,
        "$.tasks.work.retry.initial_delay",
    )
    assert found.related[0].place.span.line == 2


def test_a_conflict_in_a_policy_is_told_once_for_all_its_tasks(tmp_path):
    tasks = ", ".join(task(name, "retry: slow") for name in ("one", "two", "three"))

    assert slugs(checked(tmp_path, "slow: {initial_delay: 12h}", tasks)) == ["retry-delay-capped"]


def test_a_lower_cap_nearer_to_the_task_is_meant(tmp_path):
    tasks = task("work", "retry: {max_delay: 5s}")

    assert slugs(checked(tmp_path, "default: {initial_delay: 1m}", tasks)) == []


def test_a_policy_in_an_included_file_is_marked_there(tmp_path):
    files = {"catalog/a.yaml": "retry_policies:\n  slow: {initial_delay: 12h}\n"}
    tasks = task("work", "retry: slow")

    (found,) = load_project(tmp_path, f"version: 1\ninclude: [catalog/*.yaml]\ntasks: {{{tasks}}}", files).findings

    assert (found.file.endswith("catalog/a.yaml"), found.line, found.col) == (True, 2, 25)


def test_a_factor_that_one_heir_uses_has_an_effect(tmp_path):
    policies = "default: {factor: 3, backoff: constant}, growing: {backoff: exponential}"
    flat, growing = task("flat", "max_attempts: 3"), task("growing", "retry: growing")

    assert slugs(checked(tmp_path, policies, f"{flat}, {growing}")) == []
    assert slugs(checked(tmp_path, policies, flat)) == ["retry-no-effect", "unused-definition"]


def test_a_field_that_a_variable_gives_is_another_one_elsewhere(tmp_path):
    retry = "{backoff: '${BACKOFF:-constant}', factor: 3, initial_delay: '${DELAY:-12h}'}"

    assert slugs(checked(tmp_path, "", task("work", f"retry: {retry}"))) == []


def test_a_policy_that_another_task_uses_with_more_attempts_matters(tmp_path):
    policies, once = "few: {max_attempts: 1, initial_delay: 1m}", task("once", "retry: few")

    assert slugs(checked(tmp_path, policies, once)) == ["retry-single-attempt"]
    assert slugs(checked(tmp_path, policies, f"{once}, {task('more', 'retry: few, max_attempts: 5')}")) == []


def test_one_attempt_of_the_defaults_says_nothing_of_the_policy_beside_it(tmp_path):
    more = "defaults: {task: {max_attempts: 1, retry: slow}}"
    tasks = f"{task('one', 'timeout: 1m')}, {task('two', 'max_attempts: 3')}"

    assert slugs(checked(tmp_path, "slow: {initial_delay: 1m}", tasks, more)) == []


def test_a_policy_with_an_error_in_it_is_not_judged(tmp_path):
    policies = "slow: {initial_delay: 12h, backoff: exponental, factor: 3}"

    assert slugs(checked(tmp_path, policies, task("work", "retry: slow"))) == ["wrong-choice"]


def test_a_policy_that_an_erring_task_may_mean_is_not_unused(tmp_path):
    tasks = f"{task('work', 'retry: patiant')}, {task('broken', 'retry: 5')}"

    assert slugs(checked(tmp_path, "patient: {max_attempts: 5}", tasks)) == ["unknown-retry-policy", "wrong-type"]
