"""`python -m catalog.api`: serve the HTTP API that SDKs call, beside the runner, or with it in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator

import click
import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from catalog import PROJECT
from catalog.app.database import DatabaseUnavailable, begin
from catalog.app.migrate import TablesMissing
from catalog.http_api.app import create_app
from kongflow import KongFlow
from kongflow.engine.logs import configure_logging
from kongflow.errors import KongFlowError

MAX_CONNECTIONS = 1000
"""At once; whoever comes then is told to come back."""

GRACE = 10
"""Seconds that calls under way have when the server stops."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=3030, show_default=True, help="0: any that is free.")
@click.option("--with-runner", is_flag=True, help="Run the jobs in this process, too.")
def main(host: str, port: int, with_runner: bool) -> None:
    """Serve the HTTP API of the reference catalog. Its address is what SDKs know as TRIGGER_API_URL.

    Ctrl-C stops it when the calls, and with --with-runner the jobs, that are under way have ended.
    """
    configure_logging("text")
    for name in ("alembic", "uvicorn"):  # they tell what nobody asks
        logging.getLogger(name).setLevel(logging.WARNING)
    asyncio.run(serve(host, port, with_runner=with_runner))


async def serve(host: str, port: int, *, with_runner: bool) -> None:
    """Serve until a signal. Raises: KongFlowError, TablesMissing, DatabaseUnavailable, SQLAlchemyError, OSError;
    CannotListen.
    """
    async with begin():
        pass  # whether the tables are there is better told now than to the first caller
    async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow:
        with _listen(host, port) as listener:
            await _serve(flow, listener, with_runner=with_runner)


async def _serve(flow: KongFlow, listener: socket.socket, *, with_runner: bool) -> None:
    async with contextlib.AsyncExitStack() as runner:
        if with_runner:
            await runner.enter_async_context(flow.running())
        config = uvicorn.Config(
            create_app(flow),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
        )
        address, chosen = listener.getsockname()[:2]
        click.echo(f"listening at http://{f'[{address}]' if ':' in address else address}:{chosen}", err=True)
        server = Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        await asyncio.wait({serving, asyncio.create_task(server.told.wait())}, return_when=asyncio.FIRST_COMPLETED)
        # First the runner: what its jobs have called calls back here until it has ended.
    server.should_exit = True
    await serving


class CannotListen(Exception):
    """The address or port cannot be listened at; the text says why."""


class Server(uvicorn.Server):
    """Hears of signals, and lets what is around it end in order: uvicorn itself would raise the signal again. `told` is
    set by the first; the second does not wait for calls that are under way.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to the signals while the server serves."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit = self.told.is_set()
        self.told.set()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        # Python adds the address to the system's words; a name that is none has no number of the system.
        number = problem.errno or 0
        why = os.strerror(number) if number > 0 else problem.strerror
        raise CannotListen(f"cannot listen at {host}, port {port}: {why}") from None


if __name__ == "__main__":
    try:
        main()
    except (CannotListen, KongFlowError, TablesMissing) as problem:
        raise SystemExit(f"error: {problem}") from None
    except (DatabaseUnavailable, SQLAlchemyError, OSError) as problem:
        raise SystemExit(f"error: the database cannot be used: {getattr(problem, 'orig', None) or problem}") from None
