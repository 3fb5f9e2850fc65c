"""A PostgreSQL URL: what is wrong with it, as far as that can be known without a server and without its libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from kongflow.config.findings import quoted, suggestion

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
}
_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_NAMES = """
application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
oauth_scope options passfile password port replication require_auth requirepeer requiressl scram_client_key
scram_server_key service ssl ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression
sslcrl sslcrldir sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
tcp_user_timeout user
"""
PARAMETERS = frozenset(_NAMES.split())
"""Everything that libpq 18 takes, and what it takes for other drivers' sake."""

_ENCODE = "special characters of a user name or password are percent-encoded: @ is %40, / is %2F, ? is %3F, % is %25"
_LAST_PORT = 65_535


def postgresql_url_problem(url: str) -> tuple[str, str] | None:
    """Return what is wrong and what to do, or None. Nothing that may be a part of a password is repeated."""
    return next(_problems(url.partition("://")[2]), None)


def _problems(rest: str) -> Iterator[tuple[str, str]]:
    before, _, query = rest.partition("?")
    authority = before.partition("/")[0]
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", rest):
        yield "a % in the URL is followed by no two hexadecimal digits", _ENCODE
    if authority.count("@") > 1:
        yield "there is more than one @ before the database", _ENCODE
    parameters: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, separator, value = pair.partition("=")
        if not re.fullmatch("[a-z_]+", name) or not separator or "=" in value:
            yield "what stands after ? is not name=value, joined by &", _ENCODE
        elif name not in PARAMETERS:
            yield f"there is no parameter {quoted(name)}", suggestion(name, PARAMETERS, "libpq's documentation has all")
        parameters[name] = unquote(value)
    yield from _bad_ports(authority.rpartition("@")[2], parameters)
    yield from _bad_values(parameters)


def _bad_ports(hosts: str, parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = [re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?", host) for host in hosts.split(",")]
    if None in named:
        yield "the host cannot be read", f"{_ENCODE}; an IPv6 address stands in []"
    ports = parameters.get("port", ",".join(host["port"] or "" for host in named if host)).split(",")
    if not all(re.fullmatch("[0-9]{0,5}", port) and 0 < int(port or 1) <= _LAST_PORT for port in ports):
        yield "a port is not a number between 1 and 65535", _ENCODE
    count = len((parameters.get("hostaddr") or parameters.get("host") or hosts).split(","))
    if len(ports) not in (1, count):
        yield f"there are {len(ports)} ports for {count} hosts", "give one for each, or one for all"


def _bad_values(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if name in _NUMBERS and not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value):
            yield f"{name} is a whole number, not {quoted(value)}", f"write {name}=5, for one"
        if name in _CHOICES and value not in _CHOICES[name]:
            known = f"one of {', '.join(_CHOICES[name])}"
            yield f"there is no {name} {quoted(value)}", suggestion(value, _CHOICES[name], known)
