"""The name of the schema that our tables stand in; on SQLite it is the prefix of their names."""

from __future__ import annotations

import re

from kongflow.errors import InvalidOption

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_THEIRS = ("pg_", "sqlite_")
RESERVED = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "binary",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "group",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "intersect",
        "into",
        "is",
        "isnull",
        "join",
        "leading",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "natural",
        "new",
        "not",
        "notnull",
        "null",
        "of",
        "off",
        "offset",
        "old",
        "on",
        "only",
        "or",
        "order",
        "outer",
        "over",
        "overlaps",
        "placing",
        "primary",
        "references",
        "returning",
        "right",
        "select",
        "session_user",
        "similar",
        "some",
        "symmetric",
        "table",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
    ]
)
"""Words that PostgreSQL takes for its own: https://www.postgresql.org/docs/current/sql-keywords-appendix.html"""


def check_schema_name(name: str) -> str:
    """Return a name that is safe inside SQL, and that both databases take. Raises: InvalidOption, in a user's words."""
    if not _NAME.fullmatch(name):
        raise InvalidOption("it has at most 48 lower-case letters, digits and _, a letter first")
    if name.startswith(_THEIRS) or name == "information_schema":
        raise InvalidOption("such names are for the database itself; name it after your application")
    if name in RESERVED:
        raise InvalidOption("this is a word of SQL's own; name it after your application")
    return name
