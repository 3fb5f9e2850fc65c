"""Callers of the client that is written for the configuration beside this file. Type checkers read it; it is never run.

A line that ends with `# refused` must be an error, and no other may be one.
"""

from client import Client, ShapesPayload, ShapesResult, StartRun_4fe915Payload, StartRun_4fe915Result, addition

from kongflow import Job, JobContext, KongFlow, SyncJobContext, SyncKongFlow


async def start_run(payload: StartRun_4fe915Payload, job: JobContext) -> StartRun_4fe915Result:
    added: Job = await Client(job).enqueue("startRun", {"id": payload["id"]})
    async with job.transaction() as tx:
        await Client(tx).enqueue("start-run", {"n": job.attempt}, tags=[added.id])
    return {"state": "started"}


async def wrong_result(payload: StartRun_4fe915Payload) -> StartRun_4fe915Result:
    print(payload["ids"])  # refused
    return {"state": "stopped"}  # refused


def plain(payload: object, job: SyncJobContext) -> ShapesResult:
    added: Job = Client(job).enqueue("start.run")
    with job.transaction() as tx:
        Client(tx).enqueue("nothing")
    return [{"left": 1.5}, {}] if added.created and payload else []


async def application(flow: KongFlow, sync: SyncKongFlow, connection: object) -> list[Job]:
    client = Client(flow)
    await client.enqueue("startRun", {"id": "r"}, priority=3, connection=connection, job_key_mode="replace")
    Client(sync).enqueue("startRun", {"id": "r", "tags": ["x"], "salutation": "Hi"}, job_key="k")
    await client.enqueue("start.run", {"whatever": [1]})
    await client.enqueue("nothing", {})
    await client.enqueue("anything", {"x": object})
    await client.enqueue("either", {"a": "x"})
    await client.enqueue("either", {"b": "x", "deep": {"z": "k"}})
    await client.enqueue("odd", {"class": "a", "user-id": None, "child": {"value": 3}, 'ab"\\c\n': 1.5, "id": "x"})
    payload: ShapesPayload = {
        "int": 3,
        "any": object,
        "nested": [1, [2, [3]]],
        "items": [{"keys": True, "get": "x"}],
        "pair": [1, "a"],
        "open": [1, "a", "b"],
        "map": {"a": 1},
        "mixed": {"a": "x", "b": 1},
        "union": {"kind": "b", "b": 3},
        "all": {"x": "y"},
        "self": {"int": 4, "pair": (1, "a"), "union": "x"},
    }
    await client.enqueue("shapes", payload)
    return await flow.enqueue_many([addition("startRun", {"id": "r"}, priority=4), addition("start.run")])


async def mistakes(flow: KongFlow, sync: SyncKongFlow, name: str) -> None:
    client = Client(flow)
    await client.enqueue("startRnu", {"id": "r"})  # refused
    await client.enqueue("gone")  # refused
    await client.enqueue(name, {"id": "r"})  # refused
    await client.enqueue("startRun", {})  # refused
    await client.enqueue("startRun")  # refused
    await client.enqueue("startRun", {"id": 3})  # refused
    await client.enqueue("startRun", {"id": "r", "tags": "x"})  # refused
    await client.enqueue("startRun", {"id": "r", "more": 1})  # refused
    await client.enqueue("start-run", {"id": "r"})  # refused
    await client.enqueue("startRun", {"id": "r"}, prority=3)  # refused
    await client.enqueue("startRun", {"id": "r"}, priority="high")  # refused
    await client.enqueue("startRun", {"id": "r"}, job_key_mode="replaces")  # refused
    await client.enqueue("nothing", {"a": 1})  # refused
    await client.enqueue("either", {})  # refused
    await client.enqueue("odd", {"class": "c", "user-id": None, "child": None, 'ab"\\c\n': 1, "id": "x"})  # refused
    await client.enqueue("odd", {"class": "a", "user-id": None, "child": {}, 'ab"\\c\n': 1, "id": "x"})  # refused
    await client.enqueue("shapes", {"int": 1, "union": {"kind": "b", "a": "x"}})  # refused
    await client.enqueue("shapes", {"int": 1, "self": {}})  # refused
    await client.enqueue("shapes", {"int": 1, "mixed": {"a": None}})  # refused
    await client.enqueue("shapes", {"int": 1, "nested": [["x"]]})  # refused
    await client.enqueue("shapes", {"int": 1, "never": 1})  # refused
    Client(sync).enqueue("startRun", {"id": 3})  # refused
    addition("startRun", {"id": 3})  # refused
    addition("startRun", {"id": "x"}, tags=3)  # refused
    Client(3)  # refused
