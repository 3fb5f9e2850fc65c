-- Purpose: say whether a runner is there, fires schedules and has the config that does: the one that came last among
-- those with a living runner that fires schedules. Caller: states, fire, forget. Locks: nothing.
select 1 from kongflow_runner r join kongflow_config c on c.hash = r.config
where r.id = :runner and r.alive and r.ticks and not exists (
    select 1 from kongflow_config newer join kongflow_runner other on other.config = newer.hash
    where newer.came > c.came and other.alive and other.ticks
)
