-- Purpose: say whether a better job of a queue may be one that a runner did not pick although it may start: one for
-- another kind of runner, or a suspect. Caller: take_slots. Locks: nothing.
create or replace function kongflow.others_may_be_ahead(p_runner kongflow.runner) returns boolean
language sql stable as $$
    select exists (select from kongflow.job where state = 2 and crashes > 0)
        or exists (
            select from kongflow.taker
            where task <> all (p_runner.tasks)
                or forbidden_flags <> p_runner.forbidden_flags
                or serves is distinct from p_runner.serves
                or serves is not null and config <> p_runner.config
        )
$$
