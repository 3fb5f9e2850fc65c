"""The answer of a small shop's endpoint: twelve jobs, one of them disabled."""

from typing import Any


def job(slug: str, trigger: dict[str, Any], **changes: Any) -> dict[str, Any]:
    rule = trigger.get("rule", {})
    event = {"name": rule.get("event", "trigger.scheduled"), "source": rule.get("source", "trigger.dev")}
    return {
        "id": slug,
        "name": slug.replace("-", " ").capitalize(),
        "version": "1.0.0",
        "event": {**event, "title": "Event", "icon": "custom-event"},
        "trigger": trigger,
        "integrations": {},
        "enabled": True,
        "startPosition": "latest",
        "preprocessRuns": False,
    } | changes


def on(event: str | list[str], source: str = "trigger.dev", **rule: Any) -> dict[str, Any]:
    return {"type": "static", "title": event, "rule": {"event": event, "source": source, "payload": {}, **rule}}


def every(kind: str, **options: Any) -> dict[str, Any]:
    return {"type": "scheduled", "schedule": {"type": kind, "options": options}}


def with_examples(described: dict[str, Any], *examples: dict[str, Any]) -> dict[str, Any]:
    return described | {"event": described["event"] | {"examples": list(examples)}}


def shop_index() -> dict[str, Any]:
    greet = job("greet-customer", on("customer.created", payload={"plan": ["gold"]}))
    return {
        "jobs": [
            with_examples(
                greet,
                {"id": "gold", "name": "A gold customer", "payload": {"id": "c1", "plan": "gold"}},
                {"id": "guest", "name": "A guest", "icon": "user", "payload": {"id": "c2"}},
            ),
            job("book-order", on(["order.paid", "order.refunded"], "shop"), version="1.1.0", concurrencyLimit=3),
            job("pack-parcel", on("parcel.due", context={"country": ["NL", "BE"]})),
            job("print-label", on("label.wanted"), preprocessRuns=True),
            job("refill-stock", on("stock.low"), startPosition="initial"),
            job("call-courier", on("courier.wanted")),
            job("ask-for-review", on("parcel.arrived")),
            job("close-day", every("cron", cron="0 22 * * *")),
            job("watch-prices", every("interval", seconds=300)),
            job("import-catalogue", {"type": "dynamic", "id": "catalogue"}),
            job("recount", {"type": "invoke"}, internal=True),
            job("old-newsletter", on("newsletter.due"), enabled=False),
        ],
        "sources": [{"channel": "HTTP", "key": "shop"}],
        "webhooks": [],
        "dynamicTriggers": [{"id": "catalogue", "jobs": []}],
        "dynamicSchedules": [],
        "httpEndpoints": [],
    }
