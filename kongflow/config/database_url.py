"""The database URL: which ones this version takes, and the absolute form of a relative SQLite path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kongflow.config.postgresql_url import postgresql_url_problem

_POSTGRESQL = re.compile(r"(postgresql|postgres)(\+psycopg)?://[^\s]+")
_SQLITE = re.compile(r"sqlite:///(?P<path>[^?]*)(?P<query>\?.*)?")
_QUERIES = ("", "?synchronous=full", "?synchronous=normal")


@dataclass(frozen=True, slots=True)
class UrlProblem:
    """Why a URL is not taken: the finding without its place."""

    slug: str
    message: str
    help: str


def url_problem(url: str, root: Path) -> UrlProblem | None:
    """Return why this version does not take a URL, or None. Passwords in it are never repeated."""
    if url.startswith("postgres"):
        return _postgresql_problem(url)
    match = _SQLITE.fullmatch(url)
    if match is None:
        known = "write sqlite:///relative/path.db, sqlite:////absolute/path.db or postgresql://user@host/database"
        return UrlProblem("database-url", "expected a URL of the form sqlite:///path or postgresql://…", known)
    if not match["path"] or match["path"].startswith((":memory:", "file:")):
        message = "jobs must outlive the process: an SQLite database in memory, or a file: URI, is not taken"
        return UrlProblem("database-url", message, "write sqlite:///kongflow.db")
    if (match["query"] or "") not in _QUERIES:
        message = f"expected no option but synchronous=full or synchronous=normal, got {match['query']!r}"
        return UrlProblem("database-url", message, "delete what stands after ?")
    if not match["path"].startswith("/") and "?" in str(root):
        message = "the path of the project folder holds '?', which a URL cannot hold"
        return UrlProblem("database-url", message, "rename the folder")
    return None


def _postgresql_problem(url: str) -> UrlProblem | None:
    if _POSTGRESQL.fullmatch(url):
        found = postgresql_url_problem(url)
        return found and UrlProblem("database-url", *found)
    driver = url.partition(":")[0].partition("+")[2]
    if driver not in ("", "psycopg"):
        message = f"KongFlow connects with psycopg 3, not with {driver!r}"
        return UrlProblem("database-url", message, "write postgresql://; connection= of your own may use any driver")
    return UrlProblem("database-url", "expected a URL of the form postgresql://user@host/database", "")


def relative_path(url: str) -> str | None:
    """Return the path of an SQLite URL where it is relative, else None."""
    match = _SQLITE.fullmatch(url)
    return None if match is None or match["path"].startswith("/") else match["path"]


def absolute_url(url: str, root: Path) -> str:
    """Return an SQLite URL whose relative path starts at the project folder, whatever the working directory."""
    match = _SQLITE.fullmatch(url)
    if match is None:
        return url
    return f"sqlite:///{root / match['path']}{match['query'] or ''}"
