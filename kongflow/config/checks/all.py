"""Every check, in the order in which they run. A new one is a function in the file of its theme and a line here."""

from __future__ import annotations

from kongflow.config.checks import handlers, payloads, queues, references, schedules, settings, templates
from kongflow.config.checks.facts import Check

CHECKS: tuple[Check, ...] = (
    references.unknown_retry_policy,
    references.unknown_task,
    references.tombstone_not_alone,
    references.tombstone_target,
    queues.queue_not_declared,
    queues.queue_pattern_no_match,
    queues.queue_pattern_ambiguous,
    queues.runner_queue_unknown,
    payloads.example_invalid,
    settings.database_url,
    settings.pooler_without_server,
    settings.path_escape,
    settings.heartbeat_too_slow,
    settings.secret_source,
    settings.lint_unknown_slug,
    settings.lint_ignores_error,
    templates.template_syntax,
    templates.template_unknown_name,
    templates.template_unknown_key,
    schedules.schedule_timing,
    schedules.timezone_without_cron,
    schedules.timezone_unknown,
    schedules.cron_invalid,
    schedules.cron_never,
    handlers.handler_path,
    handlers.handler_module,
    handlers.handler_syntax,
    handlers.handler_import_error,
    handlers.handler_attribute,
    handlers.handler_not_callable,
    handlers.handler_signature,
    handlers.handler_isolation,
    handlers.memory_limit_isolation,
    handlers.handler_unresolvable,
)
