-- Purpose: make the last row of a claim: whether there is more to claim, when something may start by itself and, for a
-- runner that has time, which chores there are. Caller: claim. Locks: nothing.
create or replace function kongflow.how_things_stand(p_more boolean, p_runner kongflow.runner, p_now timestamptz)
returns kongflow.claimed_job
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_stand kongflow.claimed_job;
begin
    v_stand.more := p_more;
    v_stand.next_due := extract(epoch from least(
        -- What is due already, and was not made ready, is locked by somebody: the next poll finds it.
        (select run_at from kongflow.job where state = 1 and run_at > p_now order by run_at limit 1),
        (select refill_at from kongflow.lane where refill_at is not null order by refill_at limit 1),
        case when exists (select from kongflow.lane_check) then p_now end
    ) - p_now);
    if p_runner.id is not null then
        v_stand.chores := array_remove(array[
            case when exists (
                select from unnest(p_runner.tasks) as t (name)
                cross join lateral (select from kongflow.job where state = 0 and task = t.name limit 1) as unrouted
            ) then 'route' end,
            case when exists (select from kongflow.job where state = 3) then 'repair' end,
            case when exists (select from kongflow.lost_runners(p_now)) then 'rescue' end
        ], null);
    end if;
    return v_stand;
end
$$
