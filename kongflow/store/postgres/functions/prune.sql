-- Purpose: delete up to `p_limit` finished jobs whose retention has passed and that no partition takes along: those of
-- the default one, and what was kept for less than a day; ten times as many starts that no rate limit counts any more,
-- and slots that were decided about a day ago; rows of runners that are gone for a week and hold nothing, and configs
-- that no runner has but the last. Returns how many jobs and starts. It is `p_latest` at most, whatever the server's
-- clock says. Caller: prune.
-- With the rights of its owner: nobody else has any to a single partition. Locks: the rows, without waiting.
create or replace function kongflow.prune(p_limit integer, p_latest timestamptz, p_shift interval) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_now timestamptz := least(clock_timestamp(), p_latest) + p_shift;
    v_count integer := 0;
    v_starts integer;
    v_table regclass;
    v_is_default boolean;
    v_deleted integer;
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
    get diagnostics v_starts = row_count;
    delete from kongflow.slot
    where ctid in (
        select s.ctid from kongflow.slot s
        where s.decided_at <= v_now - interval '1 day'
            and (
                exists (select from kongflow.slot newer where newer.schedule = s.schedule and newer.at > s.at)
                or not exists (select from kongflow.schedule seen where seen.name = s.schedule)
            )
            and not exists (
                select from kongflow.schedule seen where seen.name = s.schedule and seen.waiting_slot = s.at
            )
        limit 10 * p_limit
        for update skip locked
    );
    for v_table, v_is_default in
        select 'kongflow.history_default'::regclass, true
        union all
        select name, false from kongflow.history_partitions() where since <= v_now
    loop
        continue when not exists (select from pg_class where oid = v_table);  -- dropped meanwhile
        execute format(
            'delete from %s where ctid = any(array(
                select ctid from %1$s where purge_at <= $1 %s order by purge_at limit $2 for update skip locked
            ))',
            v_table, case when not v_is_default then 'and purge_at - finished_at < interval ''1 day''' end
        ) using v_now, p_limit - v_count;
        get diagnostics v_deleted = row_count;
        v_count := v_count + v_deleted;
    end loop;
    return v_count + v_starts;
end
$$
