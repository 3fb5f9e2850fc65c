"""Python files of a project, and what is found in them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from kongflow.config.handler_path import HandlerProblem
from kongflow.config.handlers import HandlerSignature, find_handler


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")


def signature(root: Path, dotted: str) -> HandlerSignature:
    found = find_handler(root, dotted)
    assert isinstance(found, HandlerSignature), found
    return found


def problem(root: Path, dotted: str) -> HandlerProblem:
    found = find_handler(root, dotted)
    assert isinstance(found, HandlerProblem), found
    return found
