"""A pgbouncer of a storm's own, in transaction mode, before a server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.storms.binaries import Missing
from tests.storms.cluster import USER, Cluster, free_port

POOL = 8
"""Sessions of the server for all clients of a database. They take turns, so that no client keeps the one it had."""
SETTINGS = f"""\
[databases]
* = host=127.0.0.1 port={{server}} user={USER}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {{port}}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {POOL}
server_round_robin = 1
server_idle_timeout = 5
max_client_conn = 1000
"""


@contextmanager
def pgbouncer(cluster: Cluster) -> Iterator[str]:
    """Yield host and port of a pgbouncer before a server that runs. Raises: Missing."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise Missing("missing: pgbouncer: install Debian's package pgbouncer")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="kongflow-pgbouncer-"))
    folder.chmod(0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(server=cluster.port, port=port))
    with (folder / "log").open("w") as log:
        # It refuses to run as root.
        user = "nobody" if os.geteuid() == 0 else None
        process = subprocess.Popen(
            [program, settings], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd="/", user=user
        )
    try:
        _wait_until_open(port, process, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
