-- Purpose: say whether a runner is there, fires schedules and has the config that does: the one that came last among
-- those with a living runner that fires schedules. (Who only works off what is there takes none away from others.)
-- Caller: fire, states, forget. Locks: nothing.
create or replace function kongflow.ticks_now(p_runner bigint) returns boolean
language sql stable as $$
    select exists (
        select from kongflow.runner r join kongflow.config c on c.hash = r.config
        where r.id = p_runner and r.alive and r.ticks and not exists (
            select from kongflow.config newer join kongflow.runner other on other.config = newer.hash
            where newer.came > c.came and other.alive and other.ticks
        )
    )
$$
