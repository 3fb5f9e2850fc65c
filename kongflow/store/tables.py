"""Tables, as the portable queries of `reads` see them. Migrations create them; a test holds the two together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text

from kongflow.store.statements import check_schema


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one deployment that are read by portable queries."""

    job: Table
    history: Table
    runner: Table
    config: Table


def tables_of(schema: str) -> Tables:
    """Return the tables whose names have the prefix of `schema`. Raises: InvalidOption."""
    prefix = check_schema(schema) + "_"
    metadata = MetaData()
    return Tables(
        job=Table(
            f"{prefix}job",
            metadata,
            *_integers("id", "state", "priority", "run_at", "ready_at", "created_at", "max_attempts"),
            *_integers("attempt", "claims", "crashes", "runner", "lease", "claimed_at", "claimed_mono"),
            *_texts("task", "queue", "job_key", "job_key_mode", "claimed_key", "flags", "tags"),
            *_texts("terms", "progress", "payload", "errors"),
            *_booleans("awaited", "cancel_requested", "overrunning"),
        ),
        history=Table(
            f"{prefix}history",
            metadata,
            *_integers("id", "state", "priority", "run_at", "created_at", "claimed_at", "finished_at", "purge_at"),
            *_integers("max_attempts", "attempt", "claims", "crashes"),
            *_texts("task", "reason", "detail", "queue", "key", "flags", "tags", "runner"),
            *_texts("progress", "payload", "result", "errors"),
        ),
        runner=Table(
            f"{prefix}runner",
            metadata,
            *_integers("id", "pid", "lease", "seen_mono", "seen_at"),
            *_texts("host", "config", "queues", "tasks", "forbidden_flags", "boot"),
            *_booleans("alive", "has_left"),
        ),
        config=Table(f"{prefix}config", metadata, *_integers("came"), *_texts("hash", "queues", "retention")),
    )


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, Integer, key=name) for name in names]


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, key=name) for name in names]


def _booleans(*names: str) -> list[Column[bool]]:
    return [Column(name, Boolean, key=name) for name in names]
