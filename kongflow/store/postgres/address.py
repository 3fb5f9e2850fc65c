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
_SESSION = "-c timezone=UTC -c default_transaction_isolation=read\\ committed"
"""Of our own sessions: the functions rely on each statement seeing what others have committed."""


@dataclass(frozen=True, slots=True)
class Address:
    """One PostgreSQL database, or several hosts of which one is found. `conninfo` is libpq's."""

    conninfo: str
    place: str
    """The database as it is shown: without password and options."""

    @property
    def ours(self) -> str:
        """The connection string of sessions that run only our own statements."""
        given = conninfo_to_dict(self.conninfo).get("options")
        return make_conninfo(self.conninfo, options=f"{given} {_SESSION}" if given else _SESSION)


def parse_address(url: str) -> Address:
    """Return the database that a URL such as `postgresql://app@db.internal/app` names.

    Everything that libpq takes is taken: several hosts, `target_session_attrs`, `sslmode`. Raises: InvalidOption, which
    repeats nothing of the URL.
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg") or not separator:
        raise InvalidOption(f"database.url has the scheme {scheme!r}; write postgresql://")
    try:
        given = conninfo_to_dict(f"postgresql://{rest}")
    except psycopg.ProgrammingError:
        raise InvalidOption(
            "database.url is no PostgreSQL URL; an example is postgresql://user@host:5432/database (a password with "
            "special characters must be percent-encoded)"
        ) from None
    hosts = given.get("host") or given.get("hostaddr") or "localhost"
    parameters = {name: str(value) for name, value in {**CONNECT, **given}.items() if value is not None}
    return Address(make_conninfo("", **parameters), place=f"postgresql://{hosts}/{given.get('dbname') or ''}")
