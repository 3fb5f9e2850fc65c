"""`python -m catalog.api`: real processes, from the line that says where they listen to the signal that ends them."""

import asyncio
import logging
import runpy
import signal
import sys
from contextlib import asynccontextmanager

import httpx
import pytest

from catalog import PROJECT
from catalog.app.models import JobRun, RunStatus
from tests.catalog import run_answers as said
from tests.catalog.api_client import key_of
from tests.catalog.calling import begin_run
from tests.catalog.index_answer import shop_index
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import one, set_stage
from tests.postgres import Server

pytestmark = pytest.mark.anyio


async def process(*arguments):
    command = (sys.executable, "-m", "catalog.api", *arguments)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stderr=pipe, stdout=pipe)


async def end(api, number):
    if number is not None:
        api.send_signal(number)
    out, _ = await asyncio.wait_for(api.communicate(), 60)
    return api.returncode, out


@asynccontextmanager
async def serving(*arguments):
    """Give a process that listens at a free port, and a client of it."""
    api = await process("--port", "0", *arguments)
    try:
        while b"listening at" not in (line := await asyncio.wait_for(api.stderr.readline(), 60)):
            assert line, "it ended before it listened"
        url = line.decode().split()[-1]
        async with httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers={"authorization": f"Bearer {key_of()}"}
        ) as client:
            yield api, client
    finally:
        if api.returncode is None:
            api.kill()
            await api.communicate()


async def test_it_says_where_it_listens_and_ends_by_itself_when_it_is_told_to(database):
    await set_stage()
    async with serving() as (api, client):
        answer = await client.get("/whoami")
        ended = await end(api, signal.SIGINT)

    assert answer.json()["organization"]["slug"] == "shop"
    assert "server" not in answer.headers
    assert ended == (0, b"")


async def test_with_a_runner_it_runs_the_jobs_too_and_both_end_in_order(database, flow):
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        await set_stage(endpoint.url)
        async with serving("--with-runner") as (api, client):
            answer = await client.post("/endpoints/shop/index", json={})
            job = await flow.wait(answer.json()["jobId"], 60)
            ended = await end(api, signal.SIGTERM)

    assert job.state == "succeeded"
    assert ended == (0, b"")


async def test_what_a_job_has_called_is_answered_until_the_job_has_ended(database, flow):
    async with http_endpoint() as endpoint, serving("--with-runner") as (api, client):

        async def meanwhile():
            api.send_signal(signal.SIGTERM)
            while b"runner.stopping" not in await asyncio.wait_for(api.stderr.readline(), 60):
                pass
            answer.set_result((await client.get("/whoami")).status_code)

        answer = asyncio.get_running_loop().create_future()
        endpoint.meanwhile = meanwhile
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        assert await asyncio.wait_for(answer, 60) == 200
        ended = await end(api, None)

    assert ended == (0, b"")
    assert (await one(JobRun)).status is RunStatus.SUCCESS


async def refusal(*arguments):
    """Return how `python -m catalog.api` ends, run as a script in this process: it ends before it serves."""

    def run():
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            runpy.run_path(str(PROJECT / "catalog/api.py"), run_name="__main__")
        except SystemExit as ended:
            return ended.code
        finally:
            root.handlers[:], root.level = handlers, level

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["catalog.api", *arguments])
        return await asyncio.wait_for(asyncio.to_thread(run), 60)


@pytest.mark.only_on("sqlite")
async def test_a_port_that_is_taken_is_told(database):
    async with http_endpoint() as endpoint:
        port = endpoint.url.split(":")[2].split("/")[0]

        words = await refusal("--port", port)

    assert words == f"error: cannot listen at 127.0.0.1, port {port}: Address already in use"


@pytest.mark.parametrize("host", ["999.1.1.1", "nothing.invalid"])
@pytest.mark.only_on("sqlite")
async def test_an_address_that_is_not_ours_is_told(database, host):
    words = await refusal("--host", host, "--port", "0")

    assert words.startswith(f"error: cannot listen at {host}, port 0: ")


async def test_tables_that_are_not_there_are_told_before_anybody_calls(server: Server, monkeypatch):
    name = server.create()
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", server.url(name))
    try:
        words = await refusal("--port", "0")
    finally:
        server.drop(name)

    assert "python -m catalog.app create-tables" in words


async def test_a_database_that_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", "postgresql://127.0.0.1:9/none")
    words = await refusal("--port", "0")

    assert words.startswith("error: the database cannot be used: ")
