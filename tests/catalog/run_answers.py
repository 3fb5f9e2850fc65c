"""What an endpoint with @trigger.dev/sdk 2.3.18 answered to EXECUTE_JOB and PREPROCESS_RUN, as recorded."""

from __future__ import annotations

from typing import Any

SUCCESS = {"status": "SUCCESS", "output": {"hello": "u1"}}
INVALID_PAYLOAD = {
    "status": "INVALID_PAYLOAD",
    "errors": [{"path": ["id"], "message": "Expected string, received number"}],
}
JOB_ERROR = {
    "status": "ERROR",
    "error": {
        "message": "job boom",
        "name": "Error",
        "stack": "Error: job boom\n    at Object.run (endpoint.mjs:46:28)",
    },
}
YIELD = {"status": "YIELD_EXECUTION", "key": "y1"}
AUTO_YIELD = {
    "status": "AUTO_YIELD_EXECUTION",
    "location": "after_run_task",
    "timeRemaining": 59995.082753,
    "timeElapsed": 4.93450299999995,
    "limit": 60000,
}
UNRESOLVED_AUTH = {"status": "UNRESOLVED_AUTH_ERROR", "issues": {"slack": {"id": "slack", "error": "not connected"}}}
JOB_NOT_FOUND = {"message": "Job not found"}
PREPROCESSED = {"abort": False, "properties": []}
FLAKY = {
    "message": "flaky boom",
    "name": "Error",
    "stack": "Error: flaky boom\n    at io.runTask.name (endpoint.mjs:36:79)",
}


def task(id: str, **fields: Any) -> dict[str, Any]:
    """A task as the endpoint got it from the server, and sends it back."""
    return {
        "id": id,
        "name": "wait",
        "icon": None,
        "noop": False,
        "startedAt": "2026-11-23T17:39:18.449Z",
        "completedAt": None,
        "delayUntil": None,
        "status": "RUNNING",
        "description": None,
        "properties": None,
        "params": None,
        "output": None,
        "context": None,
        "error": None,
        "parentId": None,
        "style": {"style": "normal"},
        "operation": None,
        "callbackUrl": None,
        "childExecutionMode": "SEQUENTIAL",
        "idempotencyKey": "58924274675a78d569acbd9f81b130ca9b0cd7830cf85aa26e0be61f9c33c615",
        "attempts": 1,
        "forceYield": False,
        **fields,
    }


def resume_with(id: str, **fields: Any) -> dict[str, Any]:
    return {"status": "RESUME_WITH_TASK", "task": task(id, **fields)}


def retry_with(id: str, at: str) -> dict[str, Any]:
    return {"status": "RETRY_WITH_TASK", "task": task(id, name="flaky"), "error": FLAKY, "retryAt": at}


def failed_with(id: str) -> dict[str, Any]:
    return {"status": "ERROR", "error": {"message": "prior failure"}, "task": task(id, status="ERRORED")}


def canceled_with(id: str) -> dict[str, Any]:
    return {"status": "CANCELED", "task": task(id, status="CANCELED")}
