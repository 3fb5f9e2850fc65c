"""Results, errors and payloads that no store can hold fail one job each, in words; their neighbours succeed."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.errors import InvalidPayload
from tests.builders import QUICK
from tests.engine.site import open_site

pytestmark = pytest.mark.anyio

GOOD = 95


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


class Unspeakable:
    """Says nothing of itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


BAD_VALUES: dict[str, tuple[Callable[[], Any], str]] = {
    "NUL": (lambda: "a\x00b", "$.it holds a NUL or a lone surrogate"),
    "lone surrogate": (lambda: ["\ud83d"], "$.it[0] holds a NUL or a lone surrogate"),
    "NUL in a key": (lambda: {"\x00": 1}, "$.it has the key '\\x00'"),
    "2^70": (lambda: 2**70, "$.it is an integer beyond 64 bits"),
    "NaN": (lambda: math.nan, "$.it is nan, which JSON does not have"),
    "infinity": (lambda: {"x": -math.inf}, "$.it.x is -inf"),
    "50 MB": (lambda: "x" * 50_000_000, "is 50,000,009 bytes of JSON; at most 1,048,576 (1 MiB) are stored"),
    "50 MB of NULs": (lambda: "\x00" * 50_000_000, "$.it holds a NUL or a lone surrogate"),
    "a million numbers": (lambda: list(range(1_000_000)), "bytes of JSON; at most 1,048,576 (1 MiB) are stored"),
    "depth 1,000": (lambda: nested(1_000), "nested deeper than 64 levels at $.it[0]"),
    "depth 100,000": (lambda: nested(100_000), "nested deeper than 64 levels at $.it[0]"),
    "itself": (endless, "nested deeper than 64 levels at $.it[0]"),
    "a set": (lambda: {1, 2}, "$.it is a set, which JSON does not have"),
    "bytes": (lambda: b"bytes", "$.it is a bytes"),
    "a number as a key": (lambda: {1: 2}, "$.it has the key 1; keys must be plain text"),
    "an object without words": (Unspeakable, "$.it is a Unspeakable"),
}
ODD_VALUES: list[Any] = [2**63 - 1, -(2**63), 1e300, -0.5, "😀\u2028\x1f", "", {}, nested(62), "x" * 1_000_000, None]
"""At the very edge, and fine."""
BAD_ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "an error with NUL and surrogates": (lambda: ValueError("\x00\ud800"), "\\u0000\\ud800"),
    "an error of 50 MB": (lambda: ValueError("x" * 50_000_000), "… ("),
    "an error without words": (lambda: ValueError(Unspeakable()), ""),
    "an error that only names what does not fit": (lambda: KeyError("\x00"), "\\x00"),
}


async def test_what_cannot_be_kept_fails_its_own_job_and_not_the_batch(tmp_path: Path) -> None:
    count = GOOD + len(BAD_VALUES) + len(BAD_ERRORS)
    ready, everybody = [0], asyncio.Event()

    async def work(payload: dict[str, Any]) -> Any:
        """Come to its end together with all others, so that the ends are written together."""
        ready[0] += 1
        if ready[0] == count:
            everybody.set()
        await everybody.wait()
        if "value" in payload:
            return {"it": BAD_VALUES[payload["value"]][0]()}
        if "error" in payload:
            raise BAD_ERRORS[payload["error"]][0]()
        return {"it": ODD_VALUES[payload["n"] % len(ODD_VALUES)]}

    settings = replace(QUICK, concurrency=count)
    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=settings) as site:
        good = [await site.enqueue("work", {"n": n}) for n in range(GOOD)]
        bad = {name: await site.enqueue("work", {"value": name}) for name in BAD_VALUES}
        raised = {name: await site.enqueue("work", {"error": name}) for name in BAD_ERRORS}
        summary = await site.run_all()

        for n, id in enumerate(good):
            job = await site.job(id)
            assert (job.state, job.result) == (JobState.SUCCEEDED, {"it": ODD_VALUES[n % len(ODD_VALUES)]})
        for name, id in bad.items():
            job = await site.job(id)
            assert (job.state, job.reason, job.result) == (JobState.FAILED, Reason.INVALID_RESULT, None), name
            assert BAD_VALUES[name][1] in job.error.message, name
        for name, id in raised.items():
            job = await site.job(id)
            assert (job.state, job.reason) == (JobState.FAILED, Reason.ERROR), name
            assert BAD_ERRORS[name][1] in job.error.message, name
            assert len(json.dumps(job.error.message)) < 20_000, name
    assert (summary.succeeded, summary.failed) == (GOOD, len(BAD_VALUES) + len(BAD_ERRORS))


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("name", BAD_VALUES)
async def test_a_payload_that_cannot_be_kept_is_refused_at_the_door(tmp_path: Path, name: str) -> None:
    make, words = BAD_VALUES[name]

    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        with pytest.raises(InvalidPayload) as refused:
            await site.enqueue("work", {"it": make()})
        assert await site.jobs() == []
    assert words in str(refused.value)
    assert len(str(refused.value)) < 1_000


async def test_odd_payloads_come_back_as_they_were(tmp_path: Path) -> None:
    got: list[Any] = []

    async def work(payload: Any) -> None:
        got.append(payload["it"])

    async with open_site(tmp_path, {"work": {"run": work}}, runner=replace(QUICK, concurrency=1)) as site:
        for value in ODD_VALUES:
            await site.enqueue("work", {"it": value})
        await site.run_all()
    assert got == ODD_VALUES
