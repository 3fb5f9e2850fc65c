"""Settings of kongflow.yaml that depend on each other: database, runner, secrets, lint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kongflow.config.checks.facts import Facts
from kongflow.config.database_url import relative_path, url_problem
from kongflow.config.findings import SEVERITIES, Finding, Severity, finding, quoted, suggestion
from kongflow.config.project import Entry
from kongflow.core.catalog import RunnerSettings
from kongflow.core.duration import format_duration

_BUILT_IN = RunnerSettings()
_ROUNDING = 1e-9


def database_url(facts: Facts) -> Iterator[Finding]:
    """`database.url` names a database that this version works on."""
    database = facts.project.main.below("database")
    problem = url_problem(database.value["url"], facts.project.root) if "url" in database.value else None
    if problem:
        yield finding(problem.slug, database.value_place("url"), problem.message, problem.help)


def pooler_without_server(facts: Facts) -> Iterator[Finding]:
    """`database.pooler` needs a server that a pooler can stand before."""
    database = facts.project.main.below("database")
    if database.failed("url") or database.value.get("pooler", "none") == "none":
        return
    if database.value.get("url", "sqlite:").startswith("sqlite:"):
        message = "no pooler stands before an SQLite file: `pooler` has no effect here"
        advice = 'delete it; where the URL comes from a variable, so may this: "${KONGFLOW_POOLER:-none}"'
        yield finding("pooler-without-server", database.value_place("pooler"), message, advice)


def path_escape(facts: Facts) -> Iterator[Finding]:
    """A relative path of the database or of a secret stays inside the project; an absolute one is a choice."""
    for entry, key, path, absolute in _paths(facts):
        # By its text: a link that leads out, such as one to a data volume, is a choice as well.
        if Path(os.path.normpath(path)).parts[0] == os.pardir:
            message = f"{quoted(path)} leads out of the project, the folder of kongflow.yaml"
            yield finding("path-escape", entry.value_place(key), message, f"write an absolute path: {absolute}")


def _paths(facts: Facts) -> Iterator[tuple[Entry, str, str, str]]:
    """Yield every path of kongflow.yaml that may be absolute, by entry and key, and an example of an absolute one."""
    database = facts.project.main.below("database")
    path = relative_path(database.value.get("url", ""))
    if path is not None:
        yield database, "url", path, "sqlite:////srv/shop.db"
    for name in facts.project.main.below("secrets").value:
        secret = facts.project.main.below("secrets", name)
        if "file" in secret.value:
            yield secret, "file", secret.value["file"], "/run/secrets/token"


def heartbeat_too_slow(facts: Facts) -> Iterator[Finding]:
    """`runner.heartbeat` is at most a third of `runner.lease`, so that two lost ones kill nobody."""
    runner = facts.project.main.below("runner")
    if runner.failed("heartbeat") or runner.failed("lease"):
        return
    heartbeat = runner.value.get("heartbeat", _BUILT_IN.heartbeat)
    lease = runner.value.get("lease", _BUILT_IN.lease)
    if heartbeat * 3 > lease + _ROUNDING:
        key = "heartbeat" if "heartbeat" in runner.value else "lease"
        message = (
            f"a heartbeat every {format_duration(heartbeat)} is more than a third of the lease of "
            f"{format_duration(lease)}"
        )
        advice = f"at most {format_duration(lease / 3)}, or a lease of at least {format_duration(heartbeat * 3)}"
        yield finding("heartbeat-too-slow", runner.value_place(key), message, advice)


def secret_source(facts: Facts) -> Iterator[Finding]:
    """A secret comes from a variable or from a file, and only a variable has a default."""
    secrets = facts.project.main.below("secrets")
    for name, value in secrets.value.items():
        if secrets.failed(name) or any(secrets.failed(name, key) for key in ("env", "file", "default")):
            continue
        if ("env" in value) == ("file" in value):
            both = "both `env` and `file`" if "env" in value else "neither `env` nor `file`"
            message = f"the secret {quoted(name)} has {both}"
            yield finding("secret-source", secrets.key_place(name), message, "give one of the two")
        elif "file" in value and "default" in value:
            message = "the value of a file has no default"
            yield finding("secret-source", secrets.key_place(name, "default"), message, "delete it, or use `env`")


def lint_unknown_slug(facts: Facts) -> Iterator[Finding]:
    """`lint.ignore` names findings that exist."""
    for index, slug in _ignored(facts):
        if slug not in SEVERITIES:
            place = facts.project.main.value_place("lint", "ignore", index)
            advice = suggestion(slug, SEVERITIES, "`kongflow explain` lists them all")
            yield finding("lint-unknown-slug", place, f"there is no finding {quoted(slug)}", advice)


def lint_ignores_error(facts: Facts) -> Iterator[Finding]:
    """`lint.ignore` names no error: without a correct file there is no catalog."""
    for index, slug in _ignored(facts):
        if SEVERITIES.get(slug) is Severity.ERROR:
            place = facts.project.main.value_place("lint", "ignore", index)
            message = f"{slug} is an error and cannot be ignored"
            yield finding("lint-ignores-error", place, message, "delete it here and correct what it finds")


def _ignored(facts: Facts) -> Iterator[tuple[int, str]]:
    return enumerate(facts.project.main.below("lint").value.get("ignore", []))
