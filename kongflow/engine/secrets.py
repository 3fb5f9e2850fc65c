"""Secrets: resolved once by a runner at its start, handed to handlers, hidden in everything that is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from kongflow.core.catalog import Secret
from kongflow.errors import InvalidConfig

_SHORTEST = 4
"""Characters; hiding a shorter value would black out ordinary words and protect nothing."""


class Secrets(Mapping[str, str]):
    """The values of secrets by name. What prints it, a log line or a debugger, shows the names alone."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}=***' for name in self._values)})"


def resolve_secrets(declared: Mapping[str, Secret], env: Mapping[str, str]) -> Secrets:
    """Return the value of every declared secret. Raises: InvalidConfig, naming every one that cannot be resolved."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for name, secret in declared.items():
        try:
            values[name] = _value_of(secret, env)
        except _Missing as missing:
            problems.append(f"secret {name!r}: {missing}")
    if problems:
        raise InvalidConfig("\n  ".join(problems))
    return Secrets(values)


def masking(values: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces every secret's value in a text with `***`."""
    hidden = sorted((value for value in values.values() if len(value) >= _SHORTEST), key=len, reverse=True)
    if not hidden:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(value) for value in hidden))
    return lambda text: pattern.sub("***", text)


class _Missing(Exception):
    pass


def _value_of(secret: Secret, env: Mapping[str, str]) -> str:
    if secret.file is not None:
        try:
            return secret.file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise _Missing(f"the file {secret.file} cannot be read: {reason}") from None
    if secret.env is not None and secret.env in env:
        return env[secret.env]
    if secret.default is not None:
        return secret.default
    raise _Missing(f"the environment variable {secret.env} is not set, and the secret has no default")
