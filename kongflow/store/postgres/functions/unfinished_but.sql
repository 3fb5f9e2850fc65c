-- Purpose: return up to a hundred jobs of a schedule that have not ended and are none of some. Caller: in_the_way,
-- cancel_others. Locks: nothing.
create or replace function kongflow.unfinished_but(
    p_schedule text, p_others bigint[], p_uncancelled boolean
) returns bigint[]
language sql stable as $$
    select array(
        select id from (
            select id from kongflow.job
            where schedule = p_schedule and schedule is not null and id <> all (p_others)
                and not (p_uncancelled and cancel_requested)
            limit 100
        ) as some
        order by id
    )
$$
