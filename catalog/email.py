"""The handler of scheduleEmail."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from catalog import PROJECT
from catalog.mail.delivery import PermanentlyRefused, send_by_smtp, write_to_outbox
from catalog.mail.message import InvalidMessage, build_message, domain_of, refuse_line_breaks
from catalog.mail.rendering import render
from catalog.mail.settings import InvalidMailSettings, MailSettings
from kongflow import GiveUp, JobContext


async def schedule_email(payload: dict[str, str], job: JobContext) -> dict[str, str]:
    """Render the template `payload["email"]` and send it to `payload["to"]`.

    Without SMTP_HOST the message becomes a file in the outbox folder. A message that no attempt could send, and one
    that the server refuses for good, ends the job at once; anything that may pass is retried.
    """
    try:
        settings = MailSettings.from_env(os.environ, PROJECT)
        refuse_line_breaks(payload)
        rendered = render(payload["email"], payload)
        message_id = f"<{_stem(job)}@{domain_of(settings)}>"
        message = build_message(rendered, payload["to"], settings, message_id=message_id, date=datetime.now(UTC))
        if settings.host:
            await send_by_smtp(message, settings, job.secrets["smtp_password"])
            return {"delivered": "smtp", "subject": rendered.subject, "message_id": message_id}
    except (InvalidMailSettings, InvalidMessage, PermanentlyRefused) as problem:
        raise GiveUp(str(problem)) from problem

    path = await write_to_outbox(message, settings.outbox, f"{_stem(job)}-{payload['email']}")
    shown = str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
    job.logger.info("SMTP_HOST is not set: the message was written to %s", shown)
    return {"delivered": "outbox", "path": shown, "subject": rendered.subject, "message_id": message_id}


def _stem(job: JobContext) -> str:
    """Return what names the job's one message in every attempt; the time keeps ids of a new database apart."""
    return f"{job.created_at:%Y%m%d-%H%M%S}-{job.id}"
