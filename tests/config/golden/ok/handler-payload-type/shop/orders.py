from __future__ import annotations

from shop import models
from shop.models import Refund


async def place(payload: models.Order, job) -> None: ...


def refund(payload: Refund) -> None: ...


def ship(payload: models.Buyer) -> None: ...


def count(payload: list[int]) -> None: ...


def fine(payload: dict) -> None: ...
