"""Who may call the HTTP API, how much he may say, and what he learns when something goes wrong."""

import asyncio
import logging

import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError, OperationalError

from catalog.app.database import begin
from catalog.app.models import EventRecord, RunStatus, Task
from catalog.app.work import looking, transaction
from catalog.http_api import app, call
from catalog.http_api.app import ENTRIES, create_app
from catalog.running.endings import lock_run
from kongflow.errors import StoreBusy
from tests.catalog.api_client import api, key_of
from tests.catalog.locks import until_somebody_waits
from tests.catalog.stage import add_run, every, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]

CLOSED = [(entry.method, entry.path) for entry in ENTRIES if not entry.raw]
EVENT = {"event": {"name": "a"}}


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_no_route_is_open_without_a_key(flow, method, path):
    await set_stage()
    async with api(flow, key=None) as client:
        answer = await client.request(method, f"http://api.invalid{path}", content=b"{")

    assert answer.status_code == 401
    assert answer.json()["error"] == "Invalid or Missing API key"


@pytest.mark.parametrize(
    "header",
    [
        *("", "Bearer", "Bearer ", "bearer  ", f"Basic {key_of()}", key_of(), f"Bearer {key_of()}x"),
        *(f"Bearer {key_of()[:-1]}", f"Bearer {key_of().upper()}", "Bearer ü", "Bearer a\0b", "Bearer %"),
        f"Bearer {key_of()} {key_of()}",
    ],
)
async def test_only_the_whole_key_opens(flow, header):
    await set_stage()
    async with api(flow, key=None) as client:
        answer = await client.get("/whoami", headers={b"authorization": header.encode("latin-1")})

    assert answer.status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_key_opens_however_the_scheme_is_written(flow, scheme):
    await set_stage()
    async with api(flow, key=None) as client:
        assert (await client.get("/whoami", headers={"authorization": f"{scheme} {key_of()}"})).status_code == 200


async def test_the_body_of_a_stranger_is_not_read(flow):
    async def body():
        raise AssertionError("it was read")
        yield b""

    async with api(flow, key=None) as client:
        assert (await client.post("/events", content=body())).status_code == 401


@pytest.mark.parametrize("said", [True, False])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(flow, monkeypatch, said):
    monkeypatch.setattr(call, "MAX_BODY", 1 << 20)
    await set_stage()
    read = 0

    async def body():
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * (1 << 18)

    headers = {"content-length": str(100 << 18)} if said else {}
    async with api(flow) as client:
        answer = await client.post("/events", content=body(), headers=headers)

    assert answer.status_code == 413
    assert answer.json()["error"] == "The body must be less than 1 MB"
    assert read <= 6


async def test_a_body_that_does_not_come_to_its_end_is_given_up(flow, monkeypatch):
    monkeypatch.setattr(call, "READ_TIMEOUT", 0.05)
    await set_stage()

    async def body():
        yield b"{"
        await asyncio.Event().wait()

    async with api(flow) as client:
        assert (await client.post("/events", content=body())).status_code == 408


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff\xfe", b'{"event": {"name": NaN}}', b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500),
        *(b'{"event": {"name": "a\\u0000"}}', b'{"event": {"name": "\\ud800"}}', b'{"event": {"name": 1e999}}'),
    ],
)
async def test_what_is_no_json_is_refused_in_words(flow, body):
    run = await add_run(await set_stage())
    async with api(flow) as client:
        event = await client.post("/events", content=body)
        task = await client.post(f"/runs/{run}/tasks", content=body, headers={"idempotency-key": "k"})

    assert (event.status_code, task.status_code) == (422, 400)
    assert event.json()["message"].startswith("Invalid request body: ")
    assert len(await every(EventRecord)) == 1
    assert await every(Task) == []


@pytest.mark.parametrize(
    "path",
    [
        "/runs/%00",
        "/runs/%0a",
        f"/runs/{'x' * 5000}",
        "/events/%00",
        "/runs/run%2F..%2Fx",
        "/nothing",
        "/runs",
        "/whoami/",
    ],
)
async def test_what_has_no_name_is_not_there(flow, path):
    await set_stage()
    async with api(flow) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "message"}


async def test_whoever_only_looks_waits_for_nobody_who_writes(flow):
    run = await add_run(await set_stage())
    async with begin() as session:
        await session.execute(delete(Task))
        async with api(flow) as client:
            shown = await client.get(f"/runs/{run}")
            said = await client.post(f"/runs/{run}/logs", json={"level": "INFO", "message": "x"})

    assert (shown.status_code, said.status_code) == (200, 200)


@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("DELETE", "/whoami"), ("POST", "/whoami")])
async def test_another_method_is_refused(flow, method, path):
    await set_stage()
    async with api(flow) as client:
        answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")


@pytest.mark.parametrize("key", ["a\tb", "x" * 513])
async def test_a_key_that_no_index_holds_is_refused(flow, key):
    run = await add_run(await set_stage())
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/tasks", json={}, headers={"idempotency-key": key})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("at /srv/secret.py"), 500),
        (OperationalError("select secret", {}, Exception("secret")), 503),
        (StoreBusy("secret"), 503),
    ],
)
async def test_what_goes_wrong_here_is_logged_and_not_told(flow, monkeypatch, caplog, error, status):
    async def break_down(*_args):
        raise error

    monkeypatch.setattr(app, "caller_of", break_down)
    caplog.set_level(logging.ERROR)
    async with api(flow) as client:
        answer = await client.post("/events", json=EVENT)

    assert answer.status_code == status
    assert answer.json() == {"error": "Something went wrong", "message": "Something went wrong"}
    (record,) = [each for each in caplog.records if each.name == "catalog.http_api.app"]
    assert record.exc_info[1] is error
    assert key_of() not in caplog.text


async def break_a_statement(session):
    malformed = {"sqlite": "json('{')", "postgresql": "cast('{' as json)"}[session.get_bind().dialect.name]
    await session.execute(text(f"select {malformed}, :key"), {"key": key_of()})


@pytest.mark.only_on("sqlite", "postgres")
async def test_what_a_statement_was_given_stands_in_no_error(flow):
    async def write():
        async with transaction(flow) as work:
            await break_a_statement(work.session)

    async def look():
        async with looking(flow) as session:
            await break_a_statement(session)

    for use in (write, look):
        with pytest.raises(DBAPIError) as caught:
            await use()
        assert key_of() not in str(caught.value)


async def test_the_body_of_a_hook_is_small(flow):
    async with api(flow, key=None) as client:
        answer = await client.post("/endpoints/env_1/shop/index/hook", content=b" " * ((1 << 20) + 1))

    assert (answer.status_code, answer.json()["error"]) == (413, "The body must be less than 1 MB")


async def test_a_hook_stands_in_no_log(flow, monkeypatch, caplog):
    async def break_down(*_args):
        raise RuntimeError

    monkeypatch.setattr("catalog.http_api.endpoints._find", break_down)
    async with api(flow, key=None) as client:
        assert (await client.post("/endpoints/env_1/shop/index/s3cr3thook")).status_code == 500

    assert "s3cr3thook" not in caplog.text.replace("HTTP Request", "")


@pytest.mark.only_on("postgres")
async def test_who_waits_for_rows_of_his_own_keeps_nobody_else_waiting(flow, monkeypatch):
    monkeypatch.setattr(call, "LOCK_TIMEOUT", "60s")
    run = await add_run(await set_stage(), RunStatus.STARTED)
    await set_stage(slug="other")
    async with api(flow) as shop, api(flow, key_of("other")) as other:
        async with begin() as holder:
            await lock_run(holder, run)
            waiting = [asyncio.create_task(shop.post(f"/runs/{run}/cancel")) for _ in range(12)]
            await until_somebody_waits()
            answer = await asyncio.wait_for(other.get("/whoami"), 20)
        ends = await asyncio.gather(*waiting)

    assert answer.json()["organization"]["slug"] == "other"
    assert {end.status_code for end in ends} == {200}


async def test_there_is_nothing_but_the_routes(flow):
    assert {route.path for route in create_app(flow).routes} == {entry.path for entry in ENTRIES}
