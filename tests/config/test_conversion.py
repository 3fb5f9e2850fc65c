"""Payloads as the type of a handler's parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

import pytest

from kongflow.config.conversion import Unconvertible, as_is, conversion
from kongflow.errors import InvalidPayload


@dataclass(frozen=True)
class Owner:
    name: str
    mail: str = "none"


@dataclass
class Order:
    id: str
    owner: Owner | None = None
    items: list[Owner] = field(default_factory=list)
    by_name: dict[str, Owner] = field(default_factory=dict)
    pair: tuple[Owner, ...] = ()
    either: Owner | str | None = None
    tags: list[str] = field(default_factory=list)
    parent: Order | None = None
    computed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.id == "bad":
            raise ValueError("id must not be bad")


class Draft(TypedDict):
    id: str
    owner: NotRequired[Owner]


class Loose(TypedDict, total=False):
    id: str


@dataclass
class Ambiguous:
    who: Owner | Order


def convert(annotation: Any, payload: Any) -> Any:
    return conversion(annotation, globals())(payload)


def problem(annotation: Any, payload: Any) -> str:
    with pytest.raises(InvalidPayload) as caught:
        convert(annotation, payload)
    return caught.value.problems[0]


@pytest.mark.parametrize(
    "annotation", [dict, dict[str, Any], Any, object, int, "dict[str, Any]", Mapping[str, Any], list[str]]
)
def test_other_annotations_leave_the_payload_as_it_is(annotation: Any) -> None:
    assert conversion(annotation, globals()) is as_is


def test_a_dataclass_gets_its_fields_and_the_rest_is_left_out() -> None:
    payload = {"id": "1", "owner": {"name": "Ada", "age": 36}, "new": True, "computed": 9}
    assert convert(Order, payload) == Order(id="1", owner=Owner("Ada"))
    assert payload["new"] is True


@pytest.mark.parametrize("annotation", ["Order", "Order | None", Annotated[Order, "note"]])
def test_an_annotation_may_be_text_optional_or_annotated(annotation: Any) -> None:
    assert convert(annotation, {"id": "1"}) == Order(id="1")


def test_dataclasses_are_found_inside_lists_dicts_tuples_and_themselves() -> None:
    ada = {"name": "Ada"}
    payload = {"id": "1", "items": [ada], "by_name": {"a": ada}, "pair": [ada], "parent": {"id": "0", "items": [ada]}}
    assert convert(Order, payload) == Order(
        id="1",
        items=[Owner("Ada")],
        by_name={"a": Owner("Ada")},
        pair=(Owner("Ada"),),
        parent=Order(id="0", items=[Owner("Ada")]),
    )


@pytest.mark.parametrize(("value", "meant"), [({"name": "A"}, Owner("A")), ("text", "text"), (None, None)])
def test_beside_text_only_an_object_becomes_the_dataclass(value: Any, meant: Any) -> None:
    assert convert(Order, {"id": "1", "either": value}).either == meant


def test_a_typed_dict_stays_a_dict_with_everything_in_it() -> None:
    assert convert(Draft, {"id": "1", "more": 2}) == {"id": "1", "more": 2}
    assert convert(Draft, {"id": "1", "owner": {"name": "A"}})["owner"] == Owner("A")
    assert convert(Loose, {}) == {}


def test_a_whole_list_may_be_annotated() -> None:
    assert convert(Sequence[Owner], [{"name": "A"}]) == [Owner("A")]


@pytest.mark.parametrize(
    ("annotation", "payload", "line"),
    [
        (Order, {}, "$.id: is required by Order and missing"),
        (Draft, {}, "$.id: is required by Draft and missing"),
        (Order, {"id": "1", "owner": {}}, "$.owner.name: is required by Owner and missing"),
        (Order, {"id": "1", "owner": 5}, "$.owner: expected an object for Owner, got a number"),
        (Order, {"id": "1", "items": [{"name": "A"}, {}]}, "$.items[1].name: is required by Owner and missing"),
        (Order, {"id": "1", "items": {}}, "$.items: expected a list, got an object"),
        (Order, {"id": "1", "by_name": [1]}, "$.by_name: expected an object, got a list"),
        (Order, {"id": "1", "by_name": {"x": None}}, "$.by_name.x: expected an object for Owner, got null"),
        (Order, {"id": "1", "parent": {"id": "bad"}}, "$.parent: Order refuses it: id must not be bad"),
        (Order, {"id": "bad"}, "$: Order refuses it: id must not be bad"),
        (Order, {"id": "1", "either": {"x": 1}}, "$.either.name: is required by Owner and missing"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(annotation: Any, payload: Any, line: str) -> None:
    assert problem(annotation, payload) == line


@pytest.mark.parametrize("annotation", [Owner | Order, Ambiguous, list[Owner | Order], "Nobody", "dict[Nobody, int]"])
def test_an_annotation_that_leaves_the_type_open_is_refused(annotation: Any) -> None:
    with pytest.raises(Unconvertible):
        conversion(annotation, globals())
