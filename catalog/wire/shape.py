"""The shape of strangers' JSON: what is wrong with it, found at a cost that they cannot choose."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator, ValidationError

MAX_PROBLEM = 300
"""Characters of what is said to be wrong; the value that is stands at its beginning."""


def first_error(validator: Draft202012Validator, value: Any) -> ValidationError | None:
    """Return the first error of a value, or None.

    To find the best one, all are made first: a list of a million wrong things would keep everybody waiting.
    """
    return next(validator.iter_errors(value), None)


def problem_of(error: ValidationError) -> str:
    """Say what is wrong, shortened in the middle."""
    text = error.message
    half = MAX_PROBLEM // 2
    return text if len(text) <= MAX_PROBLEM else f"{text[:half]} … {text[-half:]}"
