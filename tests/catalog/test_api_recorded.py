"""What @trigger.dev/sdk 2.3.18 was seen to call while jobs ran, and answers that it accepts."""

import json
from pathlib import Path

import pytest

from catalog.app.models import RunStatus
from tests.catalog.api_client import api
from tests.catalog.stage import add_run, set_stage

pytestmark = pytest.mark.anyio

RECORDED = json.loads((Path(__file__).parent / "recorded_calls.json").read_text())
"""Of each recorded execution its calls, in order, each with the answer that the SDK went on with. Ids are those of the
recording; times are `(time)`. The server of the recording was a simple one: what it left out of tasks (description,
the end of a noop, PARALLEL) is here as Trigger.dev's own gives it.
"""


def translated(value, ids):
    """Put the ids of this run in the place of those of the recording."""
    text = json.dumps(value)
    for recorded, ours in sorted(ids.items(), key=lambda each: -len(each[0])):
        text = text.replace(f'"{recorded}"', f'"{ours}"').replace(f"/{recorded}/", f"/{ours}/")
    return json.loads(text)


def known(answer, expected):
    """Return of an answer what the recording has, times blotted out as there."""
    return {
        name: "(time)" if value == "(time)" and isinstance(answer[name], str) else answer[name]
        for name, value in expected.items()
    }


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_execution_gets_the_answers_it_went_on_with(flow, name):
    ids = {"run_1": await add_run(await set_stage(), RunStatus.STARTED)}
    async with api(flow) as client:
        for call in RECORDED[name]:
            body = translated(call["body"], ids)
            if "delayUntil" in body:
                body["delayUntil"] = "2099-11-23T17:39:23.447Z"
            path = translated(f"{call['path']}/", ids).rstrip("/").removeprefix("/api/v1")
            answer = await client.request(call["method"], path, json=body, headers=call["headers"])

            assert answer.status_code == 200, answer.text
            assert answer.headers.get("trigger-version") == call["version"]
            value, expected = answer.json(), call["reply"]
            if "task" in expected:
                assert set(value) == set(expected)
                value, expected = value["task"], expected["task"]
                ids[expected["id"]] = value["id"]
            expected = translated(expected, ids)
            assert known(value, expected) == expected
