"""The HTTP API in this process, and a client that shows the key of a stage's environment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from catalog.http_api.app import create_app
from kongflow import KongFlow
from tests.catalog.stage import API_KEY


def key_of(slug: str = "shop") -> str:
    return f"{API_KEY}{slug}"


@asynccontextmanager
async def api(flow: KongFlow, key: str | None = key_of()) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(create_app(flow), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.invalid/api/v1", headers=headers) as client:
        yield client
