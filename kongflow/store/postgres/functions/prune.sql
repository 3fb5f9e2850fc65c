-- Purpose: delete up to `p_limit` finished jobs whose retention has passed, starts that no rate limit counts any more, rows of runners that are gone for a week and
-- hold nothing, and configs that no runner has but the last; returns how many jobs. Caller: prune.
-- Locks: the rows, without waiting.
create or replace function kongflow.prune(p_limit integer, p_shift interval) returns integer
language plpgsql as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
    v_count integer;
begin
    delete from kongflow.runner r
    where not alive and seen_at < v_now - interval '7 days'
        and not exists (select from kongflow.job j where j.state = 4 and j.runner = r.id);
    delete from kongflow.config c
    where came < (select max(came) from kongflow.config)
        and not exists (select from kongflow.runner r where r.config = c.hash);
    perform kongflow.forget_newest(array(select key from kongflow.newest limit 1000));
    delete from kongflow.start
    where ctid in (select ctid from kongflow.start where forget_at <= v_now limit 10 * p_limit for update skip locked);
    delete from kongflow.history
    where id in (
        select id from kongflow.history where purge_at <= v_now order by purge_at limit p_limit for update skip locked
    );
    get diagnostics v_count = row_count;
    return v_count;
end
$$
