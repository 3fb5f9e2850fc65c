"""Address: which database a URL names, and how we connect to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kongflow.errors import InvalidOption

CONNECT: Mapping[str, str | int] = {
    "application_name": "kongflow",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8_000,
}
"""What a URL may overrule. A connection whose other side has vanished is noticed within 9 seconds: keepalives notice it
while we wait for an answer, `tcp_user_timeout` (milliseconds) while we send."""
LIMITS: Mapping[str, str] = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "8000",
}
"""Settings of the server, which a URL's `options` may overrule: it, too, notices within 9 seconds that the other side
has vanished, and lets go of what its transaction has locked."""
ENCODING = "utf8"
"""Of what we send and get, whatever the database or the role says."""
STYLE = "ISO"
"""psycopg reads instants in no other style."""
_EVERYBODYS = {"datestyle": STYLE, "idle_session_timeout": "0", **LIMITS}
LOCK_TIMEOUT = 5_000
"""Milliseconds for which a statement of ours waits for a lock, unless a URL's `options` say something else."""
_OUR_LIMITS = {
    **_EVERYBODYS,
    "lock_timeout": str(LOCK_TIMEOUT),
    "idle_in_transaction_session_timeout": "30s",
}
_MIGRATIONS = {**_EVERYBODYS, "lock_timeout": "0", "statement_timeout": "0"}
_FIXED = {
    "timezone": "UTC",
    "default_transaction_isolation": "read\\ committed",
    "kongflow_session.ours": "yes",
}
"""Of our own sessions: the functions rely on each statement seeing what others have committed. The last one means
nothing to anybody: where a session does not have it, somebody in between has dropped them all."""


_NO_URL = (
    "database.url is no PostgreSQL URL; an example is postgresql://user@host:5432/database (special characters of a "
    "password are percent-encoded: @ is %40, / is %2F)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One PostgreSQL database, or several hosts of which one is found. `given` is libpq's connection string.

    `pooled`: a pooler in transaction mode is in between. It refuses settings of a session, and gives the next
    transaction another one: whatever a transaction needs, it says itself, and nothing is prepared.
    """

    given: str
    place: str
    """The database as it is shown: without password and options."""
    pooled: bool = False

    @property
    def users(self) -> str:
        """The connection string of a user's transactions, whose statements may take as long as they like."""
        return self._with(_EVERYBODYS)

    @property
    def migrating(self) -> str:
        """The connection string of a migration: it may wait for another, and take its time."""
        return self._with(_MIGRATIONS, _FIXED)

    def ours(self, statement_timeout: int) -> str:
        """The connection string of sessions that run only our own statements, for so many milliseconds at the most."""
        return self._with({**_OUR_LIMITS, "statement_timeout": str(statement_timeout)}, _FIXED)

    @property
    def prepare_threshold(self) -> int | None:
        """After how many runs psycopg prepares a statement."""
        return None if self.pooled else 5

    def _with(self, before: Mapping[str, str], after: Mapping[str, str] | None = None) -> str:
        if self.pooled:
            return self.given
        written = str(conninfo_to_dict(self.given).get("options") or "")
        return make_conninfo(self.given, options=" ".join((_flags(before), written, _flags(after or {}))).strip())


def parse_address(url: str, pooler: str = "none") -> Address:
    """Return the database that a URL such as `postgresql://app@db.internal/app` names.

    Everything that libpq takes is taken: several hosts, `target_session_attrs`, `sslmode`. Of several hosts we want the
    one that takes writes, unless the URL says otherwise. Raises: InvalidOption, which repeats nothing of the URL.
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg") or not separator:
        raise InvalidOption(f"database.url has the scheme {scheme!r}; write postgresql://")
    try:
        given = conninfo_to_dict(f"postgresql://{rest}")
    except psycopg.ProgrammingError:
        raise InvalidOption(_NO_URL) from None
    # libpq takes what stands behind an unencoded @ or / of a password for the host or the port, and would show it.
    authority = rest.partition("/")[0].partition("?")[0]
    if authority.count("@") > 1 or not all(port.isdigit() for port in str(given.get("port") or "0").split(",") if port):
        raise InvalidOption(_NO_URL)
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost")
    attributes = {"target_session_attrs": "read-write"} if "," in hosts else {}
    if str(given.get("client_encoding", ENCODING)).lower().replace("-", "") != ENCODING:
        raise InvalidOption("client_encoding of database.url must be utf8: a payload may have any character")
    wanted = {**CONNECT, **attributes, **given, "client_encoding": ENCODING}
    parameters = {name: str(value) for name, value in wanted.items() if value is not None}
    place = f"postgresql://{_with_ports(hosts, str(given.get('port') or ''))}/{given.get('dbname') or ''}"
    return Address(make_conninfo("", **parameters), place, pooled=pooler == "transaction")


def _with_ports(hosts: str, ports: str) -> str:
    """Return the hosts as they are shown, with each port that is not PostgreSQL's own; one port may be that of all."""
    names, numbers = hosts.split(","), ports.split(",")
    numbers = numbers * len(names) if len(numbers) == 1 else numbers
    return ",".join(
        f"{name}:{number}" if number not in ("", "5432") else name
        for name, number in zip((f"[{name}]" if ":" in name else name for name in names), numbers, strict=False)
    )


def _flags(settings: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
