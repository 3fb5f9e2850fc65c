"""What a return value means."""

import math

import pytest

from kongflow.core.outcome import Cancel, Snooze, Succeeded
from kongflow.engine.result import meaning_of
from kongflow.errors import GiveUp, InvalidResult
from tests.builders import make_task

ANY = make_task("work")
CLOSED = make_task("work", result={"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}})


@pytest.mark.parametrize(("value", "text"), [(None, "null"), ({"a": [1, 2.5]}, '{"a":[1,2.5]}'), ((1, 2), "[1,2]")])
def test_json_succeeds(value: object, text: str) -> None:
    assert meaning_of(value, ANY) == Succeeded(text)


def test_snooze_and_cancel_are_values() -> None:
    assert meaning_of(Snooze(30), ANY) == Snooze(30.0)
    assert meaning_of(Cancel("not needed\x00"), ANY) == Cancel("not needed\\u0000")
    assert meaning_of(Cancel(None), ANY) == Cancel("")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Snooze, r"returned the class Snooze; write `return Snooze\(seconds\)`"),
        (Cancel, r"returned the class Cancel; write `return Cancel\(reason\)`"),
        (GiveUp, r"returned the class GiveUp; write `raise GiveUp\(reason\)`"),
        (GiveUp("enough"), r"returned a GiveUp; write `raise GiveUp\(reason\)`"),
        (int, "is a type, which JSON does not have"),
    ],
)
def test_a_class_in_place_of_a_value_says_what_to_write(value: object, words: str) -> None:
    with pytest.raises(InvalidResult, match=words):
        meaning_of(value, ANY)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 1e12, "5", None])
def test_a_snooze_that_cannot_be_waited_for_is_refused(seconds: object) -> None:
    with pytest.raises(InvalidResult, match="Snooze takes seconds"):
        meaning_of(Snooze(seconds), ANY)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{1, 2}, math.nan, b"bytes", object(), {1: 2}, 2**63, "x" * (1 << 20), "\x00"])
def test_what_cannot_be_kept_is_refused(value: object) -> None:
    with pytest.raises(InvalidResult):
        meaning_of(value, ANY)


def test_a_result_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)

    with pytest.raises(InvalidResult, match="deeper than"):
        meaning_of(value, ANY)


def test_a_result_against_its_schema_is_refused_with_the_path() -> None:
    assert meaning_of({"n": 1}, CLOSED) == Succeeded('{"n":1}')
    with pytest.raises(InvalidResult, match=r"\$\.n"):
        meaning_of({"n": "one"}, CLOSED)
