"""The application: its routes, and what a caller learns when something goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalog.app.work import UNAVAILABLE, looking
from catalog.http_api import endpoints, events, runs, tasks
from catalog.http_api.call import MAX_STRANGERS_BODY, Call, Versioned, parse, read_body
from catalog.http_api.callers import Caller, caller_of
from catalog.http_api.problems import Problem
from kongflow import KongFlow
from kongflow.errors import InvalidPayload, PayloadTooLarge

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Transactions of one environment; the pool of KongFlow holds ten by default."""

NOBODY = Caller("", "", "", "", "", "", "", "", "")
"""Who calls where no key is asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A route: who handles it, and the shape that its body must have, where it has one; `refused` is the status for
    any other; `limit` its bytes. `raw`: the body is taken as it comes, and no key is asked for.
    """

    method: str
    path: str
    handle: Callable[[Call], Awaitable[Any]]
    shape: str | None = None
    refused: int = 400
    limit: int | None = None
    raw: bool = False


_RUN = "/api/v1/runs/{run}"
_HOOK = "/api/v1/endpoints/{environment}/{endpoint}/index/{hook}"

ENTRIES = (
    Entry("POST", "/api/v1/events", events.send, "sendEvent", events.INVALID),
    Entry("POST", "/api/v1/events/bulk", events.send_all, "sendEvents", events.INVALID),
    Entry("GET", "/api/v1/events/{id}", events.show),
    Entry("GET", "/api/v2/events/{id}", events.show),
    Entry("POST", "/api/v1/events/{id}/cancel", events.cancel),
    Entry("POST", f"{_RUN}/tasks", tasks.begin, "runTask", limit=2 << 20),
    Entry("POST", f"{_RUN}/tasks/{{task}}/complete", tasks.complete, "completeTask", limit=4 << 20),
    Entry("POST", f"{_RUN}/tasks/{{task}}/fail", tasks.fail, "failTask", limit=1 << 20),
    Entry("PUT", f"{_RUN}/statuses/{{key}}", tasks.set_state, "setStatus", limit=1 << 20),
    Entry("POST", f"{_RUN}/logs", tasks.log, "log", limit=1 << 20),
    Entry("GET", _RUN, runs.show),
    Entry("GET", "/api/v2/runs/{run}", runs.show),
    Entry("GET", "/api/v2/runs/{run}/statuses", runs.show_statuses),
    Entry("POST", f"{_RUN}/cancel", runs.cancel),
    Entry("POST", "/api/v1/jobs/{job}/invoke", runs.start, "invoke"),
    Entry("GET", "/api/v1/whoami", endpoints.whoami),
    Entry("POST", "/api/v1/endpoints/{endpoint}/index", endpoints.index, "index"),
    Entry("GET", _HOOK, endpoints.index_by_hook, raw=True),
    Entry("POST", _HOOK, endpoints.index_by_hook, raw=True),
)


def create_app(flow: KongFlow) -> Starlette:
    """Return the ASGI application on a KongFlow that is open, and whose database holds the application's tables."""
    turns = Turns()
    routes = [Route(entry.path, _endpoint(flow, entry, turns), methods=[entry.method]) for entry in ENTRIES]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_route})
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    return app


class Turns:
    """How many transactions of one environment are open at once: callers of a row that is locked keep one each, and
    would keep everybody else from the database.
    """

    def __init__(self) -> None:
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, caller: Caller) -> asyncio.Semaphore:
        """Return what the calls of this caller take turns at."""
        return self._of.setdefault(caller.environment_id, asyncio.Semaphore(AT_ONCE))


def _endpoint(flow: KongFlow, entry: Entry, turns: Turns) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return _reply(await entry.handle(await _call(flow, entry, turns, request)))
        except Problem as problem:
            return JSONResponse(problem.body, problem.status)
        except InvalidPayload as problem:
            # Only the words of callers end in payloads: reasons, and what hooks are sent.
            refusal = Problem(413 if isinstance(problem, PayloadTooLarge) else 400, str(problem))
            return JSONResponse(refusal.body, refusal.status)
        except Exception as error:
            return _failed(entry, error)

    return answer


async def _call(flow: KongFlow, entry: Entry, turns: Turns, request: Request) -> Call:
    """Read a request; a stranger's body is not read. Raises: Problem."""
    if entry.raw:
        return Call(flow, request, NOBODY, turns.of(NOBODY), await read_body(request, MAX_STRANGERS_BODY))
    async with looking(flow) as session:
        caller = await caller_of(session, request.headers.get("authorization", ""))
    body = None if entry.shape is None else parse(await read_body(request, entry.limit), entry.shape, entry.refused)
    return Call(flow, request, caller, turns.of(caller), body)


def _reply(value: Any) -> Response:
    if isinstance(value, Versioned):
        return JSONResponse(value.body, headers={"trigger-version": value.version})
    return JSONResponse(value)


def _failed(entry: Entry, error: Exception) -> Response:
    """Log what went wrong here; SDKs come back by themselves for any such status."""
    logger.error("%s %s failed", entry.method, entry.path, exc_info=error)
    status = 503 if isinstance(error, (*UNAVAILABLE, OSError)) else 500
    return JSONResponse(Problem(status, "Something went wrong").body, status)


async def _no_such_route(_request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (404, "Not Found")
    return JSONResponse(Problem(status, detail).body, status)
