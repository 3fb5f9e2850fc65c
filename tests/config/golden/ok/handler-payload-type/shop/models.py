from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NotRequired, TypedDict

from pydantic import BaseModel


@dataclass(frozen=True)
class Line:
    sku: str
    count: str = "1"


@dataclass(kw_only=True)
class Order:
    id: str
    tennant: str
    note: str
    placed: datetime
    lines: list[Line] = field(default_factory=list)
    buyer: Buyer | None = None


class Buyer(BaseModel):
    name: str


class Refund(TypedDict):
    id: int
    reason: NotRequired[str]
