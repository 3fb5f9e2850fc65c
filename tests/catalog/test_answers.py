"""What each answer of an endpoint means for its run: one table, no database."""

import json
from datetime import UTC, datetime

import pytest

from catalog.app.models import RunStatus
from catalog.running.answers import read_execution, read_preprocessing
from catalog.running.executions import retry_delay_ms
from catalog.running.steps import (
    CompleteTask,
    Fail,
    GiveWay,
    Resume,
    RetryTask,
    StartNow,
    StopCanceled,
    Succeed,
    Together,
    TryAgain,
)
from catalog.wire.request import Answer, NoAnswer, Refused, TimedOut, Unreachable
from tests.catalog import run_answers as said

URL = "https://shop.example/api/trigger"
AT = datetime(2026, 11, 23, 17, 39, 23, 447000, tzinfo=UTC)
AT_TEXT = "2026-11-23T17:39:23.447Z"
DATA = {"location": "before_complete_task", "timeRemaining": 1, "timeElapsed": 2}


def answer(value, status=200):
    return Answer(status, {}, value if isinstance(value, bytes) else json.dumps(value).encode())


def read(value, status=200):
    return read_execution(answer(value, status), URL)


@pytest.mark.parametrize(
    ("value", "step"),
    [
        (said.SUCCESS, Succeed({"hello": "u1"})),
        ({"status": "SUCCESS"}, Succeed(None)),
        (said.resume_with("t", delayUntil=AT_TEXT, noop=True), Resume("t", AT, None)),
        (said.resume_with("t"), Resume("t", None, None)),
        (said.retry_with("t", AT_TEXT), RetryTask("t", AT, "Error: flaky boom")),
        (said.JOB_ERROR, Fail(said.JOB_ERROR["error"])),
        (said.failed_with("t"), Fail({"message": "prior failure"}, task_id="t")),
        (said.canceled_with("t"), StopCanceled()),
        (said.INVALID_PAYLOAD, Fail(said.INVALID_PAYLOAD["errors"], RunStatus.INVALID_PAYLOAD)),
        (said.UNRESOLVED_AUTH, Fail(said.UNRESOLVED_AUTH["issues"], RunStatus.UNRESOLVED_AUTH)),
        (said.YIELD, GiveWay("y1")),
        (said.AUTO_YIELD, GiveWay()),
        (
            {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "t", "output": '{"a": 1}', "data": DATA},
            CompleteTask("t", {"a": 1}, None),
        ),
        (
            {
                "status": "RESUME_WITH_PARALLEL_TASK",
                "task": said.task("p"),
                "childErrors": [said.resume_with("a", delayUntil=AT_TEXT), said.YIELD],
            },
            Together("p", None, (Resume("a", AT, None), GiveWay("y1"))),
        ),
    ],
)
def test_each_status_has_its_step(value, step):
    assert read(value) == step


def test_one_failed_task_of_several_fails_the_run():
    children = [said.resume_with("a"), said.JOB_ERROR, said.YIELD]

    assert read({"status": "RESUME_WITH_PARALLEL_TASK", "task": said.task("p"), "childErrors": children}) == Fail(
        said.JOB_ERROR["error"]
    )


@pytest.mark.parametrize(
    ("value", "issue"),
    [
        ({"status": "NOPE"}, "$.status: 'NOPE' is not one of"),
        ({}, "$: 'status' is a required property"),
        ([], "$: [] is not of type 'object'"),
        (None, "$: None is not of type 'object'"),
        ({"status": "ERROR", "error": {"name": "E"}}, "$.error: 'message' is a required property"),
        (said.retry_with("t", "soon"), "'soon' is no time such as"),
        (said.retry_with("t", "2026-13-01T00:00:00Z"), "'2026-13-01T00:00:00Z' is no time"),
        (said.retry_with("t", "0001-01-01T00:00:00+10:00"), "'0001-01-01T00:00:00+10:00' is no time"),
        (said.resume_with("t", delayUntil=True), "$.task.delayUntil: True is not valid"),
        ({"status": "RESUME_WITH_TASK", "task": {"id": 5}}, "$.task.id: 5 is not of type 'string'"),
        (
            {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "t", "output": "{", "data": DATA},
            "$.output: invalid JSON",
        ),
        (
            {"status": "RESUME_WITH_PARALLEL_TASK", "task": said.task("p"), "childErrors": [said.SUCCESS]},
            "$.childErrors[0].status: 'SUCCESS' is not one of",
        ),
    ],
)
def test_what_is_not_understood_fails_the_run_and_says_where(value, issue):
    step = read(value)

    assert isinstance(step, Fail)
    assert step.output["message"].startswith(issue)


@pytest.mark.parametrize(
    "body",
    [b"not json", b"", b'{"status": "SUCCESS", "output": NaN}', b'{"status": "SUCCESS", "output": 1e999}', b"[" * 9999],
)
def test_what_is_no_json_fails_the_run(body):
    assert read(body) == Fail({"message": "Endpoint responded with invalid JSON"})


@pytest.mark.parametrize(
    ("status", "body", "step"),
    [
        (404, said.JOB_NOT_FOUND, Fail(said.JOB_NOT_FOUND)),
        (400, b"no", Fail({"message": "Endpoint responded with 400 status code"})),
        (401, {"message": 5}, Fail({"message": "Endpoint responded with 401 status code"})),
        (408, b"", TryAgain({"message": "Endpoint responded with 408 status code"}, late=True)),
        (504, b"", TryAgain({"message": "Endpoint responded with 504 status code"}, late=True)),
        (302, b"", TryAgain({"message": "Endpoint responded with 302 status code"})),
        (500, b"", TryAgain({"message": "Endpoint responded with 500 status code"})),
        (503, {"message": "busy", "name": "E", "more": 1}, TryAgain({"message": "busy", "name": "E"})),
    ],
)
def test_only_what_is_the_callers_fault_fails_at_once(status, body, step):
    assert read(body, status) == step


@pytest.mark.parametrize(
    ("problem", "step"),
    [
        (
            Unreachable("refused"),
            TryAgain({"message": f"Connection could not be established to the endpoint ({URL})"}),
        ),
        (
            Refused(f"{URL} may not be called: 10.0.0.1 is private"),
            TryAgain({"message": f"Endpoint {URL} may not be called"}),
        ),
        (TimedOut(f"{URL} did not answer"), TryAgain({"message": f"Endpoint {URL} did not answer"}, late=True)),
        (NoAnswer(f"{URL} said too much"), TryAgain({"message": f"Endpoint {URL} said too much"})),
    ],
)
def test_an_endpoint_without_an_answer_is_called_again(problem, step):
    assert read_execution(problem, URL) == step


@pytest.mark.parametrize(
    ("value", "step"),
    [
        (answer(said.PREPROCESSED), StartNow([])),
        (answer({"abort": False}), StartNow(None)),
        (answer({"abort": True}), Fail({"message": "Endpoint aborted the run"}, RunStatus.ABORTED)),
        (answer({"abort": "no"}), Fail({"message": "$.abort: 'no' is not of type 'boolean'"})),
        (answer(b"no"), Fail({"message": "Endpoint responded with invalid JSON"})),
        (answer({}, 404), TryAgain({"message": "Endpoint responded with 404 status code"})),
        (Unreachable("refused"), TryAgain({"message": "Could not connect to the endpoint"})),
    ],
)
def test_each_answer_to_preprocessing_has_its_step(value, step):
    assert read_preprocessing(value) == step


def test_retries_wait_half_as_long_again_each_time():
    assert [retry_delay_ms(retry) for retry in range(1, 11)] == [
        *(500, 750, 1125, 1688, 2531, 3797, 5695, 8543, 12814, 19222),
    ]


@pytest.mark.parametrize("far", ["9999-12-31T23:59:59.000Z", 253402300799999, 10**15])
def test_a_time_that_no_job_can_wait_for_ends_the_run(far):
    for value in (said.resume_with("t", delayUntil=far), said.retry_with("t", far)):
        assert isinstance(read(value), Fail)


@pytest.mark.parametrize(
    "value",
    [
        {"status": "INVALID_PAYLOAD", "errors": [1] * 100_000},
        {"status": "RESUME_WITH_TASK", "task": {"id": "t", "outputProperties": [1] * 100_000}},
        {"status": "RESUME_WITH_PARALLEL_TASK", "task": {"id": "t"}, "childErrors": [1] * 100_000},
    ],
)
def test_what_a_long_answer_has_wrong_is_said_once_and_in_few_words(value):
    step = read(value)

    assert isinstance(step, Fail)
    assert len(step.output["message"]) < 500
