"""Where in a payload a problem lies that its schema has found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kongflow.core.json import Json, path_of
from kongflow.core.payload_template import Steps


def steps_of_problem(payload: Json, problem: str) -> Steps:
    """Return the steps to the innermost value that a problem, `$.a.b: what is wrong`, speaks of. What is missing has no
    place of its own: the mapping that it is missing in has.
    """
    places = {path_of(steps): steps for steps in _steps_in(payload)}
    inside = [path for path in places if re.match(re.escape(path) + r"[.:\[]", problem)]
    return places[max(inside, key=len)] if inside else ()


def _steps_in(value: Json, steps: Steps = ()) -> Iterator[Steps]:
    yield steps
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from _steps_in(item, (*steps, step))
