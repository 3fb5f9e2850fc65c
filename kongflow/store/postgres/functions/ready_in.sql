-- Purpose: count the ready jobs of a lane that somebody may take, whoever has locked them, up to `p_most`. Caller:
-- fill_lane. Locks: nothing.
create or replace function kongflow.ready_in(p_lane text, p_most integer) returns integer
language sql stable as $$
    select count(*)::integer
    from (
        select from kongflow.ready_kinds(p_lane) as kinds (kind)
        join kongflow.job j on j.state = 2 and j.kind = kinds.kind
            and (j.queue = p_lane or strpos(p_lane, '*') > 0 and j.rule = p_lane)
            and kongflow.takeable(j.task, j.flags, j.queue)
        limit p_most
    ) as counted
$$
